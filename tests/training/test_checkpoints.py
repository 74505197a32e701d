"""Checkpoints of every model: broken off anywhere, a run goes on to the same bits; another run is refused by name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models.kinds import ALL, Kind, texts, unchanged

from pyffnn import LanguageModel, TextClassifier

STOPPING = {"early_stopping": 3, "validation_fraction": 0.25, "epochs": 12, "dropout": 0.2}


def result(kind: Kind, model: Any) -> dict[str, Any]:
    """What must have the same bits: all but the times."""
    seen = kind.seen(model)
    times = ("seconds", "examples_per_second", "tokens_per_second")
    seen["history"] = [
        {name: value for name, value in record.items() if name not in times}
        for record in seen["history"]
    ]
    return seen


@ALL
@pytest.mark.parametrize("more", [{}, STOPPING], ids=["plain", "early-stopping"])
def test_resuming_from_every_checkpoint(
    kind: Kind, more: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = result(kind, kind.fitted(**more))
    path = tmp_path / "run"
    copies: list[bytes] = []
    replace = os.replace

    def keep(source: Any, target: Any) -> None:
        replace(source, target)
        copies.append(path.read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", keep)
        model = kind.make(**more).fit(*kind.data, checkpoint=path, checkpoint_steps=1)
    assert result(kind, model) == whole
    assert len(copies) > len(model.history_) + 3  # within epochs, too
    for n, data in enumerate(copies[:: max(1, len(copies) // 12)] + copies[-1:]):
        path.write_bytes(data)
        loaded = kind.cls.load(path)
        assert np.isfinite(kind.predictions(loaded)).all()
        again = kind.make(**more, n_threads=1 + n % 2)
        assert result(kind, again.fit(*kind.data, resume=path)) == whole, n


@ALL
def test_resuming_a_run_without_a_seed(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "run"
    early: list[bytes] = []

    def callback(model: Any, record: dict[str, Any]) -> None:
        if path.exists() and not early:
            early.append(path.read_bytes())

    whole = kind.make(random_state=None).fit(*kind.data, checkpoint=path, callbacks=callback)
    path.write_bytes(early[0])
    again = kind.make(random_state=None).fit(*kind.data, checkpoint=path, resume=True)
    assert result(kind, again) == result(kind, whole)


def _other_settings(kind: Kind) -> dict[str, Any]:
    found = {
        "hidden_layer_sizes": (3,), "activation": "tanh", "learning_rate": 0.3, "epochs": 9, "batch_size": 5, "dropout": 0.3, "l2": 0.5,
        "clip_norm": 0.5, "residual": not kind.make().residual, "layer_norm": not kind.make().layer_norm, "random_state": 3,
        "optimizer": "sgd", "precision": "bfloat16", "early_stopping": 2,
    }  # fmt: skip
    if kind.cls is TextClassifier:
        found |= {
            "word_ngrams": 3,
            "word_dropout": 0.2,
            "pooling": "sqrtn",
            "freeze_embeddings": False,
        }
    return found


@pytest.mark.filterwarnings("ignore:.*AMX:RuntimeWarning")
@ALL
def test_another_run_is_refused_by_name(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "run"
    model = kind.make().fit(*kind.data, checkpoint=path)
    for name, value in _other_settings(kind).items():
        if value == getattr(model, name):
            continue
        other = kind.fitted().set_params(**{name: value})
        raised = unchanged(kind, other, ValueError, other.fit, *kind.data, resume=path)
        assert f"{name}=" in str(raised) or name == "pooling", raised
    raised = unchanged(kind, model, ValueError, model.fit, *kind.other, resume=path)
    assert "training data" in str(raised), raised
    if kind.cls is LanguageModel:
        changed: list[Any] = [(kind.data[0][:-1],), (np.append(kind.data[0][:-1], 1),)]
        valid = {"valid": kind.data[0][:99]}
    else:
        X, y = kind.data
        changed = [(X[:-1], y[:-1]), (X, [*y[:-2], y[-1], y[-2]]), ([*X[1:], X[0]], y)]
        valid = {"X_val": X[:9], "y_val": y[:9]}
        raised = unchanged(
            kind, model, ValueError, model.fit, X, y, sample_weight=np.arange(len(y)), resume=path
        )
        assert "training data" in str(raised)
    for data in changed:
        raised = unchanged(kind, model, ValueError, model.fit, *data, resume=path)
        assert "training data" in str(raised)
    raised = unchanged(kind, model, ValueError, model.fit, *kind.data, **valid, resume=path)
    assert "validation data" in str(raised)


@ALL
def test_files_that_are_no_checkpoint_of_the_model(kind: Kind, tmp_path: Path) -> None:
    path, run = tmp_path / "m", tmp_path / "run"
    model = kind.make().fit(*kind.data, checkpoint=run)
    model.save(path)
    for file in (path, tmp_path / "none", tmp_path):
        unchanged(kind, model, (ValueError, OSError), model.fit, *kind.data, resume=file)
    data = bytearray(run.read_bytes())
    data[-50] ^= 1
    path.write_bytes(data)
    raised = unchanged(kind, model, ValueError, model.fit, *kind.data, resume=path)
    assert "damaged" in str(raised)
    unchanged(kind, model, ValueError, model.fit, *kind.data, resume=True)
    for name, value, error in (
        ("checkpoint_steps", 0, ValueError), ("checkpoint_steps", 1.5, TypeError), ("checkpoint_steps", True, TypeError),
        ("checkpoint_seconds", -1, ValueError), ("checkpoint_seconds", float("nan"), ValueError), ("checkpoint_seconds", "1", TypeError),
    ):  # fmt: skip
        raised = unchanged(kind, model, error, model.fit, *kind.data, **{name: value})
        assert name in str(raised)


@ALL
def test_where_no_checkpoint_can_be_written_nothing_is_trained(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Any] = []
    for place, error in {"": FileNotFoundError, ".": IsADirectoryError, "no/c": FileNotFoundError}.items():  # fmt: skip
        seen.clear()
        with pytest.raises(error) as raised:
            kind.make().fit(*kind.data, checkpoint=place, callbacks=lambda model, record: seen.append(record))  # fmt: skip
        assert raised.value.filename == place and not seen
        model = kind.fitted()
        with pytest.raises(error) as raised:
            model.save(place)
        assert raised.value.filename == place
    assert not list(tmp_path.iterdir()) and not list(tmp_path.parent.glob(".*.tmp"))


@ALL
@pytest.mark.parametrize("nth", [1, 2, 5])
def test_a_full_disk(kind: Kind, nth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    model = kind.make().fit(*kind.data, checkpoint=path)
    written = path.read_bytes()
    calls = 0
    sync = os.fsync

    def full(handle: int) -> None:
        nonlocal calls
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            return sync(handle)
        calls += 1
        if calls == nth:
            raise OSError(28, "No space left on device")
        return None

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        raised = unchanged(
            kind, model, OSError, model.fit, *kind.data, checkpoint=path, checkpoint_steps=1
        )
    assert raised.errno == 28
    assert (path.read_bytes() == written) == (nth == 1)
    assert list(tmp_path.iterdir()) == [path]
    # what was written before goes on
    resumed = kind.make().fit(*kind.data, resume=path)
    assert result(kind, resumed) == result(kind, model)


@ALL
def test_an_interrupt_on_a_full_disk_is_an_interrupt(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    def stop(model: Any, record: dict[str, Any]) -> None:
        monkeypatch.setattr(os, "fsync", full)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="from the last checkpoint"):
        kind.make().fit(*kind.data, checkpoint=tmp_path / "run", checkpoint_steps=1, callbacks=stop)


KILLED = """
import sys, numpy as np
from pathlib import Path
from pyffnn import FFNNClassifier, TextClassifier
from pyffnn.net import arrays_of
kind, folder = sys.argv[1], Path(sys.argv[2])
with np.load(folder / "data.npz") as data:
    X, y, texts = data["X"], data["y"], data["texts"].tolist()
if kind == "dense":
    model, args = FFNNClassifier((16,), epochs=400, batch_size=20, tol=None, dropout=0.1), (X, y)
elif kind == "csr":
    from scipy.sparse import csr_matrix
    model = FFNNClassifier((16,), epochs=400, batch_size=20, tol=None, early_stopping=1000)
    args = (csr_matrix(X * (X > 0.5)), y)
elif kind == "lists":
    model, args = TextClassifier(epochs=300, early_stopping=1000, hidden_layer_sizes=(8,)), (texts, y.tolist())
else:
    model, args = TextClassifier(epochs=400, word_dropout=0.1), (folder / "train.txt", None)
steps = int(sys.argv[3])
more = {} if steps == 0 else {"checkpoint": folder / "run", "checkpoint_steps": steps, "resume": True}
model.fit(*args, **more)
arrays = dict(arrays_of(model._state().network))
arrays["losses"] = [record["loss"] for record in model.history_]
arrays["epochs"] = [record["epoch"] for record in model.history_]
arrays["p"] = model.predict_proba(args[0] if kind != "file" else texts)
np.savez(folder / "result.tmp.npz", **arrays)
(folder / "result.tmp.npz").rename(folder / "result.npz")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("kind", ["dense", "csr", "lists", "file"])
def test_killed_at_many_moments(kind: str, tmp_path: Path) -> None:
    if kind == "csr":
        pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    X = (rng.normal(size=(3, 12))[y] + rng.normal(size=(240, 12))).astype(np.float32)
    lines, labels = texts("red green blue old new one two", (0, 1, 2), 240)
    np.savez(tmp_path / "data.npz", X=X, y=y, texts=np.array(lines))
    (tmp_path / "train.txt").write_text(
        "".join(f"__label__{label} {text}\n" for text, label in zip(lines, labels, strict=True))
    )
    run, out = tmp_path / "run", tmp_path / "result.npz"
    command = [sys.executable, "-c", KILLED, kind, str(tmp_path)]
    subprocess.run([*command, "0"], check=True)
    whole = dict(np.load(out))
    out.unlink()
    start_up = 1.0
    for kill in range(6):
        with subprocess.Popen([*command, "7"]) as process:
            began = time.monotonic()
            if kill % 3 != 2:  # after some progress
                before = run.stat().st_mtime_ns if run.exists() else 0
                while not run.exists() or run.stat().st_mtime_ns == before:
                    assert process.poll() is None
                    time.sleep(0.002)
                start_up = time.monotonic() - began
                time.sleep(float(rng.uniform(0, 0.05)))
            else:  # while it starts or reads
                time.sleep(float(rng.uniform(0.5, 1.05)) * start_up)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL and not out.exists()
    subprocess.run([*command, "1000"], check=True)
    got = dict(np.load(out))
    assert got.keys() == whole.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(got[name], array, name)


INTERRUPTED = """
import os, signal, threading, time, numpy as np
from pyffnn import FFNNClassifier, LanguageModel, TextClassifier
rng = np.random.default_rng(0)
{make}
at = [0.0]
def kick():
    at[0] = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)
timer = threading.Timer(0.7, kick)
timer.start()
try:
    while True:
        {call}
        if at[0]:
            print("missed")
            break
except KeyboardInterrupt:
    print(time.monotonic() - at[0])
"""
LONG = {
    "vectors": (
        "X = rng.normal(size=(60_000, 200)).astype('f4'); m = FFNNClassifier((1500, 1500), epochs=1).fit(X[:200], np.arange(200) % 2)",
        "m.predict_proba(X)",
    ),
    "texts": (
        "X = ['good film w%d ' % i * 40 for i in range(200)]; m = TextClassifier(epochs=1).fit(X, [0, 1] * 100); X = X * 2500",
        "m.predict(X)",
    ),
    "texts to a tokenizer": (
        "X = ['good film w%d ' % i * 40 for i in range(200)]; m = TextClassifier(epochs=1, tokenizer=str.split).fit(X, [0, 1] * 100); X = X * 1000",
        "m.predict(X)",
    ),
    "words": (
        "ids = (np.arange(4_000_000) % 3000).astype('i4'); m = LanguageModel(embedding_dim=32, hidden_layer_sizes=(64,), epochs=1).fit(ids[:3000])",
        "m.log_prob(ids)",
    ),
}  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("what", LONG)
def test_long_predictions_hear_an_interrupt(what: str) -> None:
    make, call = LONG[what]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(make=make, call=call)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() != "missed", "the call was not long enough"
    assert float(done.stdout) < 2.0

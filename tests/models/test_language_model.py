"""The neural language model as users see it."""

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
from subprocesses import output_of

from pyffnn.models.language_model import LanguageModel
from pyffnn.models.next_word import best_ids
from pyffnn.models.ngram import KneserNeyLM
from pyffnn.net import arrays_of, copy_arrays
from pyffnn.optimizers import SGD, Adagrad, Adam, constant, cosine
from pyffnn.training import Windows

PLAIN: dict[str, Any] = {
    "context": 3,
    "distant_kernels": 0,
    "embedding_dim": 16,
    "hidden_layer_sizes": (24,),
    "activation": "tanh",
    "residual": False,
    "layer_norm": False,
    "tie_embeddings": False,
    "dropout": 0.0,
    "embedding_dropout": 0.0,
    "word_dropout": 0.0,
    "clip_norm": None,
    "optimizer": Adam(5e-3),
    "epochs": 4,
    "batch_size": 32,
}
FULL: dict[str, Any] = {
    "context": 3,
    "distant_kernels": 2,
    "distant_window": 10,
    "embedding_dim": 16,
    "hidden_layer_sizes": (24, 20),
    "epochs": 4,
    "batch_size": 64,
    "optimizer": Adam(1e-2, weight_decay=0.1),
    "dropout": 0.1,
    "embedding_dropout": 0.1,
}


@pytest.fixture(scope="module")
def ids() -> Any:
    """A stream in which each token says much about the next one."""
    rng = np.random.default_rng(0)
    out = [0]
    for noise in rng.random(6000):
        out.append(int(out[-1] * 7 + 3) % 41 if noise < 0.8 else int(noise * 1000) % 41)
    return np.array(out, np.int32)


def same(a: LanguageModel, b: LanguageModel) -> bool:
    x, y = (arrays_of(m._state().network, state=False) for m in (a, b))
    return x.keys() == y.keys() and all(np.array_equal(x[name], y[name]) for name in x)


def test_beats_the_ngram_model_on_words_never_seen_there(
    fed_sentences: list[list[str]],
) -> None:
    neural = LanguageModel(**PLAIN, eos_token="</s>").fit(fed_sentences)
    after = dict(neural.next_words("the dog gets", 3))
    assert "fed" in after and after["fed"] > 0.3
    ngram = KneserNeyLM(3, eos_token="</s>").fit(fed_sentences)
    log_p = ngram.log_prob("the dog gets fed")[-1]
    assert np.log(after["fed"]) > log_p + 2


@pytest.mark.parametrize("settings", [PLAIN, FULL], ids=["plain", "full"])
def test_learns_and_counts_right(settings: dict[str, Any], ids: Any) -> None:
    model = LanguageModel(**settings).fit(ids[:5000], valid=ids[5000:])
    # the source's own perplexity is about 4; the unigram model's 41
    assert model.perplexity(ids[5000:]) < 12
    best = model.history_[model.best_epoch_ - 1]
    assert best["val_loss"] == min(record["val_loss"] for record in model.history_)
    assert best["val_perplexity"] == pytest.approx(model.perplexity(ids[5000:]))
    assert [r["epoch"] for r in model.history_] == list(range(1, settings["epochs"] + 1))
    log_p = model.log_prob(ids[:300])
    assert log_p.shape == (300,) and log_p.dtype == np.float64
    for t in (0, 1, 7, 299):
        p = model.next_distribution(ids[:t])
        assert p.sum() == pytest.approx(1)
        assert np.log(p[ids[t]]) == pytest.approx(log_p[t], abs=1e-4)


@pytest.mark.parametrize("settings", [PLAIN, FULL], ids=["plain", "full"])
def test_same_bits_at_any_thread_count(settings: dict[str, Any], ids: Any) -> None:
    one, two, five = (LanguageModel(**settings, n_threads=n).fit(ids) for n in (1, 2, 5))
    assert same(one, two) and same(one, five)
    assert not same(one, LanguageModel(**settings, random_state=1).fit(ids))


def test_resume_from_every_checkpoint(tmp_path: Path, ids: Any) -> None:
    whole = LanguageModel(**FULL, early_stopping=True).fit(ids)
    path = tmp_path / "run.safetensors"
    copies: list[bytes] = []

    def stop(model: LanguageModel, record: dict[str, Any]) -> bool:
        copies.append(path.read_bytes())
        return False

    LanguageModel(**FULL, early_stopping=True).fit(
        ids, checkpoint=path, checkpoint_steps=17, callbacks=[stop]
    )
    copies.append(path.read_bytes())
    assert len(set(copies)) == len(copies) > 2
    for n, data in enumerate(copies):
        path.write_bytes(data)
        again = LanguageModel(**FULL, early_stopping=True, n_threads=1 + n % 2)
        assert same(again.fit(ids, resume=path), whole)
        assert [r["loss"] for r in again.history_] == [r["loss"] for r in whole.history_]


PEAK = """
import resource
import numpy as np
from pyffnn import LanguageModel
from pyffnn.models.language_model import recipe
from pyffnn.net import Examples, Network, Runs, Targets
vocab = 50_000
model = LanguageModel(embedding_dim=16, hidden_layer_sizes=(16,), {more})
network = Network(recipe.network_spec(model, vocab, 0))
network.initialise(0, np.ones(vocab, np.int64))
ids = np.random.default_rng(0).integers(0, vocab, 8192).astype(np.int32)
data = Examples.stream(ids, vocab), Targets.classes(ids, vocab)
peaks = []
for batch in (256, 4096):
    starts = np.arange(0, batch, 32)
    lengths, offsets = np.full_like(starts, 32), np.array([0, starts.size])
    network.train(*data, Runs(starts, lengths, offsets), batch, np.array([1e-3]), 2)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
print(peaks[1] - peaks[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux alone")
@pytest.mark.parametrize("more", ["", "clip_norm=None, tie_embeddings=False, dropout=0.0"])
def test_no_matrix_of_batch_by_vocabulary(more: str) -> None:
    growth = int(output_of(PEAK.format(more=more)))
    # some 20 MB of it are huge pages, one for each array that grows beyond half a megabyte
    logits = 4 * 50_000 * (4096 - 256)
    assert growth < 0.06 * logits, f"{growth / 1e6:.0f} MB more, the logits {logits / 1e6:.0f} MB"


def test_killed_at_ten_moments_and_resumed(tmp_path: Path, ids: Any) -> None:
    words = [f"w{i}" for i in ids]
    text = tmp_path / "text.txt"
    text.write_text("\n".join(" ".join(words[i : i + 10]) for i in range(0, len(words), 10)))
    run, out, unbroken = (tmp_path / name for name in ("run", "model", "unbroken"))
    options = "--context 3 --distant-kernels 2 --distant-window 10 --embedding-dim 16"
    options += " --hidden-layer-sizes 24 --epochs 200 --batch-size 64 --dropout 0.1 --quiet"
    command = [sys.executable, "-m", "pyffnn", "lm", "train", str(text), *options.split()]
    subprocess.run([*command, "--model", str(unbroken)], check=True)
    command += ["--model", str(out), "--checkpoint", str(run), "--resume", "--checkpoint-steps"]
    rng = np.random.default_rng(0)
    start_up = 0.0
    for kill in range(10):
        with subprocess.Popen([*command, "5"]) as process:
            started = time.monotonic()
            if kill % 2 == 0:  # after some progress
                before = run.stat().st_mtime_ns if run.exists() else 0
                while not run.exists() or run.stat().st_mtime_ns == before:
                    assert process.poll() is None
                    time.sleep(0.002)
                start_up = time.monotonic() - started
                time.sleep(float(rng.uniform(0, 0.1)))
            else:  # at start-up, while loading or soon after, however fast the machine is
                time.sleep(float(rng.uniform(0, 1.1 * start_up)))
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL and not out.exists()
    subprocess.run([*command, "500"], check=True)
    assert same(LanguageModel.load(out), LanguageModel.load(unbroken))


def test_checkpoint_of_another_run(tmp_path: Path, ids: Any) -> None:
    path = tmp_path / "run.safetensors"
    LanguageModel(**PLAIN).fit(ids, checkpoint=path)
    with pytest.raises(ValueError, match="embedding_dim=16, this model 8"):
        LanguageModel(**PLAIN | {"embedding_dim": 8}).fit(ids, resume=path)
    with pytest.raises(ValueError, match="other training data"):
        LanguageModel(**PLAIN).fit(ids[:-1], resume=path)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        LanguageModel(**PLAIN).fit(ids, resume=path)
    LanguageModel(**PLAIN | {"epochs": 1}).fit(ids).save(path)
    with pytest.raises(ValueError, match="not a LanguageModel checkpoint"):
        LanguageModel(**PLAIN).fit(ids, resume=path)
    with pytest.raises(ValueError, match="needs checkpoint"):
        LanguageModel(**PLAIN).fit(ids, resume=True)
    with pytest.raises(FileNotFoundError):
        LanguageModel(**PLAIN).fit(ids, resume=tmp_path / "none")


def test_full_disk_leaves_the_last_checkpoint(
    tmp_path: Path, ids: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.safetensors"
    LanguageModel(**PLAIN | {"epochs": 1}).fit(ids, checkpoint=path)
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        LanguageModel(**PLAIN).fit(ids, checkpoint=path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_diverging_run(tmp_path: Path, ids: Any) -> None:
    path = tmp_path / "run.safetensors"
    settings = PLAIN | {"optimizer": SGD(constant(1e30)), "direct": True}
    model = LanguageModel(**settings)
    with pytest.raises(FloatingPointError, match=r"epoch 1, step \d+, at learning rate 1e\+30"):
        model.fit(ids, checkpoint=path)
    assert np.isfinite(model.perplexity(ids[:100]))
    assert model.history_ == []


def test_save_and_load(tmp_path: Path, fed_sentences: list[list[str]]) -> None:
    path = tmp_path / "model.safetensors"
    optimizer = SGD(cosine(0.3, warmup=0.1), momentum=0.5)
    model = LanguageModel(**PLAIN | {"optimizer": optimizer}, eos_token="</s>")
    model.fit(fed_sentences, checkpoint=tmp_path / "run").save(path)
    for loaded in (LanguageModel.load(path), LanguageModel.load(tmp_path / "run")):
        assert same(loaded, model) and loaded.vocabulary_ == model.vocabulary_
        assert loaded.get_params()["optimizer"] == optimizer
        assert loaded.perplexity(fed_sentences[:50]) == model.perplexity(fed_sentences[:50])
        assert loaded.history_ == model.history_
    KneserNeyLM(2)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match="damaged"):
        LanguageModel.load(path)


def test_early_stopping_keeps_the_best_weights(ids: Any) -> None:
    kept: list[tuple[float, dict[str, Any]]] = []

    def keep(model: LanguageModel, record: dict[str, Any]) -> None:
        kept.append((record["val_loss"], copy_arrays(model._state().network, state=False)))

    settings = PLAIN | {"epochs": 60, "optimizer": Adam(constant(2e-2)), "embedding_dim": 64}
    model = LanguageModel(**settings, early_stopping=2)
    model.fit(ids[:1500], valid=ids[1500:2500], callbacks=[keep])
    assert 3 <= len(kept) < 60
    best = min(range(len(kept)), key=lambda i: kept[i][0])
    assert model.best_epoch_ == best + 1 == len(kept) - 2
    for name, w in model._state().network.parameters().items():
        assert np.array_equal(w, kept[best][1][name])


def test_generate(fed_sentences: list[list[str]]) -> None:
    model = LanguageModel(**PLAIN, eos_token="</s>", min_count=50).fit(fed_sentences)
    words = model.generate("the dog", 30, random_state=3)
    assert words == model.generate("the dog", 30, random_state=3) and len(words) == 30
    assert words != model.generate("the dog", 30, random_state=4)
    assert "<unk>" not in words
    greedy = model.generate("the dog", 6, temperature=0)
    assert greedy == model.generate(["the", "dog"], 6, top_k=1, random_state=9)
    text = ["the", "dog"]
    for word in greedy:
        p = model.next_distribution(text)
        p[model.vocabulary_.unk_id] = 0
        assert model.vocabulary_.decode([int(np.argmax(p))]) == [word]
        text.append(word)
    assert model.generate([], 0) == []
    assert len(model.generate("", 3)) == 3


def test_embeddings(tmp_path: Path, fed_sentences: list[list[str]]) -> None:
    model = LanguageModel(**PLAIN).fit(fed_sentences)
    near = [word for word, _ in model.nearest_words("dog", 3)]
    assert set(near) == {"cat", "horse", "cow"}
    model.export_embeddings(tmp_path / "vectors.txt")
    head, *lines = (tmp_path / "vectors.txt").read_text().splitlines()
    assert head == f"{len(model.vocabulary_)} 16"
    for i, line in enumerate(lines):
        word, *numbers = line.split(" ")
        assert word == model.vocabulary_.words[i]
        assert np.array_equal(np.array(numbers, np.float32), model.embeddings_[i])


def test_bad_input(ids: Any) -> None:
    with pytest.raises(ValueError, match="empty"):
        LanguageModel(**PLAIN).fit([])
    with pytest.raises(ValueError, match="longer than the window"):
        LanguageModel(**PLAIN).fit(ids[:3])
    with pytest.raises(ValueError, match="negative"):
        LanguageModel(**PLAIN).fit(np.array([1, -1, 2, 3, 4]))
    with pytest.raises(IndexError, match="id 40 is outside the vocabulary"):
        LanguageModel(**PLAIN, vocabulary=40).fit(np.arange(41))
    for name, value in {
        "context": 0,
        "embedding_dim": 0,
        "hidden_layer_sizes": (0,),
        "activation": "step",
        "dropout": 1.0,
        "output": "nce",
        "epochs": 0,
        "batch_size": 0,
        "clip_norm": 0.0,
        "l2": -1.0,
        "precision": "float16",
        "optimizer": "rprop",
        "learning_rate": 0.0,
        "validation_fraction": 1.0,
    }.items():
        with pytest.raises(ValueError, match=name):
            LanguageModel(**PLAIN | {name: value}).fit(ids)
    tied = PLAIN | {"output": "adaptive", "tie_embeddings": True}
    with pytest.raises(ValueError, match="tie_embeddings=False"):
        LanguageModel(**tied).fit(ids)
    with pytest.raises(ValueError, match="not fitted"):
        LanguageModel().perplexity(ids)
    model = LanguageModel(**PLAIN | {"epochs": 1}).fit(ids[:200])
    with pytest.raises(IndexError):
        model.log_prob([3, 41])
    with pytest.raises(ValueError, match="temperature"):
        model.generate([1], 3, temperature=-1.0)
    with pytest.raises(ValueError, match="not in the vocabulary"):
        model.nearest_words(99)


def test_mixture_with_the_ngram_model(ids: Any) -> None:
    neural = LanguageModel(**PLAIN | {"epochs": 1}).fit(ids[:4000])
    ngram = KneserNeyLM(3, vocabulary=neural.vocabulary_).fit(ids[:4000], valid=ids[4000:5000])
    mixture = ngram.mix(neural, cache=True)
    one = min(neural.perplexity(ids[5000:]), ngram.perplexity(ids[5000:]))
    assert mixture.perplexity(ids[5000:]) < one


@pytest.mark.parametrize("optimizer", [SGD(0.5), SGD(0.1, momentum=0.9), Adagrad(0.1), Adam(5e-3)])
def test_optimizers(optimizer: Any, ids: Any) -> None:
    model = LanguageModel(**PLAIN | {"optimizer": optimizer}).fit(ids)
    assert model.perplexity(ids) < 12


@pytest.mark.parametrize("output", ["adaptive", "sampled"])
def test_outputs_for_large_vocabularies(output: str, ids: Any, tmp_path: Path) -> None:
    settings = PLAIN | {"output": output, "cutoffs": (8, 20), "samples": 16}
    model = LanguageModel(**settings).fit(ids, checkpoint=tmp_path / "run", checkpoint_steps=50)
    assert model.perplexity(ids) < 14
    p = model.next_distribution(ids[:9])
    assert p.sum() == pytest.approx(1)
    assert np.log(p[ids[9]]) == pytest.approx(model.log_prob(ids[:10])[9], abs=1e-4)
    model.save(tmp_path / "model")
    for path in ("run", "model"):
        assert LanguageModel.load(tmp_path / path).perplexity(ids) == model.perplexity(ids)
    assert same(LanguageModel(**settings, n_threads=2).fit(ids, resume=tmp_path / "run"), model)
    assert same(LanguageModel(**settings, n_threads=5).fit(ids), model)


@pytest.mark.parametrize("segment", [1, 4, 32])
@pytest.mark.parametrize("tokens", [1, 3, 31, 32, 33, 1000, 6_000_000])
def test_every_token_is_a_target_once_an_epoch(segment: int, tokens: int) -> None:
    if tokens > 10**6 and segment != 32:
        pytest.skip("one large case is enough")
    seen = np.zeros(tokens + 1, np.int64)
    for runs in Windows(tokens, 64, segment, 0).runs(5):
        assert (runs.lengths >= 1).all() and (runs.lengths <= segment).all()
        sizes = np.add.reduceat(runs.lengths, runs.offsets[:-1])
        assert sizes.max() <= 64 and sizes.sum() == runs.lengths.sum()
        np.add.at(seen, runs.starts, 1)
        np.add.at(seen, runs.starts + runs.lengths, -1)
    assert (np.cumsum(seen)[:-1] == 1).all() and (np.cumsum(seen)[-1] == 0)


def test_memory_mapped_corpus(tmp_path: Path, fed_sentences: list[list[str]]) -> None:
    text = tmp_path / "corpus.txt"
    text.write_text("\n".join(map(" ".join, fed_sentences)))
    one = LanguageModel(**PLAIN).fit(text, memmap=tmp_path / "ids.bin")
    assert same(one, LanguageModel(**PLAIN).fit(fed_sentences))
    mapped = np.memmap(tmp_path / "ids.bin", np.int32, "r")
    two = LanguageModel(**PLAIN, vocabulary=one.vocabulary_).fit(mapped)
    assert same(one, two)


@pytest.mark.parametrize("size", [1, 5, 63, 64, 65, 640, 1000])
def test_the_best_ids_are_the_first_of_a_stable_sort(size):
    rng = np.random.default_rng(size)
    for p in (rng.random(size), rng.integers(0, 4, size) / 4.0, np.zeros(size)):
        for k in (1, 2, 10, 64, size, size + 3):
            np.testing.assert_array_equal(best_ids(p, k), np.argsort(-p, kind="stable")[:k])

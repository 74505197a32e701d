"""Packed copies of weights between predictions: they never outlive the weights that they were made from."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import warnings

import numpy as np
import pytest
from net.test_gradients import INPUTS, LAYERS, spec_of
from oracles.examples import Data, build
from subprocesses import run_python

import pyffnn
from pyffnn import FFNNClassifier, LanguageModel, TextClassifier

# AVX-512 keeps copies for 2 and 3 rows, AVX2 for 2 and more, tiles always.
ROWS = (1, 3, 5, 40)
ISAS = [*pyffnn.available_isas(), "amx-emulated"]


@pytest.fixture(params=ISAS)
def any_isa(request):
    with pyffnn.use_isa(request.param):
        yield request.param


def data(n=60, d=50, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)).astype(np.float32), np.arange(n) % 3


def fitted(precision="float32", **more):
    X, y = data()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*needs AMX.*")
        return FFNNClassifier((70, 40), epochs=1, precision=precision, **more).fit(X, y)


def warm(model, X):
    """Predictions of every size, often enough that copies are kept."""
    for _ in range(3):
        result = [model.predict_proba(X[:m]) for m in ROWS]
    return result


def uncached(model, X):
    """The same with copies ruled out, since somebody could be writing."""
    views = model.coefs_
    assert views
    result = [model.predict_proba(X[:m]) for m in ROWS]
    del views
    return result


def kept_bytes(model):
    return model._fitted.network.kept_bytes()


def assert_same(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("precision", ["float32", "bfloat16x3", "bfloat16", "auto"])
def test_predictions_have_the_same_bits(any_isa, precision):
    model, (X, _) = fitted(precision), data()
    assert kept_bytes(model) == 0
    got = warm(model, X)
    assert kept_bytes(model) > 0
    assert_same(got, uncached(model, X))
    assert kept_bytes(model) == 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16x3"])
def test_what_is_written_into_the_arrays_counts(any_isa, precision):
    model, (X, _) = fitted(precision), data()
    warm(model, X)
    held = model.coefs_[1]
    before = warm(model, X)
    held *= 1.5  # while the view is held
    changed = warm(model, X)
    assert all((a != b).any() for a, b in zip(before, changed, strict=True))
    part = held[::2].T  # a view of the view is enough
    del held
    warm(model, X)
    part *= 2
    again = warm(model, X)
    assert all((a != b).any() for a, b in zip(changed, again, strict=True))
    del part
    assert_same(warm(model, X), again)  # kept once more
    model.coefs_[0][...] = 0  # held for a moment only
    last = warm(model, X)
    assert all((a != b).any() for a, b in zip(again, last, strict=True))
    assert_same(last, uncached(model, X))


@pytest.mark.parametrize("hold", ["memoryview", "dlpack", "ctypes"])
def test_any_hold_on_the_memory_counts_as_a_view(hold):
    model, (X, _) = fitted(), data()
    warm(model, X)
    view = model.coefs_[0]
    if hold == "memoryview":
        other = np.asarray(memoryview(view))
    elif hold == "dlpack":
        other = np.from_dlpack(view)
    else:
        other = np.ctypeslib.as_array(np.ctypeslib.as_ctypes(view))
    del view
    before = warm(model, X)
    if not other.flags.writeable:
        other.flags.writeable = True
    other *= -1
    after = warm(model, X)
    assert all((a != b).any() for a, b in zip(before, after, strict=True))


def test_training_counts():
    model, (X, y) = fitted(), data()
    before = warm(model, X)
    model.partial_fit(X, y)
    assert kept_bytes(model) == 0
    after = warm(model, X)
    assert all((a != b).any() for a, b in zip(before, after, strict=True))
    assert_same(after, uncached(model, X))
    model.set_params(epochs=2).fit(X, y)
    assert_same(warm(model, X), uncached(model, X))


def test_growing_counts():
    texts = ["good film", "bad film", "dull plot", "great plot"] * 4
    model = TextClassifier(hidden_layer_sizes=(40,), epochs=1, min_count=1)
    model.partial_fit(texts, [0, 1, 1, 0] * 4, classes=[0, 1])
    for _ in range(3):
        model.predict_proba(texts)
    model.partial_fit(["new words entirely", "other words"], [0, 1])
    got = [model.predict_proba(texts) for _ in range(3)]
    fresh = pickle.loads(pickle.dumps(model))
    for p in got:
        np.testing.assert_array_equal(p, fresh.predict_proba(texts))


def test_the_instruction_set_may_change_between_predictions():
    model, (X, _) = fitted(), data()
    results = {}
    for name in (*ISAS, *reversed(ISAS)):
        with pyffnn.use_isa(name):
            got, plain = warm(model, X), uncached(model, X)
        assert_same(got, plain)
        assert_same(got, results.setdefault(name, got))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*needs AMX.*")
        with pyffnn.use_isa("amx-emulated"):
            split = fitted("bfloat16x3")
        for name in ("amx-emulated", "reference", "amx-emulated"):
            with pyffnn.use_isa(name):
                assert_same(warm(split, X), uncached(split, X))


def test_duplicates_and_files_hold_no_copies(tmp_path):
    model, (X, _) = fitted(), data()
    model.predict_proba(X[:1])  # what is found out once and remembered is no copy of weights
    assert kept_bytes(model) == 0
    size = len(pickle.dumps(model))
    want = warm(model, X)
    assert kept_bytes(model) > 0
    assert len(pickle.dumps(model)) == size
    model.save(tmp_path / "m.safetensors")
    for other in (
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        FFNNClassifier.load(tmp_path / "m.safetensors"),
    ):
        assert_same(warm(other, X), want)
        other.coefs_[0][...] = 0
        assert_same(warm(model, X), want)


def test_arrays_outlive_the_model():
    model, (X, _) = fitted(), data()
    warm(model, X)
    held = model.coefs_
    total = [float(w.sum()) for w in held]
    del model
    gc.collect()
    assert [float(w.sum()) for w in held] == total


def test_threads_predict_while_views_come_and_go():
    """Every thread gets the bits of one alone, whether copies are kept, made or dropped meanwhile."""
    model, (X, _) = fitted(), data()
    want = uncached(model, X)
    wrong, stop = [], threading.Event()

    def predict():
        while not stop.is_set():
            for m, expected in zip(ROWS, want, strict=True):
                if not np.array_equal(model.predict_proba(X[:m]), expected):
                    wrong.append(m)

    def borrow():
        for _ in range(200):
            model.coefs_[0][0, 0].copy()
        stop.set()

    threads = [threading.Thread(target=predict) for _ in range(3)]
    threads.append(threading.Thread(target=borrow))
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


PLAIN = {
    "residual": False,
    "layer_norm": False,
    "tie_embeddings": False,
    "distant_kernels": 0,
}


@pytest.mark.parametrize("layers", [{}, PLAIN], ids=["residual", "plain"])
def test_language_models(any_isa, layers):
    ids = (np.arange(600) * 7 % 30).astype(np.int32)
    model = LanguageModel(
        context=3, embedding_dim=20, hidden_layer_sizes=(50,), epochs=1, precision="auto", **layers
    ).fit(ids)

    def use():
        for _ in range(3):
            out = [model.log_prob(ids[:m]) for m in ROWS], model.next_words([1, 2, 3])
        return out

    def plain():
        views = model._fitted.network.parameters()
        out = [model.log_prob(ids[:m]) for m in ROWS], model.next_words([1, 2, 3])
        del views
        return out

    kept = use()
    assert kept_bytes(model) > 0
    without = plain()
    assert kept_bytes(model) == 0
    assert_same(kept[0], without[0])
    assert kept[1] == without[1]
    for view in model._fitted.network.parameters().values():
        view *= 1.1
    del view
    changed = use()
    assert kept_bytes(model) > 0
    assert all((a != b).any() for a, b in zip(kept[0], changed[0], strict=True))
    assert_same(changed[0], plain()[0])
    duplicate = pickle.loads(pickle.dumps(model))
    assert_same([duplicate.log_prob(ids[:m]) for m in ROWS], changed[0])


# The engine's own: every kind of layer, by whatever changes its weights.


@pytest.mark.parametrize(
    ("isa", "precision"),
    [(pyffnn.available_isas()[-1], "float32"), ("amx-emulated", "bfloat16x3")],
    indirect=["isa"],
)
@pytest.mark.parametrize(
    ("kind", "layers"),
    [(kind, list(LAYERS)[(i + j) % 6]) for i, kind in enumerate(INPUTS) for j in (0, 3)],
)
def test_every_change_of_a_network_counts(isa, kind, layers, precision):
    spec = spec_of(kind, layers, "classes", hidden=[40, 20], precision=precision)
    net, data = build(spec, np.float32), Data(spec, 60, dtype=np.float32)
    examples, targets = data.examples, data.targets()

    def use():
        for _ in range(3):
            found = [net.predict(examples, np.arange(m)) for m in ROWS]
        return found

    def plain():
        views = net.parameters()
        found = [net.predict(examples, np.arange(m)) for m in ROWS]
        assert views and net.kept_bytes() == 0
        return found

    def trained_aside():
        fork = net.fork(examples)
        fork.train(examples, targets, np.arange(60), 20, 0.1)
        net.absorb(fork)

    changes = {
        "nothing": lambda: None,
        "train": lambda: net.train(examples, targets, np.arange(60), 20, 0.1),
        "absorb": trained_aside,
        "initialise": lambda: net.initialise(5),
    }
    last = None
    for name, change in changes.items():
        change()
        found = use()
        assert net.kept_bytes() > 0
        assert_same(found, plain())
        if last is not None:
            assert all((a != b).any() for a, b in zip(found, last, strict=True)), name
        last = use()
        net.gradients(examples, targets)
        assert_same(use(), last)


FORK = """
import os, threading, numpy as np
from pyffnn import FFNNClassifier
X = np.random.default_rng(0).standard_normal((30, 50)).astype("f4")
model = FFNNClassifier((70,), epochs=1).fit(X, np.arange(30) % 3)
want = model.predict_proba(X[:3])
stop = threading.Event()
def work():
    while not stop.is_set():
        model.coefs_  # copies are dropped and made anew all the time
        for _ in range(3):
            model.predict_proba(X[:3])
thread = threading.Thread(target=work)
thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        same = all(np.array_equal(model.predict_proba(X[:3]), want) for _ in range(4))
        os._exit(0 if same else 3)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
"""


def test_a_forked_child_predicts_whatever_its_parent_was_at():
    done = run_python(FORK, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]

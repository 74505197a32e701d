"""Models as modules of PyTorch, and back."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pyffnn

torch = pytest.importorskip("torch")
pt = pytest.importorskip("pyffnn.integrations.torch")
nn = torch.nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype(np.float32)
TARGETS: dict[str, NDArray[Any]] = {
    "two": (X[:, 0] > 0).astype(int),
    "three": np.array(list("abc"))[RNG.integers(0, 3, 60)],
    "sets": (X[:, :3] > 0).astype(int),
}
LAYERS: list[dict[str, Any]] = [
    {},
    {"hidden_layer_sizes": ()},
    {"hidden_layer_sizes": (7, 6), "layer_norm": True, "activation": "tanh"},
    {"residual": True, "layer_norm": True, "activation": "gelu"},
    {"activation": "sigmoid", "residual": True},
]
WORDS = ["good", "bad", "Film", "the", "a", "plot", "dull", "fine"]
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(0, 9))) for _ in range(60)] + ["", "unknown good"]
LABELS = ["x" if "good" in t else "y" for t in TEXTS]
TEXT: list[dict[str, Any]] = [
    {},
    {"pooling": "sum", "word_ngrams": 2},
    {"pooling": "weighted"},
    {"pooling": "weighted", "word_ngrams": 2, "hidden_layer_sizes": (4,)},
    {"pooling": "concat", "max_tokens": 5, "hidden_layer_sizes": (6,)},
    {"char_ngrams": (2, 3), "hidden_layer_sizes": (4,), "layer_norm": True},
    {"word_ngrams": 2, "buckets": 50},
    {"tokenizer": str.split},
]
LANGUAGE: list[dict[str, Any]] = [
    {},
    {"distant_kernels": 2, "distant_window": 5, "direct": True},
    {"distant_kernels": 0, "residual": False, "layer_norm": False, "tie_embeddings": False},
    {"tie_embeddings": False, "output": "adaptive", "cutoffs": (3, 5), "direct": True},
    {"output": "sampled", "samples": 5, "residual": False},
]


def close(found: Any, wanted: Any) -> None:
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=0, atol=3e-6)


def features(y: NDArray[Any], **settings: Any) -> Any:
    settings = {"hidden_layer_sizes": (8,), "epochs": 2, **settings}
    return pyffnn.FFNNClassifier(**settings).fit(X, y)


@pytest.mark.parametrize("kind", TARGETS)
def test_classifiers(kind: str) -> None:
    more = [{"output": "adaptive", "cutoffs": (1, 2)}, {"output": "sampled", "samples": 2}]
    for settings in LAYERS + (more if kind == "three" else []):
        model = features(TARGETS[kind], **settings)
        module = pt.export_to_torch(model)
        assert not module.training
        close(module(torch.from_numpy(X)), model.predict_proba(X))
        close(module.log_probabilities(torch.from_numpy(X)).exp(), model.predict_proba(X))
        back = pt.from_torch(module)
        assert np.array_equal(back.predict_proba(X), model.predict_proba(X))
        assert np.array_equal(back.predict(X), model.predict(X))
        assert back.get_params() == model.get_params() and type(back) is type(model)


def test_sparse_features() -> None:
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(X)
    for hidden in ((), (4,)):
        model = pyffnn.FFNNClassifier(hidden, epochs=2).fit(sparse, TARGETS["three"])
        module = pt.export_to_torch(model)
        close(module(torch.from_numpy(X)), model.predict_proba(X))
        assert np.array_equal(pt.from_torch(module).predict_proba(sparse), model.predict_proba(sparse))  # fmt: skip


@pytest.mark.parametrize("settings", TEXT, ids=str)
def test_texts(settings: dict[str, Any]) -> None:
    model = pyffnn.TextClassifier(epochs=2, **settings).fit(TEXTS, LABELS)
    for _ in range(2):
        module = pt.export_to_torch(model)
        close(module(*module.encode(TEXTS)), model.predict_proba(TEXTS))
        close(module(TEXTS[:1]), model.predict_proba(TEXTS[:1]))
        for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            back = pt.from_torch(other)
            assert np.array_equal(back.predict_proba(TEXTS), model.predict_proba(TEXTS))
        # rows that came later stand behind all others
        model.partial_fit(["new words here the good", "here new"], ["x", "y"])


def test_weighted_bags_of_one_length_and_further_training() -> None:
    model = pyffnn.TextClassifier(epochs=2, pooling="weighted").fit(TEXTS, LABELS)
    module = pt.export_to_torch(model)
    ids, offsets = module.encode(["good bad good the", "plot", "dull dull dull"])
    wide = torch.stack([ids[:4], ids[:4].flip(0)])
    flat = module(wide.flatten(), torch.tensor([0, 4]))
    assert torch.equal(module(wide), flat)
    torch.testing.assert_close(flat[0], flat[1])
    assert torch.equal(module(ids.int(), offsets.int()), module(ids, offsets))
    assert torch.equal(module(wide[:, :0])[0], module([""])[0])
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    module.logits(TEXTS).square().sum().backward()
    optimizer.step()
    back = pt.from_torch(module)
    close(module(TEXTS), back.predict_proba(TEXTS))
    assert not np.allclose(back.predict_proba(TEXTS), model.predict_proba(TEXTS), atol=1e-3)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_regressors(loss: str) -> None:
    for y in (X[:, 0], X[:, :2]):
        y = y * 30 + 100 if loss == "squared" else 1 / (1 + np.exp(-y))
        vectors = pyffnn.FFNNRegressor((6,), epochs=3, loss=loss).fit(X, y)
        texts = pyffnn.TextRegressor(epochs=3, loss=loss).fit(TEXTS[:60], y)
        for model, given in ((vectors, X), (texts, TEXTS)):
            module = pt.export_to_torch(model)
            found = module(torch.from_numpy(X) if given is X else TEXTS).detach().numpy()
            np.testing.assert_allclose(found, model.predict(given), rtol=2e-6, atol=2e-6)
            assert found.ndim == y.ndim
            assert np.array_equal(pt.from_torch(module).predict(given), model.predict(given))


def test_texts_as_rows_of_one_length() -> None:
    for pooling in ("mean", "sum"):
        model = pyffnn.TextClassifier(epochs=2, pooling=pooling).fit(TEXTS, LABELS)
        module = pt.export_to_torch(model)
        ids, _ = module.encode(["good film the", "bad plot a"])
        close(module(ids.reshape(2, 3)), model.predict_proba(["good film the", "bad plot a"]))


@pytest.mark.parametrize("settings", LANGUAGE, ids=str)
def test_language_models(settings: dict[str, Any]) -> None:
    small = {"embedding_dim": 6, "hidden_layer_sizes": (8,), "epochs": 1}
    corpus = [t.split() for t in TEXTS if t] * 2
    model = pyffnn.LanguageModel(**{**small, **settings}).fit(corpus)
    module = pt.export_to_torch(model)
    for context in ("", "good", "the good film a plot dull fine bad the"):
        close(module(*module.encode(context))[0], model.next_distribution(context))
    words = "the good film a plot neverseen dull fine bad the".split()
    (ids,) = module.encode(words)
    close(module.log_prob(ids[0]), model.log_prob(words))
    assert len(module.log_prob(ids[0, :0])) == 0
    assert np.array_equal(pt.from_torch(module).log_prob(words), model.log_prob(words))


def test_training_goes_on_in_torch() -> None:
    model = features(TARGETS["three"])
    module = pt.export_to_torch(model).train()
    targets = torch.from_numpy(np.searchsorted(model.classes_, TARGETS["three"]))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module.logits(torch.from_numpy(X)), targets).backward()
        optimizer.step()
    back = pt.from_torch(module)
    assert back.score(X, TARGETS["three"]) > model.score(X, TARGETS["three"])
    close(module(torch.from_numpy(X)), back.predict_proba(X))
    back.partial_fit(X, TARGETS["three"])  # and on here


def test_the_module_has_copies() -> None:
    model = features(TARGETS["two"])
    before = model.predict_proba(X)
    module = pt.export_to_torch(model)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert np.array_equal(model.predict_proba(X), before)


@pytest.mark.filterwarnings("ignore")
def test_the_module_compiles() -> None:
    model = features(TARGETS["three"], residual=True, layer_norm=True)
    module = pt.export_to_torch(model)
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    close(compiled(torch.from_numpy(X)), model.predict_proba(X))


STACKS: dict[str, Any] = {
    "relu": lambda: nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3)),
    "softmax": lambda: nn.Sequential(nn.Linear(5, 3), nn.Softmax(1)),
    "norm": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.GELU(approximate="tanh")),
        nn.Linear(8, 3, bias=False),
        nn.LogSoftmax(1),
    ),
    "two": lambda: nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 6), nn.Linear(6, 3)),
    "one layer": lambda: nn.Linear(5, 3),
}


@pytest.mark.parametrize("name", STACKS)
def test_from_a_stack(name: str) -> None:
    torch.manual_seed(0)
    stack = STACKS[name]().eval()
    found = stack(torch.from_numpy(X))
    wanted = {"softmax": found, "norm": found.exp()}.get(name, found.softmax(1))
    model = pt.from_torch(stack, classes=["a", "b", "c"])
    close(wanted, model.predict_proba(X))
    assert list(model.classes_) == ["a", "b", "c"]
    assert model.partial_fit(X, TARGETS["three"]).n_features_in_ == 5
    assert pt.from_torch(stack).predict(X).dtype.kind == "i"


def test_one_output_is_a_sigmoid_unit(tmp_path: Any) -> None:
    stack = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid())
    model = pt.from_torch(stack)
    close(stack(torch.from_numpy(X)), model.predict_proba(X)[:, 1:])
    model.save(tmp_path / "m.safetensors")
    again = pyffnn.FFNNClassifier.load(tmp_path / "m.safetensors")
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


BAD: list[tuple[Any, type[Exception], str]] = [
    (3, TypeError, "module must be a torch.nn.Module, got int"),
    (nn.LSTM(3, 3), ValueError, "got LSTM without"),
    (nn.Sequential(nn.Linear(5, 4), nn.SiLU(), nn.Linear(4, 2)), ValueError, r"module\[1\] \(SiLU\) has no"),
    (nn.Sequential(nn.EmbeddingBag(5, 4), nn.Linear(4, 2)), ValueError, r"module\[0\] \(EmbeddingBag\) has no"),
    (nn.Sequential(nn.Linear(5, 4), nn.GELU(), nn.Linear(4, 2)), ValueError, "tanh form"),
    (nn.Sequential(nn.ReLU(), nn.Linear(4, 2)), ValueError, r"module\[0\] \(ReLU\) must stand behind"),
    (nn.Sequential(nn.Linear(5, 4), nn.ReLU()), ValueError, r"module\[1\] \(ReLU\) must stand behind"),
    (nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3)), ValueError, "one activation, not two"),
    (nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)), ValueError, "in every hidden layer or in none"),
    (nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4, eps=0.1), nn.ReLU(), nn.Linear(4, 3)), ValueError, "must have eps=1e-05, got 0.1"),
    (nn.Sequential(nn.Linear(5, 4), nn.Linear(5, 4)), ValueError, "takes 5 numbers, the layer before gives 4"),
    (nn.Sequential(nn.Dropout(), nn.Linear(4, 2)), ValueError, r"module\[0\] \(Dropout\) must stand behind"),
    (nn.Sequential(nn.Linear(4, 2), nn.Sigmoid()), ValueError, "multi-label"),
    (nn.Sequential(nn.Linear(4, 1), nn.Softmax(1)), ValueError, "softmax of one output"),
]  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=lambda case: case[2])
def test_modules_without_a_counterpart(case: Any) -> None:
    module, error, words = case
    with pytest.raises(error, match=words):
        pt.from_torch(module)


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match=r"model must be one of FFNNClassifier.*, got int"):
        pt.export_to_torch(3)
    with pytest.raises(ValueError, match="not fitted"):
        pt.export_to_torch(pyffnn.FFNNClassifier())
    with pytest.raises(ValueError, match="classes must be 2 different labels in rising order"):
        pt.from_torch(nn.Linear(3, 2), classes=["b", "a"])
    module = pt.export_to_torch(features(TARGETS["two"]))
    with pytest.raises(ValueError, match="classes must be None"):
        pt.from_torch(module, classes=[0, 1])
    with pytest.raises(TypeError, match="must be a tensor, got list"):
        module(["a text"])
    with pytest.raises(ValueError, match="encode belongs to models of texts"):
        module.encode(["a text"])
    with pytest.raises(ValueError, match="log_prob belongs to language models"):
        module.log_prob(torch.zeros(3, dtype=torch.int64))

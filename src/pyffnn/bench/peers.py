"""The same operations on other libraries. Each function takes a kernel's inputs (float32) and returns calls by the peer's name.

A peer that is not installed is left out. Results are written into arrays made beforehand where the library allows it, as ours are.
"""

from __future__ import annotations

import importlib
import itertools
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import pyffnn
from pyffnn.bench.timing import Call
from pyffnn.net import Examples, Network, Targets

Calls = dict[str, Call]


def find(name: str) -> Any:
    """The module, or None where it is not installed (or cannot be loaded)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except (ImportError, OSError):
        return None


# Peers, and the distributions that bring them.
_DISTRIBUTIONS = {
    "numpy": ("numpy",), "scipy": ("scipy",), "torch": ("torch",), "sklearn": ("scikit-learn",), "thinc": ("thinc",),
    "fasttext": ("fasttext-numpy2", "fasttext", "fasttext-wheel"),
}  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of the peers that are installed."""
    found: dict[str, str] = {}
    for name, distributions in _DISTRIBUTIONS.items():
        for distribution in distributions:
            with suppress(metadata.PackageNotFoundError):
                found.setdefault(name, metadata.version(distribution))
    return found


def missing() -> list[str]:
    """The peers that are not installed."""
    return [name for name in _DISTRIBUTIONS if name not in versions()]


def compiled(call: Call) -> Call | None:
    """A PyTorch call through `torch.compile`, compiled and warm; None where that does not work (no compiler, an unsupported Python)."""
    torch = find("torch")
    if torch is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made: Call = torch.compile(call)
            for _ in range(3):
                made()
    except Exception:  # whatever the compiler raises: this peer has no row
        return None
    return made


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Every library at `threads` threads: ours, BLAS and OpenMP (threadpoolctl), PyTorch."""
    # loaded first: a limit reaches only the libraries that are there
    for name in ("scipy.linalg.blas", "sklearn.neural_network"):
        find(name)
    with ExitStack() as stack:
        control = find("threadpoolctl")
        torch = find("torch")
        if torch is not None:
            before = torch.get_num_threads()
            torch.set_num_threads(threads)
            stack.callback(torch.set_num_threads, before)
        if control is not None:
            stack.enter_context(control.threadpool_limits(threads))
        stack.enter_context(pyffnn.num_threads(threads))
        yield


def _tensors(torch: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in inputs.items()
    }


def matmul(inputs: dict[str, Any]) -> Calls:
    """Of operands in rows or, as transposed views, in columns."""
    a, b = inputs["a"], inputs["b"]
    out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    calls: Calls = {"numpy": lambda: np.matmul(a, b, out=out)}
    blas = find("scipy.linalg.blas")
    if blas is not None:
        # column-major BLAS: (b^T a^T)^T, so that nothing is copied
        gemm = blas.sgemm if a.dtype == np.float32 else blas.dgemm
        left, right = ((x.T, 0) if x.flags.c_contiguous else (x, 1) for x in (b, a))
        calls["scipy"] = lambda: gemm(1.0, left[0], right[0], trans_a=left[1], trans_b=right[1])
    if torch := find("torch"):
        t = _tensors(torch, inputs)
        to = torch.empty(out.shape, dtype=t["a"].dtype)
        calls["torch"] = lambda: torch.mm(t["a"], t["b"], out=to)
    return calls


def matmul_bf16(inputs: dict[str, Any]) -> Calls:
    torch = find("torch")
    if torch is None:
        return {}
    t, half = _tensors(torch, inputs), torch.bfloat16
    return {"torch": lambda: torch.mm(t["a"].to(half), t["b"].to(half)).float()}


def _thinc_ops() -> Any:
    api = find("thinc.api")
    return None if api is None else api.NumpyOps()


def _unary(name: str) -> Callable[[dict[str, Any]], Calls]:
    def torch_call(x: Any) -> Call:
        torch = find("torch")
        tx = torch.from_numpy(x)
        out = torch.empty_like(tx)
        if name == "softmax":
            return lambda: torch.softmax(tx, -1)
        if name == "log_softmax":
            return lambda: torch.log_softmax(tx, -1)
        if name == "relu":
            return lambda: torch.clamp_min(tx, 0, out=out)
        call = getattr(torch, name)
        return lambda: call(tx, out=out)

    def peers(inputs: dict[str, Any]) -> Calls:
        x = inputs["x"]
        calls: Calls = {}
        if find("torch") is not None:
            calls["torch"] = torch_call(x)
        thinc = getattr(_thinc_ops(), name, None)
        if thinc is not None:
            calls["thinc"] = lambda: thinc(x)
        return calls

    return peers


def gelu(x: Any) -> Calls:
    """The form by tanh."""
    torch = find("torch")
    if torch is None:
        return {}
    tx = torch.from_numpy(x)
    return {"torch": lambda: torch.nn.functional.gelu(tx, approximate="tanh")}


def embedding(inputs: dict[str, Any]) -> Calls:
    table, ids = inputs["table"], inputs["ids"]
    out = np.empty((*ids.shape, table.shape[1]), table.dtype)
    calls: Calls = {"numpy": lambda: np.take(table, ids, axis=0, out=out, mode="clip")}
    if torch := find("torch"):
        t = _tensors(torch, inputs)
        calls["torch"] = lambda: torch.nn.functional.embedding(t["ids"], t["table"])
    return calls


def mean_pool(inputs: dict[str, Any]) -> Calls:
    calls: Calls = {}
    if torch := find("torch"):
        t = _tensors(torch, inputs)
        bag, starts = torch.nn.functional.embedding_bag, t["offsets"][:-1]
        calls["torch"] = lambda: bag(t["ids"], t["table"], starts, mode="mean")
    if thinc := _thinc_ops():
        table, ids = inputs["table"], inputs["ids"]
        lengths = np.diff(inputs["offsets"]).astype(np.int32)
        calls["thinc"] = lambda: thinc.reduce_mean(table[ids], lengths)
    return calls


def linear_cross_entropy(inputs: dict[str, Any]) -> Calls:
    torch = find("torch")
    if torch is None:
        return {}
    t = _tensors(torch, inputs)
    for name in ("x", "w", "b"):
        t[name].requires_grad_(True)

    def call() -> None:
        for name in ("x", "w", "b"):
            t[name].grad = None
        z = torch.addmm(t["b"], t["x"], t["w"])
        torch.nn.functional.cross_entropy(z, t["targets"]).backward()

    return {"torch": call}


def cross_entropy(inputs: dict[str, Any]) -> Calls:
    torch = find("torch")
    if torch is None:
        return {}
    t = _tensors(torch, inputs)
    z = t["logits"].requires_grad_(True)

    def call() -> None:
        z.grad = None
        torch.nn.functional.cross_entropy(z, t["targets"]).backward()

    return {"torch": call}


PEERS: dict[str, Callable[[dict[str, Any]], Calls]] = {
    "matmul": matmul,
    "embedding": embedding,
    "mean_pool": mean_pool,
    "linear_cross_entropy": linear_cross_entropy,
    "cross_entropy": cross_entropy,
    **{
        name: _unary(name)
        for name in ("sigmoid", "tanh", "relu", "softmax", "log_softmax", "exp", "log")
    },
}


def network_steps(sizes: tuple[int, ...], batch: int, steps: int, seed: int = 0) -> Calls:
    """One epoch of `steps` Adam steps of a dense ReLU network on the same random data: ours, scikit-learn's, PyTorch's."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((batch * steps, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], len(X))
    y[: sizes[-1]] = np.arange(sizes[-1])
    hidden = tuple(sizes[1:-1])
    order = np.arange(len(X))
    rates = np.full(steps, 1e-3)
    network = Network(
        {
            "input": "dense", "n_inputs": sizes[0], "hidden": list(hidden), "activation": "relu",
            "n_outputs": sizes[-1], "loss": "softmax", "optimizer": "adam",
        }
    )  # fmt: skip
    network.initialise(0)
    examples, targets = Examples.dense(X), Targets.classes(y, sizes[-1])
    calls: Calls = {"pyffnn": lambda: network.train(examples, targets, order, batch, rates)}
    if neural := find("sklearn.neural_network"):
        model = neural.MLPClassifier(hidden, batch_size=batch, alpha=0.0, shuffle=False)
        classes = np.arange(sizes[-1])
        calls["sklearn"] = lambda: model.partial_fit(X, y, classes=classes)
    if torch := find("torch"):
        layers: list[Any] = []
        for n_in, n_out in itertools.pairwise(sizes):
            layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
        net = torch.nn.Sequential(*layers[:-1])
        adam = torch.optim.Adam(net.parameters(), lr=1e-3)
        tx, ty = torch.from_numpy(X), torch.from_numpy(y)

        def epoch() -> None:
            for i in range(0, len(X), batch):
                adam.zero_grad()
                torch.nn.functional.cross_entropy(
                    net(tx[i : i + batch]), ty[i : i + batch]
                ).backward()
                adam.step()

        calls["torch"] = epoch
    return calls


def text_training(count: int, length: int, seed: int = 0) -> Calls:
    """From a file of labelled texts to a trained linear classifier of words and bigrams: ours by its defaults, fastText's with dim 10 and 5
    epochs. Words come as in text, by Zipf's law; each class prefers some."""
    rng = np.random.default_rng(seed)
    classes, words = 4, 5000
    share = np.tile(1 / np.arange(1.0, words + 1), (classes, 1))
    for c in range(classes):
        share[c, 20 + c :: 37] *= 8
    share /= share.sum(axis=1, keepdims=True)
    label = rng.integers(0, classes, count)
    lines = [
        f"__label__{c} " + " ".join(f"w{w}" for w in rng.choice(words, length, p=share[c]))
        for c in label
    ]
    folder = tempfile.mkdtemp(prefix="pyffnn-bench-")
    path = Path(folder) / "texts.txt"
    path.write_text("\n".join(lines) + "\n")
    threads = pyffnn.get_num_threads()

    def ours() -> None:
        pyffnn.TextClassifier(word_ngrams=2).fit(path)

    # the file lives as long as the call
    weakref.finalize(ours, shutil.rmtree, folder, True)
    calls: Calls = {"pyffnn": ours}
    if fasttext := find("fasttext"):
        calls["fasttext"] = lambda: fasttext.train_supervised(
            str(path), dim=10, wordNgrams=2, epoch=5, lr=0.25, minCount=1, thread=threads, verbose=0
        )
    return calls

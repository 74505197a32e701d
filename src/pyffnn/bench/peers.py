"""The same operations on other libraries. Each function takes a kernel's inputs (float32) and returns calls by the peer's name.

A peer that is not installed is left out. Results are written into arrays made beforehand where the library allows it, as ours are.
"""

from __future__ import annotations

import importlib
import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

import pyffnn
from pyffnn.bench.timing import Call

Calls = dict[str, Call]


def find(name: str) -> Any:
    """The module, or None where it is not installed (or cannot be loaded)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except (ImportError, OSError):
        return None


def versions() -> dict[str, str]:
    """Versions of the peers that are installed."""
    names = ("numpy", "scipy", "torch", "sklearn", "thinc")
    found = {name: find(name) for name in names}
    return {name: str(module.__version__) for name, module in found.items() if module is not None}


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
    a, b = inputs["a"], inputs["b"]
    out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    calls: Calls = {"numpy": lambda: np.matmul(a, b, out=out)}
    blas = find("scipy.linalg.blas")
    if blas is not None:
        # column-major BLAS: (b^T a^T)^T, so that nothing is copied
        calls["scipy"] = lambda: blas.sgemm(1.0, b.T, a.T)
    if torch := find("torch"):
        t = _tensors(torch, inputs)
        to = torch.empty(out.shape)
        calls["torch"] = lambda: torch.mm(t["a"], t["b"], out=to)
    return calls


def matmul_bf16(inputs: dict[str, Any]) -> Calls:
    torch = find("torch")
    if torch is None:
        return {}
    t, half = _tensors(torch, inputs), torch.bfloat16
    return {"torch": lambda: torch.mm(t["a"].to(half), t["b"].to(half)).float()}


def _unary(name: str) -> Callable[[dict[str, Any]], Calls]:
    def peers(inputs: dict[str, Any]) -> Calls:
        torch = find("torch")
        if torch is None:
            return {}
        x = torch.from_numpy(inputs["x"])
        out = torch.empty_like(x)
        if name == "softmax":
            return {"torch": lambda: torch.softmax(x, -1)}
        if name == "log_softmax":
            return {"torch": lambda: torch.log_softmax(x, -1)}
        if name == "relu":
            return {"torch": lambda: torch.clamp_min(x, 0, out=out)}
        call = getattr(torch, name)
        return {"torch": lambda: call(x, out=out)}

    return peers


def embedding(inputs: dict[str, Any]) -> Calls:
    table, ids = inputs["table"], inputs["ids"]
    out = np.empty((*ids.shape, table.shape[1]), table.dtype)
    calls: Calls = {"numpy": lambda: np.take(table, ids, axis=0, out=out, mode="clip")}
    if torch := find("torch"):
        t = _tensors(torch, inputs)
        calls["torch"] = lambda: torch.nn.functional.embedding(t["ids"], t["table"])
    return calls


def mean_pool(inputs: dict[str, Any]) -> Calls:
    torch = find("torch")
    if torch is None:
        return {}
    t = _tensors(torch, inputs)
    bag = torch.nn.functional.embedding_bag
    starts = t["offsets"][:-1]
    return {"torch": lambda: bag(t["ids"], t["table"], starts, mode="mean")}


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
    **{name: _unary(name) for name in ("sigmoid", "tanh", "relu", "softmax", "log_softmax")},
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
    network = pyffnn._pyffnn.Network(
        {
            "input": "dense", "n_inputs": sizes[0], "hidden": list(hidden), "activation": "relu",
            "n_outputs": sizes[-1], "loss": "softmax", "optimizer": "adam",
        }
    )  # fmt: skip
    network.initialise(0)
    calls: Calls = {"pyffnn": lambda: network.train_dense(X, y, None, order, batch, rates)}
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

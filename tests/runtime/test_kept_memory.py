"""Large results have their memory from blocks that are kept: ordinary arrays, no memory used twice, no more kept than was said."""

from __future__ import annotations

import threading
import tracemalloc
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from subprocesses import output_of, run_python

import pyffnn
from pyffnn import _pyffnn, ops

MB = 1 << 20
N = 11 * MB // 4  # numbers of a result of 11 MB


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    before = pyffnn.get_kept_memory()
    pyffnn.set_kept_memory(128 * MB)
    pyffnn.release_memory()
    yield
    pyffnn.set_kept_memory(before)


def numbers(value: float, n: int = N) -> NDArray[np.float32]:
    return np.full(n, value, np.float32)


def maker(x: NDArray[Any]) -> str:
    return str(np._core.multiarray.get_handler_name(x))


def address(x: NDArray[Any]) -> int:
    return int(x.__array_interface__["data"][0])


def kept() -> int:
    return _pyffnn.kept_memory()[0]


def test_results_are_ordinary_arrays() -> None:
    y = ops.relu(numbers(2))
    assert maker(y) == "pyffnn"
    assert y.flags.owndata and y.flags.writeable and y.flags.aligned and y.base is None
    y.resize(2 * N, refcheck=False)  # by our memory, zeros at the end
    assert maker(y) == "pyffnn" and (y[:N] == 2).all() and not y[N:].any()
    y.resize(10, refcheck=False)
    assert (y == 2).all()
    assert maker(np.empty(N, np.float32)) == "default_allocator"
    assert maker(ops.relu(numbers(2, 1000))) == "default_allocator"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_way_to_a_result(dtype: type) -> None:
    """The entry points for the ordinary case, and the general functions behind them."""
    x = np.ones((3000, 1000), dtype)
    assert maker(ops.relu(x)) == maker(ops.relu(x[:, ::-1])) == "pyffnn"
    assert maker(ops.matmul(x[:, :8], x[:8])) == "pyffnn"
    assert maker(ops.embedding(x, np.zeros(3000, int))) == "pyffnn"


def test_memory_comes_again() -> None:
    x = numbers(1)
    y = ops.relu(x)
    first = address(y)
    assert kept() == 0
    del y
    assert kept() >= 11 * MB
    again = ops.relu(x)
    assert address(again) == first
    assert kept() == 0


def test_a_view_outlives_its_array() -> None:
    y = ops.relu(numbers(1))
    view, shown = y[5:N:7], memoryview(y)
    del y
    others = [ops.relu(numbers(2)) for _ in range(3)]
    assert not any(np.shares_memory(view, other) for other in others)
    assert (view == 1).all() and kept() == 0
    del view
    others.append(ops.relu(numbers(3)))
    assert shown[0] == 1.0 and kept() == 0
    shown.release()
    assert kept() > 0


def test_no_more_than_the_limit_is_kept() -> None:
    pyffnn.set_kept_memory(30 * MB)
    results = [ops.relu(numbers(1)) for _ in range(4)]  # blocks of 12 MB
    oldest = address(results[0])
    while results:
        del results[0]
        assert kept() <= 30 * MB
    assert kept() == 24 * MB
    assert all(address(y) != oldest for y in [ops.relu(numbers(1)), ops.relu(numbers(1))])
    assert kept() == 24 * MB
    pyffnn.set_kept_memory(15 * MB)
    assert kept() == 12 * MB and pyffnn.get_kept_memory() == 15 * MB
    assert pyffnn.config()["kept_memory"] == {"now": 12 * MB, "limit": 15 * MB}
    assert pyffnn.release_memory() == 12 * MB
    assert kept() == pyffnn.release_memory() == 0
    assert maker(ops.relu(numbers(1, 8 * N))) == "default_allocator"  # could not be kept


def test_switched_off() -> None:
    y = ops.relu(numbers(1))
    pyffnn.set_kept_memory(0)
    assert maker(ops.relu(numbers(1))) == "default_allocator"
    assert (y == 1).all()
    del y
    assert kept() == 0


@pytest.mark.parametrize("n", [-1, 2**60, 10**30])
def test_a_limit_outside_the_range_is_a_value_error(n: int) -> None:
    with pytest.raises(ValueError, match=str(n)):
        pyffnn.set_kept_memory(n)
    assert pyffnn.get_kept_memory() == 128 * MB


@pytest.mark.parametrize("n", [1.0, "2", None, True])
def test_a_limit_that_is_no_integer_is_a_type_error(n: Any) -> None:
    with pytest.raises(TypeError, match="n must be an integer"):
        pyffnn.set_kept_memory(n)


def test_the_environment() -> None:
    code = "import pyffnn; print(pyffnn.get_kept_memory())"
    assert output_of(code) == str(256 * MB)
    assert output_of(code, PYFFNN_KEPT_MEMORY="0") == "0"
    assert output_of(code, PYFFNN_KEPT_MEMORY="12345678") == "12345678"
    done = run_python("import pyffnn", PYFFNN_KEPT_MEMORY="1 GB")
    assert done.returncode != 0 and "PYFFNN_KEPT_MEMORY '1 GB' is not usable" in done.stderr


def test_tracemalloc_sees_results() -> None:
    x = numbers(1)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        y = ops.relu(x)
        assert 11 * MB <= tracemalloc.get_traced_memory()[0] - before < 12 * MB
        del y
        assert tracemalloc.get_traced_memory()[0] - before < MB
    finally:
        tracemalloc.stop()


def test_an_array_holds_hardly_more_memory_than_it_has() -> None:
    code = """
import numpy as np
from pyffnn import ops
def held(): return 1024 * next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmRSS"))
x = np.ones(8_500_000 // 4, "f4")
before = held()
results = [ops.relu(x) for _ in range(10)]
print((held() - before) / (10 * x.nbytes))
"""
    assert float(output_of(code)) < 1.1


def test_threads_share_nothing() -> None:
    """Arrays that are made in some threads die in others, and each holds its own numbers until then."""
    made: deque[tuple[float, NDArray[np.float32]]] = deque()
    wrong: list[float] = []

    def work(own: int) -> None:
        for i in range(30):
            value = float(1 + own + 10 * i)
            made.append((value, ops.relu(numbers(value, N - 1000 * own))))
            if len(made) > 6:
                value, y = made.popleft()
                if y.min() != value or y.max() != value:
                    wrong.append(value)
                del y
            if i % 10 == own:
                pyffnn.release_memory()

    threads = [threading.Thread(target=work, args=(t,)) for t in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    made.clear()
    assert 0 < kept() <= 128 * MB


FORK = """
import os, sys, threading, numpy as np
from pyffnn import _pyffnn, ops
x = np.ones(2_200_000, "f4")
y = ops.relu(x)
ops.relu(x)  # is kept: both processes take it
stop = threading.Event()
def busy():
    while not stop.is_set(): ops.relu(x)
others = [threading.Thread(target=busy) for _ in range(2)]
for t in others: t.start()
for i in range(12):
    pid = os.fork()
    if pid == 0:
        z = [ops.relu(x * (i + 2)) for _ in range(3)]
        good = all((a == i + 2).all() for a in z) and (y == 1).all()
        del z
        os._exit(0 if good and _pyffnn.kept_memory()[0] > 0 else 1)
    z = ops.relu(x * -1)
    _, status = os.waitpid(pid, 0)
    assert status == 0 and not z.any() and (y == 1).all(), (i, status)
stop.set()
for t in others: t.join()
print("fine")
"""


def test_after_a_fork_each_process_has_its_own() -> None:
    done = run_python(FORK, timeout=60)
    assert done.stdout.strip() == "fine", done.stderr


def test_arrays_that_are_alive_at_exit() -> None:
    code = """
import atexit, threading, numpy as np
from pyffnn import ops
x = np.ones(2_200_000, "f4")
y = ops.relu(x)
atexit.register(lambda: ops.relu(x))
class Late:
    def __init__(self): self.y = ops.relu(x)
    def __del__(self): del self.y
late = Late()
late.circle = late
def busy():
    while True: ops.relu(x)
threading.Thread(target=busy, daemon=True).start()
print("fine")
"""
    done = run_python(code)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "fine", "")


def test_no_memory_is_a_memory_error() -> None:
    code = """
import resource, numpy as np
from pyffnn import ops
x = np.ones((40 << 20) // 4, "f4")
now = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (now + (20 << 20), -1))
for call in (lambda: ops.relu(x), lambda: ops.relu(x[::-1])):
    try:
        call()
    except MemoryError:
        print("caught", end=" ")
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
print(bool((ops.relu(x) == 1).all()))
"""
    assert output_of(code) == "caught caught True"

"""What a call of the C table costs beyond the work: from Cython, without the GIL, against the same call through Python.

    python benches/bench_capi.py [--seconds 0.3] [--json benches/results]

Each function is called with hardly any work; what remains is the call, the checks of its arguments and the choice of a kernel. The floor is
an empty function called in the same way. The time is the thread's on its core.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import pyffnn
from pyffnn import ops
from pyffnn.bench import script
from pyffnn.bench.timing import Call, Spent

SOURCE = """
# cython: language_level=3, boundscheck=False
from libc.stdint cimport int64_t
from pyffnn.capi cimport *
cdef extern from "time.h" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int, timespec*)

cdef const pyffnn_api* api = pyffnn_import()
cdef extern from *:
    '''
    static __attribute__((noinline)) const pyffnn_status* nothing_at_all(int32_t a, int64_t n, const float* x, float* y) {
      __asm__ volatile("" : : "r"(a), "r"(n), "r"(x), "r"(y) : "memory");
      return 0;
    }
    '''
    const pyffnn_status* nothing_at_all(int, int64_t, const float*, float*) nogil

cdef double now() noexcept nogil:
    cdef timespec t
    clock_gettime(3, &t)  # CPU time of the thread: other processes do not count
    return t.tv_sec * 1e9 + t.tv_nsec

def measure(str name, int64_t rounds):
    cdef float[16] x, y, w
    cdef double loss
    cdef int64_t i
    cdef int64_t[2] ids
    cdef pyffnn_optimizer sgd
    cdef double begin = 0
    cdef const pyffnn_status* failed = NULL
    for i in range(16): x[i] = w[i] = i
    ids[0], ids[1] = 0, 1
    sgd.kind, sgd.lr = 0, 0.1
    sgd.beta1 = sgd.beta2 = sgd.eps = sgd.l2 = sgd.weight_decay = 0
%s
    pyffnn_raise(api, failed)
    return begin / rounds
"""
ROUNDS = 20_000
CALLS = {
    "an empty function": "nothing_at_all(3, 1, x, y)",
    "relu of 1": "api.activation_f32(PYFFNN_RELU, 1, x, y)",
    "relu of 16": "api.activation_f32(PYFFNN_RELU, 16, x, y)",
    "softmax 1 x 1": "api.softmax_f32(1, 1, x, 1, y, 1)",
    "softmax 1 x 16": "api.softmax_f32(1, 16, x, 16, y, 16)",
    "gather 1 row of 4": "api.gather_f32(x, 4, 4, 4, ids, 1, y, 4)",
    "mean pool 1 bag of 1 x 4": "api.mean_pool_f32(x, 4, 4, 4, ids, 1, ids, 1, NULL, y, 4)",
    "sgd step of 1": "api.optimizer_step_f32(&sgd, 1, 1, x, y, NULL, NULL)",
    "matmul 1 x 1 x 1": "api.matmul_f32(0, 0, 1, 1, 1, x, 1, w, 1, y, 1, 0)",
    "matmul 4 x 4 x 4": "api.matmul_f32(0, 0, 4, 4, 4, x, 4, w, 4, y, 4, 0)",
}


def build(folder: Path) -> Any:
    branches = []
    for i, (name, call) in enumerate(CALLS.items()):
        word = "if" if i == 0 else "elif"
        branches.append(
            f"    {word} name == {name!r}:\n        with nogil:\n            begin = now()\n            for i in range(rounds):\n"
            f"                failed = {call}\n                if failed != NULL: break\n            begin = now() - begin\n"
        )
    (folder / "calls.pyx").write_text(SOURCE % "".join(branches))
    include = pyffnn.get_include()
    setup = (
        "from setuptools import setup, Extension\nfrom Cython.Build import cythonize\n"
        f"setup(ext_modules=cythonize([Extension('calls', ['calls.pyx'], include_dirs=[{include!r}])], include_path=[{include!r}], quiet=True))\n"
    )
    (folder / "setup.py").write_text(setup)
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=folder, check=True)
    spec = importlib.util.spec_from_file_location("calls", next(folder.glob("calls*.so")))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contenders(calls: Any, name: str) -> dict[str, Call]:
    return {
        "pyffnn": lambda: Spent(calls.measure(name, ROUNDS) * ROUNDS * 1e-9),
        "empty function": lambda: Spent(calls.measure("an empty function", ROUNDS) * ROUNDS * 1e-9),
    }


def main() -> None:
    parser = script.parser(__doc__, seconds=0.3)
    parser.set_defaults(threads=[1])
    args = parser.parse_args()
    x = np.zeros(16, np.float32)
    y = np.zeros(16, np.float32)
    with tempfile.TemporaryDirectory() as folder:
        calls = build(Path(folder))
        for session in script.sessions("bench_capi", args):
            rows = []
            for name in CALLS:
                row = session.time(name, lambda name=name: contenders(calls, name), per=ROUNDS)
                rows.append(row)
            rows.append(session.time("ops.relu of 16, from Python", lambda: {"pyffnn": lambda: ops.relu(x, y)}))  # fmt: skip
            for row in rows:
                # nothing is compared: the floor stands beside
                row["ratios"], row["ratio"] = {}, None
                session.report(row)
            session.write("a call of the C functions", rows)


if __name__ == "__main__":
    main()

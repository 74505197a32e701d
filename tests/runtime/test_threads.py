"""The thread pool: fork, concurrent callers, limits of the machine, threadpoolctl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from subprocesses import OWN, output_of, run_python

import pyffnn
from pyffnn import ops

# Enough work for every thread asked for.
RNG = np.random.default_rng(0)
A, B = (RNG.standard_normal((160, 160)).astype(np.float32) for _ in range(2))
PRODUCT = ops.matmul(A, B)
SETUP = """
import numpy as np, os, signal, sys, threading, time, pyffnn
from pyffnn import ops
rng = np.random.default_rng(0)
a, b = (rng.standard_normal((160, 160)).astype("f4") for _ in range(2))
big = np.ones((400, 400), "f4")
def tasks(): return len(os.listdir("/proc/self/task"))
alone = tasks()
def workers(most=5.0):
    # threads of the pool once it has been asked to work; it starts one only for work that repays it
    end = time.monotonic() + most
    while tasks() == alone and time.monotonic() < end: ops.matmul(big, big)
    return tasks() - alone
"""


@pytest.mark.parametrize("n", [0, -1, 1025, 10**30])
def test_a_count_outside_the_range_is_a_value_error(n):
    before = pyffnn.get_num_threads()
    with pytest.raises(ValueError, match=str(n)):
        pyffnn.set_num_threads(n)
    assert pyffnn.get_num_threads() == before


@pytest.mark.parametrize("n", [1.0, "2", None, True])
def test_a_count_that_is_no_integer_is_a_type_error(n):
    with pytest.raises(TypeError, match="n"):
        pyffnn.set_num_threads(n)


def test_num_threads_restores_the_count_after_an_error():
    before = pyffnn.get_num_threads()
    with pytest.raises(RuntimeError), pyffnn.num_threads(np.int64(3)):
        assert pyffnn.get_num_threads() == 3
        raise RuntimeError
    assert pyffnn.get_num_threads() == before


def test_a_forked_child_computes():
    """The parent's workers do not exist in the child: it drops their pool and makes its own."""
    code = (
        SETUP
        + """
pyffnn.set_num_threads(3)
want = ops.matmul(a, b)
assert workers() == 2
for generation in range(2):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        alone = tasks()
        assert (ops.matmul(a, b) == want).all()
        assert workers() == 2
        continue  # a child of the child
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
    assert (ops.matmul(a, b) == want).all()
    break
print("done")
os._exit(0) if generation else None
"""
    )
    assert "done" in output_of("import warnings; warnings.simplefilter('ignore')" + code)


def test_a_fork_while_another_thread_computes():
    code = (
        "import warnings; warnings.simplefilter('ignore')"
        + SETUP
        + """
pyffnn.set_num_threads(2)
stop = False
def work():
    while not stop: ops.matmul(a, b)
thread = threading.Thread(target=work); thread.start()
for _ in range(10):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        ops.matmul(a, b)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop = True; thread.join(); print("done")
"""
    )
    assert output_of(code) == "done"


def test_callers_at_the_same_time_share_the_pool():
    """Right results for all, and threads never multiply: a caller that finds the pool busy works alone."""
    code = (
        SETUP
        + """
pyffnn.set_num_threads(4)
want, bad, most = ops.matmul(a, b), [], 0
start = threading.Barrier(6)
def work():
    start.wait()
    for _ in range(60):
        if (ops.matmul(a, b) != want).any(): bad.append(1)
threads = [threading.Thread(target=work) for _ in range(6)]
for t in threads: t.start()
while any(t.is_alive() for t in threads): most = max(most, tasks())
for t in threads: t.join()
assert not bad
print(most - alone - 6)
"""
    )
    assert int(output_of(code)) <= 3


def test_one_thread_starts_none():
    assert output_of(SETUP + "pyffnn.set_num_threads(1); print(workers(0.3))") == "0"


def test_small_work_starts_no_thread():
    code = (
        SETUP
        + "n = tasks(); pyffnn.set_num_threads(8); ops.matmul(a[:8, :8], b[:8, :8]); ops.relu(a[0]); print(tasks() - n)"
    )
    assert output_of(code) == "0"


def test_the_gil_is_released_while_a_kernel_runs():
    """A Python thread counts on while a long product runs."""
    a = np.ones((1500, 1500), np.float32)
    ticks, running = 0, threading.Event()

    def product():
        running.set()
        with pyffnn.use_isa("reference"):
            ops.matmul(a[:300], a[:, :300])
        running.clear()

    thread = threading.Thread(target=product)
    thread.start()
    running.wait()
    while thread.is_alive():
        ticks += 1
    thread.join()
    assert ticks > 100


def test_the_default_is_the_affinity_mask():
    cpus = os.sched_getaffinity(0)
    code = f"import os; os.sched_setaffinity(0, {{{min(cpus)}}}); import pyffnn; print(pyffnn.get_num_threads())"
    assert output_of(code) == "1"


def test_variables_of_the_environment():
    code = "import pyffnn; print(pyffnn.get_num_threads())"
    assert output_of(code, OMP_NUM_THREADS="3") == "3"
    assert output_of(code, OMP_NUM_THREADS="3", PYFFNN_NUM_THREADS="5") == "5"
    # other libraries' variable: what cannot be read there is not ours to complain about
    assert int(output_of(code, OMP_NUM_THREADS="4,2")) >= 1


@pytest.mark.parametrize(
    ("quota", "most"), [("50000 100000", 1), ("max 100000", 10**6), ("150000 100000", 2)]
)
def test_a_cgroup_quota_caps_the_default(quota, most):
    """In a mount name space of its own, with a control group that says so; needs root."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root and unshare")
    script = f"""
mount -t tmpfs none /sys/fs/cgroup && echo '{quota}' > /sys/fs/cgroup/cpu.max || exit 77
exec "$0" -c 'import pyffnn; print(pyffnn.get_num_threads())'
"""
    env = {k: v for k, v in os.environ.items() if k not in OWN}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, sys.executable],
        capture_output=True, text=True, env=env, check=False,
    )  # fmt: skip
    if done.returncode != 0 and "Error" not in done.stderr:
        pytest.skip(f"no mount name space: {done.stderr.strip()}")
    cpus = len(os.sched_getaffinity(0))
    assert int(done.stdout) == min(cpus, most), done.stderr


@pytest.mark.parametrize("first", ["import threadpoolctl, pyffnn", "import pyffnn, threadpoolctl"])
def test_threadpoolctl_knows_the_pool(first):
    pytest.importorskip("threadpoolctl")
    code = (
        first
        + """
from threadpoolctl import threadpool_info, threadpool_limits
pyffnn.set_num_threads(3)
own, = [x for x in threadpool_info() if x["internal_api"] == "pyffnn"]
assert own["num_threads"] == 3 and own["version"] == pyffnn.__version__ and own["isa"] == pyffnn.isa(), own
with threadpool_limits(1):
    assert pyffnn.get_num_threads() == 1
with threadpool_limits({"pyffnn": 2}):
    assert pyffnn.get_num_threads() == 2
assert pyffnn.get_num_threads() == 3
print("done")
"""
    )
    assert output_of(code) == "done"


def test_importing_pyffnn_imports_no_threadpoolctl():
    code = "import sys, pyffnn; pyffnn.num_threads(2).__enter__(); print('threadpoolctl' in sys.modules)"
    assert output_of(code) == "False"


def test_no_openmp_is_linked():
    libraries = subprocess.run(
        ["ldd", pyffnn._pyffnn.__file__], capture_output=True, text=True, check=False
    ).stdout
    assert "libgomp" not in libraries
    assert "libomp" not in libraries
    assert "libtbb" not in libraries


def test_an_interpreter_exits_with_workers_asleep_and_at_work():
    assert run_python(SETUP + "pyffnn.set_num_threads(4); ops.matmul(a, b)").returncode == 0
    code = (
        SETUP
        + """
def work():
    while True: ops.matmul(a, b)
threading.Thread(target=work, daemon=True).start()
import time; time.sleep(0.2)
"""
    )
    assert run_python(code, PYFFNN_NUM_THREADS="3").returncode == 0

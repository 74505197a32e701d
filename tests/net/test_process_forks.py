"""os.fork while other threads of the parent train, absorb and read: the child predicts, trains and forks, and hangs on nothing."""

from __future__ import annotations

import pytest
from net.test_data_objects import TESTS
from subprocesses import output_of

CODE = """
import os, signal, threading, time, warnings
import numpy as np
from oracles.examples import Data, build, make_spec
import pyffnn
warnings.simplefilter("ignore", DeprecationWarning)
kind, output, work = KIND, OUTPUT, WORK
more = {"adaptive": {"cutoffs": [20, 100]}, "sampled": {"samples": 20}}.get(output, {})
sizes = {} if kind == "dense" else {"rows": 300}
spec = make_spec(kind, n_outputs=300 if output != "classes" else 5, output=output,
                 **{**sizes, **more}, hidden=[40], optimizer="adam")
data = Data(spec, 400, dtype=np.float32)
examples, targets, order = data.examples, data.targets(), np.arange(400)
net, still = build(spec, np.float32), build(spec, np.float32)
want = still.predict(examples)
stop = threading.Event()
def train():
    net.train(examples, targets, order, 20, 1e-3)
def absorb():
    fork = net.fork(examples)
    fork.train(examples, targets, order[:40], 20, 1e-3)
    net.absorb(fork, lambda: time.sleep(0.0005))
def read():
    with net.reading():
        net.predict(examples)
        net.kept_bytes(), net.workspace_bytes()
def several():
    for f in (train, absorb, read):
        f()
def loop():
    while not stop.is_set():
        globals()[work]()
threads = [threading.Thread(target=loop) for _ in range(2)]
for t in threads: t.start()
for i in range(12):
    time.sleep(0.003 * (i % 5))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(20)
            same = np.array_equal(still.predict(examples), want)
            a = net.predict(examples)  # of whatever state the fork found, whole
            finite = bool(np.isfinite(a).all()) and np.array_equal(net.predict(examples), a)
            losses, _, ok = net.train(examples, targets, order, 20, 1e-3)
            own = net.fork(examples)
            own.train(examples, targets, order, 20, 1e-3)
            net.absorb(own)
            with net.reading():
                b = net.predict(examples)
            fresh = build(spec, np.float32)
            fresh.train(examples, targets, order, 20, 1e-3)
            grandchild = os.fork()
            if grandchild == 0:
                os._exit(0 if np.array_equal(net.predict(examples), b) else 1)
            well = os.waitpid(grandchild, 0)[1] == 0
            code = 0 if same and finite and ok and len(losses) == 20 and well else 3
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert status == 0, (i, status)
stop.set()
for t in threads: t.join()
losses, _, ok = net.train(examples, targets, order, 20, 1e-3)
assert ok and np.isfinite(net.predict(examples)).all()
print("alive")
"""


@pytest.mark.parametrize(
    ("kind", "output", "work"),
    [
        ("dense", "classes", "train"),
        ("bags", "classes", "several"),
        ("windows", "vocabulary", "several"),
        ("windows", "adaptive", "train"),
        ("concat", "sampled", "absorb"),
        ("bags", "vocabulary", "read"),
    ],
)
def test_a_child_goes_on_whatever_its_parent_was_at(kind: str, output: str, work: str) -> None:
    code = CODE.replace("KIND", repr(kind)).replace("OUTPUT", repr(output))
    assert output_of(code.replace("WORK", repr(work)), PYTHONPATH=TESTS) == "alive"


WITHIN = """
import os, signal
import numpy as np
from oracles.examples import Data, build, make_spec
spec = make_spec("bags")
data = Data(spec, 50)
examples, targets = data.examples, data.targets()
net = build(spec)
want = net.predict(examples)
for level in ("reading", "then"):
    def child():
        signal.alarm(20)
        # The child is outside of what the parent was in.
        net.train(examples, targets, None, 8, 0.1)
        net.absorb(net.fork())
        os._exit(0 if (net.predict(examples) != want).any() else 3)
    def split():
        pid = os.fork()
        if pid == 0:
            try:
                child()
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0, level
    if level == "reading":
        with net.reading():
            split()
            np.testing.assert_array_equal(net.predict(examples), want)
    else:
        net.absorb(net.fork(), split)
np.testing.assert_array_equal(net.predict(examples), want)
net.absorb(net.fork())
print("alive")
"""


def test_a_fork_within_ones_own_reading_or_change() -> None:
    assert output_of(WITHIN, PYTHONPATH=TESTS) == "alive"

"""Ctrl-C within one long call: heard within a second, and the network is whole afterwards."""

from __future__ import annotations

import pytest
from net.test_data_objects import TESTS
from net.test_gradients import INPUTS
from subprocesses import output_of

# A long call is interrupted 0.3 s after it began; prints how long it took to hear that.
CODE = """
import signal, threading, time
import numpy as np
from oracles.examples import Data, build, make_spec
SIZES = {"dense": {"n_inputs": 200}, "sparse": {"n_inputs": 400}}
kind, output, call, n_threads = KIND, OUTPUT, CALL, THREADS
more = {"adaptive": {"cutoffs": [20, 200]}, "sampled": {"samples": 50}}.get(output, {})
spec = make_spec(kind, **SIZES.get(kind, {"rows": 500, "dim": 32}), hidden=[256, 256],
                 n_outputs=2000 if output != "classes" else 20, output=output, **more)
data = Data(spec, 2000, dtype=np.float32)
net = build(spec, np.float32)
examples, targets = data.examples, data.targets()
order = np.random.default_rng(0).integers(0, 2000, 5_000_000)
if call == "log_prob":
    # As many examples as there are: the rows of one are used again and again.
    data = Data(spec, 2000, dtype=np.float32)
    from pyffnn import _pyffnn
    E, T = _pyffnn.Examples, _pyffnn.Targets
    n = 400_000
    y = np.resize(data.y, n)
    targets = T.classes(y, spec["n_outputs"])
    if kind == "dense":
        examples = E.dense(np.resize(data.x, (n, 200)))
    elif kind == "windows":
        examples = E.stream(np.resize(data.stream, n), 500)
    else:
        rows = data.rows * (n // 2000)
        ids, offsets = data._csr(rows)
        if kind == "bags":
            examples = E.bags(ids, offsets, 500)
        elif kind == "concat":
            examples = E.sequences(ids, offsets, 500, 4)
        else:
            examples = E.sparse(offsets, ids, np.ones(len(ids), np.float32), 400)
calls = {
    "train": lambda: net.train(examples, targets, order, 64, 1e-3, n_threads),
    "evaluate": lambda: net.evaluate(examples, targets, order, n_threads=n_threads),
    "predict": lambda: net.predict(examples, order[:200_000], n_threads=n_threads),
    "top_k": lambda: net.top_k(examples, 3, 0.0, order, n_threads=n_threads),
    "log_prob": lambda: net.log_prob(examples, targets, 0, len(examples), n_threads),
}
small = order[:50]
before = net.predict(examples, small)
hit = []
def strike():
    time.sleep(0.3)
    hit.append(time.monotonic())
    signal.raise_signal(signal.SIGINT)
thread = threading.Thread(target=strike)
thread.start()
try:
    calls[call]()
except KeyboardInterrupt:
    took = time.monotonic() - hit[0]
else:
    raise SystemExit("the call was over before")
thread.join()
after = net.predict(examples, small)
if call == "train":
    assert net.step > 0 and (after != before).any()
    from_here = build(spec, np.float32)
    for name, p in from_here.parameters().items():
        p[...] = net.parameters()[name]
    from_here.step = net.step
    batch = order[:640]
    a, b = (n.train(examples, targets, batch, 64, 1e-3) for n in (net, from_here))
    np.testing.assert_array_equal(a[0], b[0])
else:
    np.testing.assert_array_equal(after, before)
    assert net.step == 0
net.absorb(net.fork())
print(took)
"""
CASES = [
    (kind, output, call, 1 + (i + j) % 2)
    for i, kind in enumerate(INPUTS)
    for j, call in enumerate(("train", "evaluate", "predict", "top_k", "log_prob"))
    for output in [("classes", "vocabulary", "adaptive", "sampled")[i % 4]]
    if (i + 2 * j) % 5 == 0
]


@pytest.mark.parametrize(("kind", "output", "call", "n_threads"), CASES)
def test_a_signal_is_heard_within_a_second(
    kind: str, output: str, call: str, n_threads: int
) -> None:
    code = CODE.replace("KIND", repr(kind)).replace("OUTPUT", repr(output))
    code = code.replace("CALL", repr(call)).replace("THREADS", str(n_threads))
    assert float(output_of(code, PYTHONPATH=TESTS)) < 1


HANDLERS = """
import signal, time
import numpy as np
from oracles.examples import Data, build, make_spec
spec = make_spec("dense", n_inputs=200, hidden=[256, 256])
data = Data(spec, 2000, dtype=np.float32)
net = build(spec, np.float32)
examples, targets = data.examples, data.targets()
order = np.random.default_rng(0).integers(0, 2000, 3_000)
heard = []
def handler(*_):
    # Whatever a handler does with the network while it trains or predicts on this very thread.
    p = net.predict(examples, order[:10])
    try:
        net.train(examples, targets, order[:10], 5, 0.1)
    except RuntimeError as e:
        assert "same thread" in str(e), e
        heard.append(p)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
end, longer = time.monotonic() + 20, 1
while len(heard) < 3 and time.monotonic() < end:
    # Signals are looked for a few times a second, so the calls become as long as that takes on this processor.
    net.train(examples, targets, np.resize(order, 3_000 * longer), 16, 1e-3)
    net.predict(examples, np.resize(order, 100_000 * longer))
    longer = min(2 * longer, 64)
signal.setitimer(signal.ITIMER_REAL, 0)
assert len(heard) >= 3
print("alive")
"""


def test_a_handler_may_look_at_the_network_but_not_change_it() -> None:
    assert output_of(HANDLERS, PYTHONPATH=TESTS) == "alive"

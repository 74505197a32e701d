"""The default recipe of `LanguageModel` against the same model, recipe and batches in PyTorch (eager, float32).

    python benches/bench_lm_recipe.py --data DIR [--threads 1 2] [--steps 10] [--json benches/results]   step times and losses, side by side
    python benches/bench_lm_recipe.py --data DIR [--threads 2] --target 330                              time to a validation perplexity

DIR holds brown.train.txt and brown.valid.txt (perhaps .gz). The first form takes some steps of each in turn; both have seen the same
batches, so their losses should agree but for dropout. The second trains each until an epoch ends at or below the target and says when it
was passed (between two epochs' ends: in proportion to the logarithm), validation not counted.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from lm_quality import find
from torch import nn
from torch.nn import functional

from pyffnn import LanguageModel
from pyffnn.bench import peers, script
from pyffnn.bench.timing import Call, Spent
from pyffnn.corpus import build_vocabulary, encode_corpus
from pyffnn.models.language_model import recipe
from pyffnn.net import Examples, Network, Runs, Targets
from pyffnn.training import Windows


class Recipe(nn.Module):
    """The network of LanguageModel's defaults, with a residual block, layer normalisation and tied embeddings."""

    def __init__(self, model: LanguageModel, network: Network) -> None:
        super().__init__()
        self.config = SimpleNamespace(**network.spec)
        self.config.reach = self.config.context + self.config.distant_window
        weights = {name: torch.tensor(np.array(w)) for name, w in network.parameters().items()}
        self.names = list(weights)
        self.w = nn.ParameterList([nn.Parameter(w) for w in weights.values()])

    def get(self, name: str) -> torch.Tensor:
        return self.w[self.names.index(name)]

    def drop(self, x: torch.Tensor, rate: float) -> torch.Tensor:
        return functional.dropout(x, rate, self.training)

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        size = x.shape[-1:]
        return functional.layer_norm(
            x, size, self.get(f"{name}.gain").view(-1), self.get(f"{name}.shift").view(-1)
        )

    def linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return torch.addmm(self.get(f"{name}.bias").view(-1), x, self.get(f"{name}.weight"))

    def forward(self, span: torch.Tensor, missing: torch.Tensor) -> torch.Tensor:
        """span [segments, reach + length - 1] ids -> logits of the `length` targets of each segment."""
        c = self.config
        table = self.get("output.weight")
        length = span.shape[1] - c.reach + 1
        if self.training:
            missing = missing | (torch.rand(span.shape) < c.word_dropout)
        e = functional.embedding(span, table).masked_fill(missing[..., None], 0)
        near = e[:, c.distant_window :].unfold(1, c.context, 1).transpose(2, 3).flatten(2)
        # a Toeplitz matrix a row of targets: distance j + 1 lies `context` words further back
        lag = (
            torch.arange(length)[:, None] + c.distant_window - 1 - torch.arange(e.shape[1])[None, :]
        )
        inside = (lag >= 0) & (lag < c.distant_window)
        toeplitz = self.get("distant")[:, lag.clamp(0, c.distant_window - 1)] * inside
        far = torch.einsum("klt,std->slkd", toeplitz, e).flatten(2)
        x = self.drop(torch.cat([near, far], 2).flatten(0, 1), c.embedding_dropout)
        r = self.linear(x, "input")
        for i in range(len(c.hidden)):
            z = self.linear(self.norm(r, f"hidden{i}.norm"), f"hidden{i}")
            y = self.drop(functional.gelu(z, approximate="tanh"), c.dropout)
            r = r + self.linear(y, f"hidden{i}.out")
        h = self.norm(r, "output.norm")
        # 128 examples share a mask, as in ours
        masks = self.drop(torch.ones(-(-len(h) // 128), h.shape[1]), c.output_dropout)
        h = h * masks.repeat_interleave(128, 0)[: len(h)]
        return torch.addmm(self.get("output.bias").view(-1), h, table.T)


class TorchRun:
    def __init__(self, model: LanguageModel, network: Network, ids: Any) -> None:
        self.net = Recipe(model, network)
        self.ids = torch.from_numpy(ids.astype(np.int64))
        matrices = [p for p in self.net.w if p.ndim > 1]
        rest = [p for p in self.net.w if p.ndim == 1]
        c = self.net.config
        self.clip = c.clip
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": c.weight_decay},
                {"params": rest, "weight_decay": 0.0},
            ],
            lr=1.0,
            betas=(c.beta1, c.beta2),
            eps=c.eps,
            fused=True,
        )

    def logits(self, ids: torch.Tensor, starts: torch.Tensor, length: int) -> torch.Tensor:
        reach = self.net.config.reach
        at = starts[:, None] + torch.arange(-reach, length - 1)
        return self.net(ids[at.clamp_min(0)], at < 0)

    def train(self, part: Runs, rates: Any) -> list[float]:
        losses = []
        self.net.train()
        for b, rate in enumerate(rates):
            lo, hi = part.offsets[b], part.offsets[b + 1]
            starts, lengths = part.starts[lo:hi], part.lengths[lo:hi]
            length = int(lengths.max())
            starts = torch.from_numpy(starts[lengths == length])
            for group in self.optimizer.param_groups:
                group["lr"] = float(rate)
            self.optimizer.zero_grad(set_to_none=True)
            target = self.ids[starts[:, None] + torch.arange(length)].flatten()
            loss = functional.cross_entropy(self.logits(self.ids, starts, length), target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.clip)
            self.optimizer.step()
            losses.append(float(loss.detach()))
        return losses

    def perplexity(self, ids: Any) -> float:
        self.net.eval()
        tokens = torch.from_numpy(ids.astype(np.int64))
        total, length = 0.0, 32
        with torch.no_grad():
            for at in range(0, len(tokens) // length * length, 512):
                starts = torch.arange(at, min(at + 512, len(tokens) // length * length), length)
                target = tokens[starts[:, None] + torch.arange(length)].flatten()
                logits = self.logits(tokens, starts, length)
                total += float(functional.cross_entropy(logits, target, reduction="sum"))
        return math.exp(total / (len(tokens) // length * length))


class OwnRun:
    def __init__(self, network: Network, ids: Any, threads: int) -> None:
        self.network, self.data, self.threads = network, stream(network, ids), threads

    def train(self, part: Runs, rates: Any) -> list[float]:
        most = int(np.add.reduceat(part.lengths, part.offsets[:-1]).max())
        result = self.network.train(*self.data, part, most, rates, self.threads)
        return [float(x) for x in result.losses]

    def perplexity(self, ids: Any) -> float:
        loss, weight, _ = self.network.evaluate(*stream(self.network, ids), None, self.threads)
        return math.exp(loss / weight)


def stream(network: Network, ids: Any) -> tuple[Examples, Targets]:
    vocab = network.spec["n_outputs"]
    return Examples.stream(ids, vocab), Targets.classes(ids, vocab)


def slices(
    model: LanguageModel, size: int, plan: recipe.Sizes, epoch: int, steps: int
) -> Iterator[tuple[Runs, Any]]:
    """Some steps at a time of an epoch, with their learning rates."""
    batch, epochs = plan.batch_size, plan.epochs
    batches = Windows(size, batch, recipe.segment(model, batch), 0)
    for group in batches.epoch(epoch, epochs, recipe.schedule(model)):
        for at in range(0, len(group), steps):
            end = min(at + steps, len(group))
            yield group.order(at, end), group.rates[at:end]


def full_slices(
    model: LanguageModel, size: int, plan: recipe.Sizes, steps: int
) -> Iterator[tuple[Runs, Any]]:
    """Slices of `steps` steps of the first epoch, for ever."""
    while True:
        made = slices(model, size, plan, 0, steps)
        yield from (each for each in made if len(each[1]) == steps)


def part_of(runs: Runs, begin: int, end: int) -> Runs:
    lo, hi = runs.offsets[begin], runs.offsets[end]
    return Runs(runs.starts[lo:hi], runs.lengths[lo:hi], runs.offsets[begin : end + 1] - lo)


def steps_of(run: Any, parts: Iterator[tuple[Runs, Any]], losses: list[float]) -> Call:
    """A call takes the next of the slices; its first step does not count: it lets the other side's waiting threads go to sleep."""

    def call() -> Spent:
        part, rates = next(parts)
        losses.extend(run.train(part_of(part, 0, 1), rates[:1]))
        begin = time.perf_counter()
        losses.extend(run.train(part_of(part, 1, len(rates)), rates[1:]))
        return Spent(time.perf_counter() - begin)

    return call


def side_by_side(
    session: script.Session,
    runs: dict[str, Any],
    model: LanguageModel,
    size: int,
    plan: recipe.Sizes,
    steps: int,
) -> None:
    losses: dict[str, list[float]] = {name: [] for name in runs}

    def contenders() -> dict[str, Call]:
        return {
            name: steps_of(run, full_slices(model, size, plan, steps), losses[name])
            for name, run in runs.items()
        }

    # a sample this short is one call: so both see as many slices, the same ones
    row = session.time("Brown, batch 512", contenders, per=steps - 1, sample=1e-9, want=3.0)
    session.report(row)
    least = min(map(len, losses.values()))
    row["last_losses"] = {
        name: statistics.fmean(each[least - steps : least]) for name, each in losses.items()
    }
    print(f"mean loss of the last {steps} steps: {row['last_losses']}")
    session.write("default recipe's step against PyTorch", [row])


def to_target(
    run: Any, model: LanguageModel, plan: recipe.Sizes, ids: Any, valid: Any, target: float
) -> dict[str, Any]:
    seconds, curve = 0.0, [(0.0, math.inf)]
    for epoch in range(plan.epochs):
        for part, rates in slices(model, ids.size, plan, epoch, 50):
            begin = time.perf_counter()
            run.train(part, rates)
            seconds += time.perf_counter() - begin
        curve.append((seconds, run.perplexity(valid)))
        print(
            f"  epoch {epoch + 1}: {seconds:.1f} s, valid perplexity {curve[-1][1]:.2f}", flush=True
        )
        if curve[-1][1] <= target:
            break
    (t0, p0), (t1, p1) = curve[-2:]
    share = 1.0 if not math.isfinite(p0) else math.log(p0 / target) / math.log(p0 / p1)
    reached = t0 + (t1 - t0) * share if p1 <= target else None
    return {"seconds": reached, "curve": curve[1:]}


def main() -> None:
    parser = script.parser(__doc__, seconds=10.0)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--target", type=float)
    args = parser.parse_args()
    parts = [find(args.data, part) for part in ("train", "valid", "test")]
    vocabulary = build_vocabulary(*parts, min_count=4)
    ids, valid = (encode_corpus(part, vocabulary) for part in parts[:2])
    counts = np.bincount(ids, minlength=len(vocabulary)).astype(np.int64)
    for session in script.sessions("bench_lm_recipe", args):
        with peers.pinned(session.threads):
            torch.manual_seed(0)
            model = LanguageModel(n_threads=session.threads)
            plan = recipe.sizes(model, len(vocabulary), ids.size)
            network = Network(recipe.network_spec(model, len(vocabulary), 0, ids.size))
            network.initialise(0, counts)
            runs: dict[str, Any] = {
                "pyffnn": OwnRun(network, ids, session.threads),
                "torch": TorchRun(model, network, ids),
            }
            untrained = {name: run.perplexity(valid[:4096]) for name, run in runs.items()}
            print(f"untrained valid perplexity: {untrained}")
            if args.target is None:
                side_by_side(session, runs, model, ids.size, plan, args.steps)
                continue
            seconds: dict[str, Any] = {}
            for name, run in runs.items():
                print(name)
                seconds[name] = to_target(run, model, plan, ids, valid, args.target)["seconds"]
            print(seconds)
            ratio = seconds["torch"] / seconds["pyffnn"]
            row = {"case": "Brown", "seconds": seconds, "ratios": {"torch": ratio}, "ratio": ratio}
            session.write(f"default recipe to valid perplexity {args.target:g}", [row | {"want": 3.0}])  # fmt: skip


if __name__ == "__main__":
    main()

"""The tables that `benches/quality.py` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Found = Mapping[str, Mapping[str, Any]]


def _mean(found: Found, *place: object) -> float:
    scores = found.get(" | ".join(map(str, place)), {}).get("scores")
    return float(np.mean(scores)) if scores else float("nan")


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"


def _row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |")


def _head(title: str, *cells: str) -> None:
    print(f"\n{title}\n")
    _row(*cells)
    print("|---" * len(cells) + "|")


def show(
    found: Found,
    corpora: Mapping[str, Any],
    ours: str,
    calibrated: str,
    peers: Sequence[str],
    large: Sequence[str],
    sizes: Sequence[int],
) -> None:
    whole = [name for name in corpora if any(f"{name} | all | {peer}" in found for peer in peers)]
    if whole:
        _head(
            "Whole corpora, test accuracy",
            *(
                "corpus",
                "texts",
                "pyffnn",
                "lowest .. highest seed",
                "wanted",
                *peers,
                "over the best",
                "s a training",
            ),
        )
    for name in whole:
        mine = found.get(
            f"{name} | all | {ours}", {"scores": [np.nan], "texts": 0, "seconds": np.nan}
        )
        theirs = [_mean(found, name, "all", peer) for peer in peers]
        scores = mine["scores"]
        _row(
            *(
                name,
                f"{mine['texts']:,}",
                f"**{np.mean(scores):.2f}**",
                f"{min(scores):.2f} .. {max(scores):.2f}",
            ),
            *(corpora[name].want or "", *map(_number, theirs)),
            *(f"{np.mean(scores) - np.nanmax(theirs):+.2f}", mine["seconds"]),
        )
    _samples(found, corpora, ours, peers, sizes)
    _generated(found, corpora, ours, large)
    _calibration(found, corpora, (ours, calibrated), sizes)
    if "errors" in found:
        _head(
            "Planted label errors",
            *(
                "texts",
                "found in the first 8 % of the list",
                "listed",
                "planted among them",
                "of all planted",
                "seconds",
            ),
        )
        for texts, first, listed, right, all_of_them, seconds in found["errors"]["rows"]:
            _row(
                f"{texts:,}",
                f"{first:.1%}",
                f"{listed:.1%} of the texts",
                f"{right:.1%}",
                f"{all_of_them:.1%}",
                f"{seconds:.1f}",
            )


def _samples(
    found: Found, corpora: Mapping[str, Any], ours: str, peers: Sequence[str], sizes: Sequence[int]
) -> None:
    rows = []
    for size in sizes:
        for name in corpora:
            mine = _mean(found, name, size, ours)
            theirs = [_mean(found, name, size, peer) for peer in peers]
            if not np.isnan(mine) and not np.isnan(theirs).all():
                rows.append((name, size, mine, theirs, mine - np.nanmax(theirs)))
    if not rows:
        return
    _head("Samples, test accuracy", "corpus", "texts", "pyffnn", *peers, "over the best")
    for name, size, mine, theirs, over in rows:
        _row(name, f"{size:,}", f"**{mine:.2f}**", *map(_number, theirs), f"{over:+.2f}")
    overs = np.array([row[-1] for row in rows])
    print(
        f"\nOver the best of the peers by {overs.mean():+.2f} points in the mean of {overs.size} rows; more than 0.5 below it in "
        f"{int((overs < -0.5).sum())}, the lowest {overs.min():+.2f}."
    )


def _generated(found: Found, corpora: Mapping[str, Any], ours: str, large: Sequence[str]) -> None:
    names = [name for name in corpora if corpora[name].train.startswith("generated:")]
    names = [name for name in names if f"{name} | all | {ours}" in found]
    if not names:
        return
    _head(
        "Generated classes of twenty texts: test accuracy in seconds of training",
        "classes",
        ours,
        *large,
    )
    for name in names:
        cells = []
        for who in (ours, *large):
            one = found.get(f"{name} | all | {who}")
            scores = (
                ""
                if one is None
                else f"{np.mean(one['scores']):.2f}"
                if one["scores"]
                else "NaN met"
            )
            cells.append("" if one is None else f"{scores} in {one['seconds']:.2f} s")
        _row(name, *cells)


def _calibration(
    found: Found, corpora: Mapping[str, Any], whose: tuple[str, str], sizes: Sequence[int]
) -> None:
    kept = [f"{size:,}" for size in sizes] + ["all"]
    places = [*map(str, sizes), "all"]

    def errors(name: str, who: str, what: str = "calibration_error") -> list[float]:
        every = (found.get(f"{name} | {place} | {who}", {}).get(what) for place in places)
        return [float("nan") if one is None else float(np.mean(one)) for one in every]

    names = [name for name in corpora if not np.isnan(errors(name, whose[1])).all()]
    if not names:
        return
    _head(
        "Calibration error on the test texts, 15 bins (what a model whose probabilities are right shows on them by chance)",
        *("corpus", *(f"calibrated, {n}" for n in kept), *(f"without, {n}" for n in kept)),
    )
    for name in names:
        calibrated = [
            "" if np.isnan(error) else f"{error:.3f}" + ("" if np.isnan(by) else f" ({by:.3f})")
            for error, by in zip(
                errors(name, whose[1]), errors(name, whose[1], "chance_error"), strict=True
            )
        ]
        without = ("" if np.isnan(cell) else f"{cell:.3f}" for cell in errors(name, whose[0]))
        _row(name, *calibrated, *without)

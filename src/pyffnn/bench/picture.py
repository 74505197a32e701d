"""The results as a picture: bars of the ratios, and the roofline of the machine with our figures on it."""

from __future__ import annotations

from typing import Any


def draw(result: dict[str, Any], path: str) -> None:
    """Write the picture to `path` (the ending says the format). Raises ImportError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("a picture needs matplotlib: pip install 'pyffnn[plot]'") from None
    cases = [row for group in result["groups"] for row in group["cases"]]
    rows = [row for row in cases if row["ratio"] is not None]
    figure = Figure(figsize=(13, max(4.0, 0.22 * len(rows) + 1.5)), layout="constrained")
    bars, roof = figure.subplots(1, 2, width_ratios=[3, 2])
    at = range(len(rows))
    colours = ["#3b7dd8" if row["ratio"] >= 1 else "#d8653b" for row in rows]
    bars.barh(at, [row["ratio"] for row in rows], color=colours, height=0.7)
    bars.set_yticks(at, [f"{row['group']}  {row['case']}" for row in rows], fontsize=7)
    bars.invert_yaxis()
    bars.set_xscale("log")
    bars.axvline(1, color="black", linewidth=1)
    bars.set_xlabel("times faster than the best peer")

    peaks = result["peaks"]
    points = [row for row in cases if row["flops"] > 0 and row["bytes"] > 0]
    intensity = [row["flops"] / row["bytes"] for row in points]
    low, high = 0.05, max([200.0, *intensity]) * 2
    xs = [low * (high / low) ** (i / 100) for i in range(101)]
    for name, style in (
        ("read_memory", "-"),
        ("read_l3", "-."),
        ("read_l2", "--"),
        ("read_l1", ":"),
    ):
        ys = [min(x * peaks[name], peaks["fma_f32"]) / 1e9 for x in xs]
        roof.plot(xs, ys, style, color="grey", label=name.replace("_", " "))
    for group in dict.fromkeys(row["group"] for row in points):
        own = [row for row in points if row["group"] == group]
        roof.scatter(
            [row["flops"] / row["bytes"] for row in own],
            [row["gflops"] for row in own],
            s=14,
            label=group,
        )
    roof.set_xscale("log")
    roof.set_yscale("log")
    roof.set_xlabel("flops a byte")
    roof.set_ylabel("GFLOP/s")
    roof.legend(fontsize=7)
    machine = result["machine"]
    figure.suptitle(f"{machine['cpu']}, {machine['isa']}, {result['threads']} threads", fontsize=9)
    figure.savefig(path)

"""``pyffnn bench``: this machine's kernels against the peers installed, and against its own limits."""

from __future__ import annotations

import argparse

from .arguments import Commands, check_can_write


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "bench",
        help="measure this machine against the libraries installed on it",
        description="Time pyffnn's kernels and steps against NumPy, SciPy, PyTorch, scikit-learn, Thinc and fastText where they are installed: "
        "the same data and threads, in turn, medians of ratios (above 1: pyffnn is faster).",
    )
    parser.add_argument("--quick", action="store_true", help="under a minute, with more noise")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of every library")
    parser.add_argument(
        "--compile", action="store_true", help="PyTorch compiled as well as eager (minutes more)"
    )
    parser.add_argument("--json", metavar="FILE", help="write every figure as JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw bars and roofline (needs matplotlib)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    import json
    from pathlib import Path

    import pyffnn
    from pyffnn.bench import picture
    from pyffnn.bench.run import run as run_bench

    for path in (args.json, args.plot):
        if path is not None:
            check_can_write(path)
    threads = pyffnn.get_num_threads() if args.threads is None else args.threads
    result = run_bench(
        threads,
        quick=args.quick,
        compile_torch=args.compile,
        report=lambda line: print(line, flush=True),
    )
    machine, peaks = result["machine"], result["peaks"]
    print()
    print(f"{machine['cpu']}, {machine['isa']}, {threads} threads")
    print(", ".join(f"{name} {version}" for name, version in machine["versions"].items()))
    if result["missing"]:
        print(f"not installed, so without rows: {', '.join(result['missing'])}")
    tiles = f" ({peaks['amx_bf16'] / 1e9:.0f} bf16 on AMX)" if peaks["amx_bf16"] else ""
    print(
        f"peaks: {peaks['fma_f32'] / 1e9:.0f} GFLOP/s float32{tiles}, {peaks['read_memory'] / 1e9:.1f} GB/s read from memory, "
        f"{peaks['read_l3'] / 1e9:.0f} from L3, {peaks['read_l2'] / 1e9:.0f} from L2, {peaks['read_l1'] / 1e9:.0f} from L1, "
        f"{peaks['copy_memory'] / 1e9:.1f} GB/s copied"
    )
    print()
    print(f"{'group':34} {'against':46} {'want':>5} {'mean':>6}  verdict")
    for v in result["verdicts"]:
        mean = f"{v['geometric_mean']:6.2f}" if "geometric_mean" in v else "     -"
        want = f"{v['want']['geometric_mean']:5.2f}"
        print(f"{v['group']:34} {v['against']:46} {want} {mean}  {v['verdict']}")
    if args.json is not None:
        Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    if args.plot is not None:
        picture.draw(result, args.plot)

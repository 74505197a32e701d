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
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="the groups whose names hold one of these alone"
    )
    parser.add_argument(
        "--json",
        metavar="PATH",
        help="write every figure as JSON: a file, whose figures of other groups and threads stay, or a directory with a file a CPU",
    )
    parser.add_argument("--plot", metavar="FILE", help="draw bars and roofline (needs matplotlib)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    import pyffnn
    from pyffnn.bench import picture, results
    from pyffnn.bench.run import run as run_bench

    where = None if args.json is None else results.target(args.json)
    for path in (where, args.plot):
        if path is not None:
            check_can_write(str(path))
    if where is not None:
        results.opened(where)  # what is refused is refused now, not after minutes
    threads = pyffnn.get_num_threads() if args.threads is None else args.threads

    def keep(group: results.Row) -> None:
        if where is not None:
            results.write(where, "pyffnn bench", threads, [group])

    result = run_bench(
        threads,
        quick=args.quick,
        compile_torch=args.compile,
        only=args.only,
        report=lambda line: print(line, flush=True),
        finished=keep,
    )
    machine, peaks, probe = result["machine"], result["peaks"], result["probe"]
    print()
    print(f"{machine['kind']}, {machine['isa']}, {threads} threads")
    print(", ".join(f"{name} {version}" for name, version in machine["versions"].items()))
    if result["missing"]:
        print(f"not installed, so without rows: {', '.join(result['missing'])}")
    tiles = f" ({peaks['amx_bf16'] / 1e9:.0f} bf16 on AMX)" if peaks["amx_bf16"] else ""
    print(
        f"peaks: {peaks['fma_f32'] / 1e9:.0f} GFLOP/s float32{tiles}, {peaks['read_memory'] / 1e9:.1f} GB/s read from memory, "
        f"{peaks['read_l3'] / 1e9:.0f} from L3, {peaks['read_l2'] / 1e9:.0f} from L2, {peaks['read_l1'] / 1e9:.0f} from L1, "
        f"{peaks['copy_memory'] / 1e9:.1f} GB/s copied"
    )
    print(
        f"rounds kept: {probe['kept']}; thrown away, because another process or a sibling hyperthread had a core: {probe['thrown_away']}"
        f" (an undisturbed core: {probe['adds_per_cycle']:.2f} adds a cycle at {probe['clock_ghz']:.2f} GHz)"
    )
    if probe["noisy"]:
        print(f"{probe['noisy']} cases are marked NOISY: too few of their rounds were undisturbed")
    print()
    print(f"{'group':34} {'against':46} {'want':>5} {'mean':>6}  verdict")
    for group in result["groups"]:
        v = group["verdict"]
        mean = f"{v['geometric_mean']:6.2f}" if "geometric_mean" in v else "     -"
        wanted = v["want"]["geometric_mean"]
        want = "    -" if wanted is None else f"{wanted:5.2f}"
        print(f"{group['group']:34} {v['against']:46} {want} {mean}  {v['verdict']}")
    if where is not None:
        print(f"\nwritten: {where}")
    if args.plot is not None:
        picture.draw(result, args.plot)

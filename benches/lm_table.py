"""Everything that RESULTS.md says of language models, by one command (about half an hour on two cores).

    python benches/lm_table.py --data DIR [--target 330]

Runs, one after the other: lm_quality.py (perplexities of the defaults on Brown), bench_lm.py (steps against PyTorch in each precision that
this machine has, 1 and 2 threads) and bench_lm_recipe.py (the default recipe against PyTorch: step times, or with --target the time to
that validation perplexity). PyTorch must be installed for the last two.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", type=float)
    args = parser.parse_args()
    data = ["--data", str(args.data)]
    target = [] if args.target is None else ["--target", str(args.target)]
    for script, arguments in (
        ("lm_quality.py", data),
        ("bench_lm.py", []),
        ("bench_lm_recipe.py", [*data, "--threads", "1"]),
        ("bench_lm_recipe.py", [*data, "--threads", "2", *target]),
    ):
        print(f"== {script} {' '.join(arguments)}", flush=True)
        subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)


if __name__ == "__main__":
    main()

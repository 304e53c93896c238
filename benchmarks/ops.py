"""Single ops beside PyTorch: those that no case of engine.py leans on, the slowest first.

    python benchmarks/ops.py --peers PYTHON [--op NAME]... [--rounds 9] [--seconds 0.1] [--cpu avx2]

PYTHON is an interpreter with torch. Both are started and warm, their results are compared, and then
they take turns. A ratio is nodeflow's time divided by PyTorch's: of medians, and of best calls in
brackets. The table is Markdown; what is in docs/performance.md was made by this command.
"""

from __future__ import annotations

import argparse
import os
import sys

import numpy as np
import op_workloads
import pinning
from turns import Worker


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", metavar="PYTHON", required=True)
    parser.add_argument("--op", metavar="NAME", action="append", help="only these")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cpu", choices=("avx2",))
    args = parser.parse_args()
    environment = pinning.environment(args.cpu)
    pythons = {"nodeflow": sys.executable, "torch": args.peers}
    workers = [Worker(pythons[lib], lib, args.threads, environment) for lib in pythons]
    names = args.op or [case.removeprefix("op_") for case in op_workloads.CASES]
    rows = [measured(workers, f"op_{name}", args.rounds, args.seconds) for name in names]
    for worker in workers:
        worker.close()
    print("| op | us | PyTorch |\n| --- | --- | --- |")
    for ratio, line in sorted(rows, reverse=True):
        print(line.format(f"{ratio:.2f}"))


def measured(workers: list[Worker], case: str, rounds: int, seconds: float) -> tuple[float, str]:
    """The ratio of a case, and its line of the table."""
    for worker in workers:
        worker.prepare(case)
    results = [np.asarray(worker.ready[case]["result"]) for worker in workers]
    if not np.allclose(*results, rtol=1e-3, atol=1e-3):
        raise SystemExit(f"{case}: the results differ: {results[0]} and {results[1]}")
    for _ in range(rounds + 1):
        for worker in workers:
            worker.run(case, seconds)
    ours, theirs = workers
    ratio = ours.median(case) / theirs.median(case)
    best = ours.best(case) / theirs.best(case)
    name = case.removeprefix("op_")
    return ratio, f"| `{name}` | {ours.median(case):,.0f} | {{}} ({best:.2f}) |"


if __name__ == "__main__":
    main()

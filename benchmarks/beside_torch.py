"""The comparison behind ops.py and layers.py: cases in nodeflow and in eager PyTorch by turns."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import numpy as np
import pinning
from turns import Worker, take_turns


def compare(description: str, kind: str, cases: Sequence[str], seconds: float) -> None:
    """Measure the cases that the command line names, and print their table.

    Args:
        kind: the names of all cases begin with this and ``_``.
        seconds: length of a turn, unless the command line sets it.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--peers", metavar="PYTHON", required=True)
    parser.add_argument(f"--{kind}", metavar="NAME", action="append", dest="only")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cpu", choices=("avx2",))
    args = parser.parse_args()
    environment = pinning.environment(args.cpu)
    pythons = {"nodeflow": sys.executable, "torch": args.peers}
    workers = [Worker(pythons[lib], lib, args.threads, environment) for lib in pythons]
    chosen = [f"{kind}_{name}" for name in args.only] if args.only else cases
    rows = [_measured(workers, kind, case, args.rounds, args.seconds) for case in chosen]
    for worker in workers:
        worker.close()
    print(f"| {kind} | us | PyTorch |\n| --- | --- | --- |")
    for _, line in sorted(rows, reverse=True):
        print(line)


def _measured(
    workers: list[Worker], kind: str, case: str, rounds: int, seconds: float
) -> tuple[float, str]:
    """Return the ratio of a case, and its line of the table."""
    for worker in workers:
        worker.prepare(case)
    results = [np.asarray(worker.ready[case]["result"]) for worker in workers]
    if not np.allclose(*results, rtol=1e-3, atol=1e-3):
        raise SystemExit(f"{case}: the results differ: {results[0]} and {results[1]}")
    take_turns(case, workers, rounds, seconds)
    ours, theirs = workers
    ratio = ours.median(case) / theirs.median(case)
    best = ours.best(case) / theirs.best(case)
    name = case.removeprefix(f"{kind}_")
    return ratio, f"| `{name}` | {ours.median(case):,.0f} | {ratio:.2f} ({best:.2f}) |"

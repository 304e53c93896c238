"""Predict the times of cases on more cores, from the measured times of their tasks.

    python benchmarks/scaling.py [CASE]...

A run consists of levels. The tasks of a level are independent, and a free thread takes the next
one. This program times each task alone, on one thread, and computes a schedule from these times.
The work is the time on one core. The critical path is the sum of the longest tasks of all levels, a
bound for any number of cores. Memory bandwidth and the barrier after each level are left out.
"""

from __future__ import annotations

import heapq
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

CASES = (
    "mnist", "mnist_10", "mnist_1000", "cnn", "rnn", "wide", "elem",
    "transformer_medium", "causal_medium", "deep_cnn_medium", "deep_mlp_medium", "gru_medium",
    "infer_mlp_64", "infer_transformer_1",
)  # fmt: skip
CORES = (2, 8, 32)
TRACES = 5
LEAST_US = 0.05
"""Microseconds for taking a task: no task is shorter."""
Levels = list[list[float]]
"""For each level: microseconds of the tasks that a thread takes at once, in the order of taking."""


def levels_of(trace: dict[str, Any]) -> Levels:
    """Return the levels in a profile of one thread, from `Stepper.profile` or `Session.profile`."""
    events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    place = {id(e): (e["args"]["level"], e["args"]["taken"]) for e in events}
    events.sort(key=lambda e: place[id(e)])
    taken = [
        (at[0], sum(e["dur"] for e in together))
        for at, together in groupby(events, lambda e: place[id(e)])
    ]
    return [[us for _, us in level] for _, level in groupby(taken, lambda pair: pair[0])]


def quickest(traces: Sequence[Levels]) -> Levels:
    """Return the shortest time of each task, which nothing else on the machine has interrupted."""
    return [
        [min(times) for times in zip(*level, strict=True)] for level in zip(*traces, strict=True)
    ]


def without_calls(levels: Levels, work_us: float) -> Levels:
    """Return times without the cost of calling each task from Python. They add up to a run's
    time."""
    count = sum(map(len, levels))
    cost = max(0.0, (sum(map(sum, levels)) - work_us) / max(count, 1))
    return [[max(us - cost, LEAST_US) for us in level] for level in levels]


def work(levels: Levels) -> float:
    return sum(map(sum, levels))


def critical_path(levels: Levels) -> float:
    return sum(max(level) for level in levels)


def makespan(levels: Levels, cores: int) -> float:
    """Return the microseconds if this many cores take the tasks of each level in order, and then
    meet."""
    total = 0.0
    for level in levels:
        free = [0.0] * min(cores, len(level))
        for us in level:
            heapq.heappush(free, heapq.heappop(free) + us)
        total += max(free)
    return total


def prediction(case: str) -> dict[str, Any]:
    """Return work, critical path and speedups of a case."""
    import nodeflow_cases

    made = nodeflow_cases.prepare(case, 1, "nodeflow")
    assert made.trace is not None, case
    made.first()
    levels = quickest([levels_of(made.trace()) for _ in range(TRACES)])
    levels = without_calls(levels, min(_us(made) for _ in range(TRACES)))
    whole = work(levels)
    return {
        "what": case,
        "work_us": round(whole, 1),
        "critical_path_us": round(critical_path(levels), 1),
        "levels": len(levels),
        "shared_levels": sum(len(level) > 1 for level in levels),
        "longest_task_us": round(max(map(max, levels)), 1),
        "median_task_us": round(statistics.median(us for level in levels for us in level), 2),
        "speedup": {str(n): round(whole / makespan(levels, n), 2) for n in CORES},
    }


def _us(made: Any) -> float:
    started = time.perf_counter()
    made.again()
    return (time.perf_counter() - started) / made.units * 1e6


def scaling(_: int | None, cases: Sequence[str] = CASES) -> Iterator[dict[str, Any]]:
    """Yield the predictions of the main cases, one after the other."""
    for case in cases:
        yield prediction(case)


def main() -> None:
    for found in scaling(None, sys.argv[1:] or CASES):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()

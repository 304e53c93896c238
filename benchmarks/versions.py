"""Compare two checkouts of nodeflow in alternating pairs: is a change slower or faster?

    python benchmarks/versions.py --before ../older [--after .] [--part engine] [--pairs 9]

Parts: ``engine`` (the cases of engine.py, each warm in its own process), and ``startup``,
``canvas``, ``live`` and ``watching`` (those programs, run again for each pair). A ratio is the time
after divided by the time before, of neighbouring runs. The median of all pairs and its 95 %
interval are printed (bootstrap, Efron, 1979), one JSON line per figure. Other load makes the
interval wide, not the ratio wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
ENGINE = (
    *("mnist", "mnist_1", "mnist_10", "mnist_1000", "adam", "momentum", "elem", "chain", "wide"),
    *("rnn", "cnn", "reduce_sum", "reduce_mean", "reduce_max", "reduce_softmax", "reduce_argmax"),
)
STARTUP = ("import nodeflow", "nodeflow --help", "nodeflow run", "window")
CANVAS = ("pan", "zoom")
SECONDS = 0.4

Pair = tuple[float, float]
Part = Callable[[tuple[Path, Path], str, int], Iterator[tuple[str, list[Pair]]]]


def main() -> None:
    parser = argparse.ArgumentParser(description="compare two checkouts in alternating pairs")
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--after", type=Path, default=ROOT)
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--case", action="append", help="default: all of the part")
    parser.add_argument("--pairs", type=int, default=9)
    options = parser.parse_args()
    checkouts = options.before.resolve(), options.after.resolve()
    for name in options.part or PARTS:
        part, cases = PARTS[name]
        for case in options.case or cases:
            for figure, pairs in part(checkouts, case, options.pairs):
                print(json.dumps({"part": name, "case": figure, **summary(pairs)}), flush=True)


def summary(pairs: list[Pair]) -> dict[str, object]:
    """Return the median ratio after / before, its 95 % interval, and both medians."""
    ratios = np.array([after / before for before, after in pairs])
    drawn = np.random.default_rng(1).choice(ratios, (10_000, len(ratios)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    before, after = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {
        "ratio": round(float(np.median(ratios)), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "before": round(before, 4),
        "after": round(after, 4),
        "pairs": len(pairs),
    }


def environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout)}


def engine(checkouts: tuple[Path, Path], case: str, pairs: int) -> Iterator[tuple[str, list[Pair]]]:
    """Yield microseconds per unit of work. Both processes are warm and take turns."""
    workers = [
        subprocess.Popen(
            [sys.executable, str(checkout / "benchmarks" / "worker.py"), "nodeflow", "wall"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(checkout),
            text=True,
        )
        for checkout in checkouts
    ]

    def turn(worker: subprocess.Popen[str], seconds: float) -> dict:
        assert worker.stdin is not None and worker.stdout is not None
        worker.stdin.write(f"{case} {seconds}\n")
        worker.stdin.flush()
        return json.loads(worker.stdout.readline())

    first = [turn(worker, 0) for worker in workers]
    if first[0]["result"] != first[1]["result"]:
        print(f"{case}: the results differ", file=sys.stderr)
    for worker in workers:
        turn(worker, SECONDS)

    def timed(side: int) -> float:
        return statistics.median(turn(workers[side], SECONDS)["us"])

    yield case, [in_turn(i, timed) for i in range(pairs)]
    for worker in workers:
        worker.kill()
        worker.communicate()


def in_turn(index: int, run: Callable[[int], float]) -> Pair:
    """Run both sides; every second time the other one goes first."""
    order = (0, 1) if index % 2 == 0 else (1, 0)
    found = {side: run(side) for side in order}
    return found[0], found[1]


def program(checkout: Path, name: str, *arguments: str) -> list[dict]:
    """Return the JSON lines that a benchmark of a checkout prints."""
    command = [sys.executable, str(checkout / "benchmarks" / name), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment(checkout), cwd=checkout
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def startup(
    checkouts: tuple[Path, Path], case: str, pairs: int
) -> Iterator[tuple[str, list[Pair]]]:
    """Yield seconds of a fresh process."""

    def run(side: int) -> float:
        return program(checkouts[side], "startup.py", "--runs", "1", "--case", case)[0]["median_s"]

    yield case, [in_turn(i, run) for i in range(pairs)]


def programs(
    name: str, arguments: tuple[str, ...], labels: tuple[str, ...], figures: tuple[str, ...]
) -> Part:
    """Return a part that runs a program of each checkout and compares its lines.

    Args:
        labels: the fields of a line that name its case.
        figures: the fields that are compared.
    """

    def part(
        checkouts: tuple[Path, Path], case: str, pairs: int
    ) -> Iterator[tuple[str, list[Pair]]]:
        given = [*arguments, *(("--case", case) if case else ())]
        found: dict[str, list[Pair]] = {}
        for index in range(pairs):
            lines: dict[int, list[dict]] = {}

            def run(side: int, into: dict[int, list[dict]] = lines) -> float:
                into[side] = program(checkouts[side], name, *given)
                return 0.0

            in_turn(index, run)
            before, after = (_by_title(lines[side], labels) for side in (0, 1))
            for title in before:
                for key in figures:
                    if before[title].get(key) and key in after.get(title, {}):
                        pair = before[title][key], after[title][key]
                        found.setdefault(f"{title} {key}", []).append(pair)
        yield from found.items()

    return part


def _by_title(lines: list[dict], labels: tuple[str, ...]) -> dict[str, dict]:
    """Return the lines by the fields that name their cases: two versions may have other cases."""
    return {" ".join(str(line[label]) for label in labels if label in line): line for line in lines}


canvas = programs("canvas.py", ("--nodes", "10000"), ("case",), ("cpu_p50", "cpu_p50_ms", "p50_ms"))
live = programs(
    "live.py",
    ("--json", "--nodes", "1000", "--nodes", "10000", "--rounds", "5"),
    ("graph", "nodes", "place", "edit"),
    ("median_ms",),
)
watching = programs(
    "watching.py",
    ("--rounds", "1"),
    ("case",),
    ("of_headless", "window_ms_per_step", "all_ms_per_step", "cpu_p50_ms"),
)
PARTS: dict[str, tuple[Part, tuple[str, ...]]] = {
    "engine": (engine, ENGINE),
    "startup": (startup, STARTUP),
    "canvas": (canvas, CANVAS),
    "live": (live, ("",)),
    "watching": (watching, ("",)),
}

if __name__ == "__main__":
    main()

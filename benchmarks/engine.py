"""How fast the engine is, beside its peers: JSON lines, then a table.

    python benchmarks/engine.py [--case NAME]... [--threads N] [--peers PYTHON] [--rounds N]

Every case is a graph built through the public API, as users build it. With ``--peers`` (a Python
with tensorflow-cpu, torch and jax) the same work runs in those too: all are started and warm, their
results are compared, and then they take turns, one at a time, so that a ratio is of the same
minutes. A ratio is nodeflow's time divided by the peer's: below 1, nodeflow is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import local_cases
import workloads

HERE = Path(__file__).resolve().parent
LIBRARIES = ("numpy", "torch", "tensorflow", "jax", "jaxscan")
STEPWISE = ("torch", "tensorflow", "jax")
SECONDS = 0.7
"""How long each library computes in its turn."""
TOLERANCE = 2e-3
"""Results of float32 sums of millions of terms in another order agree to about this."""


def main() -> None:
    names = [*workloads.TRAINING, *workloads.OTHERS, *local_cases.CASES]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", choices=names, default=None)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--peers", metavar="PYTHON", default=None)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    table = []
    for name in options.case or names:
        for result in run_case(name, options):
            print(json.dumps({"case": name, **result}), flush=True)
            table.append({"case": name, **result})
    print_table(table)


def run_case(name: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if name in local_cases.CASES:
        yield from local_cases.CASES[name](options.threads)
    else:
        yield compare(name, options)


# ---- taking turns -------------------------------------------------------------------------------


class Worker:
    """A process with one case in one library (see worker.py)."""

    def __init__(self, python: str, library: str, case: str, threads: int | None) -> None:
        self.library = library
        command = [python, str(HERE / "worker.py"), library, case]
        self.process = subprocess.Popen(
            [*command, str(threads)] if threads else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.ready = self._answer()
        self.times: list[list[float]] = []
        self.peak_mb = 0.0

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise RuntimeError(f"{self.library} failed:\n{self.process.stderr.read()[-2000:]}")
        return json.loads(line)

    def run(self, seconds: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.times.append(answer["us"])
        self.peak_mb = answer["peak_mb"]

    @property
    def median(self) -> float:
        """Of all calls, those of the first turn left out."""
        return statistics.median([t for turn in self.times[1:] for t in turn])

    @property
    def best(self) -> float:
        return min(t for turn in self.times[1:] for t in turn)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def compare(case: str, options: argparse.Namespace) -> dict[str, Any]:
    """One case in all libraries, taking turns."""
    workers = [Worker(sys.executable, "nodeflow", case, options.threads)]
    try:
        if case == "wide":
            workers.append(Worker(sys.executable, "nodeflow", case, 1))
            workers[-1].library = "one_thread"
        if options.peers:
            for library in LIBRARIES:
                lacks = {
                    "jaxscan": case not in (*workloads.TRAINING, "rnn"),
                    "numpy": case in ("cnn", *workloads.WORDS),
                }
                if not lacks.get(library):
                    workers.append(Worker(options.peers, library, case, options.threads))
        for worker in workers[1:]:
            check_equal(case, worker, workers[0])
        for _ in range(options.rounds + 1):
            for worker in workers:
                worker.run(SECONDS)
        return summary(workers)
    finally:
        for worker in workers:
            worker.close()


def check_equal(case: str, peer: Worker, ours: Worker) -> None:
    """Whoever computes something else is not worth timing."""
    theirs, own = peer.ready["result"], ours.ready["result"]
    worst = max(
        (abs(a - b) / max(abs(a), abs(b), 1e-2) for a, b in zip(theirs, own, strict=True)),
        default=0.0,
    )
    if worst > TOLERANCE:
        raise RuntimeError(f"{case}: {peer.library} and nodeflow differ by {worst:.2g}")


def summary(workers: list[Worker]) -> dict[str, Any]:
    ours = workers[0]
    result: dict[str, Any] = {
        "median_us": round(ours.median, 1),
        "best_us": round(ours.best, 1),
        "first_s": round(ours.ready["first_s"], 3),
        "peak_mb": round(ours.peak_mb),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }
    if len(workers) > 1:
        result["peers_us"] = {w.library: round(w.median, 1) for w in workers[1:]}
        result["peers_first_s"] = {w.library: round(w.ready["first_s"], 3) for w in workers[1:]}
        ratios = {w.library: ours.median / w.median for w in workers[1:]}
        best = {w.library: ours.best / w.best for w in workers[1:]}
        stepwise = [w for w in workers if w.library in STEPWISE]
        if stepwise:
            ratios["best_stepwise"] = ours.median / min(w.median for w in stepwise)
            best["best_stepwise"] = ours.best / min(w.best for w in stepwise)
        result["ratios"] = {k: round(v, 3) for k, v in ratios.items()}
        result["ratios_of_best"] = {k: round(v, 3) for k, v in best.items()}
    return result


# ---- output -------------------------------------------------------------------------------------


def print_table(results: list[dict[str, Any]]) -> None:
    """Markdown: one row a case, ratios of medians and, in brackets, of the best calls."""
    compared = [r for r in results if "ratios" in r]
    names = [n for n in ("one_thread", *LIBRARIES, "best_stepwise")
             if any(n in r["ratios"] for r in compared)]  # fmt: skip
    print()
    print("| case | us (best) | first s | " + "".join(f"/ {n} | " for n in names))
    print("| --- " * (3 + len(names)) + "|")
    for r in results:
        if "median_us" in r:
            cells = [
                f"{r['ratios'][n]:.2f} ({r['ratios_of_best'][n]:.2f})" if n in r["ratios"] else "-"
                for n in names
            ] if "ratios" in r else ["-"] * len(names)  # fmt: skip
            row = [r["case"], f"{r['median_us']:,} ({r['best_us']:,})", str(r["first_s"]), *cells]
            print("| " + " | ".join(row) + " |")
    for r in results:
        if "median_us" not in r:
            print("  ".join(f"{k} {v}" for k, v in r.items()))


if __name__ == "__main__":
    main()

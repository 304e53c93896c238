"""Measure the engine beside its peers and the machine's limits. Prints JSON lines, then a table.

    python benchmarks/engine.py [--case NAME]... [--peers PYTHON [--peer NAME]...]
                                [--cpu avx2] [--threads N]
                                [--rounds N] [--seconds S] [--load N] [--clock cpu]
                                [--write docs/performance_details.md]

NAME is a case, or the beginning of several, such as ``transformer``. Every case is a graph built
through the public API, as users build it. With ``--peers`` (a Python with tensorflow-cpu, torch,
jax and onnxruntime) the same work runs in those libraries. All are started and warm, and their
results are compared. Then they take turns, one at a time, so that both sides of a ratio come from
the same minutes. A ratio is nodeflow's time divided by the peer's: below 1, nodeflow is faster. The
limit is the time that the machine needs for the least bytes and operations of the case (limits.py).

``--write`` puts the measurements into the page about performance, with the targets and whether they
are met (report.py, which does the same with kept lines).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import local_cases
import model_workloads as models
import pinning
import report
import row_workloads
import workloads
from limits import Limits, cost
from turns import Busy, Failed, Worker, ratio, take_turns

LIBRARIES = ("numpy", "torch", "tensorflow", "jax", "jaxscan", "onnxruntime")
STEPWISE = ("torch", "tensorflow", "jax")
SECONDS = 0.4
"""Seconds that each library computes in its turn."""
TOLERANCE = 2e-3
"""Tolerance for results: float32 sums of millions of terms in another order agree to about this."""
GROUPS = ("matmul", "elementwise", "infer", "rows")
"""Families whose cases share the processes of their libraries."""
Line = dict[str, Any]
"""One line of the output: the machine, its limits, or a case."""
MODELS = (*models.TRAINED, *models.INFER, *models.PRODUCTS, *models.FORMULAS)
COMPARED = (*workloads.TRAINING, *workloads.OTHERS, *MODELS, *row_workloads.CASES)
"""All cases that other libraries also compute."""


def main() -> None:
    names = [*COMPARED, *local_cases.CASES]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", action="append", default=None)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--peers", metavar="PYTHON", default=None)
    parser.add_argument("--peer", action="append", choices=LIBRARIES, help="only these peers")
    parser.add_argument("--cpu", choices=("avx2",), default=None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--load", type=int, default=0, help="busy processes beside it")
    parser.add_argument("--write", metavar="PAGE", type=Path, default=None)
    options = parser.parse_args()
    for wanted in options.case or ():
        if not chosen([wanted], names):
            parser.error(f"no case begins with {wanted!r}; there are {', '.join(names)}")
    pinning.apply(options.cpu)  # also for the cases in this process
    lines = []
    with Busy(options.load):
        for line in chain([about(options)], results(chosen(options.case, names), options)):
            print(json.dumps(line), flush=True)
            lines.append(line)
    print_table([line for line in lines if "case" in line])
    if options.write:
        run = report.Run()
        run.add(lines)
        report.write(options.write, [run])


def about(options: argparse.Namespace) -> Line:
    """Return the facts about the machine, and how the run was called."""
    words = ["python benchmarks/engine.py"]
    words += ["--peers PYTHON"] if options.peers else []
    words += [f"--cpu {options.cpu}"] if options.cpu else []
    words += [f"--threads {options.threads}"] if options.threads else []
    words += ["--clock cpu"] if options.clock == "cpu" else []
    words += [f"--load {options.load}"] if options.load else []
    return {
        "processor": pinning.processor(options.cpu),
        "isa": pinning.instructions(options.cpu),
        "cpu": options.cpu,
        "load": options.load,
        "clock": options.clock,
        "rounds": options.rounds,
        "command": " ".join(words),
    }


def chosen(wanted: list[str] | None, names: list[str]) -> list[str]:
    """Return the cases with these names, or that begin with one of them and an underscore."""
    if wanted is None:
        return names
    exact = [w for w in wanted if w in names]
    return [
        n
        for n in names
        if n in exact or any(n.startswith(f"{w}_") for w in wanted if w not in exact)
    ]


def results(names: list[str], options: argparse.Namespace) -> Iterator[Line]:
    """Yield the machine's limits, then the cases in order. Processes live as long as a group of
    cases."""
    limits, workers, group = Limits(), list[Worker](), ""
    if options.peers and any(n not in local_cases.CASES for n in names):
        probes = start(("nodeflow", "torch", "jax", "tensorflow"), options)
        limits.measure(probes)
        close(probes)
        yield {"limits": limits.rates()}
    try:
        for name in names:
            if name in local_cases.CASES:
                for found in local_cases.CASES[name](options.threads):
                    yield {"case": name, **found}
                continue
            own = "rows" if name in row_workloads.CASES else name.split("_")[0]
            if own not in GROUPS or own != group:
                close(workers)
                workers, group = start(libraries_of(name), options), own
            try:
                yield {"case": name, **compare(name, workers, options, limits)}
            except Failed as error:
                yield {"case": name, "failed": str(error)}
                close(workers)
                workers, group = [], ""
    finally:
        close(workers)


def start(libraries: tuple[str, ...], options: argparse.Namespace) -> list[Worker]:
    """Start nodeflow, then the peers, if any are wanted."""
    environment = pinning.environment(options.cpu)
    wanted = (options.peer or LIBRARIES) if options.peers else ()
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    limited = dict.fromkeys(names, str(options.threads)) if options.threads else {}
    found = [Worker(sys.executable, "nodeflow", options.threads, environment, options.clock)]
    for library in libraries:
        if library == "one_thread":
            found.append(Worker(sys.executable, "nodeflow", 1, environment, options.clock))
            found[-1].library = library
        elif library in wanted:
            own = {**environment, **limited}
            found.append(Worker(options.peers, library, options.threads, own, options.clock))
    return found


def close(workers: list[Worker]) -> None:
    for worker in workers:
        worker.close()


def libraries_of(case: str) -> tuple[str, ...]:
    """Return the libraries that compute a case besides nodeflow."""
    if case in models.INFER:
        return (*STEPWISE, "onnxruntime")
    if case in MODELS:
        return STEPWISE
    if case in row_workloads.CASES:
        return ("numpy", *STEPWISE)
    if case in workloads.WORDS and workloads.words_rule(case) == "touched":
        return ("torch",)  # the only library that has it
    lacks = {
        "jaxscan": case not in (*workloads.TRAINING, "rnn"),
        "numpy": case in ("cnn", *workloads.WORDS),
        "onnxruntime": True,
    }
    more = ("one_thread",) if case == "wide" else ()
    return (*more, *(library for library in LIBRARIES if not lacks.get(library)))


def compare(
    case: str, workers: list[Worker], options: argparse.Namespace, limits: Limits
) -> dict[str, Any]:
    """Return the result of one case in all libraries, which take turns."""
    for worker in workers:
        worker.prepare(case)
    for worker in workers[1:]:
        check_equal(case, worker, workers[0])
    take_turns(case, workers, options.rounds, options.seconds)
    spent = cost(case)
    unpinned = pinning.unpinned(options.cpu, spent is not None and spent.flops > 0)
    for worker in workers:
        if case in models.PRODUCTS and worker.library not in unpinned:
            limits.learn(case, worker.median(case))
    return summary(case, workers, unpinned, limits)


def check_equal(case: str, peer: Worker, ours: Worker) -> None:
    """Raise if a peer computes something else: it is then not worth timing."""
    theirs, own = peer.ready[case]["result"], ours.ready[case]["result"]
    worst = max(
        (abs(a - b) / max(abs(a), abs(b), 1e-2) for a, b in zip(theirs, own, strict=True)),
        default=0.0,
    )
    if not worst <= TOLERANCE:
        raise RuntimeError(f"{case}: {peer.library} and nodeflow differ by {worst:.2g}")


def summary(
    case: str, workers: list[Worker], unpinned: tuple[str, ...], limits: Limits
) -> dict[str, Any]:
    ours, peers = workers[0], workers[1:]
    limit = limits.us(case)
    result: dict[str, Any] = {
        "median_us": round(ours.median(case), 1),
        "best_us": round(ours.best(case), 1),
        "first_s": round(ours.ready[case]["first_s"], 3),
        "peak_mb": round(ours.peak_mb),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }
    if limit is not None:
        result["limit_us"] = round(limit, 1)
        result["of_limit"] = round(ours.median(case) / limit, 2)
    if peers:
        result["peers_us"] = {w.library: round(w.median(case), 1) for w in peers}
        result["peers_first_s"] = {w.library: round(w.ready[case]["first_s"], 3) for w in peers}
        divisors = [w for w in peers if w.library not in unpinned]
        ratios = {w.library: ratio(case, ours, [w]) for w in divisors}
        best = {w.library: ours.best(case) / w.best(case) for w in divisors}
        stepwise = [w for w in divisors if w.library in STEPWISE]
        if stepwise:
            ratios["best_stepwise"] = ratio(case, ours, stepwise)
            best["best_stepwise"] = ours.best(case) / min(w.best(case) for w in stepwise)
        result["ratios"] = {k: round(v, 3) for k, v in ratios.items()}
        result["ratios_of_best"] = {k: round(v, 3) for k, v in best.items()}
    return result


# ---- output -------------------------------------------------------------------------------------


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print a Markdown table: a row per case, ratios of medians and, in brackets, of best calls."""
    compared = [r for r in rows if "ratios" in r]
    names = [n for n in ("one_thread", *LIBRARIES, "best_stepwise")
             if any(n in r["ratios"] for r in compared)]  # fmt: skip
    print()
    print("| case | us (best) | of the limit | " + "".join(f"/ {n} | " for n in names))
    print("| --- " * (3 + len(names)) + "|")
    for r in rows:
        if "median_us" in r:
            cells = [
                f"{r['ratios'][n]:.2f} ({r['ratios_of_best'][n]:.2f})" if n in r["ratios"] else "-"
                for n in names
            ] if "ratios" in r else ["-"] * len(names)  # fmt: skip
            limit = str(r.get("of_limit", "-"))
            row = [r["case"], f"{r['median_us']:,} ({r['best_us']:,})", limit, *cells]
            print("| " + " | ".join(row) + " |")
    for r in rows:
        if "median_us" not in r:
            print("  ".join(f"{k} {v}" for k, v in r.items()))


if __name__ == "__main__":
    main()

"""Compare the automatic tier with waiting for the compiled one: whole commands, empty kernel cache.

    python benchmarks/tiers.py [--example NAME]... [--rounds 1] [--epochs N]... [--rows N]...
                               [--minutes 25] [--write docs/performance_details.md]

It runs `nodeflow train` for N epochs with their evaluations, `nodeflow run`, which fetches a metric
of N test rows, and `nodeflow run` of examples that train nothing, with the tiers `compiled` and
`auto` in turn. Each run is a process with an empty kernel cache. A ratio divides the times of the
two processes: wall time, and processor time of all processes, compiling included, which other load
disturbs less. The target of 1.10 is for wall time if the machine was idle at the beginning, else
for processor time. The program waits up to three minutes for an idle machine. ``--minutes`` limits
the whole run. A case is left out, and the table names it, if a case as long as the longest so far
would exceed the limit. ``--write`` puts the table between ``<!-- tiers.py -->`` and ``<!-- end
-->``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import report

EXAMPLES = ("expression", "expression_array", "mandelbrot", "linear_regression", "regression",
            "spirals", "mnist", "mnist_layers", "mnist_adam", "autoencoder", "lstm", "word2vec",
            "mnist_cnn", "mnist_cnn_layers", "vae", "gan", "wgan",
            "names", "char_rnn", "tiny_gpt")  # fmt: skip
TIERS = ("compiled", "auto")
TARGET = 1.10
IDLE, PATIENCE = 0.5, 180.0
"""Most busy processes, on average in the last minute, of a machine that counts as idle; and seconds
to wait for it."""
MARKER = "<!-- tiers.py -->"

Row = dict[str, Any]


def timed(command: list[str]) -> tuple[float, float]:
    """Return seconds, and processor time of all processes, of a command in a cold cache."""
    with tempfile.TemporaryDirectory(prefix="nodeflow-bench-") as name:
        environment = {**os.environ, "NODEFLOW_CACHE_DIR": name, "NODEFLOW_RUNS": "off"}
        before, start = os.times(), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "nodeflow", *command],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        seconds, after = time.perf_counter() - start, os.times()
    spent = after.children_user - before.children_user
    return seconds, spent + after.children_system - before.children_system


def compare(case: str, command: list[str], rounds: int) -> Row:
    found: dict[str, list[tuple[float, float]]] = {tier: [] for tier in TIERS}
    for number in range(rounds):
        for tier in TIERS if number % 2 == 0 else TIERS[::-1]:
            found[tier].append(timed([*command, "--tier", tier]))
    pairs = list(zip(found["auto"], found["compiled"], strict=True))
    line: Row = {"case": case}
    for tier in TIERS:
        line[f"{tier}_s"] = round(statistics.median(s for s, _ in found[tier]), 2)
        line[f"{tier}_cpu_s"] = round(statistics.median(s for _, s in found[tier]), 2)
    line["ratio"] = round(statistics.median(a[0] / c[0] for a, c in pairs), 3)
    cpu = statistics.median(a[1] / c[1] for a, c in pairs)
    return {**line, "ratio_of_processor_time": round(cpu, 3)}


def settled() -> float:
    """Return the system's load once it is idle, or after the longest wait."""
    end = time.monotonic() + PATIENCE
    while (load := os.getloadavg()[0]) > IDLE and time.monotonic() < end:
        time.sleep(1.0)
    return load


def cases(options: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """Yield each case with its command, without the tier."""
    from nodeflow.document.io import flow
    from nodeflow.resources import example

    for name in options.example or EXAMPLES:
        path = str(Path(example(name)))
        document = flow.load(path)
        if not document.training:
            yield f"{name}, run", ["run", path]
            continue
        for epochs in options.epochs or (1, 10):
            settings = ["--set", f"training.epochs={epochs}"]
            yield f"{name}, {epochs} epochs", ["train", path, *settings]
        metrics = [document.nodes[m["node"]].name for m in document.training.get("metrics", ())]
        for rows in (options.rows or (1000, 10000)) if metrics and name.startswith("mnist") else ():
            settings = ["--set", f"training.batch_size={rows}", "--fetch", metrics[0]]
            yield f"{name}, {rows} rows", ["run", path, *settings]


def table(rows: list[Row], left: list[str], load: float, rounds: int) -> str:
    """Return the section of the page about performance."""
    idle = load <= IDLE
    key = "ratio" if idle else "ratio_of_processor_time"
    measure = "wall time, on an idle machine" if idle else "processor time"
    missed = [row for row in rows if row[key] > TARGET]
    times = "1 round" if rounds == 1 else f"{rounds} rounds"
    lines = [
        f"`python benchmarks/tiers.py`, {times}; the system's load was {load:.1f} at the "
        "beginning. Times in seconds, of the whole command with an empty kernel cache; the target, "
        f"at most {TARGET:.2f}, is for {measure}: {len(rows) - len(missed)} of {len(rows)} cases "
        "meet it.",
        "",
        "| case | compiled | auto | ratio | processor: compiled | auto | ratio | met |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for r in rows:
        figures = (r["compiled_s"], r["auto_s"], r["ratio"], r["compiled_cpu_s"], r["auto_cpu_s"],
                   r["ratio_of_processor_time"])  # fmt: skip
        met = "no" if r in missed else "yes"
        lines.append(f"| {r['case']} | {' | '.join(f'{f:.2f}' for f in figures)} | {met} |")
    if left:
        lines += ["", f"There was no time for: {', '.join(left)}."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--example", action="append", choices=EXAMPLES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--epochs", type=int, action="append")
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--write", metavar="PAGE", type=Path, default=None)
    options = parser.parse_args()
    load, begun, longest = settled(), time.monotonic(), 0.0
    rows: list[Row] = []
    left: list[str] = []
    for case, command in cases(options):
        started = time.monotonic()
        if started + longest > begun + 60 * options.minutes:
            left.append(case)
            continue
        rows.append(compare(case, command, options.rounds))
        print(json.dumps(rows[-1]), flush=True)
        longest = max(longest, time.monotonic() - started)
    section = table(rows, left, load, options.rounds)
    print(section)
    if options.write:
        report.write_section(options.write, MARKER, section)


if __name__ == "__main__":
    main()

"""The automatic tier against waiting for the compiled one: whole commands, with no kernel compiled.

    python benchmarks/tiers.py [--example NAME]... [--rounds 1] [--epochs N]... [--rows N]...

It runs `nodeflow train` for N epochs with their evaluations, and `nodeflow run`, which fetches a
metric of N test rows, with the tiers `compiled` and `auto` in turn. Each run is a process with an
empty kernel cache. A ratio divides the times of the two processes: wall time, and processor time of
all processes, compiling included, which other load disturbs less. The target is 1.10.
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
from pathlib import Path

EXAMPLES = ("mnist", "mnist_layers", "mnist_adam", "mnist_cnn", "autoencoder", "lstm", "word2vec",
            "spirals", "regression", "linear_regression")  # fmt: skip
TIERS = ("compiled", "auto")


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds, and processor time of all processes, of a command in a cold cache."""
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


def compare(case: str, command: list[str], rounds: int) -> None:
    found: dict[str, list[tuple[float, float]]] = {tier: [] for tier in TIERS}
    for number in range(rounds):
        for tier in TIERS if number % 2 == 0 else TIERS[::-1]:
            found[tier].append(timed([*command, "--tier", tier]))
    pairs = list(zip(found["auto"], found["compiled"], strict=True))
    line = {
        "case": case,
        "compiled_s": round(statistics.median(s for s, _ in found["compiled"]), 2),
    }
    line |= {"auto_s": round(statistics.median(s for s, _ in found["auto"]), 2)}
    line |= {"ratio": round(statistics.median(a[0] / c[0] for a, c in pairs), 3)}
    cpu = statistics.median(a[1] / c[1] for a, c in pairs)
    print(json.dumps({**line, "ratio_of_processor_time": round(cpu, 3)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--example", action="append", choices=EXAMPLES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--epochs", type=int, action="append")
    parser.add_argument("--rows", type=int, action="append")
    options = parser.parse_args()
    from nodeflow.document.io import flow
    from nodeflow.resources import example

    for name in options.example or EXAMPLES:
        path = str(Path(example(name)))
        for epochs in options.epochs or (1, 10):
            settings = ["--set", f"training.epochs={epochs}"]
            compare(f"{name}, {epochs} epochs", ["train", path, *settings], options.rounds)
        document = flow.load(path)
        metrics = [document.nodes[m["node"]].name for m in document.training.get("metrics", ())]
        for rows in (options.rows or (1000, 10000)) if metrics and name.startswith("mnist") else ():
            settings = ["--set", f"training.batch_size={rows}", "--fetch", metrics[0]]
            compare(f"{name}, {rows} rows", ["run", path, *settings], options.rounds)


if __name__ == "__main__":
    main()

"""Measure one training in 1, 2 and 4 processes, and calculate larger numbers of processes.

    python benchmarks/processes.py [--steps 20] [--transformer] > docs/scaling.md

A step of N processes takes C + R. C is the time of one process for its rows. R is the time of
all-reduces of S bytes in M messages over a ring: 2 (N - 1) / N * S / bandwidth + M * 2 (N - 1) *
latency. C, S and M are measured here, with each process on its own core. Bandwidth and latency of
this machine are measured by all-reduces of different sizes, so that the formula can be compared
with steps of 2 and 4 processes. For a cluster they are assumed. Processes without their own core
share one, so C counts several times.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = (1, 2, 4)
FAR = (8, 64, 512)
NETWORKS = {"1 Gbit/s": 0.125e9, "10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9}
LATENCY = 30e-6
"""Seconds of a message between two hosts in one building, over TCP."""
SIZES = (64, 1 << 14, 1 << 18, 1 << 20, 1 << 22)
"""Bytes of the all-reduces that are timed."""
REPEATS = 7


def mnist() -> tuple[Any, Any, dict[Any, np.ndarray], int]:
    import nodeflow as nf

    x = nf.placeholder("float32", [None, 784], name="x")
    y = nf.placeholder("int64", [None], name="y")
    logits = nf.layers.dense(nf.layers.dense(x, 300, activation="relu"), 10)
    return (*trained(y, logits), pictures(x, y, 400), 100)


def cnn() -> tuple[Any, Any, dict[Any, np.ndarray], int]:
    import nodeflow as nf
    from nodeflow.ops.layers.functions.pooling_functions import max_pooling2d

    x = nf.placeholder("float32", [None, 28, 28, 1], name="x")
    y = nf.placeholder("int64", [None], name="y")
    made = max_pooling2d(nf.layers.conv2d(x, 32, 5, padding="same", activation="relu"), 2, 2)
    made = max_pooling2d(nf.layers.conv2d(made, 64, 5, padding="same", activation="relu"), 2, 2)
    hidden = nf.dropout(nf.layers.dense(nf.flatten(made), 1024, activation="relu"), rate=0.5)
    return (*trained(y, nf.layers.dense(hidden, 10)), pictures(x, y, 100), 25)


def transformer() -> tuple[Any, Any, dict[Any, np.ndarray], int]:
    import nodeflow as nf

    words, size, steps = 10_000, 768, 128
    x = nf.placeholder("int64", [None, steps], name="x")
    y = nf.placeholder("int64", [None, steps], name="y")
    made = nf.layers.embedding(x, words, size)
    for _ in range(12):
        made = nf.layers.transformer_block(made, num_heads=12, units=4 * size, causal=True)
    draws = np.random.default_rng(0).integers(0, words, (8, steps))
    return (*trained(y, nf.layers.dense(made, words)), {x: draws, y: draws}, 1)


def trained(labels: Any, logits: Any) -> tuple[Any, Any]:
    import nodeflow as nf
    from nodeflow.ops.training.optimizers import GradientDescentOptimizer

    loss = nf.reduce_mean(nf.sparse_softmax_cross_entropy(labels, logits), name="loss")
    return GradientDescentOptimizer(0.01).minimize(loss), loss


def pictures(x: Any, y: Any, rows: int) -> dict[Any, np.ndarray]:
    draws = np.random.default_rng(0)
    shape = (rows, *(size or 0 for size in x.shape[1:]))
    return {x: draws.random(shape, "float32"), y: draws.integers(0, 10, rows)}


MODELS: Mapping[str, Callable[[], tuple[Any, Any, dict[Any, np.ndarray], int]]] = {
    "MNIST": mnist, "CNN": cnn, "transformer": transformer,
}  # fmt: skip


# ---- in a process -------------------------------------------------------------------------------


def measure(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return seconds of a step and of all-reduces, and a step's reductions, in one of the
    processes."""
    number, index = job["number"], job["index"]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[index % len(cores)]})
    import nodeflow as nf
    from nodeflow.engine.columns import Column
    from nodeflow.graph.types import numpy_dtype
    from nodeflow.integrations.jax.parallel.peers import Peers, Place, connect, disconnect
    from nodeflow.integrations.jax.settings import settings

    peers = Peers(1, 0) if number == 1 else connect(Place(job["address"], number, index))
    with nf.Graph() as graph:
        optimizer, loss, rows, share = MODELS[job["model"]]()
        parameters = sum(int(np.prod(v.shape)) for v in graph.variables)
        session = nf.Session(graph, backend="jax", seed=1)
        session.initialize()
        session.peers = peers
        tiled = {t: Column(np.concatenate([a] * number)) for t, a in rows.items()}
        stepper = session.stepper([optimizer], [loss], tiled, share * number)
        order = np.arange(len(next(iter(tiled.values()))))
        taken = []
        for _ in range(job["pieces"] + 1):
            begun, done = time.perf_counter(), 0
            while done < job["steps"]:
                stepper.start_epoch(order)
                done += stepper.run(job["steps"] - done)[0]
            taken.append((time.perf_counter() - begun) / job["steps"])
        steps = stepper._compilation.complete()
        flow, types = steps.flow, steps.types
        joined = [s for i in flow.joins for s in steps.schedule.steps[i].outputs]
        reduced = sum((types[s].size or 0) * numpy_dtype(types[s].dtype).itemsize for s in joined)
        with settings():
            lowered = steps._piece.lower(*steps._arguments(stepper.step, 1, stepper.step, order))
            text = lowered.compile().as_text()
        messages = len(re.findall(r" all-reduce(?:-start)?\(", text))
        spent = {}
        for size in SIZES if number > 1 else ():
            array, times = np.zeros(size // 4, np.float32), []
            for _ in range(REPEATS + 1):
                begun = time.perf_counter()
                peers.sums(array)
                times.append(time.perf_counter() - begun)
            spent[size] = min(times[1:])
    if number > 1:
        disconnect()
    return {
        "step": min(taken[1:]),
        "spread": statistics.median(taken[1:]),
        "bytes": reduced,
        "messages": messages,
        "parameters": parameters,
        "rows": share,
        "reduces": spent,
    }


# ---- all of them --------------------------------------------------------------------------------


def together(model: str, number: int, steps: int, pieces: int) -> dict[str, Any]:
    """Return the measurements of the first of some processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    started = []
    for index in range(number):
        job = {"model": model, "number": number, "index": index, "address": address,
               "steps": steps, "pieces": pieces}  # fmt: skip
        command = [sys.executable, __file__, "--job", json.dumps(job)]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    said = [process.communicate()[0] for process in started]
    return json.loads(said[0].splitlines()[-1])


def ring(number: int, of: Mapping[str, Any], bandwidth: float, latency: float) -> float:
    """Return the seconds of a step's all-reduces."""
    moved = 2 * (number - 1) / number * of["bytes"] / bandwidth
    return moved + of["messages"] * 2 * (number - 1) * latency


def fitted(reduces: Mapping[str, float], number: int) -> tuple[float, float]:
    """Return the bandwidth and latency that explain the times of all-reduces best."""
    sizes = np.array([float(s) for s in reduces])
    slope, start = np.polyfit(sizes, np.array(list(reduces.values())), 1)
    return 2 * (number - 1) / number / slope, max(start, 0.0) / (2 * (number - 1))


def ms(seconds: float) -> str:
    """Return milliseconds with three digits."""
    return f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:.0f}"


def report(found: Mapping[str, Mapping[int, Any]], cores: int, note: str) -> str:
    """Return the page."""
    lines = [HEAD.format(cores=cores, latency=LATENCY * 1e6)]
    lines += ["| model | parameters | rows | one process, ms a step | all-reduced, MB | messages |",
              "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for name, of in found.items():
        one, many = of[1], of[max(of)]["messages"]
        lines.append(f"| {name} | {one['parameters'] / 1e6:.3g} M | {one['rows']} | "
                     f"{ms(one['step'])} | {one['bytes'] / 1e6:.3g} | {many} |")  # fmt: skip
    lines += ["", CHECK.format(cores=cores),
              "| model | processes | measured, ms | calculated, ms | ratio | rows per second "
              "beside one process |", "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for name, of in found.items():
        for number, other in of.items():
            if number == 1:
                continue
            bandwidth, latency = fitted(other["reduces"], number)
            crowd = -(-number // cores)
            guess = crowd * of[1]["step"] + ring(number, other, bandwidth, latency)
            gain = number * of[1]["step"] / other["step"]
            lines.append(f"| {name} | {number} | {ms(other['step'])} | {ms(guess)} | "
                         f"{other['step'] / guess:.2f} | {gain:.2f} |")  # fmt: skip
    lines += ["", *textwrap.wrap(note, 98)] if note else []
    columns = " | ".join(f"{n} processes" for n in FAR)
    lines += [
        "",
        FURTHER,
        f"| model | network | {columns} |",
        "| --- | --- |" + " --- |" * len(FAR),
    ]
    for name, of in found.items():
        one, many = of[1], of[max(of)]["messages"]
        for network, bandwidth in NETWORKS.items():
            cells = []
            for number in FAR:
                whole = one["step"] + ring(number, {**one, "messages": many}, bandwidth, LATENCY)
                cells.append(f"{1 / whole:.3g} ({one['step'] / whole:.0%})")
            lines.append(f"| {name} | {network} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", TAIL])


HEAD = """# Larger scale, on paper

`python benchmarks/processes.py` writes this page. It measures training steps by 1, 2 and 4
processes on one machine of {cores} cores, and estimates the speed of more processes from them.
Nothing beyond 4 processes was run, and nothing on a GPU.

Every process has the same number of rows, so the batch grows with the number of processes. A step
of N processes takes the time of one process for its rows, plus the time to all-reduce S bytes in
M messages over a ring: 2 (N − 1) / N · S / bandwidth + M · 2 (N − 1) · latency. The all-reduce
does not overlap with the computation here.

## One process

A process has one core. Each step all-reduces the gradients, the loss and the statistics of
batches.
"""
CHECK = """## Compared with two and four processes

Bandwidth and latency come from all-reduces of 64 bytes to 4 MB by the same processes over the
loopback interface. Four processes share the {cores} cores, so their computation counts twice. The
last column is the ratio of rows per second to one process on one core.
"""
FURTHER = """## 8, 64 and 512 processes

Steps per second, and in brackets the efficiency: the share of a step that is computation. Each
process has its own host; a message between two hosts takes 30 µs.
"""
TAIL = """A small network such as MNIST's gains nothing from other hosts, because its step is
shorter than the messages. The latency of a ring grows with the number of processes, so 512
processes lose even with ample bandwidth; libraries for clusters then use trees. More rows per
process help: twice the rows, half the share of communication. On a GPU, the computation is ten to
a hundred times shorter and the messages are not, so the efficiency on the same network is lower."""


def main() -> None:
    parser = argparse.ArgumentParser(description="measure and calculate how training scales")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=20, help="steps of a measured piece")
    parser.add_argument("--pieces", type=int, default=REPEATS, help="pieces; the best counts")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--note", default="", help="what to say of the circumstances")
    shown = "write the page of what was measured before, and printed as JSON"
    parser.add_argument("--results", nargs="+", type=Path, default=[], metavar="FILE", help=shown)
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(measure(arguments.job)))
        return
    found: dict[str, dict[int, Any]] = {}
    for line in (line for file in arguments.results for line in file.read_text().splitlines()):
        for model, of in json.loads(line).items():
            found[model] = {int(number): measured for number, measured in of.items()}
    for model in () if found else arguments.models:
        large = model == "transformer"
        steps, pieces = (1, 3) if large else (arguments.steps, arguments.pieces)
        numbers: Sequence[int] = NUMBERS[:2] if large else NUMBERS
        found[model] = {n: together(model, n, steps, pieces) for n in numbers}
        print(json.dumps({model: found[model]}), file=sys.stderr, flush=True)
    print(report(found, len(os.sched_getaffinity(0)), arguments.note))


if __name__ == "__main__":
    main()

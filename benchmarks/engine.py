"""How fast the engine is: one JSON object a line, for the cases that are named or for all.

    python benchmarks/engine.py [--case NAME]... [--threads N]

Every case is a graph built through the public API, as users build it. Data are made up, but of
MNIST's shapes, so nothing has to be there. Numbers mean something on an idle machine only.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
ROWS, BATCH = 55_000, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", choices=sorted(CASES), default=None)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    for name in options.case or CASES:
        for result in CASES[name](options.threads):
            print(json.dumps({"case": name, **result}), flush=True)


# ---- MNIST --------------------------------------------------------------------------------------


def mnist_graph(optimizer: str, **attrs: Any):
    """784-300-10 as in the tutorial; returns graph, placeholders and loss."""
    import nodeflow as nf

    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 784], name="x")
        y = nf.placeholder("float32", [None, 10], name="y")
        w1 = nf.variable(nf.random_normal([784, 300], stddev=0.03), name="W1")
        b1 = nf.variable(nf.random_normal([300]), name="b1")
        w2 = nf.variable(nf.random_normal([300, 10], stddev=0.03), name="W2")
        b2 = nf.variable(nf.random_normal([10]), name="b2")
        p = nf.softmax(nf.relu(x @ w1 + b1) @ w2 + b2)
        clipped = nf.clip_by_value(p, 1e-10, 0.9999999)
        terms = y * nf.log(clipped) + (1 - y) * nf.log(1 - clipped)
        loss = nf.negative(nf.reduce_mean(nf.reduce_sum(terms, axis=1)), name="loss")
        g.apply(optimizer, loss, name="train", **attrs)
    return g, x, y, loss


def mnist_columns(x: Any, y: Any) -> dict[Any, Any]:
    from nodeflow.engine.columns import Column

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, ROWS).astype(np.uint8)
    strokes = rng.random((10, 784)) < 0.2
    images = ((strokes[labels] & (rng.random((ROWS, 784)) < 0.9)) * 200).astype(np.uint8)
    wrong = rng.random(ROWS) < 0.1  # else the loss vanishes, and denormal numbers are slow
    labels[wrong] = rng.integers(0, 10, wrong.sum())
    return {x: Column(images, "float32", scale=1 / 255), y: Column(labels, "float32", depth=10)}


def mnist(threads: int | None, optimizer: str = "gradient_descent", **attrs: Any) -> Iterator[dict]:
    """Microseconds a training step, gathering included; then numpy on the same data."""
    import nodeflow as nf

    g, x, y, loss = mnist_graph(optimizer, **attrs)
    columns = mnist_columns(x, y)
    with nf.Session(g, tier="compiled", threads=threads) as s:
        s.initialize()
        stepper = s.stepper(["train"], [loss], columns, BATCH)
        stepper.start_epoch(np.arange(ROWS))
        started = time.perf_counter()
        stepper.drive(1)
        first = time.perf_counter() - started
        times = []
        for epoch in range(4):
            stepper.start_epoch(np.random.default_rng(epoch).permutation(ROWS))
            started = time.perf_counter()
            done, _ = stepper.drive(ROWS)
            times.append((time.perf_counter() - started) / done * 1e6)
    yield {
        "library": "nodeflow",
        "median_us": round(statistics.median(times[1:]), 1),
        "first_s": round(first, 3),
    }


def mnist_sgd(threads: int | None) -> Iterator[dict]:
    yield from mnist(threads, learning_rate=0.5)
    yield {"library": "numpy", "median_us": round(_in_fresh_process("numpy_mnist"), 1)}


def mnist_adam(threads: int | None) -> Iterator[dict]:
    yield from mnist(threads, "adam")


def numpy_mnist() -> float:
    """The same program by hand, in microseconds a step."""
    columns = mnist_columns("x", "y")
    images, labels = columns["x"].rows(slice(None)), columns["y"].rows(slice(None))
    rng = np.random.default_rng(0)
    w1 = rng.normal(0, 0.03, (784, 300)).astype("float32")
    b1 = rng.normal(0, 1, 300).astype("float32")
    w2 = rng.normal(0, 0.03, (300, 10)).astype("float32")
    b2 = rng.normal(0, 1, 10).astype("float32")

    def step(x: np.ndarray, y: np.ndarray) -> float:
        h = np.maximum(x @ w1 + b1, 0)
        z = h @ w2 + b2
        e = np.exp(z - z.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        c = np.clip(p, 1e-10, 0.9999999)
        loss = -(y * np.log(c) + (1 - y) * np.log(1 - c)).sum(1).mean()
        g = -(y / c - (1 - y) / (1 - c)) / len(x) * (p == c)
        dz = p * (g - (g * p).sum(1, keepdims=True))
        dh = (dz @ w2.T) * (h > 0)
        for v, d in ((w2, h.T @ dz), (b2, dz.sum(0)), (w1, x.T @ dh), (b1, dh.sum(0))):
            v -= np.float32(0.5) * d
        return float(loss)

    times = []
    for _ in range(3):
        order = rng.permutation(ROWS)
        started = time.perf_counter()
        for at in range(0, ROWS, BATCH):
            which = order[at : at + BATCH]
            step(images[which], labels[which])
        times.append((time.perf_counter() - started) / (ROWS // BATCH) * 1e6)
    return statistics.median(times[1:])


# ---- branches -----------------------------------------------------------------------------------


def parallel(threads: int | None) -> Iterator[dict]:
    """How many cores two independent chains of 1024 x 1024 products keep busy."""
    import nodeflow as nf

    with nf.Graph() as g:
        x = nf.placeholder("float32", [1024, 1024], name="x")
        left, right = x, x
        for _ in range(10):
            left, right = nf.matmul(left, x), nf.matmul(right, x)
        both = nf.add(left, right)
    value = (np.random.default_rng(0).random((1024, 1024)) / 512).astype("float32")
    with nf.Session(g, tier="compiled", threads=threads) as s:
        s.run(both, {x: value})
        started, used = time.perf_counter(), time.process_time()
        for _ in range(5):
            s.run(both, {x: value})
        seconds, used = time.perf_counter() - started, time.process_time() - used
    yield {"busy_cores": round(used / seconds, 2), "seconds": round(seconds, 3)}


# ---- starting -----------------------------------------------------------------------------------


def start(threads: int | None) -> Iterator[dict]:
    """Seconds to import, and to the first compiled step with an empty and a full cache."""
    imports = sorted(_in_fresh_process("import_seconds") for _ in range(3))
    yield {"what": "import nodeflow", "seconds": round(imports[1], 3)}
    with tempfile.TemporaryDirectory() as folder:
        for what in ("first step, cold cache", "first step, warm cache"):
            seconds = _in_fresh_process("first_step_seconds", NODEFLOW_CACHE_DIR=folder)
            yield {"what": what, "seconds": round(seconds, 3)}


def import_seconds() -> float:
    started = time.perf_counter()
    import nodeflow  # noqa: F401

    return time.perf_counter() - started


def first_step_seconds() -> float:
    """From the session to the result of one compiled training step."""
    import nodeflow as nf

    g, x, y, loss = mnist_graph("gradient_descent", learning_rate=0.5)
    columns = mnist_columns(x, y)
    started = time.perf_counter()
    with nf.Session(g, tier="compiled") as s:
        s.initialize()
        stepper = s.stepper(["train"], [loss], columns, BATCH)
        stepper.start_epoch(np.arange(ROWS))
        stepper.drive(1)
    return time.perf_counter() - started


def planning(threads: int | None) -> Iterator[dict]:
    """Seconds to schedule and plan chains of elementwise nodes: linear in their number."""
    import nodeflow as nf
    from nodeflow.engine.plan import make_plan
    from nodeflow.engine.schedule import build_schedule

    for length in (10_000, 100_000):
        with nf.Graph():
            x = y = nf.placeholder("float32", [8], name="x")
            for _ in range(length):
                y = nf.sin(y)
        started = time.perf_counter()
        schedule = build_schedule([y], [x])
        make_plan(schedule, schedule.specialise({}))
        yield {"nodes": length, "seconds": round(time.perf_counter() - started, 3)}


def _in_fresh_process(function: str, **environment: str) -> float:
    """What a function of this file returns in a process of its own."""
    code = f"import engine; print(engine.{function}())"
    path = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.strip().splitlines()[-1])


CASES: dict[str, Callable[[int | None], Iterator[dict]]] = {
    "mnist": mnist_sgd,
    "mnist_adam": mnist_adam,
    "parallel": parallel,
    "start": start,
    "planning": planning,
}

if __name__ == "__main__":
    main()

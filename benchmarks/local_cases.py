"""Cases without peers: starting, planning, many kernels, memory, more cores."""

from __future__ import annotations

import compileall
import os
import queue
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scaling import scaling

HERE = Path(__file__).resolve().parent
MNIST = HERE.parent / "examples" / "mnist.flow"
sys.path[:0] = [str(HERE.parent)]
os.environ["NODEFLOW_RUNS"] = "off"
Result = dict[str, Any]


def in_fresh_process(function: str, *args: str, **environment: str) -> float:
    """Return the result of a function of this file in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", f"import local_cases as c; print(c.{function}({', '.join(args)}))"],
        env={**os.environ, "PYTHONPATH": str(HERE), **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout.strip().splitlines()[-1])


# ---- starting -----------------------------------------------------------------------------------


def start(threads: int | None) -> Iterator[Result]:
    """Yield seconds to import, and to the first trained step with an empty and a full cache.

    Python's bytecode exists, as after an installation or a first start.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(HERE.parent / "nodeflow", quiet=1)
    imports = sorted(in_fresh_process("import_seconds") for _ in range(3))
    yield {"what": "import nodeflow", "seconds": round(imports[1], 3)}
    with tempfile.TemporaryDirectory() as folder:
        for tier in ("auto", "compiled"):
            for cache in ("cold", "warm"):
                where = os.path.join(folder, tier)
                seconds = in_fresh_process(
                    "first_step_seconds", f"'{tier}'", NODEFLOW_CACHE_DIR=where
                )
                what = f"first trained step, {tier}, {cache} cache"
                yield {"what": what, "seconds": round(seconds, 3)}
    with tempfile.TemporaryDirectory() as folder:
        for cache in ("cold", "warm"):
            seconds = command_seconds(os.path.join(folder, "command"))
            what = f"first trained step of nodeflow train --tier auto, {cache} cache"
            yield {"what": what, "seconds": round(seconds, 3)}
        for cache in ("cold", "warm"):
            for what, seconds in engine_seconds(os.path.join(folder, "engine")).items():
                yield {"what": f"{what}, {cache} cache", "seconds": round(seconds, 3)}


_COMMAND = """
import os, sys
from nodeflow.cli.main import main
from nodeflow.train.events import Steps
from nodeflow.train.loop.checkpointed_training import KeptTraining
events = KeptTraining.events
def until_steps(*args, **kwargs):
    for event in events(*args, **kwargs):
        if isinstance(event, Steps):
            os._exit(0)
        yield event
KeptTraining.events = until_steps
main(["train", sys.argv[1], "--tier", "auto"])
"""


def command_seconds(cache: str) -> float:
    """Return seconds from the start of ``nodeflow train`` to its first trained step."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", _COMMAND, str(MNIST)],
        env={**os.environ, "PYTHONPATH": str(HERE.parent), "NODEFLOW_CACHE_DIR": cache},
        check=True,
    )
    return time.perf_counter() - started


def engine_seconds(cache: str, look: float = 2.0) -> dict[str, float]:
    """Measure the engine process as the window uses it: started, idle, asked for previews, then
    Train."""
    from nodeflow.host import protocol
    from nodeflow.host.engine_client import EngineClient
    from nodeflow.train import events

    os.environ["NODEFLOW_CACHE_DIR"] = cache
    inbox: queue.Queue = queue.Queue()
    client = EngineClient(lambda message: inbox.put((time.perf_counter(), message)))
    started = time.perf_counter()
    client.start()
    client.send(protocol.SyncDocument(MNIST.read_text(), 1, str(MNIST.parent)))
    client.send(protocol.Evaluate(1, 1))
    while not isinstance(inbox.get(timeout=60)[1], protocol.Previews):
        pass
    result = {"engine process started and previews shown": time.perf_counter() - started}
    time.sleep(look)  # the user looks at the previews
    pressed = time.perf_counter()
    client.send(protocol.Train(2))
    steps: list[tuple[float, str]] = []
    while len([tier for _, tier in steps if tier == "compiled"]) < 2:
        at, message = inbox.get(timeout=120)
        if isinstance(message, events.Steps):
            steps.append((at - pressed, message.tier))
        elif isinstance(message, (protocol.Failed, events.Done, protocol.Died)):
            raise RuntimeError(f"the training did not get compiled: {message}")
    client.close()
    del os.environ["NODEFLOW_CACHE_DIR"]
    first = next(i for i, (_, tier) in enumerate(steps) if tier == "compiled")
    result["first step after Train"] = steps[0][0]
    result["first compiled step after Train"] = steps[first][0]
    if first:
        result["between the last step before and the first compiled"] = (
            steps[first][0] - steps[first - 1][0]
        )
    return result


def import_seconds() -> float:
    started = time.perf_counter()
    import nodeflow  # noqa: F401

    return time.perf_counter() - started


def first_step_seconds(tier: Any) -> float:
    """Return seconds from the session to the result of one training step."""
    import workloads
    from nodeflow_cases import mnist_columns, mnist_graph

    import nodeflow as nf

    g, x, y, loss = mnist_graph("gradient_descent", **workloads.SGD)
    columns = mnist_columns(x, y, workloads.digits())
    started = time.perf_counter()
    with nf.Session(g, tier=tier) as s:
        s.initialize()
        stepper = s.stepper(["train"], [loss], columns, 100)
        stepper.start_epoch(np.arange(workloads.ROWS))
        stepper.run(1)
        return time.perf_counter() - started


# ---- size of graphs -----------------------------------------------------------------------------


def planning(threads: int | None) -> Iterator[Result]:
    """Yield seconds to schedule and plan chains of elementwise nodes, which are linear in their
    number."""
    import nodeflow as nf
    from nodeflow.engine.plan.plan import make_plan
    from nodeflow.engine.schedule.schedule import build_schedule

    for length in (10_000, 100_000):
        with nf.Graph():
            x = y = nf.placeholder("float32", [8], name="x")
            for _ in range(length):
                y = nf.sin(y)
        started = time.perf_counter()
        schedule = build_schedule([y], [x])
        make_plan(schedule, schedule.specialise({}))
        yield {"nodes": length, "seconds": round(time.perf_counter() - started, 3)}


def layers(threads: int | None) -> Iterator[Result]:
    """Yield seconds until a chain of distinct array layers runs compiled, from an empty cache."""
    for kind in ("sizes", "formulas"):
        for count in (10, 30, 100, 300, 1000):
            with tempfile.TemporaryDirectory() as folder:
                seconds = in_fresh_process(
                    "layers_seconds", str(count), f"'{kind}'", NODEFLOW_CACHE_DIR=folder
                )
            yield {"layers": count, "distinct": kind, "seconds": round(seconds, 2)}


def layers_seconds(count: int, kind: str) -> float:
    """Return the seconds of one chain. Layers differ in sizes and a constant, and perhaps in
    four ops."""
    import nodeflow as nf

    ops = (nf.tanh, nf.relu, nf.sigmoid, nf.sin, nf.abs, nf.square)
    with nf.Graph() as g:
        v = x = nf.placeholder("float32", [16, 8], name="x")
        for i in range(count):
            width = 8 + i % 7
            w = nf.constant(np.full((v.shape[1] or 0, width), 0.1, "float32"))
            v = ops[i % 3](v @ w + float(i))
            if kind == "formulas":
                for place in range(4):
                    v = ops[i // 6**place % 6](v)
        total = nf.reduce_sum(v)
    started = time.perf_counter()
    with nf.Session(g, tier="compiled") as s:
        s.run(total, {x: np.ones((16, 8), "float32")})
    return time.perf_counter() - started


# ---- memory -------------------------------------------------------------------------------------


def memory(threads: int | None) -> Iterator[Result]:
    """Yield MB of temporaries that a plan needs, with and without reuse, and of a training
    process."""
    import nodeflow as nf
    from nodeflow.engine.plan.plan import make_plan
    from nodeflow.engine.schedule.schedule import build_schedule

    with nf.Graph():
        v = x = nf.placeholder("float32", [1024, 1024], name="x")
        for _ in range(128):
            v = nf.tanh(v @ x)
    schedule = build_schedule([v], [x])
    plan = make_plan(schedule, schedule.specialise({}))
    unplanned = sum(
        (plan.actions.types[s].size or 0) * 4 for step in schedule.steps for s in step.outputs
    )
    yield {
        "what": "128 products of 1024 x 1024",
        "unplanned_mb": round(unplanned / 1e6),
        "planned_mb": round(plan.arena_size / 1e6),
    }
    with tempfile.TemporaryDirectory():
        growth = in_fresh_process("memory_growth_mb")
    yield {"what": "growth after the first epoch of MNIST", "mb": round(growth, 1)}
    above = in_fresh_process("memory_above_data_mb")
    yield {"what": "resident while training MNIST, less the data", "mb": round(above)}


def memory_above_data_mb() -> float:
    """Return the resident memory after an epoch, less the arrays of the data set."""
    return _train_epochs()[0]


def memory_growth_mb() -> float:
    """Return the growth of resident memory from the second epoch to the fifth."""
    return _train_epochs()[1]


def _train_epochs() -> tuple[float, float]:
    import workloads
    from nodeflow_cases import mnist_columns, mnist_graph

    import nodeflow as nf

    g, x, y, loss = mnist_graph("gradient_descent", **workloads.SGD)
    rng = np.random.default_rng(0)
    data = workloads.Digits(
        rng.integers(0, 255, (workloads.ROWS, 784), dtype=np.uint8),
        rng.integers(0, 10, workloads.ROWS).astype(np.uint8),
        (),
    )
    resident = []
    with nf.Session(g, tier="compiled") as s:
        s.initialize()
        stepper = s.stepper(["train"], [loss], mnist_columns(x, y, data), 100)
        for epoch in range(5):
            stepper.start_epoch(np.random.default_rng(epoch).permutation(workloads.ROWS))
            stepper.run(workloads.ROWS)
            resident.append(_resident_mb())
    size = (data.images.nbytes + data.labels.nbytes) / 1e6
    return resident[0] - size, resident[-1] - resident[0]


def _resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


CASES: dict[str, Callable[[int | None], Iterator[Result]]] = {
    "start": start,
    "planning": planning,
    "layers": layers,
    "memory": memory,
    "scaling": scaling,
}

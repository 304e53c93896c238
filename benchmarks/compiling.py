"""Time the work between a graph and its first fast step: compiling, planning, opening.

    python benchmarks/compiling.py [--case NAME]... [--rounds N] [--nodes N]... [--profile]

- ``window``: the engine process as the window uses it. Each round has its own empty kernel cache.
  The document is shown, the user looks at it for two seconds, or not at all, then presses Train.
  Measured are the seconds until the first compiled step.
- ``command``: ``nodeflow train FILE``, from the start of the process to its first compiled step, in
  both tiers that compile, with an empty cache.
- ``kernels``: the same kernels in one compiling process: importing the compiler, and each kernel.
- ``planning``: a graph of N nodes from Python: built, scheduled, planned.
- ``files``: a ``.flow`` file of N nodes without a window: written, read, analysed, built.

Each line is JSON: the median of the rounds and all rounds, in seconds. The last three cases take
one thread, so their figures are seconds of processor time. With ``--profile``, ``planning`` adds
the seconds of each pass.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from local_cases import HERE, MNIST, engine_seconds

import nodeflow as nf

Result = dict[str, Any]
LOOKS = (2.0, 0.0)
"""Seconds that a user looks at a document before Train."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", action="append", choices=CASES, default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nodes", type=int, action="append", default=None)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    options.nodes = options.nodes or [10_000, 100_000]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for case in options.case or CASES:
        for result in CASES[case](options):
            print(json.dumps({"case": case, **result}), flush=True)


def summary(runs: list[float]) -> Result:
    return {"median_s": round(statistics.median(runs), 3), "runs_s": [round(r, 3) for r in runs]}


# ---- compiling ----------------------------------------------------------------------------------


def window(options: argparse.Namespace) -> Iterator[Result]:
    for look in LOOKS:
        found: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                for what, seconds in engine_seconds(folder, look).items():
                    found.setdefault(what, []).append(seconds)
        for what, runs in found.items():
            yield {"what": what, "looked_s": look, **summary(runs)}


_UNTIL_COMPILED = """
import os, sys
from nodeflow.cli.main import main
from nodeflow.train.events import Steps
from nodeflow.train.loop.checkpointed_training import KeptTraining
events = KeptTraining.events
def until_compiled(*args, **kwargs):
    for event in events(*args, **kwargs):
        if isinstance(event, Steps) and event.tier == "compiled":
            os._exit(0)
        yield event
KeptTraining.events = until_compiled
sys.exit(main(["train", sys.argv[1], "--tier", sys.argv[2], "--set", "training.epochs=1000"]) or 1)
"""


def command(options: argparse.Namespace) -> Iterator[Result]:
    for tier in ("auto", "compiled"):
        runs = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-c", _UNTIL_COMPILED, str(MNIST), tier],
                    env={**os.environ, "NODEFLOW_CACHE_DIR": folder},
                    stdout=subprocess.DEVNULL,
                    check=True,
                )
                runs.append(time.perf_counter() - started)
        yield {"what": f"nodeflow train --tier {tier}", **summary(runs)}


def kernels(options: argparse.Namespace) -> Iterator[Result]:
    """Measure kernels in a fresh process, so that importing the compiler is included."""
    found: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        done = subprocess.run(
            [sys.executable, "-c", "import compiling; compiling.compile_kernels()"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parent)))},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        for what, seconds in json.loads(done.stdout).items():
            found.setdefault(what, []).append(seconds)
    for what, runs in found.items():
        yield {"what": what, **summary(runs)}


def compile_kernels() -> None:
    """Print the time of each kernel of the training of MNIST."""
    from nodeflow.engine.compiler import compile_kernel

    with tempfile.TemporaryDirectory() as folder:
        os.environ["NODEFLOW_CACHE_DIR"] = folder
        sources = training_kernels()
        times, started = {}, time.process_time()
        gc.disable()
        compile_kernel.load_compiler()
        gc.freeze()
        times["importing the compiler"] = time.process_time() - started
        for number, (source, nodes) in enumerate(sources.items()):
            begun = time.process_time()
            compile_kernel.compile_source(source)
            times[f"kernel {number}: {', '.join(nodes[:3])}"] = time.process_time() - begun
        times["all of it"] = time.process_time() - started
    print(json.dumps(times))


def training_kernels(path: Path = MNIST) -> dict[str, tuple[str, ...]]:
    """Return the texts of the kernels for a step of a file's training, with the nodes they
    belong to."""
    from nodeflow.document.io import flow
    from nodeflow.document.to_graph.task import Task
    from nodeflow.train.stepping.steppers import stepper_of
    from nodeflow.train.tunable_numbers import Numbers

    task = Task(flow.load(path), file=path)
    training = task.training()
    with nf.Session(task.graph, tier="compiled", seed=1) as session:
        session.initialize()
        stepper = stepper_of(session, training, [()], 0, Numbers(training.optimizer))
        plan = stepper._make_plan()
        assert plan is not None
        return stepper._kernels(plan)


# ---- planning -----------------------------------------------------------------------------------


def chain(count: int) -> nf.Tensor:
    y = nf.placeholder("float32", [8], name="x")
    for _ in range(count):
        y = nf.sin(y)
    return y


def dag(count: int) -> nf.Tensor:
    """Make unary and binary nodes; each reads some of the last hundred nodes before it."""
    draw = random.Random(1)
    made = [nf.placeholder("float32", [8], name="x")]
    unary, binary = (nf.tanh, nf.relu, nf.abs, nf.square), (nf.add, nf.multiply, nf.maximum)
    while len(made) < count:
        near = made[-100:]
        if draw.random() < 0.5:
            made.append(draw.choice(unary)(draw.choice(near)))
        else:
            made.append(draw.choice(binary)(draw.choice(near), draw.choice(near)))
    return nf.add_n(made[-100:])


def layers(count: int) -> nf.Tensor:
    """Make products, biases and activations of four sizes."""
    v = nf.placeholder("float32", [16, 8], name="x")
    for number in range(count // 5):
        width = 8 + number % 4
        w = nf.constant([[0.1] * width] * (v.shape[1] or 0))
        v = nf.tanh(v @ w + nf.constant([0.5] * width))
    return v


GRAPHS: dict[str, Callable[[int], nf.Tensor]] = {"chain": chain, "dag": dag, "layers": layers}


def planning(options: argparse.Namespace) -> Iterator[Result]:
    from nodeflow.engine.plan import passes
    from nodeflow.engine.plan.plan import make_plan
    from nodeflow.engine.schedule.schedule import build_schedule

    spent: dict[str, float] = {}
    if options.profile:
        _time_passes(spent)
    for name, make in GRAPHS.items():
        for nodes in options.nodes:
            found: dict[str, list[float]] = {"built": [], "planned": []}
            spent.clear()
            for _ in range(options.rounds):
                started = time.process_time()
                with nf.Graph() as graph:
                    result = make(nodes)
                found["built"].append(time.process_time() - started)
                started = time.process_time()
                schedule = build_schedule([result], graph.placeholders)
                schedule, types = passes.rewrite_schedule(
                    schedule, schedule.specialise({}), frozenset()
                )
                make_plan(schedule, types)
                found["planned"].append(time.process_time() - started)
            for what, runs in found.items():
                yield {"what": what, "graph": name, "nodes": nodes, **summary(runs)}
            for what, seconds in spent.items():
                each = round(seconds / options.rounds, 3)
                yield {"pass": what, "graph": name, "nodes": nodes, "mean_s": each}


def _time_passes(spent: dict[str, float]) -> None:
    """Add the seconds of each pass of the planner to ``spent``, from now on."""
    from nodeflow.engine.plan import plan

    made = plan.pipeline

    def timed(name: str, run: Callable[[Any], None]) -> Callable[[Any], None]:
        def call(draft: Any) -> None:
            started = time.process_time()
            run(draft)
            spent[name] = spent.get(name, 0.0) + time.process_time() - started

        return call

    def pipeline(*args: Any) -> Iterator[Any]:
        for name, each in made(*args):
            yield name, timed(name, each)

    plan.pipeline = pipeline


# ---- files --------------------------------------------------------------------------------------


def files(options: argparse.Namespace) -> Iterator[Result]:
    import live

    from nodeflow.document.analysis.inference.incremental_inference import Analysis
    from nodeflow.document.io import flow
    from nodeflow.document.to_graph.task import Task

    for name in ("chain", "wide", "subgraphs"):
        for nodes in options.nodes:
            found: dict[str, list[float]] = {}

            def timed(what: str, run: Callable[[], Any], found: Any = found) -> Any:
                started = time.process_time()
                result = run()
                found.setdefault(what, []).append(time.process_time() - started)
                return result

            for _ in range(options.rounds):
                case = timed("made", lambda name=name, nodes=nodes: live.CASES[name](nodes))
                text = timed("written", lambda case=case: flow.dumps(case.document))
                document = timed("read", lambda text=text: flow.loads(text))
                timed("analysed", lambda document=document: Analysis(document))
                timed("built", lambda document=document: Task(document))
            for what, runs in found.items():
                yield {"what": what, "graph": name, "nodes": nodes, **summary(runs)}


CASES: dict[str, Callable[[argparse.Namespace], Iterator[Result]]] = {
    "window": window,
    "command": command,
    "kernels": kernels,
    "planning": planning,
    "files": files,
}

if __name__ == "__main__":
    main()

"""Measure the cost of going back: copies and watching while training, and the way to a step.

    python benchmarks/replaying.py [--steps 100000] [--pairs 21] [FILE]

Prints JSON: the share of time that copies took; the time to random steps relative to 800 steps; and
the ratios of the times of alternating trainings with and without the watch for bad values, and with
and without copies.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.graph.graph import ancestors
from nodeflow.resources import example
from nodeflow.train.events import Event, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.training import Training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", default=None)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--visits", type=int, default=20, help="random steps to go to")
    parser.add_argument("--pairs", type=int, default=0, help="alternating pairs of trainings")
    parser.add_argument("--pair-steps", type=int, default=10_000)
    arguments = parser.parse_args()
    path = Path(arguments.file) if arguments.file else example("mnist.flow")
    found: dict[str, Any] = {"file": path.name}
    if arguments.steps:
        found.update(going_back(path, arguments.steps, arguments.visits))
    if arguments.pairs:
        pairs, steps = arguments.pairs, arguments.pair_steps
        found["with_watch"] = paired(path, pairs, steps, watch=True)
        found["with_copies"] = paired(path, pairs, steps, watch=False)
    print(json.dumps(found, indent=1))


def opened(path: Path, **settings: Any) -> tuple[Task, Training]:
    task = Task(flow.loads(path.read_text(encoding="utf-8")), base_dir=path.parent)
    return task, replace(task.training(), metrics=(), epochs=10**6, **settings)


def run(
    path: Path, steps: int, snapshots: Snapshots | None, **settings: Any
) -> tuple[Past | None, float]:
    """Train for some steps, compiled. Return its past, and seconds per step after the first few."""
    task, training = opened(path, **settings)
    session, pasts = Session(task.graph, tier="compiled", seed=training.seed), []
    session.initialize()
    events = train(session, training, snapshots=snapshots, remember=pasts.append)
    warm: Event | None = None
    for event in events:
        if isinstance(event, Steps):
            if warm is None and event.last > 50:
                warm, began = event, time.perf_counter()
            if event.last >= steps:
                break
    assert isinstance(warm, Steps) and isinstance(event, Steps)
    return (pasts or [None])[0], (time.perf_counter() - began) / (event.last - warm.last)


def going_back(path: Path, steps: int, visits: int) -> dict[str, Any]:
    snapshots = Snapshots()
    past, each = run(path, steps, snapshots)
    assert past is not None
    gaps = np.diff(snapshots.steps)
    training = past.training
    nodes = ancestors([training.optimizer, training.loss.node])
    shown = [t for n in nodes if not n.op.macro and n.op.id != "assign" for t in n.outputs]
    replay = Replay(past)
    replay.go_to(1)
    replay.values(shown)  # compiles
    times = []
    for step in np.random.default_rng(1).integers(1, steps, visits).tolist():
        started = time.perf_counter()
        replay.go_to(step)
        replay.values(shown)
        times.append(time.perf_counter() - started)
    return {
        "steps": steps,
        "seconds_a_step": each,
        "copies": len(snapshots.steps),
        "copies_mb": snapshots.nbytes / 1e6,
        "share_of_time": snapshots.spent / snapshots.elapsed,
        "largest_gap": int(gaps.max()),
        "twice_even": 2 * steps / (len(snapshots.steps) - 1),
        "to_a_step_s": {"median": float(np.median(times)), "most": max(times)},
        "time_of_800_steps_s": 800 * each,
        "tensors_shown": len(shown),
    }


def paired(path: Path, pairs: int, steps: int, watch: bool) -> dict[str, Any]:
    """Return ratios of seconds per step: with the watch or copies, by without. The first one
    alternates."""
    ratios = []
    for number in range(pairs + 1):
        order = [True, False] if number % 2 else [False, True]
        seconds = {
            on: run(
                path,
                steps,
                Snapshots() if on and not watch else None,
                allow_nonfinite=not (on and watch),
            )[1]
            for on in order
        }
        if number:
            ratios.append(seconds[True] / seconds[False])
    rng = np.random.default_rng(1)
    medians = [np.median(rng.choice(ratios, len(ratios))) for _ in range(10_000)]
    low, high = np.percentile(medians, (2.5, 97.5))
    return {
        "pairs": pairs,
        "steps": steps,
        "median_ratio": float(np.median(ratios)),
        "interval_95": [float(low), float(high)],
    }


if __name__ == "__main__":
    main()

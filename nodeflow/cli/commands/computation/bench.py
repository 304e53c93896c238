"""``nodeflow bench``: measure the speed of a graph."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from nodeflow.cli.environment import Environment
from nodeflow.cli.load_graph import load_task, open_session
from nodeflow.cli.output_format import json_line, show_notices
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.backend import NUMBA
from nodeflow.engine.session import Session
from nodeflow.errors import FetchError
from nodeflow.train.control import Control
from nodeflow.train.events import Steps
from nodeflow.train.loop.event_stream import train


def bench(arguments: argparse.Namespace, environment: Environment) -> None:
    """Time runs of the fetches, and training steps if the graph has an optimizer.

    Raises:
        NodeflowError: an error in file, feeds, graph or run.
    """
    task = load_task(arguments, environment)
    show_notices(task.notices(), environment)
    results = []
    with open_session(task, arguments, environment) as session:
        names = arguments.fetches or task.default_fetches()
        if names:
            results.append(time_runs(session, task, names, arguments))
        if task.trains:
            results.append(time_training(session, task, arguments.seconds))
    if not results:
        raise FetchError("the graph has nothing to compute", hint="Add a node, or use --fetch.")
    for result in results:
        environment.print(json_line(result) if arguments.json else _text(result))


def time_runs(
    session: Session, task: Task, names: list[str], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Measure runs of the fetches and return their time in microseconds.

    Checking the feeds and copying the results is included, as in `nodeflow run`.
    """
    fetches = [task.fetchable(name) for name in names]
    feeds = task.feeds(fetches, arguments.split or "test")
    started = time.perf_counter()
    session.run(fetches, feeds)
    first = time.perf_counter() - started
    times = list(_times(lambda: session.run(fetches, feeds), arguments.seconds))
    return {"what": "run", "fetches": names, **_summary(first, times, session)}


def time_training(session: Session, task: Task, seconds: float) -> dict[str, Any]:
    """Return microseconds per training step, including the gathering of batches in `nodeflow
    train`.
    """
    started, first, measured_from = time.perf_counter(), 0.0, 0.0
    control, times = Control(), []
    for event in train(session, task.training(), control):
        now = time.perf_counter()
        if not isinstance(event, Steps):
            measured_from = now  # leave out the evaluation after an epoch
            continue
        if not first:
            first = now - started
        else:
            times += [(now - measured_from) / len(event.losses)] * len(event.losses)
        measured_from = now
        if now - started > first + seconds:
            control.stop()
    return {"what": "training step", **_summary(first, times or [first], session)}


def _times(call: Callable[[], Any], seconds: float) -> Iterator[float]:
    """Yield the durations of repeated calls, at least three."""
    end, done = time.perf_counter() + seconds, 0
    while done < 3 or time.perf_counter() < end:
        started = time.perf_counter()
        call()
        yield time.perf_counter() - started
        done += 1


def _summary(first: float, times: list[float], session: Session) -> dict[str, Any]:
    return {
        "first_s": round(first, 4),
        "median_us": round(statistics.median(times) * 1e6, 1),
        "best_us": round(min(times) * 1e6, 1),
        "times": len(times),
        "tier": session.tier,
        **_engine(session),
    }


def _engine(session: Session) -> dict[str, Any]:
    """Return the number of threads of nodeflow's engine, or the name of the backend."""
    if session.backend != NUMBA:
        return {"backend": session.backend}
    return {"threads": session.team().n if session.tier == "compiled" else 1}


def _text(result: dict[str, Any]) -> str:
    what = result["what"]
    if "fetches" in result:
        what += f" of {', '.join(result['fetches'])}"
    return (
        f"{what}: {result['median_us']} us (best {result['best_us']}, first "
        f"{result['first_s']} s; {result['times']} times, {_with(result)})"
    )


def _with(result: dict[str, Any]) -> str:
    """Return the tier and the number of threads, or the backend, in words."""
    if "backend" in result:
        return str(result["backend"])
    return f"{result['tier']}, {result['threads']} threads"

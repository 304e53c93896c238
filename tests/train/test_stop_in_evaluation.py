"""A training that is stopped in the evaluation after an epoch ends at once, and goes on with it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.engine.compiler.background import Job
from nodeflow.engine.compiler.compilation import Compilation
from nodeflow.engine.session import Session
from nodeflow.engine.stepper import Stepper
from nodeflow.engine.waiting import LOOK_SECONDS
from nodeflow.ops.training.optimizers import GradientDescentOptimizer
from nodeflow.train.control import Control
from nodeflow.train.events import Done, Epoch, Event, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.resume.checkpoints import Checkpoints, existing
from nodeflow.train.resume.resuming import Resumption
from nodeflow.train.training import Binding, Metric, Training
from nodeflow.train.training_state import load_state

ROWS = np.random.default_rng(0).normal(size=(2500, 3)).astype(np.float32)
BATCHES = 3
"""Of an evaluation: two of 1000 rows, and one of 500."""


def prepared(**settings: Any) -> tuple[Session, Training]:
    """Three epochs of 25 steps, with a metric that draws random numbers."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 3], name="x")
        w = nf.variable(np.zeros((3, 1), np.float32), name="w")
        loss = nf.reduce_mean(nf.square(x @ w - 1.0), name="loss")
        noisy = nf.add(loss, nf.random_normal([]), name="noisy")
        step = GradientDescentOptimizer(0.1).minimize(loss)
    column = {"x": Column(ROWS)}
    data = DataSplits("data", "memory", {"train": column, "test": column})
    metric = Metric(noisy, "test", key="test/noisy")
    how = {"epochs": 3, "batch_size": 100, "seed": 5}
    training = Training(step, loss, (metric,), {x: Binding(data, "x")}, **how)
    session = Session(g, seed=5, **settings)
    session.initialize()
    return session, training


def timeless(events: list[Event]) -> list[Any]:
    return [(e.epoch, e.loss, e.metrics) for e in events if isinstance(e, Epoch)]


@pytest.mark.parametrize("made", [0, 1, 2])
def test_what_goes_on_begins_with_the_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: int
) -> None:
    session, training = prepared(tier="reference")
    whole = list(train(session, training))
    session, training = prepared(tier="reference")
    control, run, calls = Control(), session.run, []

    def counted(*given: Any) -> Any:
        calls.append(control.stopped)
        if len(calls) == BATCHES + made:
            control.stop()
        return run(*given)

    monkeypatch.setattr(session, "run", counted)
    cut = list(train(session, training, control, checkpoints=Checkpoints(tmp_path)))
    assert len(calls) == BATCHES + made and not any(calls)
    done = cut[-1]
    assert isinstance(done, Done) and done.stopped and done.steps == (25 if made == 0 else 50)
    assert timeless(cut) == timeless(whole)[:1]
    session, training = prepared(tier="reference")
    resumption = Resumption(load_state(existing(tmp_path)[-1]), tmp_path, None)
    rest = list(train(session, training, resumption=resumption))
    assert timeless(rest) == timeless(whole)[1:]
    steps = [event.losses for event in (*cut, *rest) if isinstance(event, Steps)]
    expected = [event.losses for event in whole if isinstance(event, Steps)]
    assert np.concatenate(steps).tobytes() == np.concatenate(expected).tobytes()


def test_a_pause_does_not_end_an_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    session, training = prepared(tier="reference")
    control, run = Control(idle=lambda: control.resume()), session.run
    monkeypatch.setattr(session, "run", lambda *given: control.pause() or run(*given))
    events = list(train(session, training, control))
    assert len(timeless(events)) == 3 and isinstance(events[-1], Done)


class Stuck:
    """A compiler that is never done."""

    def all_cached(self, sources: Any) -> bool:
        return False

    def submit(self, sources: Any) -> Job:
        return Job(sources)

    def compile_all(self, sources: Any, interrupted: Any) -> bool:
        while not interrupted():
            time.sleep(LOOK_SECONDS)
        return False

    def seconds(self, sources: Any) -> float:
        return 0.0


@pytest.mark.thorough
@pytest.mark.parametrize("tier", ["auto", "compiled"])
def test_an_evaluation_that_waits_for_the_compiler_is_left(
    monkeypatch: pytest.MonkeyPatch, tier: str
) -> None:
    monkeypatch.setattr(Compilation, "_compiler", Stuck())
    monkeypatch.setattr(Compilation, "pays", lambda *a: True)
    monkeypatch.setattr(Stepper, "_compiled_steps", lambda self: None)
    session, training = prepared(tier=tier)
    control, seen = Control(), []
    thread = threading.Thread(target=lambda: seen.extend(train(session, training, control)))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    control.stop()
    thread.join(5.0)
    assert not thread.is_alive()
    assert isinstance(seen[-1], Done) and seen[-1].stopped and seen[-1].steps == 25
    assert timeless(seen) == []

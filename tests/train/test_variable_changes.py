"""A variable that the user changes while it trains: an event of the run, crossed to the bit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodeflow.engine.session import Session
from nodeflow.graph.graph import Tensor
from nodeflow.train.control import Control
from nodeflow.train.events import Done, Steps, VariableChanged, as_json
from nodeflow.train.loop.checkpointed_training import Keeping, KeptTraining
from nodeflow.train.loop.event_stream import train
from nodeflow.train.resume.checkpoints import Every
from nodeflow.train.rewind.branching import branch
from nodeflow.train.rewind.kept_past import KeptPast, load_past
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.stepping.steppers import order_of
from nodeflow.train.training import Training
from tests.train.test_replay import TIERS, EverySo, everything, looked_at

KERNEL = "dense/kernel"
SHIFT = np.linspace(-0.5, 0.5, 36 * 9, dtype=np.float32).reshape(36, 9)
FIRST, SECOND = 13, 29
"""The trainings here make single steps, so that the variable changes after these."""


class Ran:
    """A training whose kernel is shifted after two steps, with what it said."""

    def __init__(self, training: Training, tier: Any, last: int, **how: Any) -> None:
        self.training, self.pasts = training, list[Past]()
        self.session = Session(training.loss.graph, tier=tier, seed=training.seed)
        self.session.initialize()
        self.changes: list[VariableChanged] = []
        self.losses: list[float] = []
        control = Control()
        control.step(1)
        snapshots = EverySo(5, budget=1 << 28)
        for event in train(
            self.session, training, control, snapshots=snapshots, remember=self.pasts.append, **how
        ):
            if isinstance(event, VariableChanged):
                self.changes.append(event)
            if isinstance(event, Steps):
                self.losses += event.losses.tolist()
                if event.last in (FIRST, SECOND):
                    control.set_variable(KERNEL, self.session.variables[KERNEL] + SHIFT)
                control.stop() if event.last == last else control.step(1)
        self.variables = dict(self.session.variables.items())

    @property
    def past(self) -> Past:
        return self.pasts[-1]


def truth(training: Training, tensors: list[Tensor], last: int, tier: Any) -> list[list[Any]]:
    """The values of tensors in each step, of a loop of `session.run` that shifts the kernel."""
    session = Session(training.loss.graph, tier=tier, seed=training.seed)
    session.initialize()
    bindings = training.used_bindings([training.optimizer, training.loss.node])
    rows = training.rows(bindings, "train") or 0
    per_epoch, found = rows // training.batch_size, []
    for step in range(1, last + 1):
        epoch, at = divmod(step - 1, per_epoch)
        order = order_of(training, rows, epoch + 1)
        which = order[at * training.batch_size : (at + 1) * training.batch_size]
        feeds = {t: b.dataset.split("train")[b.column].rows(which) for t, b in bindings.items()}
        found.append(session.run([training.optimizer, *tensors], feeds)[1:])
        if step in (FIRST, SECOND):
            session.variables[KERNEL] = session.variables[KERNEL] + SHIFT
    return found


@pytest.mark.thorough
@TIERS
def test_every_step_is_replayed_across_the_changes_to_the_bit(tier):
    _, training = everything()
    ran = Ran(training, tier, 40)
    assert [(c.step, c.node) for c in ran.changes] == [(FIRST, KERNEL), (SECOND, KERNEL)]
    tensors = looked_at(training)
    expected = truth(training, tensors, 40, tier)
    losses = [float(values[tensors.index(training.loss)]) for values in expected]
    assert ran.losses == losses
    replays: dict[int, Replay] = {}
    for step in (40, 1, 14, 13, 12, 30, 29, 22, 15, 28, 31, 5):
        past = ran.past.at(step)
        replay = replays.setdefault(id(past), Replay(past))
        replay.go_to(step)
        values = replay.values(tensors)
        for tensor, value in zip(tensors, expected[step - 1], strict=True):
            assert values[tensor].tobytes() == np.asarray(value).tobytes(), (step, tensor.name)
        assert replay.differs_from is None
    assert len(replays) == 3
    for replay in replays.values():
        replay.close()


@pytest.mark.thorough
@TIERS
def test_a_branch_crosses_them(tier):
    _, training = everything()
    ran = Ran(training, tier, 40)
    for step in (14, 20, 30, 35):
        session = Session(training.loss.graph, tier=tier, seed=training.seed)
        session.initialize()
        state = branch(ran.past, step, session, training)
        assert state.state.losses.tolist() == ran.losses[: step - 1]
        control, found = Control(), []
        control.step(3)
        for event in train(session, training, control, resumption=state, snapshots=None):
            if isinstance(event, Steps):
                found += event.losses.tolist()
                if len(found) == 3:
                    control.stop()
        if step + 2 <= SECOND or step > SECOND:  # the second change is none of a branch before it
            assert found == ran.losses[step - 1 : step + 2]


def test_a_change_while_it_is_paused_counts_at_once():
    _, training = everything()
    session = Session(training.loss.graph, tier="reference", seed=training.seed)
    session.initialize()
    control = Control(idle=lambda: control.stop())
    control.pause()
    zeros = np.zeros((36, 9), np.float32)
    control.set_variable(KERNEL, zeros)
    control.set_variable("nobody", zeros)
    control.set_variable("dense/bias", np.zeros(5))  # does not fit
    events = list(train(session, training, control))
    assert [e for e in events if isinstance(e, VariableChanged)] == [
        VariableChanged(0, KERNEL, 36 * 9)
    ]
    np.testing.assert_array_equal(session.variables[KERNEL], zeros)
    assert isinstance(events[-1], Done) and events[-1].steps == 0


@pytest.mark.thorough
def test_what_a_run_keeps_crosses_them_too(tmp_path: Path):
    _, training = everything()
    ran = Ran(training, "reference", 40)
    tensors = looked_at(training)
    expected = truth(training, tensors, 40, "reference")
    starts = [past.start for past in ran.pasts]
    assert starts == [0, FIRST, SECOND]
    loaded: Past | None = None
    for past, until in zip(ran.pasts, [*starts[1:], 99], strict=True):
        path = tmp_path / f"{past.start}.safetensors"
        KeptPast.of(past, until).save(path)
        kept = load_past(path)
        assert all(past.start <= step < until for step in kept.steps)
        found = kept.past(kept.session(training.loss.graph), training, past.progress)
        loaded = replace(found, start=past.start, earlier=loaded)
    assert loaded is not None
    for step in (40, 30, 29, 20, 14, 13, 2):
        replay = Replay(loaded.at(step))
        replay.go_to(step)
        values = replay.values(tensors)
        for tensor, value in zip(tensors, expected[step - 1], strict=True):
            assert values[tensor].tobytes() == np.asarray(value).tobytes(), (step, tensor.name)
        replay.close()


@pytest.mark.thorough
def test_a_checkpoint_that_was_written_already_has_the_change(tmp_path: Path):
    _, training = everything()
    training = replace(training, epochs=2)
    whole = Ran(training, "reference", 22)

    def part(resume: Path | None, last: int) -> list[float]:
        session = Session(training.loss.graph, tier="reference", seed=training.seed)
        session.initialize()
        control, found = Control(), []
        control.step(1)
        keeping = Keeping(tmp_path / "states", Every.of(FIRST), 3, resume)
        for event in KeptTraining(session, training, control, keeping).events():
            if isinstance(event, VariableChanged):
                control.stop()  # as if it were killed right after
            elif isinstance(event, Steps):
                found.extend(event.losses.tolist())
                if resume is None and event.last == FIRST:
                    wait_until(lambda: (tmp_path / "states" / f"step-{FIRST}").exists())
                    control.set_variable(KERNEL, session.variables[KERNEL] + SHIFT)
                elif event.last == last:
                    control.stop()
                else:
                    control.step(1)
        return found

    first = part(None, 22)
    second = part(tmp_path / "states", 22)
    assert first + second == whole.losses[: len(first) + len(second)]
    assert len(first) == FIRST and len(second) > 3


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "nothing was written"
        time.sleep(0.01)


def test_what_the_command_line_prints_of_it():
    event = VariableChanged(7, "w", 3)
    assert as_json(event) == {"event": "variable", "step": 7, "node": "w", "elements": 3}


@pytest.mark.parametrize("value", [np.float32(1), np.float32("nan")])
def test_only_elements_that_are_others_are_counted(value):
    _, training = everything()
    session = Session(training.loss.graph, tier="reference", seed=training.seed)
    session.initialize()
    before = session.variables["dense/bias"]
    before[2] = value
    control = Control(idle=lambda: control.stop())
    control.pause()
    control.set_variable("dense/bias", before)
    events = list(train(session, replace(training, allow_nonfinite=True), control))
    assert [e.elements for e in events if isinstance(e, VariableChanged)] == [1]

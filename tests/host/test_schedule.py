"""The engine process trains with several optimizers, shows past steps, and takes edits."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.optimizer_turns import change_turn
from nodeflow.host import protocol as p
from nodeflow.train import events
from nodeflow.train.schedule import Schedule, Turn
from tests.document.test_schedule import document, losses, named
from tests.host.test_hot_edits import Live
from tests.host.test_rewinding import past


@pytest.fixture
def points(tmp_path):
    found = document(tmp_path)
    commands.set_training(found, epochs=6)
    return found


@pytest.mark.thorough
def test_steps_of_both_optimizers_are_shown_as_they_were(talk, points, tmp_path):
    talk.sync(points, str(tmp_path))
    talk.send(p.Train(1))
    started = talk.wait_for(events.Started)
    assert started.schedule == Schedule([Turn("d", 2), Turn("g", 1, 3)])
    talk.wait_for(events.Done)
    truth, _ = losses(points)
    assert len(truth) == 54
    for number, step in enumerate((5, 6, 23)):  # of g, of d, and of either
        answer = past(talk, points, step, 20 + 2 * number)
        assert (answer.past, answer.step) == (step, step)
        loss = "d_loss" if started.schedule.name_at(step - 1) == "d" else "g_loss"
        np.testing.assert_allclose(answer.values[loss].mean, truth[step - 1], rtol=1e-4)


def test_an_edited_schedule_takes_effect_at_an_epoch(talk, points, tmp_path):
    commands.set_training(points, epochs=100_000)
    live = Live(talk, points, tmp_path / "rows.npz")
    live.later(15)
    change_turn(points, 1, steps=3)
    edited = live.wait_for(events.Edited)
    assert edited.done == 0 and edited.step % edited.steps_per_epoch == 0
    assert edited.schedule == Schedule([Turn("d", 2), Turn("g", 3, 3)])
    live.later(15)
    commands.set_attr(points, named(points, "g"), "learning_rate", 0.05)
    changed = live.wait_for(events.NumberChanged)
    assert (changed.node, changed.value) == ("g", 0.05)
    assert live.stop().stopped and np.isfinite(live.losses).all()

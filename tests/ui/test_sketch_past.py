"""What is drawn stays: while a training goes on, and at any step of its past; with an engine."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from test_sketch_pad import ONE, draw

from nodeflow.document.edit import commands
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.host.training import training_requests
from nodeflow.train.control import Control
from nodeflow.train.events import Steps
from nodeflow.train.loop.event_stream import train

LEFT = Qt.MouseButton.LeftButton
MINUTE = 60_000


def answer_before(window, step: int, drawing: np.ndarray) -> np.ndarray:
    """The probabilities of the network from before a step, in numpy."""
    task = Task(window.workspace.root, base_dir=window.workspace.base_dir)
    training = task.training()
    control = Control(idle=lambda: control.stop())
    control.step(step - 1)
    with Session(task.graph, tier="reference", seed=training.seed) as session:
        session.initialize()
        for _ in train(session, training, control):
            pass
        w1, b1, w2, b2 = (
            session.variables[name].astype(np.float64) for name in ("W1", "b1", "W2", "b2")
        )
    logits = np.maximum(drawing @ w1 + b1, 0) @ w2 + b2
    shares = np.exp(logits - logits.max())
    return (shares / shares.sum()).reshape(-1)


@pytest.fixture(autouse=True)
def one_tier(monkeypatch):
    """Trainings run by reference: auto switches at any step, and tiers round otherwise."""
    pinned = {"tier": "reference"}
    monkeypatch.setattr(
        training_requests, "Session", lambda *args, **more: Session(*args, **more | pinned)
    )


@pytest.mark.thorough
def test_the_drawing_is_answered_by_the_network_of_each_step(qtbot, live_window):
    window = live_window("mnist", size=(1400, 900))
    commands.set_training(window.workspace.root, epochs=1_000)
    window.workspace.root.mark_saved()
    panel, past = window.panels["sketch_pad"], window.link.past
    window.docking.show("sketch_pad")
    qtbot.waitUntil(lambda: bool(panel.in_front) and panel.input is not None, timeout=MINUTE)
    draw(qtbot, panel.pad, *ONE)
    drawing = panel.prepared.picture.reshape(1, 784).astype(np.float64)
    qtbot.waitUntil(lambda: panel.bars.top is not None and panel.bars.top >= 0, timeout=MINUTE)
    window.actions_.refresh_now()
    window.actions_.trigger("train")
    window.docking.show("sketch_pad")  # the curves have come to the front
    answers: list[bytes] = []
    qtbot.waitUntil(lambda: _note(panel, answers) >= 3, timeout=MINUTE)
    qtbot.waitUntil(lambda: past.last > 12, timeout=MINUTE)
    window.actions_.refresh_now()
    window.actions_.trigger("pause")
    qtbot.waitUntil(lambda: window.link.state == "paused", timeout=MINUTE)
    for step in (3, 11, 4):
        past.show(step)
        qtbot.waitUntil(lambda: past.is_there, timeout=2 * MINUTE)
        expected = answer_before(window, step, drawing)
        qtbot.waitUntil(
            lambda wanted=expected: np.allclose(panel.bars.values, wanted, atol=1e-4),
            timeout=MINUTE,
        )
        assert f"At step {step}" in panel.state.text()
        assert not panel.pad.is_empty and window.data.is_by_hand
        assert window.data.text == f"Sketch pad, step {step}"
        assert "sketch pad" in window.pages.past_bar.text.text()
    label = window.workspace.root.node_named("y").id
    assert window.canvas.node_state.value_of(label) is None, "no label is made up"
    past.back()
    qtbot.waitUntil(lambda: not np.allclose(panel.bars.values, expected, atol=1e-4), timeout=MINUTE)
    assert window.data.text == "Sketch pad"
    qtbot.mouseClick(panel.clear, LEFT)
    assert not window.data.is_by_hand and not window.overrides
    window.link.stop()
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=MINUTE)


def _note(panel, answers: list[bytes]) -> int:
    """How many different answers were seen so far."""
    shown = np.asarray(panel.bars.values).tobytes()
    if shown not in answers:
        answers.append(shown)
    return len(answers)


@pytest.mark.thorough
def test_the_curve_of_a_training_is_the_same_while_something_is_drawn(qtbot, live_window):
    window = live_window("mnist")
    commands.set_training(window.workspace.root, epochs=1_000)
    window.workspace.root.mark_saved()
    panel = window.panels["sketch_pad"]
    window.docking.show("sketch_pad")
    qtbot.waitUntil(lambda: bool(panel.in_front) and panel.input is not None, timeout=MINUTE)
    losses: list[float] = []
    window.link.training.connect(
        lambda e: losses.extend(e.losses.tolist()) if isinstance(e, Steps) else None
    )
    window.actions_.refresh_now()
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: len(losses) > 2, timeout=MINUTE)
    draw(qtbot, panel.pad, *ONE)
    qtbot.waitUntil(lambda: len(losses) > 12, timeout=MINUTE)
    window.link.stop()
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=MINUTE)
    task = Task(window.workspace.root, base_dir=window.workspace.base_dir)
    training, found = task.training(), []
    control = Control(idle=lambda: control.stop())
    control.step(12)
    with Session(task.graph, tier="reference", seed=training.seed) as session:
        session.initialize()
        for event in train(session, training, control):
            found += event.losses.tolist() if isinstance(event, Steps) else []
    np.testing.assert_array_equal(losses[:12], found)

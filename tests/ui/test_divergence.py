"""A training that diverges: said in red, marked in the plot, mended by a click; with an engine."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from test_expand import shown
from test_subgraph_actions import node, shortcut
from thread_engine import ThreadClient

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.train.events import Diverged
from nodeflow.train.saving.weights import load_weights

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(qtbot, live_window):
    """A window on linear_regression.flow with too large a learning rate."""
    window = live_window("linear_regression")
    train = node(window, "train").id
    commands.set_attr(window.workspace.root, train, "learning_rate", 2.5)
    commands.set_training(window.workspace.root, epochs=400)
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    return window


@pytest.fixture
def diverged(qtbot, window) -> Diverged:
    """What the engine says after Ctrl+T."""
    seen: list[Diverged] = []
    window.link.training.connect(lambda e: seen.append(e) if isinstance(e, Diverged) else None)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: bool(seen) and window.link.state == "idle", timeout=60000)
    return seen[0]


@pytest.mark.thorough
def test_it_is_said_in_red_with_the_step(qtbot, window, diverged):
    assert diverged.step > 1 and diverged.kept_epoch > 0 and not np.isfinite(diverged.value)
    assert window.info.property("level") == "error"
    assert f"at step {diverged.step}" in window.info.text
    assert f"those from before step {diverged.step}" in window.info.text
    panel = window.panels["training"]
    assert panel.headline.text() == f"Diverged at step {diverged.step}"
    assert panel.headline.property("role") == "alarm"
    qtbot.waitUntil(lambda: panel.record.mark == panel.record.losses.count)
    panel.draw()
    assert panel.plots.grid.cells[0].plot.line.isVisible()
    assert panel.plots.grid.cells[0].plot.line.value() == panel.record.losses.count
    problems = [problem.text("window") for problem in window.problem_list.shown]
    assert any(f"step {diverged.step}" in text and "allow" not in text for text in problems)


@pytest.mark.thorough
def test_a_click_mends_it_in_one_undo_step_and_offers_to_train_again(qtbot, window, diverged):
    document = window.workspace.root
    texts = [choice.text() for choice in window.info.choices.values()]
    assert texts[0] == "Set the learning rate to 0.25"
    assert "Clip the gradients to a norm of 1" in texts
    first = next(iter(window.info.choices.values()))
    qtbot.mouseClick(first, LEFT)
    assert node(window, "train").attrs["learning_rate"] == 0.25
    assert window.info.button.text() == "Train again" and not window.info.choices
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Z")
    assert node(window, "train").attrs["learning_rate"] == 2.5
    document.redo()
    qtbot.mouseClick(window.info.button, LEFT)
    assert [r for r in ThreadClient.made[-1].sent if isinstance(r, p.Train)][1:]


@pytest.mark.thorough
def test_the_weights_that_are_saved_then_are_finite(qtbot, window, diverged, tmp_path):
    window.link.save_weights(str(tmp_path / "w.safetensors"))
    qtbot.waitUntil((tmp_path / "w.safetensors").exists, timeout=20000)
    weights = load_weights(tmp_path / "w.safetensors")
    assert all(np.isfinite(value).all() for value in weights.values())


@pytest.mark.thorough
def test_the_setting_lets_it_go_on_and_the_plot_still_marks_the_step(qtbot, window):
    commands.set_training(window.workspace.root, allow_nonfinite=True)
    panel = window.panels["training"]
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: panel.record.done is not None, timeout=60000)
    assert panel.headline.text().startswith("Done") and panel.record.diverged is None
    losses = panel.record.losses
    assert not np.isfinite(losses.values[panel.record.mark - 1])
    assert np.isfinite(losses.values[: panel.record.mark - 1]).all()
    assert not np.isfinite(losses.smooth[panel.record.mark :]).any(), "a gap, not a flat line"


@pytest.mark.thorough
def test_the_op_where_it_began_is_selected_and_its_step_can_be_visited(qtbot, window, diverged):
    culprit = diverged.culprit
    assert culprit is not None and culprit.node in window.info.text
    assert "overflow" in window.info.text
    chosen = [window.workspace.document.nodes[i].name for i in window.workspace.selection]
    assert chosen == [culprit.node]
    show = window.info.choices["advice:step"]
    qtbot.mouseClick(show, LEFT)
    past = window.link.past
    qtbot.waitUntil(lambda: past.step == diverged.step and past.is_there, timeout=30000)
    value = window.canvas.node_state.value_of(node(window, culprit.node).id)
    assert value is not None and value.step == diverged.step
    assert window.pages.past_bar.isVisibleTo(window.pages)

"""The doctor panel: hints as cards, a fix as one undo step, the node behind a link."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget
from test_expand import shown
from test_subgraph_actions import shortcut
from thread_engine import ThreadClient

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.train.diagnosis.hints import Edit, Hint
from nodeflow.train.events import Done, Hints, Started
from nodeflow.ui.core.engine_link.shown_step import Span

SLOW = Hint(
    "slow",
    "The learning rate is probably too small",
    "The mean loss went from 1 to 0.98 in 100 steps.",
    "Raise the learning rate.",
    "",
    "Set the learning rate to 0.1",
    (Edit("attribute", "train", "learning_rate", 0.1),),
)
GONE = Hint("dead_relu", "Units of hidden never fire", "All of them.", "", "layer/hidden", "Fix",
            (Edit("op", "layer/hidden", "", "elu"),))  # fmt: skip


@pytest.fixture
def panel(window, qtbot):
    doc = window.workspace.document
    commands.add_node(doc, "gradient_descent", (0, 0), "train", {"learning_rate": 0.01})
    window.actions_.trigger("show_doctor")
    panel = window.panels["doctor"]
    assert panel.isVisible()
    window.link.training.emit(Started(2, 10))
    window.link.training.emit(Hints((SLOW, GONE)))
    return panel


def dock_title(panel) -> str:
    parent = panel.parent()
    while not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent.windowTitle()


@pytest.mark.thorough
def test_hints_are_shown_and_counted(panel) -> None:
    assert dock_title(panel) == "Doctor (2)"
    assert [each.text() for each in panel.fix_buttons] == ["Set the learning rate to 0.1"]
    assert panel.node_buttons == []


@pytest.mark.thorough
def test_a_fix_is_one_undo_step_and_takes_its_card_away(window, panel, qtbot) -> None:
    doc = window.workspace.document
    qtbot.mouseClick(panel.fix_buttons[0], Qt.MouseButton.LeftButton)
    train = doc.node_named("train")
    assert doc.nodes[train.id].attrs["learning_rate"] == 0.1
    assert dock_title(panel) == "Doctor (1)"
    doc.undo()
    assert doc.nodes[train.id].attrs["learning_rate"] == 0.01


@pytest.mark.thorough
def test_a_new_training_and_another_document_forget(window, panel) -> None:
    window.link.training.emit(Started(2, 10))
    assert dock_title(panel) == "Doctor"
    window.link.training.emit(Hints((SLOW,)))
    assert dock_title(panel) == "Doctor (1)"
    window.workspace.replaced.emit()
    assert dock_title(panel) == "Doctor" and panel.hints == ()


@pytest.mark.thorough
def test_the_step_of_a_finding_is_visited(window, panel, qtbot) -> None:
    hint = Hint("vanishing_gradients", "Gradients vanish", "In layer.", step=7)
    window.link.training.emit(Hints((SLOW, hint)))
    past = window.link.past
    past._live = Span(1, 20)
    assert [each.text() for each in panel.step_buttons] == ["Show step 7"]
    qtbot.mouseClick(panel.step_buttons[0], Qt.MouseButton.LeftButton)
    assert past.step == 7


DEAD = Hint(
    "dead_relu", "Units never fire", "All of them.", "", "", "Set the learning rate to 0.001",
    (Edit("attribute", "train", "learning_rate", 0.001),), step=7,
)  # fmt: skip


def test_a_fix_reaches_a_training_that_runs_and_branches_one_that_has_ended(
    window, panel, qtbot
) -> None:
    doc, said, branched = window.workspace.document, [], []
    panel.applied.connect(said.append)
    panel.branch_requested.disconnect()
    panel.branch_requested.connect(branched.append)
    window.link.training.emit(Hints((DEAD,)))
    assert [b.text() for b in panel.branch_buttons] == ["Train fixed from step 7"]
    window.link.state_changed.emit("training")
    assert panel.branch_buttons == []
    qtbot.mouseClick(panel.fix_buttons[0], Qt.MouseButton.LeftButton)
    assert said[-1].endswith("It applies from the next step on.")
    assert doc.node_named("train").attrs["learning_rate"] == 0.001
    doc.undo()
    window.link.state_changed.emit("idle")
    window.link.training.emit(Hints((DEAD,)))
    qtbot.mouseClick(panel.branch_buttons[0], Qt.MouseButton.LeftButton)
    assert branched == [7] and doc.node_named("train").attrs["learning_rate"] == 0.001
    assert panel.hints == (), "its card has gone"


@pytest.mark.thorough
def test_a_planted_fault_in_the_window_can_be_visited_and_branched(qtbot, live_window) -> None:
    window = live_window("spirals")
    document = window.workspace.root
    commands.set_attr(document, document.node_named("train").id, "learning_rate", 1e-9)
    commands.set_training(document, epochs=1)
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    window.actions_.trigger("show_doctor")
    panel = window.panels["doctor"]
    ended: list[Done] = []
    window.link.training.connect(lambda e: ended.append(e) if isinstance(e, Done) else None)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: bool(ended) and window.link.state == "idle", timeout=60000)
    found = [hint for hint in panel.hints if hint.step and hint.edits]
    assert found, panel.hints
    window.actions_.trigger("show_doctor")
    place = [hint for hint in panel.hints if hint.step].index(found[0])
    qtbot.mouseClick(panel.step_buttons[place], Qt.MouseButton.LeftButton)
    past = window.link.past
    qtbot.waitUntil(lambda: past.step == found[0].step and past.is_there, timeout=30000)
    qtbot.mouseClick(panel.branch_buttons[0], Qt.MouseButton.LeftButton)
    trained = [r for r in ThreadClient.made[-1].sent if isinstance(r, p.Train)]
    assert trained[-1].branch == found[0].step
    qtbot.waitUntil(lambda: len(ended) > 1 and window.link.state == "idle", timeout=60000)

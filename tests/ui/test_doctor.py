"""The doctor panel: hints as cards, a fix as one undo step, the node behind a link."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget

from nodeflow.document.edit import commands
from nodeflow.train.diagnosis.hints import Edit, Hint
from nodeflow.train.events import Hints, Started

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


def test_hints_are_shown_and_counted(panel) -> None:
    assert dock_title(panel) == "Doctor (2)"
    assert [each.text() for each in panel.fix_buttons] == ["Set the learning rate to 0.1"]
    assert panel.node_buttons == []


def test_a_fix_is_one_undo_step_and_takes_its_card_away(window, panel, qtbot) -> None:
    doc = window.workspace.document
    qtbot.mouseClick(panel.fix_buttons[0], Qt.MouseButton.LeftButton)
    train = doc.node_named("train")
    assert doc.nodes[train.id].attrs["learning_rate"] == 0.1
    assert dock_title(panel) == "Doctor (1)"
    doc.undo()
    assert doc.nodes[train.id].attrs["learning_rate"] == 0.01


def test_a_new_training_and_another_document_forget(window, panel) -> None:
    window.link.training.emit(Started(2, 10))
    assert dock_title(panel) == "Doctor"
    window.link.training.emit(Hints((SLOW,)))
    assert dock_title(panel) == "Doctor (1)"
    window.workspace.replaced.emit()
    assert dock_title(panel) == "Doctor" and panel.hints == ()


def test_the_step_of_a_finding_is_visited(window, panel, qtbot) -> None:
    hint = Hint("vanishing_gradients", "Gradients vanish", "In layer.", step=7)
    window.link.training.emit(Hints((SLOW, hint)))
    past = window.link.past
    past.first, past.last = 1, 20
    assert [each.text() for each in panel.step_buttons] == ["Show step 7"]
    qtbot.mouseClick(panel.step_buttons[0], Qt.MouseButton.LeftButton)
    assert past.step == 7

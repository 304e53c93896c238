"""The variables of an optimizer are chosen in a tree, with the parameters that a choice trains."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialogButtonBox

from nodeflow.document.edit import commands
from nodeflow.document.edit.freezing import set_trainable
from nodeflow.document.to_graph.trained_variables import variable_sizes
from nodeflow.number_text import count
from nodeflow.resources import example
from nodeflow.ui.inspector.editors.variables_dialog import VariablesDialog

LEFT = Qt.MouseButton.LeftButton
CHECKED, UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


@pytest.fixture
def page(window, engine):
    engine.computes = False
    window.files.open_example(example("mnist_layers"))
    document = window.workspace.document
    window.canvas.selection.select([document.node_named("train").id])
    return window.panels["inspector"].outside.page


def variables(window) -> object:
    return window.workspace.document.node_named("train").attrs.get("variables")


def test_a_layer_is_unchecked_in_the_tree(page, window, qtbot):
    def act():
        (dialog,) = (w for w in QApplication.topLevelWidgets() if isinstance(w, VariablesDialog))
        try:
            uncheck(dialog)
        finally:  # else a failing test would wait for the dialog
            if dialog.isVisible():
                dialog.reject()

    def uncheck(dialog):
        assert dialog.words.text() == f"Trains {count(238_510)} of {count(238_510)} parameters"
        assert dialog.item("hidden").text(1) == count(235_500)
        tree = dialog.tree
        box = tree.visualItemRect(dialog.item("hidden"))
        qtbot.mouseClick(tree.viewport(), LEFT, pos=box.topLeft() + QPoint(10, box.height() // 2))
        assert dialog.item("hidden/kernel").checkState(0) == UNCHECKED
        assert dialog.words.text() == f"Trains {count(3010)} of {count(238_510)} parameters"
        ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
        dialog.item("logits").setCheckState(0, UNCHECKED)
        assert not ok.isEnabled()
        dialog.item("logits").setCheckState(0, CHECKED)
        qtbot.mouseClick(ok, LEFT)

    assert variables(window) is None
    QTimer.singleShot(0, act)
    qtbot.mouseClick(page.variables.choose, LEFT)
    assert variables(window) == ["logits/*"]
    window.workspace.document.undo()
    assert variables(window) is None


def test_the_dialog_shows_the_choice_and_all_of_them_is_none(page, window, qtbot):
    document = window.workspace.document
    train = document.node_named("train").id
    commands.set_attr(document, train, "variables", ["*/bias"])
    dialog = page.variables.dialog()
    qtbot.addWidget(dialog)
    assert dialog.chosen == ["hidden/bias", "logits/bias"] == dialog.names
    assert dialog.item("hidden").checkState(0) == Qt.CheckState.PartiallyChecked
    dialog.item("hidden").setCheckState(0, CHECKED)
    assert dialog.names == ["hidden/*", "logits/bias"]
    dialog.item("logits").setCheckState(0, CHECKED)
    assert dialog.names is None
    assert list(variable_sizes(document, train).trainable) == dialog.chosen


def test_without_a_variable_the_page_says_why(page, window):
    document = window.workspace.document
    for name in ("hidden", "logits"):
        commands.set_attr(document, document.node_named(name).id, "trainable", False)
    assert page.variables.dialog() is None
    assert page.variables.why_not.text() == "All variables that the loss depends on are frozen."


def test_the_tree_shows_frozen_layers_which_cannot_be_chosen(page, window, qtbot):
    document = window.workspace.document
    set_trainable(document, [document.node_named("hidden").id], False)
    dialog = page.variables.dialog()
    qtbot.addWidget(dialog)
    hidden = dialog.item("hidden")
    assert hidden.text(0) == "hidden (frozen)" and hidden.isDisabled()
    assert hidden.checkState(0) == UNCHECKED and hidden.text(1) == count(235_500)
    trained = f"Trains {count(3010)} of {count(3010)} parameters"
    assert dialog.words.text() == f"{trained}; {count(235_500)} are frozen"
    assert dialog.chosen == ["logits/kernel", "logits/bias"] and dialog.names is None

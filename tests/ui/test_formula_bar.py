"""The formula bar while a formula is typed: hints, warnings, and what is not wrong yet."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit

from nodeflow.document.edit import commands
from nodeflow.ops import REGISTRY


@pytest.fixture
def bar(window, qtbot):
    doc = window.workspace.document
    commands.add_node(doc, "placeholder", (0, 0), "x", {"shape": [None, 4]})
    commands.add_node(doc, "placeholder", (0, 90), "y", {"shape": [None, 4]})
    commands.add_node(doc, "variable", (0, 180), "W", {"shape": [4, 4], "value": 0.5})
    window.actions_.trigger("formula")
    bar = window.popups.formula
    assert bar.isVisible()
    return bar


def typed(qtbot, bar, text: str):
    bar.field.clear()
    qtbot.keyClicks(bar.field, text)
    bar.check()
    return bar


@pytest.mark.thorough
def test_the_argument_to_type_next_is_marked(bar, qtbot) -> None:
    typed(qtbot, bar, "loss = mean_squared_error(y, ")
    assert bar.call.isVisible()
    assert (
        "mean_squared_error(labels, <b" in bar.call.text() and "predictions</b>" in bar.call.text()
    )
    qtbot.keyClicks(bar.field, "x @ W)")
    assert not bar.call.isVisible()
    bar.field.setCursorPosition(len("loss = mean_squared_error("))
    assert "labels</b>" in bar.call.text()


@pytest.mark.thorough
def test_an_unfinished_formula_is_not_an_error(bar, qtbot) -> None:
    for text in ("p = softmax(", "p = x @", "p = (x + y"):
        typed(qtbot, bar, text)
        assert bar.field.fault is None
        assert bar.theme.error not in bar.note.styleSheet()
        assert not bar.add_button.isEnabled()


@pytest.mark.thorough
def test_a_mistake_is_an_error(bar, qtbot) -> None:
    typed(qtbot, bar, "p = softmaks(x)")
    assert bar.field.fault is not None
    assert bar.theme.error in bar.note.styleSheet()


@pytest.mark.thorough
def test_an_unknown_name_is_an_offer_not_an_error(bar, qtbot) -> None:
    typed(qtbot, bar, "p = x + z")
    assert bar.theme.error not in bar.note.styleSheet()
    assert bar.declare_buttons["variable"].isVisible()


@pytest.mark.thorough
def test_swapped_labels_are_warned_of_and_can_be_added(bar, qtbot) -> None:
    typed(qtbot, bar, "loss = softmax_cross_entropy_with_logits(x @ W, y)")
    assert "Are they swapped?" in bar.note.text()
    assert bar.theme.warning in bar.note.styleSheet()
    assert bar.add_button.isEnabled()


def test_arrows_bring_earlier_formulas_and_the_one_that_was_begun(bar, qtbot) -> None:
    for text in ("a = x + 1", "b = a * 2"):
        typed(qtbot, bar, text)
        bar.accept()
        bar.open()
    typed(qtbot, bar, "c = b -")
    seen = []
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down):
        qtbot.keyClick(bar.field, key)
        seen.append(bar.field.text())
    assert seen == ["b = a * 2", "a = x + 1", "a = x + 1", "b = a * 2", "c = b -"]


def test_the_key_opens_the_bar_from_a_combo_of_the_inspector_but_is_typed_in_fields(window) -> None:
    document = window.workspace.document
    attrs = REGISTRY.lookup("layers/dense").first_attrs({"units": 3})
    node = commands.add_node(document, "layers/dense", (0, 0), "h", attrs)
    window.canvas.selection.select([node])
    page = window.panels["inspector"].outside.page
    combo = next(c for c in page.findChildren(QComboBox) if c.isVisible() and c.isEnabled())
    bar = window.popups.formula
    for field in page.findChildren(QLineEdit):
        if field.isVisible() and not field.isReadOnly():
            field.setFocus()
            QTest.keyClick(field, Qt.Key.Key_Equal)
            assert bar.isHidden(), field.accessibleName()
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Equal)
    assert bar.isVisible() and bar.field.hasFocus()
    QTest.keyClick(bar.field, Qt.Key.Key_Equal)
    assert bar.field.text() == "="


@pytest.mark.parametrize("first", ["message", "bar"])
def test_a_message_of_the_canvas_stays_below_the_bar(window, bar, first: str) -> None:
    if first == "message":
        bar.close_bar()
    window.info.show_message("Something happened.")
    top = window.info.geometry().top()
    if first == "message":
        bar.open()
    assert window.info.isVisible() and bar.isVisible()
    assert not window.info.geometry().intersects(bar.geometry())
    bar.close_bar()
    assert window.info.geometry().top() < (top if first == "bar" else top + 1)

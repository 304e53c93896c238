"""Shared weights in the window: chosen in the inspector, shown on cards, asked for on deletion."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

from nodeflow.document.edit import commands
from nodeflow.document.model.records import share_of
from nodeflow.ops import REGISTRY

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def layers(window):
    """Three dense layers behind one placeholder; returns their ids."""
    document = window.workspace.document
    x = commands.add_node(document, "placeholder", (0, 0), "x", {"shape": [None, 2]})
    ids = []
    for number, name in enumerate("abc"):
        attrs = REGISTRY.lookup("layers/dense").first_attrs({"units": 3})
        ids.append(commands.add_node(document, "layers/dense", (300, 200 * number), name, attrs))
        commands.connect(document, x, "out", ids[-1], "x")
    return ids


def section(window, node: str):
    window.canvas.selection.select([node])
    return window.panels["inspector"].outside.page.weights


def choose(window, node: str, text: str) -> None:
    """Choose an entry of the combo box by its list, as a click does."""
    combo = section(window, node).choice
    combo.setFocus()
    combo.showPopup()
    index = combo.findText(text)
    assert index >= 0, [combo.itemText(i) for i in range(combo.count())]
    view = combo.view()
    place = view.visualRect(combo.model().index(index, 0)).center()
    QTest.mouseMove(view.viewport(), place)
    QTest.mouseClick(view.viewport(), LEFT, pos=place)


def answer(text: str, said: list[str]) -> None:
    """Press a button of the next question."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        said.append(box.text())
        next(b for b in box.buttons() if b.text() == text).click()

    QTimer.singleShot(0, press)


def share(window, node: str) -> str:
    return share_of(window.workspace.document.nodes[node])


def card(window, node: str):
    return window.canvas.scene.builder.build(window.workspace.document.nodes[node])


def test_a_layer_shares_by_a_choice_and_says_where_gradients_add_up(window, layers):
    a, b, _ = layers
    assert section(window, b).choice.currentText() == "Own weights"
    choose(window, b, "Share with a")
    assert share(window, b) == a
    shown = section(window, b)
    assert shown.choice.currentText() == "Share with a"
    assert shown.note.text() == "a and b use a/kernel and a/bias. Their gradients add up there."
    assert card(window, b).subtitle == "weights of a"
    assert section(window, a).note.text() == shown.note.text()
    choose(window, b, "Own weights")
    assert share(window, b) == ""
    window.workspace.document.undo()
    assert share(window, b) == a


def test_only_owners_whose_weights_fit_are_offered(window, layers):
    a, b, c = layers
    document = window.workspace.document
    wide = commands.add_node(document, "placeholder", (0, 400), "wide", {"shape": [None, 5]})
    commands.connect(document, wide, "out", c, "x")
    assert offered(window, b) == ["Own weights", "Share with a"]
    assert offered(window, c) == []
    commands.set_attr(document, a, "units", 4)
    assert offered(window, b) == []
    document.undo()
    commands.disconnect(document, (c, "x"))  # it may get any input
    assert offered(window, c) == ["Own weights", "Share with a", "Share with b"]


def offered(window, node: str) -> list[str]:
    """The entries of the combo box; none if the section is not shown."""
    shown = section(window, node)
    if not shown.isVisible():
        return []
    shown.choice.fill()
    return [shown.choice.itemText(i) for i in range(shown.choice.count())]


def test_the_card_follows_the_owners_name_and_the_link_leads_there(window, layers):
    a, b, _ = layers
    choose(window, b, "Share with a")
    commands.rename(window.workspace.document, a, "encoder")
    slot = window.canvas.scene.nodes.get(b)
    assert window.canvas.scene.card(slot).subtitle == "weights of encoder"
    QTest.mouseClick(section(window, b).link, LEFT)
    assert window.canvas.selection.nodes() == [a]


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("button", "owners"), [("b", ("", 1)), ("c", (2, "")), ("Own weights for each", ("", ""))]
)
def test_deleting_the_owner_asks_who_keeps_the_weights(window, layers, button, owners):
    a, b, c = layers
    choose(window, b, "Share with a")
    choose(window, c, "Share with a")
    window.canvas.selection.select([a])
    window.canvas.setFocus()
    said: list[str] = []
    answer(button, said)
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert said == ["“b” and “c” use the weights of “a”. Who keeps them?"]
    assert a not in window.workspace.document.nodes
    assert (share(window, b), share(window, c)) == tuple(layers[i] if i else "" for i in owners)
    window.workspace.document.undo()
    assert share(window, b) == share(window, c) == a


def test_cancel_deletes_nothing(window, layers):
    a, b, _ = layers
    choose(window, b, "Share with a")
    window.canvas.selection.select([a])
    window.canvas.setFocus()
    answer("Cancel", [])
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert a in window.workspace.document.nodes
    window.canvas.selection.select([a, b])
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert b not in window.workspace.document.nodes

"""Devices are a strip on the card, set in the inspector, and said to who does not see them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from nodeflow.document.analysis.node_flags import device_of, with_field
from nodeflow.document.edit import commands
from nodeflow.ui.canvas.a11y.descriptions import node_name
from nodeflow.ui.canvas.scene.hit_test import Hit
from nodeflow.ui.canvas.view.tooltips import tooltip


def add(window, name: str, x: int, device: str) -> str:
    document = window.workspace.document
    node_id = commands.add_node(document, "constant", (x, 0), name)
    with document.transaction("Set the device") as t:
        t.put_node(with_field(document.nodes[node_id], "device", device))
    return node_id


def strip(window, node_id: str) -> str:
    """The colour inside the left edge of a card."""
    canvas = window.canvas
    canvas.renderer.repaint_all()
    image = canvas.grab().toImage()
    while not canvas.renderer.is_settled:
        QApplication.processEvents()  # a timer paints the cards that a frame had no time for
        image = canvas.grab().toImage()
    rect = canvas.viewport.node_rect(node_id)
    ratio = image.devicePixelRatio()
    return image.pixelColor(
        round((rect.left() + 3) * ratio), round((rect.bottom() - 16) * ratio)
    ).name()


@pytest.mark.thorough
def test_each_device_has_a_strip_of_its_own_colour(window):
    ids = [
        add(window, f"c{i}", 300 * i, d) for i, d in enumerate(["/gpu:0", "/gpu:1", "/gpu:0", ""])
    ]
    window.canvas.viewport.fit_all()
    first, second, third, none = (strip(window, i) for i in ids)
    assert first == third and len({first, second, none}) == 3


def test_the_device_is_said_and_can_be_removed(window, qtbot):
    node_id = add(window, "c", 0, "/gpu:0")
    scene = window.canvas.scene
    assert "Device: /device:GPU:0" in tooltip(scene, Hit("body", node_id))
    assert "device /device:GPU:0" in node_name(scene.card(scene.nodes.get(node_id)))
    window.canvas.selection.select([node_id])
    page = window.panels["inspector"].outside.page
    assert page.device.isVisible() and "/device:GPU:0" in page.device.text.text()
    qtbot.mouseClick(page.device.button, Qt.MouseButton.LeftButton)
    assert device_of(window.workspace.document.nodes[node_id]) == ""
    assert not page.device.isVisible()
    window.workspace.document.undo()
    assert device_of(window.workspace.document.nodes[node_id]) == "/device:GPU:0"


def test_a_device_is_set_in_the_inspector(window, qtbot):
    document = window.workspace.document
    node_id = commands.add_node(document, "constant", (0, 0), "c")
    plain = strip(window, node_id)
    window.canvas.selection.select([node_id])
    page = window.panels["inspector"].outside.page
    field = page.place.row.editor.field

    def write(text: str) -> None:
        field.setFocus()
        field.selectAll()
        qtbot.keyClick(field, Qt.Key.Key_Delete)
        qtbot.keyClicks(field, text)
        qtbot.keyClick(field, Qt.Key.Key_Return)

    write("gpu:1")
    assert document.nodes[node_id].extra["device"] == "/device:GPU:1"
    assert page.device.isVisible() and strip(window, node_id) != plain
    write("the moon")
    assert "Write gpu:0" in page.place.row.message
    assert device_of(document.nodes[node_id]) == "/device:GPU:1"
    write("")
    assert "device" not in document.nodes[node_id].extra
    document.undo()
    assert field.text() == "/device:GPU:1"


@pytest.mark.thorough
def test_what_is_not_computed_has_no_device(window):
    node_id = commands.add_node(window.workspace.document, "dataset", (0, 0), "rows")
    window.canvas.selection.select([node_id])
    assert window.panels["inspector"].outside.page.place is None

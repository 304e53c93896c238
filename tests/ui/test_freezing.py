"""Freezing in the window: by the context menu and the inspector, drawn on the card, one undo."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeflow.document.analysis.frozen_weights import is_frozen
from nodeflow.document.edit.freezing import set_trainable
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.drawing.formats.graph_file import svg_file
from nodeflow.resources import example
from nodeflow.ui.canvas.a11y.descriptions import node_name, node_state
from nodeflow.ui.inspector.sections.frozen_section import FROZEN

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


@pytest.fixture
def document(window, engine):
    engine.computes = False
    window.files.open_example(example("mnist_layers"))
    window.pages.show_canvas()
    window.canvas.viewport.fit_all()
    return window.workspace.document


def ident(document, name: str) -> str:
    return document.node_named(name).id


def menu_of(window, node: str):
    canvas = window.canvas
    at = canvas.viewport.node_rect(node).center().toPoint()
    QTest.mouseClick(canvas, LEFT, pos=at)
    QTest.mousePress(canvas, RIGHT, pos=at)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, canvas.mapToGlobal(at))
    QApplication.sendEvent(canvas, event)
    QTest.mouseRelease(canvas, RIGHT, pos=at)
    return window.context_menu.menu


def shown(window) -> np.ndarray:
    canvas = window.canvas
    image = QImage(canvas.size(), QImage.Format.Format_RGB32)
    canvas.render(image)
    bits = np.frombuffer(image.constBits(), np.uint8)
    return bits.reshape(image.height(), image.bytesPerLine() // 4, 4)[:, : image.width(), :3].copy()


def test_one_click_in_the_context_menu_freezes_a_layer(window, document):
    node = ident(document, "hidden")
    menu = menu_of(window, node)
    names = [action.objectName() for action in menu.actions()]
    assert "freeze" in names and "thaw" not in names
    place = menu.actionGeometry(window.actions_["freeze"]).center()
    QTest.mouseClick(menu, LEFT, pos=place)
    assert is_frozen(document, document.nodes[node])
    menu = menu_of(window, node)
    assert "thaw" in [action.objectName() for action in menu.actions()]
    menu.close()
    document.undo()
    assert not is_frozen(document, document.nodes[node])
    menu = menu_of(window, ident(document, "accuracy"))
    assert "freeze" not in [action.objectName() for action in menu.actions()]
    menu.close()


def test_the_inspector_freezes_and_says_so(window, document, qtbot):
    window.canvas.selection.select([ident(document, "hidden")])
    section = window.panels["inspector"].outside.page.frozen
    assert section.change.text() == "Freeze" and section.note.isHidden()
    qtbot.mouseClick(section.change, LEFT)
    section = window.panels["inspector"].outside.page.frozen
    assert section.note.text() == FROZEN and not section.note.isHidden()
    assert section.change.text() == "Thaw"
    qtbot.mouseClick(section.change, LEFT)
    assert "hidden" in document.names
    assert not is_frozen(document, document.node_named("hidden"))


@pytest.mark.thorough
def test_an_instance_is_frozen_by_its_page(window, engine, qtbot):
    engine.computes = False
    window.files.open_example(example("mnist_layers"))
    root = window.workspace.document
    node = create(root, [ident(root, "hidden")], "part")
    window.canvas.selection.select([node])
    section = window.panels["inspector"].outside.page.frozen
    qtbot.mouseClick(section.change, LEFT)
    assert root.nodes[node].attrs["trainable"] is False and is_frozen(root, root.nodes[node])
    assert window.panels["inspector"].outside.page.frozen.note.text().startswith(FROZEN)


@pytest.mark.parametrize("scale", [1.0, pytest.param(0.3, marks=pytest.mark.thorough), 0.06])
def test_a_sign_is_drawn_at_every_zoom(window, document, scale):
    canvas, node = window.canvas, ident(document, "hidden")
    while canvas.viewport.camera.scale > scale:
        canvas.viewport.zoom_out()
    canvas.viewport.center_on(node)
    before = shown(window)
    set_trainable(document, [node], False)
    after = shown(window)
    corner = canvas.viewport.node_rect(node).bottomLeft().toPoint()
    box = tuple(slice(at - 12, at + 12) for at in (corner.y(), corner.x()))
    assert (before[box] != after[box]).any()


def test_pictures_pages_and_screen_readers_say_it(window, document):
    node = ident(document, "hidden")
    plain = svg_file(document)
    window.canvas.selection.select([node])
    window.actions_.trigger("freeze")
    svg = svg_file(document)
    assert "hidden: Dense 300, relu, frozen" in svg and "frozen" not in plain
    assert svg.count("<path") == plain.count("<path") + 2, "a disc and a crystal"
    card = window.canvas.scene.card(window.canvas.scene.nodes.get(node))
    assert ", frozen" in node_name(card) and "frozen" in node_state(card)


@pytest.mark.thorough
def test_the_card_of_an_instance_follows_what_is_frozen_inside(window, document):
    node = create(document, [ident(document, "hidden")], "part")

    def is_drawn() -> bool:
        scene = window.canvas.scene
        return scene.card(scene.nodes.get(node)).is_frozen

    assert not is_drawn()
    window.workspace.enter(node)
    inside = window.workspace.document
    set_trainable(inside, [ident(inside, "hidden")], False)
    window.workspace.leave()
    assert is_drawn()
    document.undo()
    assert window.workspace.document is document and not is_drawn()
    document.redo()
    assert is_drawn()

"""The welcome page and the first graph, step by step."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.resources import examples
from nodeflow.ui.popups.tutorial import STEPS


@pytest.fixture
def welcome(window, qtbot):
    window.pages.show_welcome()
    qtbot.waitUntil(window.pages.welcome.isVisible)
    return window.pages.welcome


def test_every_example_is_a_picture_that_opens_it(window, welcome, qtbot):
    assert {card.path for card in welcome.cards} == set(examples())
    welcome.draw_pictures()
    qtbot.waitUntil(
        lambda: all(c.picture._pixmap is not None for c in welcome.cards), timeout=20000
    )
    image = welcome.cards[0].picture._pixmap.toImage()
    colors = {image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, 130, 3)}
    assert len(colors) > 20
    qtbot.mouseClick(welcome.cards[0], Qt.MouseButton.LeftButton)
    assert window.pages.focus_area is window.canvas
    assert window.workspace.document.nodes
    assert window.docking.docks["palette"].isVisible()


def test_cards_open_by_keyboard(window, welcome, qtbot):
    welcome.cards[1].setFocus()
    qtbot.keyClick(welcome.cards[1], Qt.Key.Key_Return)
    assert window.pages.focus_area is window.canvas


def test_recent_files_are_listed_and_open(window, welcome, tmp_path, qtbot):
    path = tmp_path / "mine.flow"
    document = Document()
    commands.add_node(document, "constant", (0, 0))
    flow.save(document, path)
    window.settings.add_recent(path)
    window.pages.show_canvas()
    window.pages.show_welcome()
    link = next(b for b in welcome.findChildren(QPushButton) if b.text() == "mine")
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    assert window.workspace.document.path == path


def test_panels_come_back_as_they_were(window, qtbot):
    window.docking.show("problems")
    window.docking.docks["inspector"].hide()
    window.pages.show_welcome()
    assert not window.docking.docks["palette"].isVisible()
    window.pages.show_canvas()
    assert window.docking.docks["palette"].isVisible()
    assert not window.docking.docks["inspector"].isVisible()
    qtbot.waitUntil(lambda: not window.panels["problems"].visibleRegion().isEmpty())


def test_the_tutorial_follows_the_document(window, welcome, qtbot):
    qtbot.mouseClick(welcome.tutorial_button, Qt.MouseButton.LeftButton)
    tutorial, document = window.tutorial, window.workspace.document
    assert tutorial.isVisible() and tutorial.title == STEPS[0].title
    attrs = {"dtype": "float32"}
    b = commands.add_node(document, "constant", (0, 0), attrs=attrs)
    assert tutorial.step == 1
    commands.rename(document, b, "b")
    commands.set_attr(document, b, "value", 2)
    assert tutorial.step == 2
    c = commands.add_node(document, "constant", (0, 100), "c", {"value": 1.0, **attrs})
    assert tutorial.step == 3
    d = commands.add_node(document, "add", (200, 0))
    commands.connect(document, b, "out", d, "x")
    assert tutorial.step == 3
    commands.connect(document, c, "out", d, "y")
    assert tutorial.step == 4
    two = commands.add_node(document, "constant", (0, 200), attrs={"value": 2.0, **attrs})
    e = commands.add_node(document, "add", (200, 100))
    commands.connect(document, two, "out", e, "x")
    commands.connect(document, c, "out", e, "y")
    assert tutorial.step == 5
    a = commands.add_node(document, "multiply", (400, 0))
    commands.connect(document, d, "out", a, "x")
    commands.connect(document, e, "out", a, "y")
    assert tutorial.step == 6
    said = []
    tutorial.finished.connect(said.append)
    commands.rename(document, a, "a")
    assert tutorial.title == "a is 9" and said == ["a = (b + c) × (c + 2) is 9"]
    qtbot.waitUntil(
        lambda: (v := window.canvas.node_state.value_of(a)) is not None and v.text == "9"
    )


def test_undo_does_not_confuse_the_tutorial(window, qtbot):
    window.begin_tutorial()
    document = window.workspace.document
    commands.add_node(document, "constant", (0, 0))
    document.undo()
    assert window.tutorial.isVisible()
    assert window.tutorial.title in {step.title for step in STEPS}


def test_the_link_of_the_empty_canvas_begins_the_tutorial(window, qtbot):
    center = window.canvas.empty_state.link_rect().center().toPoint()
    qtbot.mouseClick(window.canvas, Qt.MouseButton.LeftButton, pos=center)
    assert window.tutorial.isVisible()

"""The welcome page: examples, recent files, lessons."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.resources import examples
from nodeflow.ui.core.theming.theme import DARK


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


def test_the_pictures_are_drawn_again_in_another_theme(welcome, qtbot):
    before = list(welcome.cards)
    welcome.set_theme(DARK)
    first = welcome.cards[0]
    assert first not in before
    qtbot.waitUntil(lambda: first.picture._pixmap is not None)
    ground = first.picture._pixmap.toImage().pixelColor(2, 2)
    assert ground.lightness() < 128


@pytest.mark.thorough
def test_cards_open_by_keyboard(window, welcome, qtbot):
    welcome.cards[1].setFocus()
    qtbot.keyClick(welcome.cards[1], Qt.Key.Key_Return)
    assert window.pages.focus_area is window.canvas


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_panels_come_back_as_they_were(window, qtbot):
    window.docking.show("problems")
    window.docking.docks["inspector"].hide()
    window.pages.show_welcome()
    assert not window.docking.docks["palette"].isVisible()
    window.pages.show_canvas()
    assert window.docking.docks["palette"].isVisible()
    assert not window.docking.docks["inspector"].isVisible()
    qtbot.waitUntil(lambda: not window.panels["problems"].visibleRegion().isEmpty())


@pytest.mark.thorough
def test_the_link_of_the_empty_canvas_begins_the_first_lesson(window, qtbot):
    center = window.canvas.empty_state.link_rect().center().toPoint()
    qtbot.mouseClick(window.canvas, Qt.MouseButton.LeftButton, pos=center)
    assert window.lesson_panel.isVisible()
    assert window.lessons.running == "expression"


@pytest.mark.thorough
def test_most_cards_show_what_their_example_computes(welcome, qtbot):
    from nodeflow.ui.core.example_titles import EXAMPLES
    from nodeflow.ui.pages.welcome import result_picture

    drawn = {name: result_picture(name, 1.0) for name in EXAMPLES}
    assert [name for name, picture in drawn.items() if picture is None] == [
        "expression",
        "expression_array",
    ]
    for name, picture in drawn.items():
        if picture is not None:
            assert (picture.width(), picture.height()) == (274, 138), name


@pytest.mark.thorough
def test_examples_stand_in_groups_by_purpose(welcome):
    from nodeflow.ui.core.example_titles import GROUPS, OTHERS, groups

    found = groups(examples())
    assert list(found) == list(GROUPS) and OTHERS not in found
    texts = [w.text() for w in welcome.findChildren(QLabel) if w.property("role") == "title"]
    assert texts == ["Learn", *GROUPS]
    assert [card.path.stem for card in welcome.cards] == [n for ns in GROUPS.values() for n in ns]


@pytest.mark.thorough
def test_the_way_back_to_the_graph(window, welcome, qtbot):
    assert not welcome.back_button.isVisible(), "there is nothing to go back to"
    commands.add_node(window.workspace.document, "constant", (0, 0))
    window.pages.show_canvas()
    window.pages.show_welcome()
    assert welcome.back_button.isVisible() and welcome.back_button.text().strip() == "Back to graph"
    qtbot.mouseClick(welcome.back_button, Qt.MouseButton.LeftButton)
    assert window.pages.focus_area is window.canvas
    window.pages.show_welcome()
    qtbot.keyClick(welcome, Qt.Key.Key_Escape)
    assert window.pages.focus_area is window.canvas

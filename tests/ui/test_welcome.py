"""The welcome page and the first graph, step by step."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.host import protocol as p
from nodeflow.resources import example, examples
from nodeflow.train import events
from nodeflow.ui.core.theming.theme import DARK
from nodeflow.ui.popups.tours.digit import DIGIT
from nodeflow.ui.popups.tours.expression import STEPS
from nodeflow.ui.popups.tours.line import LINE, START_RATE, learning_rate
from nodeflow.ui.popups.tours.tour import Progress


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


def test_the_tutorial_follows_the_document(window, welcome, qtbot):
    qtbot.mouseClick(welcome.tour_buttons[0], Qt.MouseButton.LeftButton)
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


@pytest.mark.thorough
def test_undo_does_not_confuse_the_tutorial(window, qtbot):
    window.begin_tour()
    document = window.workspace.document
    commands.add_node(document, "constant", (0, 0))
    document.undo()
    assert window.tutorial.isVisible()
    assert window.tutorial.title in {step.title for step in STEPS}


@pytest.mark.thorough
def test_the_link_of_the_empty_canvas_begins_the_tutorial(window, qtbot):
    center = window.canvas.empty_state.link_rect().center().toPoint()
    qtbot.mouseClick(window.canvas, Qt.MouseButton.LeftButton, pos=center)
    assert window.tutorial.isVisible()


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
    assert texts == ["Guided tours", *GROUPS]
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


def select(window, name: str) -> str:
    node = window.workspace.document.node_named(name).id
    window.canvas.selection.select([node])
    return node


def done(engine) -> None:
    engine.begin_training()
    engine.on_message(events.Done(2, steps=20, seconds=1.0))
    engine.on_message(p.State("idle", "compiled"))


@pytest.mark.thorough
def test_the_second_tour_trains_a_line(window, engine, welcome, qtbot):
    qtbot.mouseClick(welcome.tour_buttons[1], Qt.MouseButton.LeftButton)
    tour = window.tutorial
    assert window.workspace.document.node_named("slope") and tour.isVisible()
    assert tour.title == LINE.steps[0].title
    select(window, "prediction")
    assert tour.title == "Train"
    window.actions_.trigger("train")
    done(engine)
    qtbot.waitUntil(lambda: tour.title == "Read what was learned")
    select(window, "slope")
    assert tour.title == "Learn more slowly"
    commands.set_attr(window.workspace.document, select(window, "train"), "learning_rate", 0.01)
    assert tour.title == "Learn more slowly", "it has yet to be trained"
    window.actions_.trigger("train")
    done(engine)
    qtbot.waitUntil(lambda: tour.title == LINE.done.title)
    window.workspace.document.mark_saved()
    assert tour.next_button.isVisible() and DIGIT.title in tour.next_button.text()
    qtbot.mouseClick(tour.next_button, Qt.MouseButton.LeftButton)
    assert tour.tour is DIGIT and window.workspace.document.node_named("probabilities")


@pytest.mark.thorough
def test_the_third_tour_ends_with_a_digit_of_ones_own(window, engine, qtbot):
    window.begin_tour("tour_digit")
    tour = window.tutorial
    select(window, "x")
    window.actions_.trigger("train")
    done(engine)
    qtbot.waitUntil(lambda: tour.title == "See its answers")
    select(window, "probabilities")
    assert tour.title == "Draw a digit of your own" and tour.next_button.isHidden()
    window.data.show_by_hand({"x": np.zeros((1, 784), "float32")})
    qtbot.waitUntil(lambda: tour.title == DIGIT.done.title)


@pytest.mark.thorough
def test_the_tours_name_nodes_and_rates_that_their_examples_have(window):
    for tour in (LINE, DIGIT):
        document = flow.load(example(tour.example))
        words = {w.strip(".,:") for step in tour.steps for w in step.how.split()}
        named = {"prediction", "slope", "train", "x", "probabilities"} & words
        assert named and all(document.node_named(name) for name in named)
    assert learning_rate(Progress(flow.load(example("linear_regression")))) == START_RATE

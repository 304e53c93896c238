"""A bottom panel has a tab while it is needed, or while the user wants it."""

from __future__ import annotations

import pytest
from fake_engine import FakeClient
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMenu, QTabBar

from nodeflow.document.edit import commands
from nodeflow.resources import example
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.events import Hints

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


def bars(window) -> list[QTabBar]:
    direct = Qt.FindChildOption.FindDirectChildrenOnly
    return [bar for bar in window.findChildren(QTabBar, options=direct) if bar.isVisible()]


def bar(window) -> QTabBar:
    """The tab bar of the bottom panels."""
    (found,) = bars(window)
    return found


def tabs(window) -> list[str]:
    return [bar(window).tabText(i) for i in range(bar(window).count())]


def front(window) -> str:
    return bar(window).tabText(bar(window).currentIndex())


def entry(menu: QMenu, text: str):
    menu.aboutToShow.emit()
    (found,) = (action for action in menu.actions() if action.text() == text)
    return found


def click_tab(qtbot, window, title: str, button=Qt.MouseButton.LeftButton) -> None:
    QApplication.processEvents()
    place = bar(window).tabRect(tabs(window).index(title)).center()
    qtbot.mouseClick(bar(window), button, pos=place)


@pytest.fixture
def open_below(window, qtbot):
    window.actions_.trigger("panel_bottom")
    qtbot.waitUntil(lambda: window.docking.docks["viewer"].is_front)
    return window


def test_an_empty_window_has_two(open_below):
    assert tabs(open_below) == ["Viewer", "Training"]


def test_a_picture_input_brings_the_sketch_pad_and_takes_no_focus(open_below, qtbot):
    window = open_below
    window.canvas.setFocus()
    window.files.open_example(example("mnist"))
    qtbot.waitUntil(lambda: tabs(window) == ["Viewer", "Training", "Sketch pad"])
    assert front(window) == "Viewer" and window.canvas.hasFocus()


@pytest.mark.thorough
def test_a_training_brings_predictions_and_doctor_in_their_places(open_below, engine, qtbot):
    window = open_below
    window.files.open_example(example("mnist"))
    window.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [0.5, 0.4])
    qtbot.waitUntil(lambda: window.link.state == "training")
    window.link.training.emit(Hints((Hint("scale", "x is not scaled", "It reaches 255."),)))
    engine.end_training()
    wanted = ["Viewer", "Training", "Predictions", "Doctor (1)", "Sketch pad"]
    qtbot.waitUntil(lambda: tabs(window) == wanted)
    assert front(window) == "Training"


@pytest.mark.thorough
def test_problems_are_listed_while_there_are_some(open_below, qtbot):
    window = open_below
    document = window.workspace.document
    a = commands.add_node(document, "placeholder", (0, 0), "a", {"shape": [2]})
    b = commands.add_node(document, "placeholder", (0, 200), "b", {"shape": [3]})
    total = commands.add_node(document, "add", (300, 0))
    commands.connect(document, a, "out", total, "x")
    commands.connect(document, b, "out", total, "y")
    qtbot.waitUntil(lambda: len(tabs(window)) == 3 and tabs(window)[2].startswith("Problems"))
    click_tab(qtbot, window, tabs(window)[2])
    window.actions_.trigger("undo")
    qtbot.waitUntil(lambda: not window.problem_list.count("error"))
    window.actions_.refresh_now()
    assert front(window).startswith("Problems"), "the tab in front stays until another is chosen"
    click_tab(qtbot, window, "Viewer")
    qtbot.waitUntil(lambda: tabs(window) == ["Viewer", "Training"])


def test_what_the_user_opens_stays_in_the_next_window_and_what_closes_is_gone(open_window, qtbot):
    first = open_window(FakeClient, "mnist")
    first.actions_.trigger("panel_bottom")
    qtbot.waitUntil(lambda: tabs(first) == ["Viewer", "Training", "Sketch pad"])
    entry(first.docking.tabs.button.menu(), "Outline").trigger()
    qtbot.waitUntil(lambda: front(first) == "Outline")
    click_tab(qtbot, first, "Sketch pad", Qt.MouseButton.MiddleButton)
    qtbot.waitUntil(lambda: tabs(first) == ["Viewer", "Training", "Outline"])
    first.close()
    second = open_window(FakeClient, "mnist")
    qtbot.waitUntil(lambda: len(bars(second)) == 1)  # Qt deletes an earlier one a moment later
    qtbot.waitUntil(lambda: tabs(second) == ["Viewer", "Training", "Outline"])
    second.actions_.trigger("sketch")
    qtbot.waitUntil(lambda: front(second) == "Sketch pad")
    click_tab(qtbot, second, "Outline", Qt.MouseButton.MiddleButton)
    qtbot.waitUntil(lambda: tabs(second) == ["Viewer", "Training", "Sketch pad"])


def test_viewer_and_training_cannot_be_closed(open_below, qtbot):
    for title in ("Viewer", "Training"):
        click_tab(qtbot, open_below, title, Qt.MouseButton.MiddleButton)
        entry(open_below.docking.menu, title).trigger()
        QApplication.processEvents()
        assert tabs(open_below) == ["Viewer", "Training"] and front(open_below) == title


@pytest.mark.thorough
def test_compare_and_sweep_are_pages_of_runs(open_below, qtbot):
    window = open_below
    window.actions_.trigger("show_sweep")
    qtbot.waitUntil(lambda: tabs(window) == ["Viewer", "Training", "Runs"])
    assert window.panels["sweep"].isVisible() and not window.panels["runs"].isVisible()
    window.actions_.trigger("show_runs")
    assert window.panels["runs"].isVisible() and not window.panels["sweep"].isVisible()


@pytest.mark.thorough
def test_no_tab_is_cut_on_a_small_screen(open_below, engine, qtbot):
    window = open_below
    window.resize(1280, 720)
    window.files.open_example(example("mnist"))
    window.docking.show("palette")
    for name in ("predictions", "doctor", "runs", "overrides", "problems"):
        window.docking.show(name)
    qtbot.waitUntil(lambda: len(tabs(window)) == 8 and window.docking.tabs.button.isVisible())
    found = bar(window)
    for index in range(found.count()):
        room = found.tabRect(index).width()
        assert room >= found.fontMetrics().horizontalAdvance(found.tabText(index)) + 20
    qtbot.waitUntil(
        lambda: (
            found.tabRect(7).right() < found.width()
            and window.docking.tabs.button.geometry().left() > found.x() + found.tabRect(7).right()
        )
    )

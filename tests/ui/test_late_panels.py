"""A panel that is made when it is first needed shows what one shows that was there all the time."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from fake_engine import FakeClient
from PySide6.QtCore import QObject, Qt, QThread, Signal
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QSlider, QWidget

from nodeflow.document.edit import commands
from nodeflow.resources import example
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.events import Hints
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place, discover_panels
from nodeflow.ui.window.dock import BOTTOM_ROOM

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
BOTTOM = [spec.id for spec in discover_panels() if spec.place is Place.BOTTOM]
TABS = [spec.id for spec in discover_panels() if spec.place is Place.BOTTOM and not spec.inside]


@pytest.fixture
def count_made(monkeypatch):
    """The ids of the panels that are made, in their order."""
    made: list[str] = []
    fill = LatePanel.widget.fget

    def widget(self):
        if self._widget is None:
            made.append(self._spec.id)
        return fill(self)

    monkeypatch.setattr(LatePanel, "widget", property(widget))
    return made


@pytest.mark.thorough
def test_only_what_is_seen_is_made(count_made, window, qtbot) -> None:
    assert count_made == ["palette", "inspector"]
    window.actions_.trigger("panel_bottom")
    QApplication.processEvents()
    assert count_made == ["palette", "inspector", "viewer"]
    window.docking.show("log")
    QApplication.processEvents()
    assert count_made == ["palette", "inspector", "viewer", "log"]
    assert window.panels["log"].isVisible()
    window.actions_.trigger("panel_bottom")
    window.actions_.trigger("panel_bottom")
    QApplication.processEvents()
    assert count_made == ["palette", "inspector", "viewer", "log"]


@pytest.mark.thorough
def test_a_panel_that_was_open_is_there_in_the_next_window(open_window) -> None:
    first = open_window(FakeClient)
    first.docking.show("problems")
    first.close()
    second = open_window(FakeClient)
    assert second.docking.docks["problems"].isVisible()
    front = [name for name in TABS if second.docking.docks[name].is_front]
    assert len(front) == 1 and second.panels[front[0]].isVisible()


# ---- it shows what there is -----------------------------------------------------------------


def use(window, engine) -> None:
    """Things happen that panels show."""
    window.files.load(example("mnist"), as_copy=True)
    document = window.workspace.document
    broken = commands.add_node(document, "matmul", (0, 0), "broken")
    sample = commands.add_node(document, "constant", (0, 300), "number", {"value": 2.0})
    window.canvas.selection.select([broken])
    window.canvas.selection.select([sample])
    window.overrides.set("number", np.float32(3.0), "typed")
    window.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [0.5, 0.4, 0.3])
    engine.end_epoch(1, 0.4, accuracy=0.8)
    window.link.training.emit(Hints((Hint("scale", "x is not scaled", "It reaches 255."),)))
    engine.end_training()


def shown(panel: QWidget) -> list[tuple]:
    """What the widgets of a panel say, and whether they are hidden."""
    found = []
    for widget in panel.findChildren(QWidget):
        text: object = None
        if isinstance(widget, (QLabel, QAbstractButton)):
            text = widget.text()
        elif isinstance(widget, QComboBox):
            text = [widget.itemText(i) for i in range(widget.count())], widget.currentText()
        elif isinstance(widget, QSlider):
            text = widget.minimum(), widget.maximum(), widget.value()
        model = getattr(widget, "model", None)
        if callable(model) and (rows := model()) is not None and not isinstance(widget, QComboBox):
            text = text, [rows.index(row, 0).data() for row in range(rows.rowCount())]
        if text is not None:
            found.append((type(widget).__name__, text, widget.isEnabled(), widget.isHidden()))
    return sorted(map(repr, found))


def seen(open_window, early: bool) -> dict[str, list]:
    """What each panel shows after a session through which it was there, or was not."""
    FakeClient.made.clear()
    window = open_window(FakeClient)
    if early:
        assert len(list(window.panels.values())) == len(BOTTOM) + 2
    use(window, FakeClient.made[-1])
    found = {}
    for name in BOTTOM:
        window.docking.show(name)
        QApplication.processEvents()
        window.actions_.refresh_now()  # which a timer does soon
        window.panels["training"].draw()
        found[name] = shown(window.panels[name])
    return found


@pytest.mark.thorough
def test_it_shows_what_came_before(open_window) -> None:
    early, late = seen(open_window, True), seen(open_window, False)
    for name in BOTTOM:
        assert late[name] == early[name], name


def test_what_another_thread_says_is_heard_on_the_thread_of_the_window(qtbot) -> None:
    class Speaker(QObject):
        said = Signal(str)

    heard = []
    made = PanelSpec("one", "One", Place.BOTTOM, 1, lambda context: QLabel())
    parent, speaker = QObject(), Speaker()
    panel = LatePanel(made, None, lambda widget: qtbot.addWidget(widget), parent)
    panel.hear(speaker.said, lambda label, text: heard.append((text, QThread.currentThread())))
    thread = threading.Thread(target=speaker.said.emit, args=("hello",))
    thread.start()
    thread.join()
    assert heard == []
    qtbot.waitUntil(lambda: bool(heard))
    assert heard == [("hello", QApplication.instance().thread())]


# ---- where it is ----------------------------------------------------------------------------


def tab_order(open_window, order: list[str]) -> list[tuple[str, str, str]]:
    """What Tab reaches in the panels at the bottom, that are made in an order, and after them."""
    window = open_window(FakeClient)
    for name in order:
        window.docking.show(name)
    panel_of = {
        widget: name for name in BOTTOM for widget in window.panels[name].findChildren(QWidget)
    }
    found, each = [], window.nextInFocusChain()
    while each is not window:
        if each.focusPolicy() & Qt.FocusPolicy.TabFocus and not each.window().isHidden():
            name = panel_of.get(each, "toolbar" if window.toolbar.isAncestorOf(each) else "")
            found += [(name, type(each).__name__, each.accessibleName())] if name else []
        each = each.nextInFocusChain()
    return found


@pytest.mark.thorough
def test_tab_goes_the_same_way_whichever_is_made_first(open_window) -> None:
    order = tab_order(open_window, BOTTOM)
    assert tab_order(open_window, [*reversed(BOTTOM)]) == order
    assert tab_order(open_window, [*BOTTOM[5:], *BOTTOM[:5]]) == order
    names = list(dict.fromkeys(name for name, *_ in order))
    assert names == [*(name for name in BOTTOM if name in names), "toolbar"]


@pytest.mark.thorough
@pytest.mark.parametrize("size", [(960, 600), (1280, 800)])
def test_none_that_is_made_moves_the_others(open_window, size) -> None:
    window = open_window(FakeClient, "mnist", size=size)
    window.actions_.trigger("panel_bottom")
    QApplication.processEvents()
    middle, right = window.pages.geometry(), window.docking.docks["inspector"].geometry()
    for name in BOTTOM:
        window.docking.show(name)
        QApplication.processEvents()
        asked = window.panels[name].minimumSizeHint()
        assert asked.boundedTo(BOTTOM_ROOM) == asked, name
        assert window.pages.geometry() == middle, name
        assert window.docking.docks["inspector"].geometry() == right, name

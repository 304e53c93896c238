"""No window appears that the user did not ask for, not even for a moment."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QWidget

from nodeflow.document.analysis.declarations import declarations
from nodeflow.document.edit import commands
from nodeflow.resources import example, examples

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Keys = Qt.Key, Qt.KeyboardModifier


class Watcher(QObject):
    """Records widgets that become visible windows of their own and are none that one opens."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.window = window
        self.strays: list[str] = []
        QApplication.instance().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        shown = event.type() == QEvent.Type.Show and isinstance(watched, QWidget)
        if shown and watched.isWindow() and watched is not self.window:
            self.strays += [] if self._is_asked(watched) else [describe(watched)]
        return False

    def _is_asked(self, widget: QWidget) -> bool:
        popup = widget.windowFlags() & Qt.WindowType.WindowType_Mask
        kinds = (Qt.WindowType.Popup, Qt.WindowType.ToolTip)
        return isinstance(widget, (QMenu, QDialog)) or popup in kinds


def describe(widget: QWidget) -> str:
    texts = [c.property("text") for c in widget.findChildren(QWidget)]
    return f"{type(widget).__name__} {widget.objectName()!r} {[t for t in texts if t][:3]}"


@pytest.fixture
def watcher(window, qtbot):
    window.activateWindow()
    made = Watcher(window)
    yield made
    QApplication.instance().removeEventFilter(made)


def settle() -> None:
    """As an event loop does, which deletes what was to be deleted later, too."""
    QApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.mark.thorough
def test_the_watcher_sees_a_widget_that_is_shown_before_it_has_a_parent(watcher, qtbot):
    stray = QWidget()
    qtbot.addWidget(stray)
    stray.setVisible(True)
    assert len(watcher.strays) == 1


def of_every_kind() -> list[str]:
    """An op for each category and set of kinds of attributes: what the inspector shows of nodes
    follows from these."""
    kinds = {(op.category, *sorted({a.kind for a in op.attrs})): op.id for op in declarations()}
    return list(kinds.values())


@pytest.mark.thorough
def test_no_window_appears_when_nodes_of_every_kind_are_selected(window, watcher, qtbot):
    document = window.workspace.document
    assert len(of_every_kind()) > 100
    for op in of_every_kind():
        node = commands.add_node(document, op, (0, 0))
        window.canvas.selection.select([node])
        settle()
        commands.remove(document, [node])
    assert watcher.strays == []


@pytest.mark.thorough
def test_no_window_appears_in_a_session(window, watcher, engine, qtbot):
    """Examples, pages, runs, a training, searches, edits in the inspector, themes, panels."""
    for path in examples():
        window.files.load(path, as_copy=True)
        settle()
        window.actions_.trigger("welcome")
        settle()
        window.actions_.trigger("welcome")
    window.files.load(example("mnist"), as_copy=True)
    document = window.workspace.document
    for record in list(document.nodes.values()):
        window.canvas.selection.select([record.id])
        settle()
        if record.op in ("gradient_descent", "adam"):
            window.actions_.trigger("expand")
            settle()
            inside = window.pages.expansion
            qtbot.waitUntil(lambda page=inside: page.is_ready, timeout=60000)
            for node in list(inside.canvas.document.nodes)[:5]:
                inside.canvas.selection.select([node])
                settle()
            window.pages.show_canvas()
    window.canvas.selection.select(list(document.nodes)[:3])
    frame = commands.add_frame(document, (0, 0, 300, 200), "Layer")
    window.workspace.select([frame])
    window.canvas.selection.clear()
    settle()
    for action in ("run", "show_problems", "show_log", "show_profile", "outline", "minimap"):
        if action in {spec.id for spec in window.actions_.specs}:
            window.actions_.trigger(action)
            settle()
    window.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [0.5, 0.4, 0.3])
    engine.end_epoch(1, 0.4, accuracy=0.8)
    window.panels["training"].draw()
    settle()
    engine.end_training()
    settle()
    for action in ("search", "find", "command_palette", "formula", "insert_library"):
        window.canvas.setFocus()
        window.actions_.trigger(action)
        settle()
        QTest.keyClicks(QApplication.focusWidget() or window, "re")
        settle()
        QTest.keyClick(QApplication.focusWidget() or window, Key.Key_Escape)
        settle()
    for dock in window.docking.docks.values():
        dock.toggleViewAction().trigger()
        settle()
        dock.toggleViewAction().trigger()
        settle()
    for panel in window.panels:
        window.docking.show(panel)
        settle()
    window.actions_.trigger("theme")
    settle()
    window.actions_.trigger("theme")
    document.mark_saved()
    assert watcher.strays == []

"""Everything that goes wrong reaches one handler: slots, paint events, threads, Qt's messages."""

from __future__ import annotations

import sys
import threading

import pytest
from PySide6.QtCore import QObject, QTimer, Signal, Slot, qWarning
from PySide6.QtWidgets import QWidget

from nodeflow.errors import RunError
from nodeflow.ui.core.error_handler import ErrorHandler
from nodeflow.ui.popups.dialogs.confirmation_dialogs import ErrorDialog


@pytest.fixture
def handler(qapp, tmp_path):
    """An installed handler and the list of what it reported."""
    handler = ErrorHandler()
    handler.install(tmp_path / "window.log")
    handler.seen = []
    handler.failed.connect(lambda error, text: handler.seen.append((error, text)))
    yield handler
    handler.uninstall()


class Faulty(QObject):
    asked = Signal()

    def __init__(self):
        super().__init__()
        self.asked.connect(self.fail)

    @Slot()
    def fail(self):
        raise RunError("broken slot", node="a", port="x")


class FaultyWidget(QWidget):
    def paintEvent(self, event):
        raise ValueError("broken paint")


@pytest.mark.qt_no_exception_capture
def test_exceptions_in_slots(handler, qtbot):
    faulty = Faulty()
    faulty.asked.emit()
    assert [str(error) for error, _ in handler.seen] == ["a:x: broken slot"]
    assert "in fail" in handler.seen[0][1]


@pytest.mark.qt_no_exception_capture
def test_exceptions_in_paint_events(handler, qtbot):
    widget = FaultyWidget()
    qtbot.addWidget(widget)
    widget.show()
    qtbot.waitUntil(lambda: bool(handler.seen))
    assert "broken paint" in str(handler.seen[0][0])


@pytest.mark.qt_no_exception_capture
def test_exceptions_in_timers(handler, qtbot):
    faulty = Faulty()
    QTimer.singleShot(0, faulty.fail)
    qtbot.waitUntil(lambda: bool(handler.seen))


@pytest.mark.qt_no_exception_capture
def test_exceptions_in_threads(handler, qtbot):
    def fail():
        raise KeyError("broken thread")

    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(handler.seen))
    assert isinstance(handler.seen[0][0], KeyError)


@pytest.mark.qt_log_ignore("a warning of Qt")
def test_messages_of_qt_are_logged(handler, qtbot):
    lines = []
    handler.recorded.connect(lambda level, text: lines.append(text))
    qWarning("a warning of Qt")
    assert any("a warning of Qt" in line for line in lines)


@pytest.mark.qt_no_exception_capture
def test_the_log_file_has_the_traceback(handler, tmp_path):
    faulty = Faulty()
    faulty.asked.emit()
    text = (tmp_path / "window.log").read_text()
    assert "broken slot" in text and "in fail" in text


def test_hooks_are_given_back(qapp, tmp_path):
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    handler = ErrorHandler()
    handler.install(tmp_path / "log")
    assert sys.excepthook != before[0]
    handler.uninstall()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


def test_several_errors_share_one_dialog(qtbot, qapp):
    dialog = ErrorDialog(None, "window.log")
    qtbot.addWidget(dialog)
    dialog.add(ValueError("first"), "traceback of the first")
    dialog.add(ValueError("second"), "traceback of the second")
    text = dialog.details.toPlainText()
    assert "first" in text and "second" in text
    dialog._show.click()
    assert dialog.details.isVisible()

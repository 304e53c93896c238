"""A dialog that waits for slow work while the window stays responsive.

Threads read and write files, because a disk may be slow or gone. Meanwhile the window paints,
receives messages from its engine and answers the system, but takes no input, so that nothing is
edited during the work. Longer work shows its progress, and can be cancelled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QProgressBar, QVBoxLayout, QWidget

from nodeflow.drawing.message_text import brief
from nodeflow.ui.core.concurrency import garbage_collection
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import label
from nodeflow.ui.core.widgets.escaped_text import in_title

MOMENT_MS = 300
"""Milliseconds after which the dialog shows its progress."""
GRACE_S = 0.03
"""Seconds to wait without an event loop, about two frames. Nearly all files are read in this
time.
"""
SLICE_S = 0.01
"""Seconds of one slice of work, during which the window does not react."""
STEPS = 1000
_ALL = QEventLoop.ProcessEventsFlag.AllEvents
_NO_INPUT = QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents
T = TypeVar("T")
Progress = Callable[[float], None]
"""A function that takes the finished fraction. It raises GivenUp if the result is no longer
wanted.
"""


class GivenUp(Exception):
    """An error: the user cancelled the work, or the window was closed."""


class Waiting(QDialog):
    """A dialog that waits for several pieces of work, one after the other.

        with Waiting(window, "Opening x.flow…") as waiting:
            text = waiting.apart(read)

    Raises:
        GivenUp: every piece raises it once the user pressed Cancel.
    """

    _progressed = Signal(float)
    _ended = Signal()

    def __init__(self, window: QWidget, text: str) -> None:
        super().__init__(window)
        self.setObjectName("waiting")
        self.setWindowTitle(in_title(text))
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self._window = window
        self.is_given_up = False
        self._loop: QEventLoop | None = None
        queued = Qt.ConnectionType.QueuedConnection
        self._progressed.connect(self._on_progress, queued)
        self._ended.connect(self._wake, queued)
        self._moment = QTimer(self, singleShot=True, interval=MOMENT_MS)
        self._moment.timeout.connect(self._show)
        self._bar = QProgressBar(textVisible=False)
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName("Progress")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACE[3])
        layout.addWidget(label(brief(text)))
        layout.addWidget(self._bar)
        layout.addWidget(buttons)
        self.setMinimumWidth(360)

    def __enter__(self) -> Waiting:
        self._window.installEventFilter(self)
        self._moment.start()
        garbage_collection.pause()
        return self

    def __exit__(self, *_: object) -> None:
        self._window.removeEventFilter(self)
        self._moment.stop()
        garbage_collection.go_on()
        self.hide()
        self.deleteLater()

    # ---- parts ------------------------------------------------------------------------------

    def apart(self, job: Callable[[Progress], T]) -> T:
        """Run a job in a thread. Return its result or raise its exception.

        The job gets a `Progress`, which it should call now and then. It must not touch widgets.
        A thread cannot be stopped: a cancelled job runs on until it calls the `Progress` or
        ends, and its result is ignored.
        """
        if self.is_given_up:
            raise GivenUp
        work = _Work(job, self)
        try:
            if not work.done.wait(GRACE_S):
                self._wait(work.done.is_set)
        except GivenUp:
            work.is_given_up = True
            raise
        return work.result()

    def in_slices(self, steps: Iterator[float]) -> None:
        """Do work that needs the GUI thread in steps. Each step yields the finished fraction."""
        timer = QTimer(self)
        failed: list[BaseException] = []
        rest: Iterator[float] | None = steps

        def slice_() -> None:
            nonlocal rest
            end = time.perf_counter() + SLICE_S
            try:
                while time.perf_counter() < end:
                    if (share := next(steps, None)) is None:
                        rest = None
                        break
                    self._on_progress(share)
            except Exception as error:
                failed.append(error)
                rest = None
            if rest is None:
                timer.stop()
                self._wake()

        timer.timeout.connect(slice_)
        timer.start(0)
        try:
            self._wait(lambda: rest is None)
        finally:
            timer.stop()
        if failed:
            raise failed[0]

    def _wait(self, is_done: Callable[[], bool]) -> None:
        while not is_done() and not self.is_given_up:
            self._loop = QEventLoop(self)
            self._loop.exec(_ALL if self.isVisible() else _NO_INPUT)
            self._loop = None
        if self.is_given_up:
            raise GivenUp

    # ---- events -----------------------------------------------------------------------------

    @Slot()
    def _wake(self) -> None:
        if self._loop is not None:
            self._loop.quit()

    @Slot()
    def _show(self) -> None:
        self.show()
        self._wake()  # from now on this dialog takes input

    @Slot(float)
    def _on_progress(self, share: float) -> None:
        self._bar.setRange(0, STEPS)
        self._bar.setValue(round(STEPS * share))

    def reject(self) -> None:
        """Cancel the work, because of Cancel, Escape or the end of the window."""
        self.is_given_up = True
        super().reject()
        self._wake()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.reject()
        event.accept()

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        """Stop waiting when the window closes."""
        if event.type() == QEvent.Type.Close:
            self.reject()
        return False


class _Work:
    """A job in a thread, which reports its progress and its end by signals."""

    def __init__(self, job: Callable[[Progress], Any], waiting: Waiting) -> None:
        self._job = job
        self._progressed = ThreadSignal(waiting, "_progressed")
        self._ended = ThreadSignal(waiting, "_ended")
        self._result: Any = None
        self._error: BaseException | None = None
        self.done = threading.Event()
        self.is_given_up = False
        threading.Thread(target=self._run, name="nodeflow-waiting", daemon=True).start()

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._job(self._progress)
        except BaseException as error:
            self._error = error
        self.done.set()
        self._ended.emit()

    def _progress(self, share: float) -> None:
        if self.is_given_up:
            raise GivenUp
        self._progressed.emit(share)

"""A command of the command line in a process of its own, whose JSON comes back as a signal.

What takes seconds of Python's time would make the window stutter on a thread of its own, and a
process can be ended at any time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from PySide6.QtCore import QObject, QProcess, Signal

from nodeflow.errors import NodeflowError


class CommandProcess(QObject):
    """Runs one command at a time.

    Signals:
        done(result): what the command printed with ``--json``, one value.
        failed(error): a NodeflowError with what it said instead.
        said(text): a line that it wrote for people.
    """

    done = Signal(object)
    failed = Signal(object)
    said = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._showing = ""

    @property
    def is_busy(self) -> bool:
        return self._process is not None

    def run(self, arguments: Sequence[str]) -> None:
        """Begin a command; one that runs is ended."""
        self.cancel()
        self._process = process = QProcess(self)
        self._showing = ""
        process.readyReadStandardError.connect(self._on_said)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        process.start(sys.executable, ["-m", "nodeflow", *arguments, "--json"])

    def cancel(self) -> None:
        """End what runs; nothing comes back."""
        process, self._process = self._process, None
        if process is not None:
            process.readyReadStandardError.disconnect(self._on_said)
            process.finished.disconnect(self._on_finished)
            process.errorOccurred.disconnect(self._on_error)
            process.kill()
            process.waitForFinished(2000)
            process.deleteLater()

    def _on_said(self) -> None:
        if self._process is None:
            return
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        self._showing += text
        for line in text.splitlines():
            self.said.emit(line.removeprefix("nodeflow: "))

    def _on_finished(self, code: int) -> None:
        process = self._process
        if process is None:
            return
        self._on_said()
        output = bytes(process.readAllStandardOutput().data()).decode("utf-8", "replace")
        self._process = None
        process.deleteLater()
        try:
            result = json.loads(output) if code == 0 else None
        except ValueError:
            result = None
        if result is not None:
            self.done.emit(result)
            return
        text = self._showing.strip().removeprefix("nodeflow: ") or f"the command ended with {code}"
        self.failed.emit(NodeflowError(text))

    def _on_error(self, error: QProcess.ProcessError) -> None:
        process = self._process
        if process is not None and error == QProcess.ProcessError.FailedToStart:
            self._process = None
            process.deleteLater()
            self.failed.emit(NodeflowError(f"{sys.executable} cannot be started"))

"""A nodeflow command in its own process, whose JSON result comes back as a signal.

Seconds of Python code on a thread would make the window stutter, and a process can be killed at any
time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from PySide6.QtCore import QObject, QProcess, Signal

from nodeflow.errors import NodeflowError


class CommandProcess(QObject):
    """A runner of one command at a time.

    Signals:
        done(result): the one value that the command printed with ``--json``.
        failed(error): a NodeflowError with the error output of the command.
        said(text): a line that the command wrote for people.
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
        """Start a command, and kill the running one."""
        self.cancel()
        self._process = process = QProcess(self)
        self._showing = ""
        process.readyReadStandardError.connect(self._on_said)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        process.start(sys.executable, ["-m", "nodeflow", *arguments, "--json"])

    def cancel(self) -> None:
        """Kill the running command. Nothing comes back."""
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

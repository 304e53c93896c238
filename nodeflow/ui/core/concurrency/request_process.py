"""Runs one request at a time in a separate process; the answer comes back as a signal.

A process has two advantages over a thread: seconds of Python code do not make the window
stutter, and it can be killed at any time.
"""

from __future__ import annotations

import pickle
import sys

from PySide6.QtCore import QObject, QProcess, Signal

from nodeflow.errors import NodeflowError


class RequestProcess(QObject):
    """A runner of one request at a time, each in a new process.

    Args:
        module: the module that the process runs. It reads a pickled request from its input, and
            writes a pickled answer or error to its output.

    Signals:
        done(answer): the answer.
        failed(error): a NodeflowError.
    """

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, module: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._module = module
        self._process: QProcess | None = None

    @property
    def is_busy(self) -> bool:
        return self._process is not None

    def run(self, request: object) -> None:
        """Start a process for a request, and kill the running one."""
        self.cancel()
        self._process = process = QProcess(self)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        process.start(sys.executable, ["-m", self._module])
        process.write(pickle.dumps(request))
        process.closeWriteChannel()

    def cancel(self) -> None:
        """Kill the running process. Nothing comes back."""
        process, self._process = self._process, None
        if process is not None:
            process.finished.disconnect(self._on_finished)
            process.errorOccurred.disconnect(self._on_error)
            process.kill()
            process.waitForFinished(2000)
            process.deleteLater()

    def _on_finished(self, code: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        output = bytes(process.readAllStandardOutput().data())
        said = bytes(process.readAllStandardError().data()).decode("utf-8", "replace")
        process.deleteLater()
        if code or not output:
            last = said.strip().rpartition("\n")[2]
            self.failed.emit(NodeflowError(last or f"the process ended with {code}"))
            return
        answer = pickle.loads(output)
        if isinstance(answer, NodeflowError):
            self.failed.emit(answer)
        else:
            self.done.emit(answer)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        process = self._process
        if process is not None and error == QProcess.ProcessError.FailedToStart:
            self._process = None
            process.deleteLater()
            self.failed.emit(NodeflowError(f"{sys.executable} cannot be started"))

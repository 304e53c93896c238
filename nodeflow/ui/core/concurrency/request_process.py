"""Runs one request at a time in a separate process; the answer comes back as a signal.

A process has two advantages over a thread: seconds of Python code do not make the window
stutter, and it can be killed at any time.
"""

from __future__ import annotations

import io
import pickle
import sys

from PySide6.QtCore import QObject, QProcess, Signal

from nodeflow.errors import NodeflowError


class RequestProcess(QObject):
    """A runner of one request at a time, each in a new process.

    Args:
        module: the module that the process runs. It reads a pickled request from its input, and
            writes a pickled answer or error to its output. Before that, it may write pickled pairs
            of the finished and all parts of its work.

    Signals:
        progressed(done, total): the process finished a part of its work.
        done(answer): the answer.
        failed(error): a NodeflowError.
    """

    progressed = Signal(int, int)
    done = Signal(object)
    failed = Signal(object)

    def __init__(self, module: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._module = module
        self._process: QProcess | None = None
        self._output = b""

    @property
    def is_busy(self) -> bool:
        return self._process is not None

    def run(self, request: object) -> None:
        """Start a process for a request, and kill the running one."""
        self.cancel()
        self._output = b""
        self._process = process = QProcess(self)
        process.readyReadStandardOutput.connect(self._on_output)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        process.start(sys.executable, ["-m", self._module])
        process.write(pickle.dumps(request))
        process.closeWriteChannel()

    def cancel(self) -> None:
        """Kill the running process. Nothing comes back."""
        process, self._process = self._process, None
        if process is not None:
            process.readyReadStandardOutput.disconnect(self._on_output)
            process.finished.disconnect(self._on_finished)
            process.errorOccurred.disconnect(self._on_error)
            process.kill()
            process.waitForFinished(2000)
            process.deleteLater()

    def _on_output(self) -> None:
        """Emit the progress in the output so far, and keep the rest."""
        if self._process is None:
            return
        self._output += bytes(self._process.readAllStandardOutput().data())
        while self._output:
            stream = io.BytesIO(self._output)
            try:
                part = pickle.load(stream)
            except (EOFError, pickle.UnpicklingError):  # its end has not arrived yet
                return
            if not isinstance(part, tuple):
                return
            self._output = self._output[stream.tell() :]
            self.progressed.emit(*part)

    def _on_finished(self, code: int) -> None:
        self._on_output()
        process, self._process = self._process, None
        if process is None:
            return
        output, self._output = self._output, b""
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

"""Requests to a separate process for views of kept runs. The window never waits for it."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from PySide6.QtCore import QObject, Qt, Signal, Slot

import nodeflow
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.run_views.run_view_messages import AskRunViews, RunView
from nodeflow.ops.user.folder import plugin_folder
from nodeflow.start_process import start_process
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal

LENGTH = struct.Struct(">Q")
LAST_WORDS = 300
"""Maximum number of characters to keep of a process's last error line."""
ENDED = "it said nothing"


class RunViews(QObject):
    """The process that computes views, started by the first request. Only the newest request is
    answered.

    Signals (on the GUI thread):
        arrived(RunView): the answer to the newest request.
        failed(text): the process ended.
    """

    arrived = Signal(object)
    failed = Signal(str)
    _answered = Signal(object)
    _broke = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._number = 0
        self._requests: queue.SimpleQueue[AskRunViews | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._work: _Work | None = None
        self._answered.connect(self._on_answered, Qt.ConnectionType.QueuedConnection)
        self._broke.connect(self._on_broke, Qt.ConnectionType.QueuedConnection)
        requests = self._requests
        self.destroyed.connect(lambda: requests.put(None))

    def ask(self, runs: tuple[str, ...], spec: ViewSpec, best: bool = False) -> None:
        """Ask for a view of each run, and drop the previous request."""
        self._number += 1
        self._requests.put(AskRunViews(self._number, runs, spec, best))
        if self._thread is None:
            signals = ThreadSignal(self, "_answered"), ThreadSignal(self, "_broke")
            self._work = _Work(self._requests, *signals)
            self._thread = threading.Thread(
                target=self._work.run, name="nodeflow-run-views", daemon=True
            )
            self._thread.start()

    @Slot(object)
    def _on_answered(self, answer: RunView) -> None:
        if answer.number == self._number:
            self.arrived.emit(answer)

    @Slot(int, str)
    def _on_broke(self, number: int, text: str) -> None:
        if number == self._number:
            self.failed.emit(text)


class _Work:
    """The threads that write requests to the process and read its answers."""

    def __init__(
        self,
        requests: queue.SimpleQueue[AskRunViews | None],
        answered: ThreadSignal,
        broke: ThreadSignal,
    ) -> None:
        self._requests, self._answered, self._broke = requests, answered, broke
        self._process: subprocess.Popen[bytes] | None = None
        self._number = 0

    def run(self) -> None:
        """Write requests to the process until the window is closed."""
        while (request := self._requests.get()) is not None:
            self._number = request.number
            try:
                self._write(request)
            except OSError as error:
                self._broke.emit(request.number, str(error))
        process = self._process
        if process is not None:
            process.kill()

    def _write(self, request: AskRunViews) -> None:
        if self._process is None:
            self._start()
        process = self._process
        assert process is not None and process.stdin is not None
        data = pickle.dumps(request)
        process.stdin.write(LENGTH.pack(len(data)) + data)
        process.stdin.flush()

    def _start(self) -> None:
        root = str(Path(nodeflow.__file__).parents[1])
        before = os.environ.get("PYTHONPATH")
        paths = root if not before else os.pathsep.join((root, before))
        command = [sys.executable, "-m", "nodeflow.host.run_views.run_views_process"]
        if (folder := plugin_folder()).is_dir():
            command.append(str(folder))
        errors = tempfile.TemporaryFile()  # noqa: SIM115  a pipe that nobody reads would fill
        self._process = start_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=os.name == "posix",
        )
        reader = threading.Thread(
            target=self._read, args=(self._process, errors), name="nodeflow-run-views", daemon=True
        )
        reader.start()

    def _read(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        """Emit the answers that the process writes, until it ends."""
        stream = process.stdout
        assert stream is not None and process.stdin is not None
        with errors, stream, contextlib.suppress(OSError, pickle.UnpicklingError):
            while len(head := stream.read(LENGTH.size)) == LENGTH.size:
                self._answered.emit(pickle.loads(stream.read(LENGTH.unpack(head)[0])))
            process.kill()
            process.wait()
            self._process = None
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            self._broke.emit(self._number, lines[-1][-LAST_WORDS:] if lines else ENDED)
        with contextlib.suppress(OSError):
            process.stdin.close()

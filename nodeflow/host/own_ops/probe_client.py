"""The client of the process with the user's own ops: it asks on a thread, with a time limit."""

from __future__ import annotations

import contextlib
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection, Listener
from typing import Any

from nodeflow.errors import RunError
from nodeflow.graph.types import TensorType
from nodeflow.host.child_process import accept_from
from nodeflow.host.own_ops import probe_messages as r
from nodeflow.ops.user.plugins import PluginProblem
from nodeflow.ops.user.time_limit import IMPORT_SECONDS, PROBE_SECONDS
from nodeflow.start_process import start_process

START_SECONDS = 60.0
GRACE_SECONDS = 2.0
"""Seconds after the limit until the kill. Python loops end at the limit, loops in C do not."""
_SIGNALS = {"SIGSEGV": "a segmentation fault", "SIGABRT": "an abort", "SIGKILL": "it was killed"}


class Gone(Exception):
    """The error that the process with the user's ops has ended, or had to be killed.

    Attributes:
        file: the file that was running at that time, if any.
    """

    def __init__(self, why: str, file: str | None = None) -> None:
        super().__init__(why)
        self.file = file


class ProbeClient:
    """The client of a process that loads a folder; after a crash, a new process loads the same
    folder.

    Args:
        import_seconds, probe_seconds: the time limits of a file and of a function.
    """

    def __init__(
        self, import_seconds: float = IMPORT_SECONDS, probe_seconds: float = PROBE_SECONDS
    ) -> None:
        self._limits = import_seconds + GRACE_SECONDS, probe_seconds + GRACE_SECONDS
        self._jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._folder = ""
        self._skip: dict[str, str] = {}

    # ---- any thread -----------------------------------------------------------------------------

    def load(self, folder: str, answered: Callable[[r.Loaded, dict[str, str]], None]) -> None:
        """Load a folder of user-defined ops in a new process, so that a crash does not end the
        engine.

        Args:
            answered: called on the prober's thread with the loaded ops, and with the skipped files,
                each with a text that says how it ended the process.
        """
        self._post(lambda: answered(*self._load(folder)))

    def use(self, folder: str, skip: Mapping[str, str]) -> None:
        """Load user-defined ops from this folder from now on, without the files in ``skip``."""
        self._post(lambda: self._use(folder, dict(skip)))

    def ask(self, request: r.Infer | r.Derive, answered: Callable[[r.Answer], None]) -> None:
        """Ask the process with the user's ops to infer types or derive nodes for an op.
        ``answered`` is called with the answer on another thread.
        """
        self._post(lambda: answered(self._ask(request)))

    def infer(
        self, op: str, types: Sequence[TensorType], attrs: Mapping[str, Any]
    ) -> tuple[TensorType, ...]:
        """Infer the output types of a user's op in a separate process, and return them.

        Raises:
            NodeflowError: the op refuses the types, or ended its process.
        """
        answers: queue.SimpleQueue[r.Answer] = queue.SimpleQueue()
        self.ask(r.Infer(op, tuple(types), dict(attrs)), answers.put)
        answer = answers.get()
        if isinstance(answer, r.Refused):
            raise answer.error
        assert isinstance(answer, r.Types)
        return answer.types

    def close(self) -> None:
        """End the process and the thread. Return at once."""
        process = self._process
        if process is not None:
            process.kill()  # so that the thread does not wait for an answer
        if self._thread is not None:
            self._jobs.put(None)

    def _post(self, job: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="nodeflow-prober", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    # ---- the prober's thread --------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        self._end()

    def _use(self, folder: str, skip: dict[str, str]) -> None:
        self._end()
        self._folder, self._skip = folder, skip

    def _load(self, folder: str) -> tuple[r.Loaded, dict[str, str]]:
        self._use(folder, {})
        while True:
            try:
                return self._start(), dict(self._skip)
            except Gone as gone:
                if gone.file is None or gone.file in self._skip:
                    problem = PluginProblem(folder, None, f"own ops cannot be loaded: {gone}")
                    return r.Loaded({}, (problem,)), {}
                self._skip[gone.file] = str(gone)

    def _ask(self, request: r.Infer | r.Derive) -> r.Answer:
        try:
            if self._process is None or self._process.poll() is not None:
                self._start()
            return self._exchange(request, self._limits[1])
        except Gone as gone:
            return r.Refused.of(RunError(f"{request.op}: {gone}"))

    def _start(self) -> r.Loaded:
        """Start a process and let it load the folder."""
        self._end()
        key = secrets.token_bytes(32)
        listener = Listener(authkey=key)
        self._process = start_process(
            [sys.executable, "-m", "nodeflow.host.own_ops.probe_process", str(listener.address)],
            stdin=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(key)
            self._process.stdin.flush()
        self._connection = accept_from(listener, self._process, START_SECONDS)
        if self._connection is None:
            raise Gone(self._how())
        answer = self._exchange(r.Load(self._folder, self._skip), self._limits[0])
        assert isinstance(answer, r.Loaded)
        return answer

    def _exchange(self, request: r.Request, seconds: float) -> r.Answer:
        """Send a request to the process that runs the user's ops, and return its answer.

        Raises:
            Gone: the process ended or had to be killed.
        """
        assert self._connection is not None
        file: str | None = None
        try:
            self._connection.send(request)
            while self._connection.poll(seconds):
                answer = self._connection.recv()
                if not isinstance(answer, r.Loading):
                    return answer
                file = answer.file
        except (EOFError, OSError):
            raise Gone(self._how(), file) from None
        self._end()
        raise Gone(f"it takes longer than {seconds - GRACE_SECONDS:g} seconds", file)

    def _how(self) -> str:
        """Return in words how the process ended."""
        assert self._process is not None
        try:
            code = self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return "it closed the connection of its process"
        finally:
            self._end()
        if code >= 0:
            return f"it ends its process (exit code {code})"
        name = signal.Signals(-code).name
        return f"it ends its process ({_SIGNALS.get(name, name)})"

    def _end(self) -> None:
        process, self._process = self._process, None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)

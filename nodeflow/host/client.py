"""Starts the engine process and exchanges messages with it; no Qt."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener

from nodeflow.errors import EngineDied
from nodeflow.host.protocol import Died, EventBatch, Message, Request, Shutdown

START_SECONDS = 30.0
CLOSE_SECONDS = 2.0


class EngineClient:
    """A running engine process.

    Args:
        on_message: called with every message, on the client's reading thread.
        threads: number of compute threads; None leaves it to the engine.
    """

    def __init__(
        self, on_message: Callable[[Message], None], *, threads: int | None = None
    ) -> None:
        self._on_message = on_message
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._ready = threading.Event()
        self._send_lock = threading.Lock()
        self._pending: list[Request] = []
        self._closing = False
        self._ended = False

    def start(self) -> None:
        """Start the process and return at once; requests wait until it is ready."""
        key = secrets.token_bytes(32)
        listener = Listener(authkey=key)
        environment = dict(os.environ)
        # OpenBLAS must not add threads of its own to the engine's team (measured: 23 ms per step).
        environment["OPENBLAS_NUM_THREADS"] = "1"
        arguments = [sys.executable, "-m", "nodeflow.host.process", str(listener.address)]
        if self._threads:
            arguments.append(str(self._threads))
        self._process = subprocess.Popen(
            arguments, env=environment, stdin=subprocess.PIPE, start_new_session=os.name == "posix"
        )
        assert self._process.stdin is not None
        # Standard input stays open: the engine exits when it closes, so it never outlives us.
        self._process.stdin.write(key)
        self._process.stdin.flush()
        threading.Thread(
            target=self._read, args=(listener,), name="nodeflow-engine-reader", daemon=True
        ).start()

    def send(self, request: Request) -> None:
        """Send a request, or queue it until the process is ready.

        Raises:
            EngineDied: the process has ended.
        """
        with self._send_lock:
            if self._connection is None and not self._ended:
                self._pending.append(request)
                return
            try:
                if self._connection is None:
                    raise ConnectionError("it ended before it was ready")
                self._connection.send(request)
            except (OSError, ValueError):
                raise EngineDied(
                    "the engine process ended unexpectedly", hint="It restarts by itself."
                ) from None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End the process: send Shutdown, and kill it if it does not exit in time."""
        self._closing = True
        process = self._process
        if process is None:
            return
        if self._connection is not None:
            with contextlib.suppress(EngineDied):
                self.send(Shutdown())
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Kill the process; ``Died`` follows as a message."""
        if self._process is not None:
            self._process.kill()

    # ---- the reading thread ---------------------------------------------------------------------

    def _read(self, listener: Listener) -> None:
        connection = self._accept(listener)
        if connection is None:
            self._report_death()
            return
        try:
            with self._send_lock:
                self._connection = connection
                for request in self._pending:
                    connection.send(request)
                self._pending.clear()
            while True:
                message = connection.recv()
                for part in message.events if isinstance(message, EventBatch) else (message,):
                    self._on_message(part)
        except (EOFError, OSError):
            pass
        self._report_death()

    def _accept(self, listener: Listener) -> Connection | None:
        """Wait for the process to connect; None when it ended first."""
        process = self._process
        assert process is not None
        give_up = threading.Timer(START_SECONDS, process.kill)
        give_up.daemon = True
        give_up.start()
        accepted: list[Connection] = []

        def accept() -> None:
            with contextlib.suppress(OSError, EOFError, AuthenticationError):
                accepted.append(listener.accept())

        thread = threading.Thread(target=accept, daemon=True, name="nodeflow-accept")
        thread.start()
        while thread.is_alive() and process.poll() is None:
            thread.join(0.02)
        give_up.cancel()
        if thread.is_alive():  # the process ended: wake the thread, leave no socket behind
            with contextlib.suppress(OSError):
                Client(listener.address).close()
            thread.join()
        listener.close()
        return accepted[0] if accepted else None

    def _report_death(self) -> None:
        assert self._process is not None
        code = self._process.wait()
        with self._send_lock:
            self._ended = True
            self._pending.clear()
        if not self._closing:
            self._on_message(Died(code))

"""The window's end of the engine process: it starts the process and exchanges messages, without Qt.

Only `close` waits for the engine, and at most 2 seconds. One thread writes to the connection and
one reads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener
from typing import Any

from nodeflow.errors import EngineDied
from nodeflow.free_memory import LEAN
from nodeflow.host.child_process import accept_from
from nodeflow.host.protocol import Died, EventBatch, Message, Request, Shutdown
from nodeflow.host.pulse import Pulse
from nodeflow.host.request_queue import RequestQueue
from nodeflow.start_process import start_process

log = logging.getLogger("nodeflow")

START_SECONDS = 30.0
CLOSE_SECONDS = 1.0
"""Seconds to wait for an engine to end after `Shutdown`."""
KILL_SECONDS = 0.5
"""Seconds to wait for a killed process. It ends at once, unless the system blocks it on a disk."""


class EngineClient:
    """A running engine process.

    Args:
        on_message: called with every message, on the client's reading thread.
        threads: number of compute threads. None lets the engine choose.

    Attributes:
        pulse: the engine's signs of life, readable even if the engine hangs.
    """

    def __init__(
        self, on_message: Callable[[Message], None], *, threads: int | None = None
    ) -> None:
        self._on_message = on_message
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = RequestQueue()
        self._closing = False
        self._ended = False
        self.pulse = Pulse()

    def start(self) -> None:
        """Start the process and return at once. Requests wait until it is ready.

        The engine ends when the calling thread or this process ends.
        """
        key = secrets.token_bytes(32)
        listener = Listener(authkey=key)
        environment = {**LEAN, **os.environ}
        # OpenBLAS must not add its own threads to the engine's team (measured: 23 ms per step).
        environment["OPENBLAS_NUM_THREADS"] = "1"
        command = [sys.executable, "-m", "nodeflow.host.engine_process"]
        arguments = [str(listener.address), self.pulse.name, str(self._threads or 0)]
        self._process = start_process(
            command + arguments,
            env=environment,
            stdin=subprocess.PIPE,
            start_new_session=os.name == "posix",
            pass_fds=self.pulse.descriptors,
        )
        self.pulse.inherited()
        assert self._process.stdin is not None
        # Standard input stays open: the engine exits when it closes, so it never outlives us.
        self._process.stdin.write(key)
        self._process.stdin.flush()
        threading.Thread(
            target=self._read, args=(listener,), name="nodeflow-engine-reader", daemon=True
        ).start()

    def send(self, request: Request) -> None:
        """Put a request into the queue to the engine and return at once.

        Raises:
            EngineDied: the process has ended.
            EngineBusy: the process does not take requests, and too many wait already.
        """
        if self._ended:
            raise EngineDied("the engine process ended unexpectedly", hint="It restarts by itself.")
        self._requests.put(request)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def close(self, *, at_once: bool = False) -> None:
        """Ask the process to end, and kill it if it does not end soon. Takes at most 2 seconds.

        Args:
            at_once: kill the process without asking, because it does not answer anyway.
        """
        self._closing = True
        process = self._process
        if process is None or process.stdin is None:
            return
        if not at_once:
            self._requests.put(Shutdown())
            with contextlib.suppress(OSError):
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(CLOSE_SECONDS)
        self.kill()  # also kills its child processes if it has ended itself
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KILL_SECONDS)

    def kill(self) -> None:
        """Kill the engine process and its child processes. A ``Died`` message follows."""
        if self._process is None:
            return
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()

    # ---- the writing thread ---------------------------------------------------------------------

    def _write(self, connection: Connection) -> None:
        """Send queued requests to the engine process until it has ended. Another thread, which
        reads messages, reports the end.
        """
        while not self._ended:
            with contextlib.suppress(queue.Empty):
                request = self._requests.take()
                try:
                    connection.send(request)
                except (OSError, ValueError):
                    return

    # ---- the reading thread ---------------------------------------------------------------------

    def _read(self, listener: Listener) -> None:
        assert self._process is not None
        connection = accept_from(listener, self._process, START_SECONDS)
        if connection is None:
            self._report_death()
            return
        threading.Thread(
            target=self._write, args=(connection,), name="nodeflow-engine-writer", daemon=True
        ).start()
        while (message := self._received(connection)) is not None:
            for part in message.events if isinstance(message, EventBatch) else (message,):
                self._on_message(part)
        self._report_death()

    def _received(self, connection: Connection) -> Any:
        """Return the next message, or None at the end.

        If a message cannot be unpickled, because the program was updated while it ran, kill the
        engine: it would wait for ever.
        """
        try:
            return connection.recv()
        except (EOFError, OSError):
            return None
        except Exception:
            log.exception("a message of the engine cannot be read")
            self.kill()
            return None

    def _report_death(self) -> None:
        assert self._process is not None
        code = self._process.wait()
        self._ended = True
        self._requests.clear()
        self._requests.put(Shutdown())  # wake the writing thread, which then ends
        if not self._closing:
            self._on_message(Died(code, self.pulse.doing))

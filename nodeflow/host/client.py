"""Starts the engine process and exchanges messages with it; no Qt.

Nothing here waits for the engine but `close`, and that not for long. One thread writes to the
connection, one reads.
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

log = logging.getLogger("nodeflow")

START_SECONDS = 30.0
CLOSE_SECONDS = 1.0
"""An engine that is asked to end has this long."""
KILL_SECONDS = 0.5
"""A killed process is gone at once, unless the system holds it (as while it writes to a disk)."""


class EngineClient:
    """A running engine process.

    Args:
        on_message: called with every message, on the client's reading thread.
        threads: number of compute threads; None leaves it to the engine.

    Attributes:
        pulse: the engine's signs of life, readable whatever state it is in.
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
        """Start the process and return at once; requests wait until it is ready.

        The engine ends with the thread that calls this, as with the process.
        """
        key = secrets.token_bytes(32)
        listener = Listener(authkey=key)
        environment = {**LEAN, **os.environ}
        # OpenBLAS must not add threads of its own to the engine's team (measured: 23 ms per step).
        environment["OPENBLAS_NUM_THREADS"] = "1"
        command = [sys.executable, "-m", "nodeflow.host.process"]
        arguments = [str(listener.address), self.pulse.name, str(self._threads or 0)]
        self._process = subprocess.Popen(
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
        """Put a request into the queue to the engine; returns at once.

        Raises:
            EngineDied: the process has ended.
            EngineBusy: it does not take requests, and too many wait already.
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
        """End the process: ask it to, and kill it if it does not end soon; within 2 seconds.

        Args:
            at_once: kill it without asking, because it does not answer anyway.
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
        self.kill()  # the processes that it started, if it has ended itself
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KILL_SECONDS)

    def kill(self) -> None:
        """Kill the process and those that it started; ``Died`` follows as a message."""
        if self._process is None:
            return
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()

    # ---- the writing thread ---------------------------------------------------------------------

    def _write(self, connection: Connection) -> None:
        """Send what waits, until the process has ended; the reading thread reports that."""
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
        """The next message; None once there are none. An engine whose messages cannot be read, as
        after an update of the program while it runs, would wait for ever: it is ended."""
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
        self._requests.put(Shutdown())  # wakes the writing thread, which then ends
        if not self._closing:
            self._on_message(Died(code, self.pulse.doing))

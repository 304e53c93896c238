"""Processes that end with the process that started them: functions for both processes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener

KEY_BYTES = 32
STANDARD_INPUT = 0
PR_SET_PDEATHSIG = 1


def accept_from(
    listener: Listener, process: subprocess.Popen[bytes], seconds: float
) -> Connection | None:
    """Wait until a child process connects to the listener, and return the connection. Kill the
    process after ``seconds``. Return None if the process ended without connecting.

    The listener is closed in either case.
    """
    give_up = threading.Timer(seconds, process.kill)
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


def read_key() -> bytes:
    """Read the key of the connection from standard input.

    The read is unbuffered, because a thread that waits in Python's buffer would block the exit.
    """
    key = b""
    while len(key) < KEY_BYTES and (part := os.read(STANDARD_INPUT, KEY_BYTES - len(key))):
        key += part
    return key


def end_with_input() -> None:
    """End this process when its standard input ends, because then its starter has ended."""
    while os.read(STANDARD_INPUT, 1):
        pass
    os._exit(0)


def die_with_starter() -> None:
    """Let the system kill this process when the thread that started it ends (on Linux).

    This also works while a C function holds Python's lock (the GIL).
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

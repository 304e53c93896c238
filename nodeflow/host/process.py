"""Entry point of the engine process: ``python -m nodeflow.host.process ADDRESS PULSE THREADS``.

The process reads the key of the connection from standard input, which then stays open. It exits
when standard input closes, because then the window has ended. Where the system can, it ends the
process even if a node holds Python's lock at that time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection

from nodeflow.graph import activity
from nodeflow.host.pulse import Pulse

KEY_BYTES = 32
PR_SET_PDEATHSIG = 1
STANDARD_INPUT = 0


def main() -> None:
    """Connect to the window and serve it until it sends Shutdown or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_window()
    pulse = Pulse(sys.argv[2])
    pulse.beat()
    activity.report_to(pulse.note)
    try:
        connection = Client(sys.argv[1], authkey=_read_key())
    except (OSError, EOFError, AuthenticationError):
        return  # the window ended before this process was ready
    threading.Thread(target=_end_with_window, name="nodeflow-watcher", daemon=True).start()
    from nodeflow.engine.runtime.thread_pool import default_threads
    from nodeflow.graph.devices import GraphDevices
    from nodeflow.host.engine import Engine
    from nodeflow.host.protocol import Printed, Ready, Shutdown
    from nodeflow.ops.program import output

    GraphDevices.devices_noted = True  # the window says it beside the node
    lock = threading.Lock()

    def send(message: object) -> None:
        with lock:
            connection.send(message)

    threads = int(sys.argv[3]) or None
    output.redirect(lambda text: send(Printed(text)))
    engine = Engine(send, threads)
    threading.Thread(
        target=_read, args=(connection, engine.receive, Shutdown()), daemon=True
    ).start()
    send(Ready(os.getpid(), threads or default_threads()))
    try:
        engine.work()
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)


def _read(connection: Connection, receive, shutdown) -> None:
    try:
        while True:
            receive(connection.recv())
    except (EOFError, OSError):
        receive(shutdown)


def _read_key() -> bytes:
    """Read the key, unbuffered: a thread that waits in Python's buffer would block the exit."""
    key = b""
    while len(key) < KEY_BYTES and (part := os.read(STANDARD_INPUT, KEY_BYTES - len(key))):
        key += part
    return key


def _die_with_window() -> None:
    """Let the system kill this process when the thread that started it ends (on Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_window() -> None:
    while os.read(STANDARD_INPUT, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()

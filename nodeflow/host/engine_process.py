"""The entry point of the engine process.

The window starts it with ``python -m nodeflow.host.engine_process ADDRESS PULSE THREADS``.

The process reads the key of the connection from standard input, which then stays open. It exits
when standard input closes, because then the window has ended. On Linux, the system also kills the
process if a node holds Python's lock at that time.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection

from nodeflow.graph.session_hooks import activity
from nodeflow.host.child_process import die_with_starter, end_with_input, read_key
from nodeflow.host.pulse import Pulse


def main() -> None:
    """Connect to the window and serve it until it sends Shutdown or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_starter()
    pulse = Pulse(sys.argv[2])
    pulse.beat()
    activity.report_to(pulse.note)
    try:
        connection = Client(sys.argv[1], authkey=read_key())
    except (OSError, EOFError, AuthenticationError):
        return  # the window ended before this process was ready
    threading.Thread(target=end_with_input, name="nodeflow-watcher", daemon=True).start()
    from nodeflow.engine.compiler.object_code import rest_between_loads
    from nodeflow.engine.runtime.thread_pool import default_threads
    from nodeflow.graph.devices import GraphDevices
    from nodeflow.host.own_ops.probe_client import ProbeClient
    from nodeflow.host.protocol import Printed, Ready, Shutdown
    from nodeflow.host.request_handler import Engine
    from nodeflow.ops.program import output
    from nodeflow.ops.user import UserOp

    GraphDevices.devices_noted = True  # the window reports this beside the node
    rest_between_loads()
    lock = threading.Lock()

    def send(message: object) -> None:
        with lock:
            connection.send(message)

    threads = int(sys.argv[3]) or None
    output.redirect(lambda text: send(Printed(text)))
    activity.show_progress_by(Progress(lambda text: send(Printed(text))))
    prober = ProbeClient()
    UserOp.ask_for_types = prober.infer
    engine = Engine(send, threads, prober)
    threading.Thread(
        target=_read, args=(connection, engine.receive, Shutdown()), daemon=True
    ).start()
    send(Ready(os.getpid(), threads or default_threads()))
    try:
        engine.work()
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)


class Progress:
    """A writer of progress messages: one after each tenth of a long computation."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._tenths = -1

    def __call__(self, what: str, part: float) -> None:
        tenths = int(10 * part)
        if what and tenths > self._tenths:
            self._write(f"{what}: {tenths}0 %")
        elif not what and self._tenths >= 0:
            self._write("done")
        self._tenths = tenths if what else -1


def _read(connection: Connection, receive, shutdown) -> None:
    try:
        while True:
            receive(connection.recv())
    except (EOFError, OSError):
        receive(shutdown)


if __name__ == "__main__":
    main()

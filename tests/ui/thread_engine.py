"""The real engine, in a thread of the test's process instead of a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fake_engine import FakePulse

from nodeflow.host import protocol as p
from nodeflow.host.request_handler import Engine


class ThreadClient:
    """Stands for ``EngineClient`` and, as it does, unpacks batches of events."""

    made: list[ThreadClient] = []

    def __init__(self, on_message: Callable[[p.Message], None]) -> None:
        self.on_message = on_message
        self.engine = Engine(self._deliver, threads=1)
        self.engine.collects_garbage = False  # widgets of this process must not die in its thread
        self.sent: list[p.Request] = []
        self.pulse = FakePulse()
        self.thread = threading.Thread(target=self.engine.work)
        ThreadClient.made.append(self)

    def _deliver(self, message: p.Message) -> None:
        for each in message.events if isinstance(message, p.EventBatch) else (message,):
            self.on_message(each)

    def start(self) -> None:
        self.thread.start()
        self.on_message(p.Ready(1, 1))

    def send(self, request: p.Request) -> None:
        self.sent.append(request)
        self.engine.receive(request)

    def close(self, *, at_once: bool = False) -> None:
        self.engine.receive(p.Shutdown())
        self.thread.join(20)
        assert not self.thread.is_alive()

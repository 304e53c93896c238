"""The window's channel to the engine process: one client at a time, and numbered requests.

One thread reads the pipe and hands every message to one slot on the GUI thread through a queued
connection. Nothing here waits for the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, Slot

from nodeflow.errors import EngineBusy, EngineDied
from nodeflow.host import protocol as p
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal
from nodeflow.ui.core.engine_link.client_interface import Client, ClientFactory, Inbox, Pulse
from nodeflow.ui.core.engine_link.engine_watchdog import EngineWatch

log = logging.getLogger("nodeflow")


class EngineChannel(QObject):
    """The client of the running engine, if any, and the settings that each new engine gets.

    Args:
        receive: takes the messages of the running engine, on the GUI thread.
        is_busy: returns whether the engine has work.

    Attributes:
        client: the client of the running engine, or None.
        generation: the number of the engine; messages of earlier engines are dropped.
        watch: checks whether the engine shows signs of life.
    """

    arrived = Signal(int, object)
    """A message, and the generation of the engine that sent it."""

    def __init__(
        self,
        factory: ClientFactory,
        receive: Callable[[p.Message], None],
        is_busy: Callable[[], bool],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.factory = factory
        self.client: Client | None = None
        self.generation = 0
        self.watch = EngineWatch(self._pulse, is_busy, self)
        self._receive = receive
        self._inbox = ThreadSignal(self, "arrived")
        self._last = 0
        self._lasting: dict[type, p.Request] = {}
        self.arrived.connect(self._on_arrived, Qt.ConnectionType.QueuedConnection)

    # ---- the client -------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        return self.client is not None

    def start(self) -> None:
        """Start an engine process. Return at once."""
        self.generation += 1
        self.client = self.factory(Inbox(self._inbox, self.generation))
        self.client.start()

    def close(self, *, at_once: bool) -> None:
        """End the engine process, if any, within 2 seconds."""
        client, self.client = self.client, None
        self.generation += 1
        at_once = at_once or self.watch.is_silent
        self.watch.forget()
        if client is not None:
            client.close(at_once=at_once)

    def lost(self) -> None:
        """Note that the engine process has died."""
        self.client = None
        self.watch.forget()

    def _pulse(self) -> Pulse | None:
        return self.client.pulse if self.client is not None else None

    @Slot(int, object)
    def _on_arrived(self, generation: int, message: p.Message) -> None:
        if generation == self.generation:
            self._receive(message)

    # ---- requests ---------------------------------------------------------------------------

    @property
    def coming(self) -> int:
        """The number that the next request will get."""
        return self._last + 1

    def next(self) -> int:
        """Reserve and return a number for a new request."""
        self._last += 1
        return self._last

    def send(self, request: p.Request) -> None:
        """Send a request, if there is an engine.

        If the engine process has died, the thread that reads its messages reports this, once.
        If the engine refuses the request because it is busy, `arrived` delivers a ``Failed``.
        """
        if self.client is None:
            return
        what = type(request).__name__
        try:
            self.client.send(request)
        except EngineDied as error:
            log.info("not sent, %s: %s", what, error)
        except EngineBusy as error:
            refused = p.Failed(getattr(request, "request", -1), what, p.ErrorData.of(error))
            self.arrived.emit(self.generation, refused)
        self.watch.expect()

    def send_lasting(self, request: p.Request) -> None:
        """Send a request to the running engine, and to each later engine when it starts."""
        self._lasting[type(request)] = request
        self.send(request)

    def send_lasting_again(self) -> None:
        """Send a newly started engine all lasting requests (see `send_lasting`)."""
        for request in self._lasting.values():
            self.send(request)

    def has_lasting(self, request: p.Request, default: p.Request) -> bool:
        """Return whether every engine has the setting in ``request``, either sent or by default.

        Args:
            default: the request that describes the engine's default setting.
        """
        return self._lasting.get(type(request), default) == request

    def forget_lasting(self, kind: type[p.Request]) -> None:
        """Drop the lasting request of a kind, so that later engines do not get it."""
        self._lasting.pop(kind, None)

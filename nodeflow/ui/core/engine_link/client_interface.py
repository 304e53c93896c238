"""The interface of the engine client, which tests replace by a fake, and the real client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nodeflow.host import protocol as p
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal


class Pulse(Protocol):
    """The engine's signs of life, see ``nodeflow.host.pulse``."""

    @property
    def beats(self) -> int: ...
    @property
    def doing(self) -> str: ...


class Client(Protocol):
    """The part of ``host.engine_client.EngineClient`` that the window uses. Tests pass a fake."""

    @property
    def pulse(self) -> Pulse: ...
    def start(self) -> None: ...
    def close(self, *, at_once: bool = False) -> None: ...
    def send(self, request: p.Request) -> None: ...


ClientFactory = Callable[[Callable[[p.Message], None]], Client]


def engine_client(on_message: Callable[[p.Message], None]) -> Client:
    """Return the real client. It is imported when the first engine starts."""
    from nodeflow.host.engine_client import EngineClient

    return EngineClient(on_message)


class Inbox:
    """A receiver of messages on a client's thread.

    A queued signal carries them to the GUI thread.
    """

    def __init__(self, arrived: ThreadSignal, generation: int) -> None:
        self._arrived, self._generation = arrived, generation

    def __call__(self, message: p.Message) -> None:
        self._arrived.emit(self._generation, message)

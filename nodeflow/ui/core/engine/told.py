"""What the engine is told about what is to be shown, as soon as it has time for it."""

from __future__ import annotations

from nodeflow.host import protocol as p

Said = p.ShowData | p.Override


class Told:
    """The data to show and what is overridden, and which of both an engine does not know yet.

    An engine that has just begun, or has another document, shows the first batch as it is.
    """

    def __init__(self) -> None:
        self._data, self._override = p.ShowData(), p.Override()
        self._waiting: dict[type, Said] = {}

    def __bool__(self) -> bool:
        """Whether there is something to say."""
        return bool(self._waiting)

    def say(self, request: Said) -> bool:
        """Keep what is to be said next; returns False where the engine knows it already."""
        if isinstance(request, p.Override):
            self._override = request
        elif p.ShowData not in self._waiting and request == self._data == p.ShowData():
            return False
        else:
            self._data = request
        self._waiting[type(request)] = request
        return True

    def begin_again(self) -> None:
        """The engine, or its document, is another."""
        self._waiting.clear()
        if self._data != p.ShowData():
            self._waiting[p.ShowData] = self._data
        if self._override.values:
            self._waiting[p.Override] = self._override

    def take(self) -> list[Said]:
        """What is to be said now."""
        waiting, self._waiting = list(self._waiting.values()), {}
        return waiting

"""What is to be shown: it goes to the engine as soon as that has time for it."""

from __future__ import annotations

from nodeflow.host import protocol as p

Choice = p.ShowData | p.Override


class Showing:
    """The data to show and what is overridden, and which of both an engine does not know yet.

    An engine that has just begun, or has another document, shows the first batch as it is.
    """

    def __init__(self) -> None:
        self._data, self._override = p.ShowData(), p.Override()
        self._waiting: dict[type, Choice] = {}

    def __bool__(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._waiting)

    def choose(self, request: Choice) -> bool:
        """Keep what is to be sent next; returns False where the engine knows it already."""
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

    def take(self) -> list[Choice]:
        """What is to be sent now."""
        waiting, self._waiting = list(self._waiting.values()), {}
        return waiting

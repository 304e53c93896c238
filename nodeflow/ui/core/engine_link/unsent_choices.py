"""The chosen data and overrides, kept until they can be sent to the engine."""

from __future__ import annotations

from nodeflow.host import protocol as p

Choice = p.ShowData | p.Override


class Showing:
    """The chosen data and overrides, and which of them the engine does not know yet.

    A new engine, or an engine with a new document, shows the first batch without overrides.
    """

    def __init__(self) -> None:
        self._data, self._override = p.ShowData(), p.Override()
        self._waiting: dict[type, Choice] = {}

    def __bool__(self) -> bool:
        """Return whether a choice waits to be sent."""
        return bool(self._waiting)

    def choose(self, request: Choice) -> bool:
        """Keep a choice for sending. Return False if the engine already knows it."""
        if isinstance(request, p.Override):
            self._override = request
        elif p.ShowData not in self._waiting and request == self._data == p.ShowData():
            return False
        else:
            self._data = request
        self._waiting[type(request)] = request
        return True

    def begin_again(self) -> None:
        """Assume nothing about the engine's choices, because the engine or its document is new."""
        self._waiting.clear()
        if self._data != p.ShowData():
            self._waiting[p.ShowData] = self._data
        if self._override.values:
            self._waiting[p.Override] = self._override

    def take(self) -> list[Choice]:
        """Return the choices to send now, and mark them as sent."""
        waiting, self._waiting = list(self._waiting.values()), {}
        return waiting

"""Telling subscribers what changed: each change to all of them, in order, whatever they do."""

from __future__ import annotations

from collections.abc import Callable

from nodeflow.document.model.records import Change

Subscriber = Callable[[Change], None]


class Events:
    """Hands changes to subscribers; a change made by one of them follows the one at hand."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self._waiting: list[Change] = []
        self._busy = False

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Adds a callback; returns the function that removes it."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def publish(self, change: Change) -> None:
        """Tells everybody. If callbacks fail, the rest is told, and then the first error raised."""
        self._waiting.append(change)
        if self._busy:
            return
        self._busy = True
        failures: list[Exception] = []
        try:
            while self._waiting:
                current = self._waiting.pop(0)
                for callback in list(self._subscribers):
                    try:
                        callback(current)
                    except Exception as error:
                        failures.append(error)
        finally:
            self._busy = False
        if failures:
            raise failures[0]

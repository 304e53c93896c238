"""Publishing changes to subscribers: every subscriber gets every change, in order.

This holds even if a subscriber changes the document itself, or raises.
"""

from __future__ import annotations

from collections.abc import Callable

from nodeflow.document.model.records import Change

Subscriber = Callable[[Change], None]


class Events:
    """The publisher of changes. If a subscriber makes a change, it is published after the
    current one.
    """

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self._waiting: list[Change] = []
        self._busy = False

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Add a callback; return the function that removes it."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def publish(self, change: Change) -> None:
        """Call all subscribers. If any of them raises, raise the first error after the last
        call.
        """
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

"""What was made of a document, kept for when undo or redo leads back to the same content.

A large change makes its followers work long. Undo of it leads to content they have seen, so they
put back what they had. `Change.state` says which content that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from nodeflow.document.model.records import Change

T = TypeVar("T")

LARGE = 200
"""Edits in a change before which things are kept; after smaller ones they are made anew."""
MOST = 4
"""States that are kept; the oldest goes first."""


class KeptStates(Generic[T]):
    """What one follower of a document kept, by the state of the document.

    `state` is that of the document as the follower knows it, `Document.state`.
    """

    def __init__(self, state: Any) -> None:
        self._state = state
        self._kept: dict[Any, T] = {}

    def __iter__(self) -> Iterator[T]:
        return iter(self._kept.values())

    def follow(self, change: Change, keep: Callable[[], T]) -> T | None:
        """Takes a change in, before the follower does so: returns what was kept of the content
        that it leads to, or None. `keep()` gives what is to be kept of the content before."""
        before, self._state = self._state, change.state
        if change.state is None:  # from elsewhere: undo will not lead back to what was before
            self._kept.clear()
            return None
        found = self._kept.pop(change.state, None)
        if before is not None and len(change.edits) >= LARGE and not change.only_moves:
            self._kept[before] = keep()
            if len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
        return found

    def clear(self) -> None:
        """Forgets what was kept: something else than the document has changed."""
        self._kept.clear()

"""Snapshots of data derived from a document, restored when undo or redo returns to its content.

Deriving the data again after a large change takes long. Undoing it returns to earlier content, so a
subscriber restores its snapshot instead. `Change.state` identifies the content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from nodeflow.document.model.records import Change

T = TypeVar("T")

LARGE = 200
"""A change with at least this many edits takes a snapshot of the content before it."""
MOST = 4
"""The number of snapshots kept; the oldest is dropped first."""


class Snapshots(Generic[T]):
    """The snapshots of one subscriber, by `Document.state`."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._snapshots: dict[Any, T] = {}

    def __iter__(self) -> Iterator[T]:
        return iter(self._snapshots.values())

    def follow(self, change: Change, take: Callable[[], T]) -> T | None:
        """If the change is an undo or redo to a state with a stored snapshot, return that snapshot,
        else None. Before a large change, store a snapshot of the content, so that undo is fast.

        Call this before the subscriber applies the change, because `take()` must return the content
        before the change.
        """
        before, self._state = self._state, change.state
        # another document made the change: undo does not return to the content before
        if change.state is None:
            self._snapshots.clear()
            return None
        found = self._snapshots.pop(change.state, None)
        if before is not None and len(change.edits) >= LARGE and not change.only_moves:
            self._snapshots[before] = take()
            if len(self._snapshots) > MOST:
                del self._snapshots[next(iter(self._snapshots))]
        return found

    def clear(self) -> None:
        """Drop all snapshots. Call this when data besides the document, on which they depend,
        have changed.
        """
        self._snapshots.clear()

"""Requests on their way to the engine: adding one never waits, and outdated requests are dropped.

Both ends use such a queue: the window until the pipe accepts the requests, the engine until it is
free. The queue stays small even if the reader is slow. A request that only asks for the latest
state replaces an older request of its kind, and many changes are joined into one. Requests that the
user made, such as Run, Train and Save weights, keep their order.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Hashable
from dataclasses import replace
from itertools import groupby
from typing import Any

from nodeflow.document.model.records import Change, merge_edits
from nodeflow.errors import EngineBusy
from nodeflow.host import protocol as p

MOST_CHANGES = 64
"""The number of changes that may wait separately. More are joined into one."""
MOST_WAITING = 1000
"""The number of waiting requests above which new ones are refused."""

_LATEST = (
    p.FetchOrder, p.FetchStep, p.FollowEdits, p.FollowStep, p.LoadPlugins, p.OpenRun, p.Override,
    p.SetBudget, p.SetMemory, p.SetThreads, p.ShowData, p.ShowIterations, p.ShowStep, p.StepShown,
    p.WatchViews,
)  # fmt: skip
"""Requests that replace an older one of their kind."""


class RequestQueue:
    """A queue of requests that several threads may use."""

    def __init__(self) -> None:
        self._waiting: list[p.Request] = []
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, request: p.Request) -> None:
        """Add a request at the end, and drop the requests that it replaces.

        Raises:
            EngineBusy: `MOST_WAITING` requests are waiting already.
        """
        with self._changed:
            request = self._replace(request)
            if len(self._waiting) >= MOST_WAITING and not isinstance(request, p.Shutdown):
                raise EngineBusy(
                    f"{len(self._waiting)} requests wait for the engine already",
                    hint="Restart the engine, or wait until it answers.",
                )
            self._waiting.append(request)
            if isinstance(request, p.SyncChange):
                self._join_changes()
            self._changed.notify()

    def take(self, timeout: float | None = None) -> p.Request:
        """Remove and return the oldest request. Wait for one if the queue is empty.

        Raises:
            queue.Empty: no request came in time (seconds; None waits for ever, 0 not at all).
        """
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._waiting:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise queue.Empty
                self._changed.wait(left)
            return self._waiting.pop(0)

    def clear(self) -> None:
        """Drop all requests."""
        with self._changed:
            self._waiting.clear()

    def _replace(self, request: p.Request) -> p.Request:
        """Remove queued requests that a new request makes obsolete, and return the request to
        queue. Search back to the last request that must keep its position.
        """
        kind, position = _kind(request), len(self._waiting)
        whole = isinstance(request, p.SyncDocument)
        if kind is None and not whole:
            return request
        while position:
            position -= 1
            older = self._waiting[position]
            if isinstance(older, p.SyncDocument) and isinstance(request, p.SyncDocument):
                request = replace(request, keep=request.keep and older.keep)
                del self._waiting[position]
            elif _is_of_document(older) if whole else _kind(older) == kind:
                del self._waiting[position]
            elif _stays(older):
                break
        return request

    def _join_changes(self) -> None:
        """Merge adjacent queued document changes if more than `MOST_CHANGES` are waiting. Leave
        requests up to the last request that must keep its position.
        """
        start = len(self._waiting)
        while start and not _stays(self._waiting[start - 1]):
            start -= 1
        latest = self._waiting[start:]
        if sum(isinstance(request, p.SyncChange) for request in latest) <= MOST_CHANGES:
            return
        del self._waiting[start:]
        for kind, run in groupby(latest, type):
            same: list[Any] = [*run]
            self._waiting += [joined(same)] if kind is p.SyncChange else same


def _kind(request: p.Request) -> Hashable:
    """Return a key that is equal for requests that replace each other, such as two requests for
    live values. Return None if the request replaces no other.
    """
    if isinstance(request, p.Evaluate):
        return ("live values", request.follow) if request.watch else None
    return type(request) if isinstance(request, _LATEST) else None


def _stays(request: p.Request) -> bool:
    """Return whether a request was made by the user explicitly, so that it must keep its place in
    the queue.
    """
    return _kind(request) is None and not isinstance(request, (p.SyncChange, p.SyncDocument))


def _is_of_document(request: p.Request) -> bool:
    """Return whether a queued request becomes obsolete when a new request replaces the whole
    document.
    """
    live = isinstance(request, p.Evaluate) and request.watch
    return live or isinstance(request, p.SyncChange)


def joined(changes: list[p.SyncChange]) -> p.SyncChange:
    """Merge changes of a document that follow each other into one change with the same effect."""
    parts = [Change.from_text(request.change) for request in changes]
    edits = merge_edits(edit for part in parts for edit in part.edits)
    last = parts[-1]
    return p.SyncChange(Change(last.label, edits, last.revision).text, changes[-1].revision)

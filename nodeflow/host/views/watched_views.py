"""The views that the window watches: when they are due, and their share of a training's time."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from nodeflow.errors import NodeflowError, full_text
from nodeflow.host.protocol import ViewSpec, ViewValue, WatchViews
from nodeflow.host.views.value_source import ViewSource
from nodeflow.host.views.view_kind import ViewKind, ViewProblem, discover_kinds

log = logging.getLogger(__name__)

VIEW_SHARE = 0.02
"""Fraction of a training's time that all views together may take at full speed. With previews
(`PREVIEW_SHARE`) and the window itself, watching costs at most a twentieth.
"""
PACED_SHARE = 0.4
"""The same fraction while the training waits between its steps, so that it can be watched."""

_UNKNOWN = ViewKind("", lambda source, spec: None, interval=1.0)


@dataclass
class _Watched:
    spec: ViewSpec
    is_stale: bool = True
    grows: bool = False
    """Whether one call computes only a part of the view."""
    due: float = 0.0
    rests_until: float = 0.0
    shown: deque[float] = field(default_factory=lambda: deque(maxlen=12))


class WatchedViews:
    """The computation of watched views.

    Args:
        send: takes the messages.
        source: returns the current source of the views.
        clock: returns the time in seconds.
        cost: returns the seconds that this thread has computed. A busy machine slows a training as
            much as its views, so their fraction stays the same.
    """

    def __init__(
        self,
        send: Callable[[ViewValue], None],
        source: Callable[[], ViewSource],
        clock: Callable[[], float] = time.perf_counter,
        cost: Callable[[], float] = time.thread_time,
    ) -> None:
        self._send, self._source, self._clock, self._cost = send, source, clock, cost
        self.share = VIEW_SHARE
        """Fraction of a training's time that all views together may take now."""
        self._watched: list[_Watched] = []
        self._request = self._newest = 0
        self._state: object = None
        self._rows: object = None
        self._courses: dict[Hashable, Any] = {}

    def expect(self, request: WatchViews) -> None:
        """Record the number of the newest request to watch views. Another thread may call this
        method.
        """
        self._newest = request.request

    def is_newest(self, request: WatchViews) -> bool:
        """Return whether no newer request has arrived."""
        return request.request == self._newest

    def watch(self, request: WatchViews) -> None:
        """Watch other views. Views that were already watched continue."""
        self._request = request.request
        known = {watched.spec: watched for watched in self._watched}
        self._watched = [known.get(spec) or _Watched(spec) for spec in request.views]
        for watched in self._watched:
            watched.is_stale = True

    def forget(self) -> None:
        """Stop watching all views, because another document is open."""
        self._watched = []
        self._state = None
        self._courses.clear()

    def refresh(self, state: object, rows: object = None) -> None:
        """Mark the watched views that have to be computed again.

        If ``state`` has changed, mark all views. If only ``rows`` has changed, mark the views that
        show the data rows chosen for nodes.
        """
        changed, other_rows = state != self._state, rows != self._rows
        self._state, self._rows = state, rows
        for watched in self._watched:
            if changed or (other_rows and _kind_of(watched).follows_rows):
                watched.is_stale = True

    @property
    def is_stale(self) -> bool:
        """True if a view has to be computed now."""
        return self._next() is not None

    @property
    def waits(self) -> bool:
        """Whether a view waits to be computed, now or after its minimum interval."""
        return any(watched.is_stale for watched in self._watched)

    def _next(self) -> _Watched | None:
        now = self._clock()
        return next((w for w in self._watched if w.is_stale and now >= w.rests_until), None)

    def show_next(self) -> None:
        """Compute and send one stale view."""
        watched = self._next()
        if watched is not None:
            self._show(watched, None, None)

    def show_due(self, step: int, *, every: bool = False) -> None:
        """Compute and send the views that are due in a training.

        Args:
            every: whether to send all views, even if they are not due.
        """
        now = self._clock()
        for watched in self._watched:
            stale = watched.is_stale and now >= watched.rests_until
            if every or stale or now >= watched.due:
                self._show(watched, step, self._rate(watched, now))

    def begin(self, afresh: bool) -> None:
        """Restart the timing of all watched views at the beginning of a training. If it starts
        ``afresh``, also clear the plots of earlier steps.
        """
        if afresh:
            self._courses.clear()
        for course in self._courses.values():
            if hasattr(course, "begin"):
                course.begin()
        for watched in self._watched:
            watched.shown.clear()
            watched.due = 0.0

    def end(self) -> None:
        """At the end of a training, mark the views that grow over time, such as generated text, to
        be computed with the trained values.
        """
        for watched in self._watched:
            watched.is_stale = watched.is_stale or watched.grows

    def _show(self, watched: _Watched, step: int | None, rate: float | None) -> None:
        watched.is_stale = False
        started, before = self._clock(), self._cost()
        spec = watched.spec
        value = view_value(lambda: self._source_at(step), spec)
        self._send(replace(value, request=self._request, step=step, rate=rate))
        watched.grows = hasattr(value.data, "continues")
        if step is None and watched.grows and value.data.continues:
            watched.is_stale = True  # after its rest
        kind = _kind_of(watched)
        interval = kind.interval
        watched.rests_until = started + kind.rest
        pause = (self._cost() - before) * len(self._watched) / self.share
        # measure from the due time: a training is interrupted only between two chunks of steps
        since = watched.due if started - watched.due < interval else started
        watched.due = max(since + interval, started + pause)

    def _source_at(self, step: int | None) -> ViewSource:
        source = self._source()
        source.step, source.courses = step, self._courses
        return source

    def _rate(self, watched: _Watched, now: float) -> float | None:
        times = watched.shown
        times.append(now)
        return (len(times) - 1) / (now - times[0]) if len(times) > 2 else None


def _kind_of(watched: _Watched) -> ViewKind:
    return discover_kinds().get(watched.spec.kind, _UNKNOWN)


def view_value(source: Callable[[], ViewSource], spec: ViewSpec) -> ViewValue:
    """Compute the data of a view. If that fails, return a view value with the error text
    instead.
    """
    kind = discover_kinds().get(spec.kind)
    try:
        if kind is None:
            raise ViewProblem(f"this version of nodeflow has no view {spec.kind!r}")
        at = source()
        data = kind.compute(at, spec)
        return ViewValue(0, spec, data, is_what_if=at.is_what_if_of(spec.name))
    except NodeflowError as problem:
        return ViewValue(0, spec, error=_words(problem, spec))
    except Exception as fault:  # a training continues without the view
        log.exception("the view %s of %s failed", spec.kind, spec.name)
        return ViewValue(0, spec, error=f"The view failed: {type(fault).__name__}: {fault}")


def _words(problem: NodeflowError, spec: ViewSpec) -> str:
    """Return an error as one or two sentences for the window. Include the node's name if it is not
    the node of the view.
    """
    place = problem.node if problem.node and problem.node != spec.name.partition(":")[0] else ""
    text = full_text(place, problem.message, problem.hint, "window")
    return text[:1].upper() + text[1:]

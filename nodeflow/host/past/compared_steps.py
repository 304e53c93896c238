"""A thread that computes steps beside the shown one: for comparison, and steps of other runs."""

from __future__ import annotations

import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from nodeflow.document.to_graph.task import Task
from nodeflow.errors import Cancelled, NodeflowError, RunError
from nodeflow.host import protocol as p
from nodeflow.host.past.opened_runs import OpenedRuns, differences
from nodeflow.host.past.replayed_values import Replayed, bring_to
from nodeflow.number_text import count
from nodeflow.train.rewind.replay import Past, Replay

MOST_REPLAYS, REPORT_SECONDS = 6, 0.1
Live = Callable[[int], tuple[Past, Task] | None]
"""A function from a step to the part of the last training that made it, with its document."""
Asked = p.FetchStep | p.FollowStep


@dataclass
class _Following:
    """The part of a FollowStep request that is not done yet."""

    request: p.FollowStep
    left: list[str]


class SideSteps:
    """The thread that computes these steps one after the other.

    Args:
        send: takes the messages, on this object's thread.
        live: returns the training that runs or ran last.
    """

    def __init__(self, send: Callable[[p.Message], None], runs: OpenedRuns, live: Live) -> None:
        self._send, self._runs, self._live = send, runs, live
        self._changed = threading.Condition()
        self._opening: tuple[p.OpenRun, str] | None = None
        self._fetch: p.FetchStep | None = None
        self._follow: _Following | None = None
        self._closed = False
        self._thread: threading.Thread | None = None
        self._replays: OrderedDict[str, Replay] = OrderedDict()

    def ask(self, request: Asked) -> None:
        """Accept a request, and cancel an older request of the same kind."""
        with self._changed:
            if isinstance(request, p.FetchStep):
                self._fetch = request
            else:
                self._follow = _Following(request, list(request.runs))
            self._start()

    def open(self, request: p.OpenRun, text: str) -> None:
        """Request to open a recorded run and to compare its graph with the given .flow text. The
        work is done in another thread.
        """
        with self._changed:
            self._opening = request, text
            self._start()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="nodeflow-side-steps", daemon=True
            )
            self._thread.start()
        self._changed.notify()

    # ---- its own thread -----------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._has_work():
                    self._changed.wait()
                if self._closed:
                    break
                opening, self._opening = self._opening, None
                fetch, follow = self._fetch, self._follow
            if opening is not None:
                self._open(*opening)
            elif fetch is not None:
                self._answer(fetch)
                with self._changed:
                    if self._fetch is fetch:
                        self._fetch = None
            elif follow is not None:
                self._bring_next(follow)
        while self._replays:
            self._replays.popitem()[1].close()

    def _has_work(self) -> bool:
        follows = self._follow is not None and bool(self._follow.left)
        return follows or self._fetch is not None or self._opening is not None

    def _open(self, request: p.OpenRun, text: str) -> None:
        try:
            found = self._runs.open(request.run)
            span = found.first, found.last, found.past.steps_per_epoch
            many = differences(found, text)
            self._send(p.RunOpened(request.request, request.run, *span, found.differing, many))
        except Exception as error:  # after any error, the thread continues and the window is told
            self._send(p.Failed(request.request, "OpenRun", _data(error)))

    def _answer(self, asked: p.FetchStep) -> None:
        def given_up() -> bool:
            return self._closed or self._fetch is not asked

        try:
            found = self._at(asked.run, asked.step, asked.request, given_up)
            self._send(found.tensor(asked.name, asked.request))
        except Cancelled:
            pass
        except Exception as error:
            self._send(p.Failed(asked.request, "FetchStep", _data(error)))

    def _bring_next(self, follow: _Following) -> None:
        run, request = follow.left[0], follow.request

        def given_up() -> bool:
            busy = self._fetch is not None or self._opening is not None
            return self._closed or busy or self._follow is not follow

        try:
            found = self._at(run, request.step, request.request, given_up)
            preview = found.preview(request.name) if request.name else None
            answer = p.RunAtStep(request.request, run, request.step, preview, found.notices)
        except Cancelled:
            return
        except Exception as error:
            answer = p.RunAtStep(request.request, run, request.step, error=_data(error))
        follow.left.pop(0)
        self._send(answer)

    def _at(self, run: str, step: int, request: int, given_up: Callable[[], bool]) -> Replayed:
        """Compute a step of a recorded run, or of the current training if ``run`` is empty. Return
        the object that gives the step's values.

        Raises:
            Cancelled: another request has arrived.
        """
        self._send(p.PastProgress(request, step, 0, 0, preparing=True, run=run))
        if run:
            opened = self._runs.get(run)
            opened.check(step)
            (past, task), notices = opened.at(step), opened.notices
        else:
            live = self._live(step)
            if live is None:
                raise RunError("there is no training to look back at", hint="Train first.")
            (past, task), notices = live, None
            if step > past.progress.step:
                made = count(past.progress.step)
                raise RunError(f"this training has made {made} steps so far")
        assert task is not None
        replay = self._replay(run, past)
        reported = time.monotonic()

        def report(done: int, total: int, preparing: bool = False) -> None:
            nonlocal reported
            if time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                self._send(p.PastProgress(request, step, done, total, preparing, run))

        bring_to(replay, step, given_up, report)
        return Replayed(replay, task, step, run, notices)

    def _replay(self, run: str, past: Past) -> Replay:
        known = self._replays.get(run)
        if known is None or known.past is not past:
            if known is not None:
                known.close()
            self._replays[run] = Replay(past)
        self._replays.move_to_end(run)
        while len(self._replays) > MOST_REPLAYS:
            self._replays.popitem(last=False)[1].close()
        return self._replays[run]


def _data(error: Exception) -> p.ErrorData:
    details = "" if isinstance(error, NodeflowError) else traceback.format_exc()
    return p.ErrorData.of(error, details)

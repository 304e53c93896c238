"""A thread that replays earlier steps of a training to show them, beside the training.

Only the last requested step counts. The computation of any other step is abandoned.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.errors import Cancelled, NodeflowError
from nodeflow.host import protocol as p
from nodeflow.host.past.opened_runs import OpenedRuns
from nodeflow.host.past.replayed_values import Replayed, bring_to
from nodeflow.train.rewind.replay import Past, Replay

PREPARE_SECONDS = 5.0
"""Seconds of training after which the kernels that read the values of a step are compiled."""
REPORT_SECONDS = 0.1
Asked = p.Evaluate | p.FetchTensor | p.FetchOrder


class Rewinder:
    """The thread that answers requests with the values of a step.

    Args:
        send: takes the messages, on this object's thread.
        runs: opens kept runs, whose steps are shown like steps of the training.
        shown: called on this object's thread with a step whose values have been sent.

    Attributes:
        step: the shown step, counted from 1; None is the current state.
        variables: the values of the variables at the step that was computed last.
        measure: the measure in previews, of `host.color_measures`; empty for none.
        override: the values that replace the values of tensors.
    """

    def __init__(
        self,
        send: Callable[[p.Message], None],
        runs: OpenedRuns,
        shown: Callable[[int], None] = lambda step: None,
    ) -> None:
        self._send, self._runs, self._on_shown = send, runs, shown
        self._run = ""
        self._changed = threading.Condition()
        self._past: Past | None = None
        self._tasks: dict[int, Task] = {}
        self._replay: Replay | None = None
        self._asked: dict[str, Asked] = {}
        self._prepare_at: float | None = None
        self._request = 0
        self._closed = False
        self._thread: threading.Thread | None = None
        self.step: int | None = None
        self.variables: Mapping[str, np.ndarray] | None = None
        self.measure = ""
        self.override = p.Override()

    # ---- for the engine's threads -------------------------------------------------------------

    @property
    def past(self) -> Past | None:
        """The training whose steps can be shown."""
        return self._past

    def live(self, step: int) -> tuple[Past, Task] | None:
        """Return the section of the training history that contains a step, and the document of that
        section. Sections are separated by the user's edits.

        Return None if the step is not available.
        """
        with self._changed:
            past = self._past.at(step) if self._past is not None else None
            task = self._tasks.get(id(past))
            return None if past is None or task is None else (past, task)

    def remember(self, past: Past, task: Task) -> None:
        """Make another training the one whose steps can be shown, and stop showing the previous
        training.

        If the training is the same one after an edit, its earlier steps stay available.
        """
        is_edited = past.earlier is not None
        with self._changed:
            if not is_edited:
                self._tasks.clear()
                self._forget()
            self._past, self._tasks[id(past)] = past, task
            self._prepare_at = time.monotonic() + PREPARE_SECONDS
            self._start()
            self._changed.notify()
        if not is_edited:
            self._send(p.PastSteps(past.snapshots.steps[0] + 1 if past.snapshots else 0))

    def forget(self) -> None:
        """Forget the current training and its history, so that its steps can no longer be shown."""
        with self._changed:
            known, self._past = self._past, None
            self._tasks.clear()
            self._forget()
            self._changed.notify()
        if known is not None:
            self._send(p.PastSteps(0))

    def show(self, request: p.ShowStep) -> None:
        """Show another step, or the current state."""
        with self._changed:
            self.step, self._run, self._request = request.step, request.run, request.request
            self._asked.clear()
            self._start()
            if request.step is None:
                self.variables = None
            self._changed.notify()

    def ask(self, request: Asked) -> None:
        """Queue a request for values of the training step that is shown. It replaces an older
        request of the same kind.
        """
        with self._changed:
            key = f"fetch {request.name}" if isinstance(request, p.FetchTensor) else "previews"
            if isinstance(request, p.FetchOrder):
                key = "order"
            if isinstance(request, p.Evaluate) and not request.follow:
                key = "derived"
            self._asked[key] = request
            self._changed.notify()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self.step = None
            self._changed.notify()

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(
                target=self._work, name="nodeflow-rewinder", daemon=True
            )
            self._thread.start()

    def _forget(self) -> None:
        self.step = self.variables = None
        self._run = ""
        self._asked.clear()
        self._prepare_at = None

    # ---- its own thread -----------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._asked and not self._is_to_prepare():
                    self._changed.wait(self._pause())
                if self._closed:
                    break
                past, step = self._past, self.step
                key = next(iter(self._asked), None)
                asked = None if key is None else self._asked.pop(key)
                self._prepare_at = None if asked is None else self._prepare_at
            if past is None and not self._run:
                self._use(None)
            try:
                if asked is None:
                    self._prepare(past)
                elif step is not None:
                    self._answer(step, asked)
            except Cancelled:
                continue
            except NodeflowError as error:
                if asked is not None:
                    self._send(p.Failed(asked.request, "ShowStep", p.ErrorData.of(error)))
        self._use(None)

    def _is_to_prepare(self) -> bool:
        return self._prepare_at is not None and time.monotonic() >= self._prepare_at

    def _pause(self) -> float | None:
        at = self._prepare_at
        return None if at is None else max(0.0, at - time.monotonic())

    def _use(self, past: Past | None) -> None:
        """Use the replay of this training history, and close the replay of any other."""
        if self._replay is not None and self._replay.past is not past:
            self._replay.close()
            self._replay = None
        if self._replay is None and past is not None:
            self._replay = Replay(past)

    def _prepare(self, past: Past | None) -> None:
        """Start to compile the kernels that show all values of a training step, before the user
        looks at a step.
        """
        if past is None or not past.snapshots or self.step is not None:
            return
        self._use(past)
        replay = self._replay
        assert replay is not None
        replay.go_to(past.snapshots.steps[-1] + 1)
        replay.is_ready(replay.everything)

    def _answer(self, step: int, asked: Asked) -> None:
        number, run = self._request, self._run
        past, task, says = self._of(run, number, step)
        if past is None or task is None:
            return
        self._use(past)
        replay = self._replay
        assert replay is not None
        reported = time.monotonic()

        def given_up() -> bool:
            return (self.step, self._run) != (step, run) or (
                not run and id(past) not in self._tasks
            )

        def report(done: int, total: int, preparing: bool) -> None:
            nonlocal reported
            if time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                self._send(p.PastProgress(number, step, done, total, preparing, run))

        bring_to(replay, step, given_up, report)
        found = Replayed(replay, task, step, run, says, self.override)
        self.variables = found.variables()
        if isinstance(asked, p.FetchTensor):
            self._send(found.tensor(asked.name, asked.request))
            return
        if isinstance(asked, p.FetchOrder):
            kernels = tuple(tuple(node.name for node in kernel) for kernel in replay.order())
            self._send(p.StepOrder(asked.request, step, run, kernels))
            return
        previews = found.previews(asked.names, self.measure)
        if given_up():
            raise Cancelled("another step is shown")
        self._send(
            p.Previews(
                asked.revision,
                asked.request,
                previews,
                notices=found.notices,
                step=step,
                names=asked.names,
                past=step,
                run=run,
            )
        )
        self._on_shown(step)

    def _of(self, run: str, number: int, step: int) -> tuple[Past | None, Task | None, Any]:
        """Return the training history that contains a step, the document of that time, and a
        function that returns notices for the user.

        If ``run`` is empty, this is the current training, else a recorded run.
        """
        if not run:
            past, task = self.live(step) or (None, None)
            return past, task, None
        self._send(p.PastProgress(number, step, 0, 0, preparing=True, run=run))
        opened = self._runs.get(run)
        opened.check(step)
        past, task = opened.at(step)
        return past, task, opened.notices

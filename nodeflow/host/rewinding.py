"""Shows earlier steps of a training: replays them in a thread of its own, beside the training.

The step that was asked for last counts: what is computed for another one is given up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.document.build.task import Task
from nodeflow.errors import Cancelled, NodeflowError, RunError
from nodeflow.graph.graph import Tensor
from nodeflow.host import protocol as p
from nodeflow.host.measures import measure
from nodeflow.host.previews import make_preview, no_value
from nodeflow.host.what_if import WhatIf
from nodeflow.train.rewind.replay import Past, Replay

PREPARE_SECONDS = 5.0
"""A training that runs for so long gets the kernels compiled with which a step is looked at."""
REPORT_SECONDS, POLL_SECONDS = 0.1, 0.05
Asked = p.Evaluate | p.FetchTensor


class Rewinder:
    """Answers requests with the values of a step.

    Args:
        send: takes the messages, on this object's thread.
        shown: is called there with a step whose values have been sent.

    Attributes:
        step: the one that is shown, counted from 1; None is now.
        variables: their values at the step that was computed last.
        measure: the one that previews have, of `host.measures`; empty for none.
        override: what tensors have instead of their values.
    """

    def __init__(
        self, send: Callable[[p.Message], None], shown: Callable[[int], None] = lambda step: None
    ) -> None:
        self._send, self._on_shown = send, shown
        self._changed = threading.Condition()
        self._past: Past | None = None
        self._task: Task | None = None
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

    def remember(self, past: Past, task: Task) -> None:
        """Take another training; what was shown of the one before ends."""
        with self._changed:
            self._past, self._task = past, task
            self._forget()
            self._prepare_at = time.monotonic() + PREPARE_SECONDS
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="nodeflow-rewinder", daemon=True
                )
                self._thread.start()
            self._changed.notify()
        self._send(p.PastSteps(past.snapshots.steps[0] + 1 if past.snapshots else 0))

    def forget(self) -> None:
        """There is no training any more."""
        with self._changed:
            known, self._past, self._task = self._past, None, None
            self._forget()
            self._changed.notify()
        if known is not None:
            self._send(p.PastSteps(0))

    def show(self, request: p.ShowStep) -> None:
        """Show another step, or now."""
        with self._changed:
            self.step, self._request = request.step, request.request
            self._asked.clear()
            if request.step is None:
                self.variables = None
            self._changed.notify()

    def ask(self, request: Asked) -> None:
        """Answer a request with values of the step that is shown."""
        with self._changed:
            key = f"fetch {request.name}" if isinstance(request, p.FetchTensor) else "previews"
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

    def _forget(self) -> None:
        self.step = self.variables = None
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
                past, task, step = self._past, self._task, self.step
                key = next(iter(self._asked), None)
                asked = None if key is None else self._asked.pop(key)
                self._prepare_at = None if asked is None else self._prepare_at
            self._use(past)
            if past is None or task is None:
                continue
            try:
                if asked is None:
                    self._prepare(past)
                elif step is not None:
                    self._answer(past, task, step, asked)
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
        """Keep the replay of this training only."""
        if self._replay is not None and self._replay.past is not past:
            self._replay.close()
            self._replay = None
        if self._replay is None and past is not None:
            self._replay = Replay(past)

    def _prepare(self, past: Past) -> None:
        """Let a compiler begin with the kernels that looking at a step takes."""
        replay = self._replay
        if replay is not None and past.snapshots:
            replay.go_to(past.snapshots.steps[-1] + 1)
            replay.is_ready(replay.everything)

    def _answer(self, past: Past, task: Task, step: int, asked: Asked) -> None:
        replay = self._replay
        assert replay is not None
        replay.cancelled = lambda: self.step != step or self._past is not past
        reported = time.monotonic()
        number = self._request

        def report(done: int, total: int) -> None:
            nonlocal reported
            if time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                self._send(p.PastProgress(number, step, done, total))

        replay.go_to(step, report)
        self.variables = dict(replay.session.variables.items())
        while not replay.is_ready(replay.everything):
            if replay.cancelled():
                raise Cancelled("another step is shown")
            if time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                self._send(p.PastProgress(number, step, 0, 0, preparing=True))
            time.sleep(POLL_SECONDS)
        if isinstance(asked, p.FetchTensor):
            self._send(self._tensor(replay, task, step, asked))
            return
        named = named_tensors(task, asked.names)
        known = set(replay.everything)
        wanted = {name: tensor for name, tensor in named.items() if tensor in known}
        what_if = WhatIf(replay, task, self.override) if self.override.values else None
        if what_if is None:
            values = replay.values(replay.everything, set(wanted.values()))
        else:
            values = what_if.values(set(wanted.values()))
        if replay.cancelled():
            raise Cancelled("another step is shown")
        previews = {
            name: replace(
                make_preview(
                    values[tensor],
                    task.image_shape(tensor, -1),
                    step,
                    column_shape=task.image_shape(tensor, 0),
                    measured_as=measure(self.measure, tensor, values[tensor]),
                ),
                **_how(replay, what_if, tensor),
            )
            for name, tensor in wanted.items()
            if tensor in values
        }
        if what_if is not None:
            for node, error in what_if.failures.items():
                previews[node.name] = no_value(node, error)
        self._send(
            p.Previews(
                asked.revision,
                asked.request,
                previews,
                notices=notices_of(replay),
                step=step,
                names=asked.names,
                past=step,
            )
        )
        self._on_shown(step)

    def _tensor(self, replay: Replay, task: Task, step: int, asked: p.FetchTensor) -> p.TensorValue:
        tensor = named_tensors(task, (asked.name,)).get(asked.name)
        if tensor is None or tensor not in set(replay.everything):
            raise RunError(
                "this node has no value in the steps of the training",
                node=asked.name,
                hint="It was added later, or nothing in the training feeds it.",
            )
        what_if = WhatIf(replay, task, self.override) if self.override.values else None
        if what_if is None:
            value = replay.values(replay.everything, {tensor})[tensor]
        else:
            found = what_if.values({tensor})
            if tensor not in found:
                raise what_if.failures.get(tensor.node) or _no_value(asked.name)
            value = found[tensor]
        return p.TensorValue(
            asked.request,
            asked.name,
            value,
            task.image_shape(tensor),
            step,
            column_shape=task.image_shape(tensor, 0),
            past=step,
            **_how(replay, what_if, tensor),
        )


def _how(replay: Replay, what_if: WhatIf | None, tensor: Tensor) -> dict[str, Any]:
    """The tier that computed a tensor, and whether it follows from an override."""
    is_what_if = what_if is not None and tensor.node in what_if.reached
    return {"tier": "reference" if is_what_if else replay.session.tier, "is_what_if": is_what_if}


def _no_value(name: str) -> RunError:
    return RunError(
        "this node has no value with what is overridden",
        node=name,
        hint="It needs rows of the data, and other rows were put in their place.",
    )


def notices_of(replay: Replay) -> tuple[str, ...]:
    """What the user has to know about a step: whether it may not be what it was."""
    if replay.differs_from is None:
        return ()
    return (f"The loss differs from the recorded one from step {replay.differs_from} on.",)


def named_tensors(task: Task, names: Iterable[str] | None) -> dict[str, Tensor]:
    """The tensors of names, as far as there are; None stands for all that the user sees."""
    built, found = task.build, dict[str, Tensor]()
    if names is None:
        for node in built.graph.nodes:
            if node.derived_from is None:
                found.update((t.name, t) for t in node.outputs)
        for name, ports in built.instances.items():
            for index, source in enumerate(ports.values()):
                tensor = built.tensors.get(source) if source is not None else None
                if tensor is not None:
                    found[f"{name}:{index}" if index else name] = tensor
        names = list(found)
    for name in names:
        try:
            tensor = found[name] if name in found else task.tensor(name)
            while tensor.node.alias:
                target = tensor.node.alias[tensor.index]
                if target is None:
                    break
                tensor = target
            found[name] = tensor
        except NodeflowError:
            found.pop(name, None)
    return found

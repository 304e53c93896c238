"""`nf.train.Callback`: functions that a training calls at its start, steps, epochs and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.train.control import Control
from nodeflow.train.events import Done, Epoch, Event, Started, Steps

MOMENTS: dict[type, str] = {Started: "start", Steps: "step", Epoch: "epoch", Done: "end"}
"""The kinds of events that callbacks get, and the methods that get them."""

Function = Callable[[Any], Any]


class Callback:
    """Functions that `nf.train.train` and `nf.train.fit` call, given as ``callbacks=[...]``.

    Give the functions, or derive a class and override `start`, `step`, `epoch` or `end`. A function
    that returns True stops the training after the steps made so far. While it runs, the variables
    of the session have the values after these steps.
    """

    def __init__(
        self,
        *,
        start: Function | None = None,
        step: Function | None = None,
        epoch: Function | None = None,
        end: Function | None = None,
    ) -> None:
        """Create a callback of functions.

        Args:
            start: called with `Started`, before the first step.
            step: called with `Steps` after each step. The training then makes its steps one by one,
                which takes longer and computes the same bits.
            epoch: called with `Epoch` after each pass over the data and its metrics.
            end: called with `Done`. A training that raises an error, or whose loop is left, does
                not call it.
        """
        given = {"start": start, "step": step, "epoch": epoch, "end": end}
        for moment, function in given.items():
            if function is None:
                continue
            if not callable(function):
                raise GraphError(
                    f"{moment} is called with an event, and {function!r:.60} cannot be called",
                    hint=f"Give a function, such as {moment}=print.",
                )
            setattr(self, moment, function)

    def start(self, event: Started) -> Any:
        """Do nothing; override to act before the first step."""

    def step(self, event: Steps) -> Any:
        """Do nothing; override to act after each step."""

    def epoch(self, event: Epoch) -> Any:
        """Do nothing; override to act after each epoch."""

    def end(self, event: Done) -> Any:
        """Do nothing; override to act at the end."""


def checked(callbacks: Any) -> tuple[Callback, ...]:
    """Return the callbacks that a user gave; raise GraphError for anything else."""
    given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    for one in given:
        if not isinstance(one, Callback):
            raise GraphError(
                f"a callback is a Callback object, and {one!r:.60} is none",
                hint="Give, for example, [Callback(epoch=print)].",
            )
    return tuple(given)


def called(
    events: Iterator[Event], callbacks: Sequence[Callback], control: Control
) -> Iterator[Event]:
    """Yield the events of a training. Before each event, call the user's callbacks for it; one that
    returns True stops the training.
    """
    before = control.most
    if any(_sees_steps(one) for one in callbacks):
        control.most = 1
    try:
        for event in events:
            moment = MOMENTS.get(type(event), "")
            for one in callbacks if moment else ():
                answer = getattr(one, moment)(event)
                if isinstance(answer, (bool, np.bool_)) and answer:
                    control.stop()
            yield event
    finally:
        control.most = before


def _sees_steps(callback: Callback) -> bool:
    return getattr(callback.step, "__func__", None) is not Callback.step

"""The progress of a training in a notebook: a bar below the cell that runs it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterator
from html import escape
from importlib import import_module
from typing import Any

from nodeflow.number_text import count, number
from nodeflow.train.events import Diverged, Done, Edited, Epoch, Event, Resumed, Started, Steps
from nodeflow.train.schedule import LOSS, Schedule, loss_name

REDRAW_SECONDS = 0.1
MOST_METRICS = 3


def in_notebook(events: Iterator[Event]) -> Iterator[Event]:
    """Return the same events; in a notebook, also show the progress while they are consumed."""
    display = notebook_display()
    return events if display is None else _shown(events, display)


def notebook_display() -> Callable[..., Any] | None:
    """Return the function that displays an object in the current notebook; None outside a notebook.

    IPython is not imported here, because in a notebook it is already loaded.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is None:  # IPython in a terminal has none
        return None
    return import_module("IPython.display").display


def _shown(events: Iterator[Event], display: Callable[..., Any]) -> Iterator[Event]:
    bar = ProgressBar()
    handle = None
    drawn = 0.0
    try:
        for event in events:
            bar.take(event)
            now = time.monotonic()
            if handle is None:
                handle, drawn = display(bar, display_id=True), now
            elif not isinstance(event, Steps) or now - drawn >= REDRAW_SECONDS:
                handle.update(bar)
                drawn = now
            yield event
    finally:
        if isinstance(events, Generator):
            events.close()
        bar.end()
        if handle is not None:
            handle.update(bar)


class ProgressBar:
    """The counts of a training, which notebooks show as HTML, and as text where HTML is off."""

    def __init__(self) -> None:
        self.total = self.done = 0
        self.state = "Preparing"
        self._before = 0
        self._last = 0
        self._figures: dict[str, float] = {}
        self._rate = 0.0
        self._turns: Schedule | None = None

    def take(self, event: Event) -> None:
        """Count one event of the training."""
        match event:
            case Started():
                self._turns = event.schedule
                self._before = event.first_epoch - 1
                self._plan(event.epochs, event.steps_per_epoch)
                self._epoch_is(event.first_epoch)
            case Resumed():
                self.done = event.step
                self._epoch_is(event.epoch)
            case Edited() if event.epochs:
                self._plan(event.epochs, event.steps_per_epoch)
            case Steps() if len(event.losses):
                self.done = event.first + len(event.losses) - 1
                turns = self._turns
                name = LOSS if turns is None else loss_name(turns.name_at(self.done - 1))
                self._figures[name] = float(event.losses[-1])
                self._rate = self.done / event.seconds if event.seconds else 0.0
            case Epoch():
                self._figures = {**event.losses, **event.metrics}
                if event.epoch < self._last:
                    self._epoch_is(event.epoch + 1)
            case Done():
                self.state = "Stopped" if event.stopped else "Done"
                self._figures |= event.metrics
                self._rate = event.steps_per_second
            case Diverged():
                self.state = f"Ended at step {count(event.step)}: a value is not finite"
            case _:
                pass

    def end(self) -> None:
        """Record that no more events will come."""
        if self.state.startswith(("Epoch", "Preparing")):
            self.state = f"Left at step {count(self.done)}"

    def _plan(self, epochs: int, steps_per_epoch: int) -> None:
        self._last = self._before + epochs
        self.total = self._last * steps_per_epoch

    def _epoch_is(self, epoch: int) -> None:
        self.state = f"Epoch {count(epoch)} of {count(self._last)}"

    def __str__(self) -> str:
        figures = list(self._figures.items())[: 1 + MOST_METRICS]
        parts = [self.state, *(f"{name} {number(value)}" for name, value in figures)]
        if self._rate:
            parts.append(f"{count(round(self._rate))} steps/s")
        return " · ".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        share = f'value="{min(self.done, self.total)}" max="{self.total}"' if self.total else ""
        bar = f'<progress {share} style="width:16em;vertical-align:middle"></progress>'
        return f'<div style="font-variant-numeric:tabular-nums">{bar} {escape(str(self))}</div>'

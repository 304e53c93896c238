"""Which step of a training the window shows: now, or one of the past."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from nodeflow.host import protocol as p
from nodeflow.train.events import Diverged, Event, Resumed, Started, Steps


class ShownStep(QObject):
    """The step that is asked for, and what the engine says of it.

    Args:
        ask: sends the request for a step, None for now; returns its number.

    Signals:
        chosen: another step, or now, is asked for.
        changed: that, or how far it is, or which steps there are.

    Attributes:
        step: what is asked for, counted from 1; None is now.
        is_there: whether its values are shown.
        progress: done and total steps of its computation.
        is_preparing: whether kernels are being compiled for it.
        notices: what the user has to know about its values.
        first, last: the steps that there are; none where ``first`` is 0.
        per_epoch, first_epoch: how steps are counted in epochs.
    """

    chosen = Signal()
    changed = Signal()

    def __init__(self, ask: Callable[[int | None], int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ask, self._request = ask, 0
        self.step: int | None = None
        self.is_there = False
        self.progress = (0, 0)
        self.is_preparing = False
        self.notices: tuple[str, ...] = ()
        self.first = self.last = 0
        self.per_epoch, self.first_epoch = 0, 1

    @property
    def is_possible(self) -> bool:
        """Whether there are steps to show."""
        return 0 < self.first <= self.last

    def epoch_of(self, step: int) -> int:
        """The epoch that a step belongs to; 0 where steps of an epoch are not known."""
        return (step - 1) // self.per_epoch + 1 if self.per_epoch else 0

    def show(self, step: int) -> None:
        """Show a step of the past, the nearest one that there is."""
        if not self.is_possible:
            return
        self._choose(min(max(step, self.first), self.last))

    def back(self) -> None:
        """Show now."""
        self._choose(None)

    def _choose(self, step: int | None) -> None:
        if step == self.step:
            return
        self.step, self.is_there = step, False
        self.progress, self.is_preparing = (0, 0), False
        self._request = self._ask(step)
        self.chosen.emit()
        self.changed.emit()

    # ---- what the engine says -----------------------------------------------------------------

    def forget(self) -> None:
        """There is no training any more, or another one."""
        was = self.step
        self.first = self.last = 0
        self.step, self.is_there = None, False
        if was is not None:
            self.chosen.emit()
        self.changed.emit()

    def on_steps(self, message: p.PastSteps) -> None:
        """Another training begins, or there is none any more."""
        self.forget()
        self.first, self.last = message.first, 0
        self.changed.emit()

    def on_progress(self, message: p.PastProgress) -> None:
        """The step that is asked for is being computed."""
        if message.request == self._request and message.step == self.step:
            self.progress = message.done, message.total
            self.is_preparing = message.preparing
            self.changed.emit()

    def on_arrived(self, notices: tuple[str, ...] = ()) -> None:
        """The values of the step have come, with what the user has to know of them."""
        self.notices = notices
        if self.step is not None and not self.is_there:
            self.is_there, self.is_preparing = True, False
            self.changed.emit()

    def on_event(self, event: Event) -> None:
        """The training goes on."""
        if isinstance(event, Started):
            self.per_epoch, self.first_epoch = event.steps_per_epoch, event.first_epoch
        elif isinstance(event, (Steps, Diverged)):
            self.last = event.last if isinstance(event, Steps) else event.step
            self.changed.emit()
        elif isinstance(event, Resumed):
            self.last = event.step

"""How far a step of the past is computed, op by op, in the order of its kernels."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.host import protocol as p
from nodeflow.number_text import count
from nodeflow.ui.core.engine.shown_step import ShownStep
from nodeflow.ui.core.messages import listed

LAST = -1
"""Stands for the last kernel of a step whose order is still to come."""


class Engine(Protocol):
    """What the engine is asked for."""

    def fetch_order(self) -> int:
        """The order of the step that is shown."""
        ...


class StepOps(QObject):
    """Goes through the kernels of the step that is shown.

    Signals:
        changed: another kernel runs, or none.

    Attributes:
        is_on: whether a step is shown op by op.
        kernels: names of the nodes of each, in order; first of all, what is there before them.
        at: how many kernels have run, the one that runs included; 0 before the first.
    """

    changed = Signal()

    def __init__(self, past: ShownStep, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._past, self._engine = past, engine
        self._request = 0
        self._wanted = 0
        self.is_on = False
        self.kernels: tuple[tuple[str, ...], ...] = ()
        self.at = 0
        past.chosen.connect(self._on_chosen)
        past.ordered.connect(self._on_order)

    @property
    def is_waiting(self) -> bool:
        """Whether the order is still to come."""
        return self.is_on and not self.kernels

    @property
    def running(self) -> tuple[str, ...]:
        """The nodes that run."""
        return self.kernels[self.at] if self.kernels and self.at else ()

    @property
    def words(self) -> str:
        """What runs, for people."""
        if not self.kernels:
            return "Preparing…"
        last = len(self.kernels) - 1
        if not self.at:
            return f"Before op 1 of {count(last)}"
        return f"Op {count(self.at)} of {count(last)}: {listed(self.running, 2)}"

    def begin(self) -> None:
        """Show the step before its first op."""
        if self._past.step is not None and not self.is_on:
            self.is_on, self._wanted = True, 0
            self._ask()
            self.changed.emit()

    def end(self) -> None:
        """Show the whole step."""
        if self.is_on:
            self.is_on, self.kernels, self.at = False, (), 0
            self.changed.emit()

    def can_move(self, by: int) -> bool:
        """Whether there is a next op, or one before, in this step."""
        return self.is_on and bool(self.kernels) and 0 <= self.at + by < len(self.kernels)

    def move(self, by: int) -> bool:
        """Go to another op of the step; False where it has none there: then another step is next,
        at its beginning, or at its end where it goes back."""
        if self.can_move(by):
            self.at += by
            self.changed.emit()
            return True
        self._wanted = 0 if by > 0 else LAST
        return False

    def _ask(self) -> None:
        self.kernels = ()
        self._request = self._engine.fetch_order()

    @Slot()
    def _on_chosen(self) -> None:
        if self._past.step is None:
            self.end()
        elif self.is_on:
            self._ask()
            self.changed.emit()

    @Slot(object)
    def _on_order(self, message: p.StepOrder) -> None:
        if self.is_on and message.request == self._request and message.step == self._past.step:
            self.kernels = message.kernels
            self.at = len(self.kernels) - 1 if self._wanted == LAST else 0
            self._wanted = 0
            self.changed.emit()

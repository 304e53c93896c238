"""Stepping through a past step op by op, in the order of its kernels."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.host import protocol as p
from nodeflow.number_text import count
from nodeflow.ui.core.engine_link.shown_step import ShownStep
from nodeflow.ui.core.user_messages import listed

LAST = -1
"""Stands for the index of a step's last kernel while the order of kernels is unknown."""


class Engine(Protocol):
    """The only request that `StepOps` sends to the engine."""

    def fetch_order(self) -> int:
        """Ask for the order of ops in the shown step."""
        ...


class StepOps(QObject):
    """The position among the kernels of the shown step.

    Signals:
        changed: the current kernel changed.

    Attributes:
        is_on: whether a step is shown op by op.
        kernels: the node names of each kernel, in order. The first entry holds the nodes that
            have values before any kernel runs.
        at: index of the current kernel, counted from 1; 0 before the first.
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
        """Whether the order of the step's kernels has not arrived yet."""
        return self.is_on and not self.kernels

    @property
    def running(self) -> tuple[str, ...]:
        """The names of the nodes that the current kernel computes."""
        return self.kernels[self.at] if self.kernels and self.at else ()

    @property
    def words(self) -> str:
        """Return a description of the current kernel."""
        if not self.kernels:
            return "Preparing…"
        last = len(self.kernels) - 1
        if not self.at:
            return f"Before op 1 of {count(last)}"
        return f"Op {count(self.at)} of {count(last)}: {listed(self.running, 2)}"

    def begin(self) -> None:
        """Show the values before the step's first op."""
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
        """Return whether the step has an op at this distance from the current one."""
        return self.is_on and bool(self.kernels) and 0 <= self.at + by < len(self.kernels)

    def move(self, by: int) -> bool:
        """Go to another op of the step, ``by`` kernels away.

        Return False if the step ends before it. Then the caller shows the next step from its
        first op, or the previous step from its last op.
        """
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

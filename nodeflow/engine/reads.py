"""The variables that a schedule reads, looked up again when one has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.graph import Node


class ReadVariables:
    """The values of the variables that a schedule reads, kept until one has changed.

    Attributes:
        version: of all variables, when they were looked up; None if they are not kept.
        arrays: by slot.
        shapes: of the arrays, in the order of the slots.
    """

    __slots__ = ("_schedule", "arrays", "shapes", "version")

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.version: int | None = None
        self.arrays: dict[int, Any] = {}
        self.shapes: tuple[tuple[int, ...], ...] = ()

    def look_up(self, read: Callable[[Node], Any], version: int | None = None) -> None:
        """Ask for all values.

        Raises:
            NotInitialized: a variable has none.
        """
        reads = self._schedule.reads.items()
        self.arrays = {slot: read(variable) for variable, slot in reads}
        self.shapes = tuple([array.shape for array in self.arrays.values()])
        self.version = version

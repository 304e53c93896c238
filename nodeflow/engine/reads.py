"""The variables that a schedule reads. They are looked up again when a variable has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.graph import Node


class ReadVariables:
    """The values of the variables that a schedule reads, kept until a variable changes.

    Attributes:
        version: version of all variables at the last look-up; None if values are not kept.
        arrays: values by slot.
        shapes: shapes of the arrays, in the order of the slots.
    """

    __slots__ = ("_schedule", "arrays", "shapes", "version")

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.version: int | None = None
        self.arrays: dict[int, Any] = {}
        self.shapes: tuple[tuple[int, ...], ...] = ()

    def look_up(self, read: Callable[[Node], Any], version: int | None = None) -> None:
        """Read the values of all variables that the schedule reads, and keep the arrays.

        Raises:
            NotInitialized: a variable has no value.
        """
        reads = self._schedule.reads.items()
        self.arrays = {slot: read(variable) for variable, slot in reads}
        self.shapes = tuple([array.shape for array in self.arrays.values()])
        self.version = version

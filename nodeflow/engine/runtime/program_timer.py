"""The interface of a timer that runs a program instead of the dispatch loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.levels import Level
from nodeflow.engine.runtime.program import Program


class ProgramTimer(Protocol):
    """A runner of programs and references that notes durations (`inspect.profile.Profiler`)."""

    def run(
        self,
        program: Program,
        levels: Sequence[Level],
        execution: int,
        loops: Sequence[np.ndarray] = (),
    ) -> bool:
        """Run a program level by level. Return False if a kernel reported a failure.

        Args:
            loops: the iteration number of each loop, in the program's order, for this method to
                count.
        """
        ...

    def reference(self, group: Group, call: Callable[[], None]) -> None:
        """Run a group by its reference."""
        ...

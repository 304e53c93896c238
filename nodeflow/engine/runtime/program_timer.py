"""The interface of a timer, which runs a program in place of the dispatch loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.levels import Level
from nodeflow.engine.runtime.program import Program


class ProgramTimer(Protocol):
    """A runner of programs and references that records durations (`inspect.profile.Profiler`)."""

    def run(
        self,
        program: Program,
        levels: Sequence[Level],
        execution: int,
        loops: Sequence[np.ndarray] = (),
    ) -> bool:
        """Run a program level by level to measure its launches. Return False if a kernel reported a
        failure.

        Args:
            loops: the iteration number of each loop, in the program's order, which this method
                increases.
        """
        ...

    def reference(self, group: Group, call: Callable[[], None]) -> None:
        """Run the nodes of a group through ``call``, by their reference implementations, and
        measure the time.
        """
        ...

"""Copies of a training in memory, from which any of its steps can be computed again.

A step is a pure function of variables, batch, step number and seed, so a copy now and then is
enough: `replay` makes the steps between. `thinning` says when copies are made and which stay.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nodeflow.engine.memory import total_memory
from nodeflow.engine.variables import Variables
from nodeflow.graph.graph import Node, ancestors
from nodeflow.ops.composed import resolve
from nodeflow.train.rewind.thinning import Pace, is_due, superfluous
from nodeflow.train.training_state import TrainingState

MEGABYTES = "NODEFLOW_HISTORY_MB"
MOST_BYTES, SHARE_OF_MEMORY = 256_000_000, 16


def default_budget() -> int:
    """Bytes for copies: what ``NODEFLOW_HISTORY_MB`` says, else the smaller of 256 MB and a
    sixteenth of the memory."""
    said = os.environ.get(MEGABYTES, "")
    if said.isdecimal():
        return int(said) * 1_000_000
    memory = total_memory()
    return MOST_BYTES if memory is None else min(MOST_BYTES, memory // SHARE_OF_MEMORY)


def assigned_variables(optimizer: Node) -> list[Node]:
    """The variables that a training step changes."""
    runs = ancestors([optimizer])
    return list(dict.fromkeys(resolve(n.inputs[0]).node for n in runs if n.op.id == "assign"))


@dataclass(frozen=True)
class Snapshot:
    """A training after a step.

    Attributes:
        step: number of the last step that was made.
        state: where it stands, without variables and losses.
        arrays: of the variables that change, in the order of `Snapshots`.
    """

    step: int
    state: TrainingState
    arrays: tuple[np.ndarray, ...]


class Snapshots:
    """The copies of one training.

    Args:
        budget: bytes that they may take; default: `default_budget`.
        most: how many stay at most; None is as many as the budget holds.

    Attributes:
        spent: seconds that this thread copied.
        elapsed: seconds of the steps.
    """

    def __init__(self, budget: int | None = None, most: int | None = None) -> None:
        self._budget = default_budget() if budget is None else budget
        self._wanted = most
        self._most = 0
        self._lock = threading.Lock()
        self._changing: list[Node] = []
        self._still: dict[Node, np.ndarray] = {}
        self._kept: list[Snapshot] = []
        self._since = 0.0
        self._cost = 0.0
        self.spent = self.elapsed = 0.0

    # ---- for the training ---------------------------------------------------------------------

    def begin(self, variables: Variables, optimizer: Node, state: TrainingState, step: int) -> None:
        """Copy a training before it goes on; forgets an earlier one.

        Args:
            state: without variables and losses, as in `take`.
        """
        with self._lock:
            self._changing = [
                n for n in assigned_variables(optimizer) if variables.held(n) is not None
            ]
            changing = set(self._changing)
            others = (n for n in variables.nodes() if n not in changing)
            self._still = {n: variables.read(n) for n in others}  # no step writes to them
            size = sum(variables.read(n).nbytes for n in self._changing)
            most = self._budget // max(1, size)
            self._most = most if self._wanted is None else min(most, self._wanted)
            self._kept = []
        self.spent = self.elapsed = 0.0
        if self._most:
            self.take(variables, state, step)

    def ran(self, seconds: float) -> None:
        """Take that steps ran for so long."""
        self._since += seconds
        self.elapsed += seconds

    def is_due(self, step: int) -> bool:
        """Whether to copy the training after this step."""
        if not self._kept:
            return False
        steps, since = step - self._kept[0].step, step - self._kept[-1].step
        pace = Pace(steps, since, self._since, self.elapsed, self.spent, self._cost)
        return is_due(pace, self._most)

    def take(self, variables: Variables, state: TrainingState, step: int) -> None:
        """Copy the training after this step."""
        started = time.thread_time()  # what a busy machine adds is no cost of the copy
        live = [variables.read(node) for node in self._changing]
        with self._lock:
            steps = [kept.step for kept in self._kept]
            gone = superfluous([*steps, step], self._most)
            if gone is None:
                arrays = tuple(array.copy() for array in live)
            else:
                arrays = self._kept.pop(gone).arrays
                for array, value in zip(arrays, live, strict=True):
                    np.copyto(array, value)
            self._kept.append(Snapshot(step, state, arrays))
        self._since = 0.0
        self._cost = time.thread_time() - started
        self.spent += self._cost

    # ---- for a run that is kept ---------------------------------------------------------------

    @classmethod
    def of(
        cls, copies: Sequence[Snapshot], changing: Sequence[Node], still: Mapping[Node, np.ndarray]
    ) -> Snapshots:
        """Copies that were kept, by step.

        Args:
            changing: the variables of `Snapshot.arrays`.
            still: those that no step changes.
        """
        found = cls(0)
        found._kept, found._changing, found._still = list(copies), list(changing), dict(still)
        return found

    @property
    def copies(self) -> list[Snapshot]:
        """All of them; while the training goes on, their arrays are written again."""
        with self._lock:
            return list(self._kept)

    @property
    def changing(self) -> list[Node]:
        """The variables of `Snapshot.arrays`."""
        return list(self._changing)

    @property
    def still(self) -> dict[Node, np.ndarray]:
        """The variables that no step changes."""
        return dict(self._still)

    # ---- for replays --------------------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(self._kept)

    @property
    def steps(self) -> list[int]:
        """After which steps copies were made."""
        with self._lock:
            return [kept.step for kept in self._kept]

    @property
    def nbytes(self) -> int:
        """Bytes that the copies take."""
        with self._lock:
            return sum(array.nbytes for kept in self._kept for array in kept.arrays)

    def before(self, step: int) -> int | None:
        """The step after which the newest copy up to ``step`` was made; None if there is none."""
        steps = self.steps
        at = bisect_right(steps, step)
        return steps[at - 1] if at else None

    def restore(self, step: int, variables: Variables) -> Snapshot | None:
        """Set variables to the newest copy at or before a step; returns it."""
        with self._lock:
            at = bisect_right(self._kept, step, key=lambda kept: kept.step)
            if not at:
                return None
            found = self._kept[at - 1]
            for node, array in zip(self._changing, found.arrays, strict=True):
                variables.put(node, array)
            for node, array in self._still.items():
                variables.exchange(node, array)
            return found

    def state(self, step: int) -> TrainingState:
        """Where the training stood at the newest copy at or before a step, without variables.

        Raises:
            KeyError: there is none.
        """
        with self._lock:
            at = bisect_right(self._kept, step, key=lambda kept: kept.step)
            if not at:
                raise KeyError(step)
            return self._kept[at - 1].state

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
from dataclasses import dataclass, field

import numpy as np

from nodeflow.engine.memory import total_memory
from nodeflow.engine.variables import Variables
from nodeflow.graph.graph import Graph, Node, ancestors
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
        held: the variables that it is of.
        arrays: of the variables that change.
        begins: whether it is the first one of its graph, which its steps need.
    """

    step: int
    state: TrainingState
    held: Held
    arrays: tuple[np.ndarray, ...]
    begins: bool = False

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays)


@dataclass(frozen=True)
class Held:
    """The variables of one graph, of which there are copies.

    Attributes:
        graph: a training has another one after an edit.
        changing: the variables that steps change, in the order of the copied arrays.
        still: the others.
    """

    graph: Graph | None = None
    changing: tuple[Node, ...] = ()
    still: Mapping[Node, np.ndarray] = field(default_factory=dict)


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
        self._held = Held()
        self._kept: list[Snapshot] = []
        self._since = 0.0
        self._cost = 0.0
        self.spent = self.elapsed = 0.0

    # ---- for the training ---------------------------------------------------------------------

    def begin(self, variables: Variables, optimizer: Node, state: TrainingState, step: int) -> None:
        """Copy a training before it goes on, at its beginning, with another graph, or with a
        variable that the user has changed.

        Args:
            state: without variables and losses, as in `take`.
        """
        with self._lock:
            assigned = assigned_variables(optimizer)
            changing = tuple(n for n in assigned if variables.held(n) is not None)
            known = set(changing)
            others = (n for n in variables.nodes() if n not in known)
            still = {n: variables.read(n) for n in others}  # no step writes to them
            self._held = Held(optimizer.graph, changing, still)
            self._kept = [
                kept
                for kept in self._kept
                if kept.step < step or kept.held.graph is not optimizer.graph
            ]  # what it was before the user changed a variable after this step
            sizes = [sum(variables.read(n).nbytes for n in changing), 1]
            most = self._budget // max(*sizes, *(kept.nbytes for kept in self._kept))
            self._most = most if self._wanted is None else min(most, self._wanted)
        if self._most:
            self.take(variables, state, step, begins=True)

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

    def take(
        self, variables: Variables, state: TrainingState, step: int, begins: bool = False
    ) -> None:
        """Copy the training after this step.

        Args:
            begins: it is the first copy of this graph.
        """
        started = time.thread_time()  # what a busy machine adds is no cost of the copy
        live = [variables.read(node) for node in self._held.changing]
        with self._lock:
            gone = self._leaving(step)
            if gone is not None and gone.held is self._held:
                arrays = gone.arrays
                for array, value in zip(arrays, live, strict=True):
                    np.copyto(array, value)
            else:
                arrays = tuple(array.copy() for array in live)
            self._kept.append(Snapshot(step, state, self._held, arrays, begins))
        self._since = 0.0
        self._cost = time.thread_time() - started
        self.spent += self._cost

    def _leaving(self, step: int) -> Snapshot | None:
        """Take the copies out that one after this step leaves no room for; returns the last."""
        gone = None
        while True:
            found = superfluous([*(kept.step for kept in self._kept), step], self._most)
            if found is None:
                return gone
            free = [i for i, kept in enumerate(self._kept) if not kept.begins]
            at = min(free, key=lambda i, near=found: abs(i - near), default=0)  # an old graph's
            gone = self._kept.pop(at)

    # ---- for a run that is kept ---------------------------------------------------------------

    @classmethod
    def of(cls, copies: Sequence[Snapshot]) -> Snapshots:
        """Copies that were kept, by step."""
        found = cls(0)
        found._kept = list(copies)
        return found

    def copies(self, graph: Graph) -> list[Snapshot]:
        """Those of one graph; while the training goes on, their arrays are written again."""
        with self._lock:
            return [kept for kept in self._kept if kept.held.graph is graph]

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
            return sum(kept.nbytes for kept in self._kept)

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
            for node, array in zip(found.held.changing, found.arrays, strict=True):
                variables.put(node, array)
            for node, array in found.held.still.items():
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

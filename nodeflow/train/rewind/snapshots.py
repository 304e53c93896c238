"""Copies of a training in memory, used to compute any of its steps again.

A step is a pure function of variables, batch, step number and seed, so occasional copies are
enough: `replay` makes the steps between. `snapshot_retention` decides when copies are made and
which stay.
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
from nodeflow.train.rewind.snapshot_retention import Pace, is_due, superfluous
from nodeflow.train.training_state import TrainingState

MEGABYTES = "NODEFLOW_HISTORY_MB"
MOST_BYTES, SHARE_OF_MEMORY = 256_000_000, 16


def default_budget() -> int:
    """Return the number of bytes that snapshots in memory may take.

    It is ``NODEFLOW_HISTORY_MB`` if set. Otherwise it is the smaller of 256 MB and a sixteenth of
    the machine's memory.
    """
    said = os.environ.get(MEGABYTES, "")
    if said.isdecimal():
        return int(said) * 1_000_000
    memory = total_memory()
    return MOST_BYTES if memory is None else min(MOST_BYTES, memory // SHARE_OF_MEMORY)


def assigned_variables(optimizer: Node) -> list[Node]:
    """Return the variables that a training step changes."""
    runs = ancestors([optimizer])
    return list(dict.fromkeys(resolve(n.inputs[0]).node for n in runs if n.op.id == "assign"))


@dataclass(frozen=True)
class Snapshot:
    """The state of a training after a step.

    Attributes:
        step: number of the last step that was made.
        state: the state of the loop, without variables and losses.
        held: the variables of the graph.
        arrays: the values of the changing variables.
        begins: whether it is the first snapshot of its graph, which all steps of the graph need.
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
    """The variables of one graph in snapshots.

    Attributes:
        graph: the graph. After an edit, the training has another graph.
        changing: the variables that steps change, in the order of the copied arrays.
        still: the other variables with their values.
    """

    graph: Graph | None = None
    changing: tuple[Node, ...] = ()
    still: Mapping[Node, np.ndarray] = field(default_factory=dict)


class Snapshots:
    """The snapshots of one training.

    Args:
        budget: bytes that the snapshots may take; default: `default_budget`.
        most: the maximum number of snapshots; None for as many as the budget holds.

    Attributes:
        spent: seconds that this thread spent copying.
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
        """Take the first snapshot of a training, or a new one after an edit or after the user set a
        variable. A snapshot is a copy of the variables; replays of later steps start from it.

        Args:
            state: the state of the training, without variables and losses.
            step: the number of finished steps.
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
            ]  # drops the snapshot from before the user set a variable after this step
            sizes = [sum(variables.read(n).nbytes for n in changing), 1]
            most = self._budget // max(*sizes, *(kept.nbytes for kept in self._kept))
            self._most = most if self._wanted is None else min(most, self._wanted)
        if self._most:
            self.take(variables, state, step, begins=True)

    def ran(self, seconds: float) -> None:
        """Record the duration of steps."""
        self._since += seconds
        self.elapsed += seconds

    def is_due(self, step: int) -> bool:
        """Return whether to take a snapshot after this step."""
        if not self._kept:
            return False
        steps, since = step - self._kept[0].step, step - self._kept[-1].step
        pace = Pace(steps, since, self._since, self.elapsed, self.spent, self._cost)
        return is_due(pace, self._most)

    def take(
        self, variables: Variables, state: TrainingState, step: int, begins: bool = False
    ) -> None:
        """Take a snapshot: copy the variables, so that the steps after ``step`` can be replayed
        later.

        Args:
            state: the state of the training, without variables and losses.
            begins: whether it is the first snapshot of this graph.
        """
        started = time.thread_time()  # waiting on a busy machine is no cost of copying
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
        """Remove snapshots to make room for a new one; return the last removed one, whose arrays
        can be reused.
        """
        gone = None
        while True:
            found = superfluous([*(kept.step for kept in self._kept), step], self._most)
            if found is None:
                return gone
            free = [i for i, kept in enumerate(self._kept) if not kept.begins]
            at = min(free, key=lambda i, near=found: abs(i - near), default=0)  # 0: an old graph's
            gone = self._kept.pop(at)

    # ---- for a kept run -------------------------------------------------------------------------

    @classmethod
    def of(cls, copies: Sequence[Snapshot]) -> Snapshots:
        """Return a `Snapshots` object with these snapshots, ordered by step."""
        found = cls(0)
        found._kept = list(copies)
        return found

    def copies(self, graph: Graph) -> list[Snapshot]:
        """Return the snapshots of one graph. A running training may overwrite their arrays."""
        with self._lock:
            return [kept for kept in self._kept if kept.held.graph is graph]

    # ---- for replays --------------------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(self._kept)

    @property
    def steps(self) -> list[int]:
        """The steps after which snapshots were taken."""
        with self._lock:
            return [kept.step for kept in self._kept]

    @property
    def nbytes(self) -> int:
        """Bytes that the snapshots take."""
        with self._lock:
            return sum(kept.nbytes for kept in self._kept)

    def before(self, step: int) -> int | None:
        """Return the step of the newest snapshot up to ``step``, or None if there is none."""
        steps = self.steps
        at = bisect_right(steps, step)
        return steps[at - 1] if at else None

    def restore(self, step: int, variables: Variables) -> Snapshot | None:
        """Set variables to the newest snapshot at or before a step, and return it."""
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
        """Return the training state of the newest snapshot at or before a step. The state has no
        variables.

        Raises:
            KeyError: there is no such snapshot.
        """
        with self._lock:
            at = bisect_right(self._kept, step, key=lambda kept: kept.step)
            if not at:
                raise KeyError(step)
            return self._kept[at - 1].state

"""Row flows of runs and training steps, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodeflow.engine.rows import RowFlow, Rows, State, analyse
from nodeflow.engine.schedule.schedule import Schedule, Target, build_schedule, resolve_alias
from nodeflow.graph.graph import Tensor


@dataclass
class Flow:
    """What `analyse` says of a schedule, asked by tensors and names."""

    schedule: Schedule
    found: RowFlow

    def state(self, tensor: Tensor) -> State:
        return self.found.states[self.schedule.slots.index(resolve_alias(tensor))]

    @property
    def joins(self) -> dict[str, tuple[str, ...]]:
        """Kinds of joins by the name of their node."""
        steps = self.schedule.steps
        return {
            steps[index].node.name: tuple(join.kind for join in joins)
            for index, joins in self.found.joins.items()
        }

    @property
    def joining(self) -> set[str]:
        """Ids of the ops that join rows."""
        return {self.schedule.steps[index].node.op.id for index in self.found.joins}

    @property
    def first_mixing(self) -> tuple[str, str] | None:
        """Name of the first node that mixes rows, and what it does."""
        if not self.found.mixing:
            return None
        return self.found.mixing[0].node.name, self.found.mixing[0].reason


def flow_of(targets: Sequence[Target], batches: Mapping[Tensor, int], axis: int = 0) -> Flow:
    """How rows go through what targets need.

    Args:
        batches: placeholders of a batch, and how many rows it has, along ``axis``.
    """
    schedule = build_schedule(targets, batches)
    given, fed = {}, {}
    for tensor, number in batches.items():
        slot = schedule.feeds.get(resolve_alias(tensor))
        if slot is not None:
            shape = list(tensor.shape)
            shape[axis] = number
            given[slot] = tensor.type.with_shape(shape)
            fed[slot] = axis
    types = schedule.specialise(given)
    return Flow(schedule, analyse(schedule, types, fed))


ROWS = Rows(0)

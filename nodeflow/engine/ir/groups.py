"""Groups: the actions that become one kernel."""

from __future__ import annotations

from dataclasses import dataclass, field

from nodeflow.engine.ir.actions import Action, Actions, View
from nodeflow.graph.types import Shape, numpy_dtype


@dataclass(eq=False, slots=True)
class Group:
    """Actions that become one kernel, or one reference call.

    Attributes:
        shape: iteration space of a cluster of elementwise actions; None for all other groups.
        inputs: storages that the group reads and does not compute itself.
        outputs: storages that the group writes.
        pieces: for storages that are also, or only, written into larger arrays: the array's
            storage and the view of it.
        read: whether another group already reads an output of this group.
        flush: whether the group treats denormals as zero (see `inplace.flush_updates`).
        alone: whether nothing may join the group (see `fusion_budget`).
        moved: bytes read and written, if the group's slots belong to another plan (a loop's body).
        joined: the actions that its single action replaces, if any.
    """

    level: int
    actions: list[Action] = field(default_factory=list)
    shape: Shape | None = None
    inputs: dict[int, None] = field(default_factory=dict)
    outputs: set[int] = field(default_factory=set)
    pieces: dict[int, list[tuple[int, View]]] = field(default_factory=dict)
    read: bool = False
    flush: bool = False
    alone: bool = False
    moved: int | None = None
    joined: list[Action] = field(default_factory=list)

    def bytes_moved(self, actions: Actions) -> int:
        """Return the number of bytes that the launch of a group reads from memory and writes to it.

        A cluster of elementwise actions keeps intermediate values in registers, so only the output
        of its last action counts.
        """
        if self.moved is not None:
            return self.moved
        last = actions.storage[self.actions[-1].outputs[0]]
        touched = [*self.inputs, *(self.outputs if self.shape is None else (last,))]
        types = [actions.types[storage] for storage in touched]
        return sum((t.size or 0) * numpy_dtype(t.dtype).itemsize for t in types)

    @property
    def is_fallback(self) -> bool:
        """Whether the group has no kernel, so that the numpy reference computes it."""
        return self.actions[0].lowering is None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the graph nodes that this group of fused actions computes, without
        duplicates.
        """
        return tuple(dict.fromkeys(action.node.name for action in self.joined or self.actions))

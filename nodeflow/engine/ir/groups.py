"""Groups: the actions that become one kernel."""

from __future__ import annotations

from dataclasses import dataclass, field

from nodeflow.engine.ir.actions import Action, Actions, View
from nodeflow.graph.types import Shape, numpy_dtype


@dataclass(eq=False, slots=True)
class Group:
    """Actions that become one kernel (or one call of a reference).

    Attributes:
        shape: iteration space of a cluster of elementwise actions; None for everything else.
        inputs: storages read from outside.
        outputs: storages written.
        pieces: where values are also (or only) written: by storage, (storage of a whole, which
            part of it).
        read: whether another group reads from it already.
        flush: whether denormals are zero in it (see `inplace.flush_updates`).
        alone: whether nothing may join it (see `fusion_budget`).
        moved: bytes read and written, where its slots are those of another plan (a loop's body).
        joined: the actions that its one action does instead of them, if there are such.
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
        """Bytes read and written; within a cluster values stay in registers, so of those only the
        last is counted as written."""
        if self.moved is not None:
            return self.moved
        last = actions.storage[self.actions[-1].outputs[0]]
        touched = [*self.inputs, *(self.outputs if self.shape is None else (last,))]
        types = [actions.types[storage] for storage in touched]
        return sum((t.size or 0) * numpy_dtype(t.dtype).itemsize for t in types)

    @property
    def is_fallback(self) -> bool:
        """Whether it has no kernel and runs by its reference."""
        return self.actions[0].lowering is None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the nodes that it computes, each once."""
        return tuple(dict.fromkeys(action.node.name for action in self.joined or self.actions))

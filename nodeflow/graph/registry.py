"""The op registry: plain data, by stable id. Importing ``nodeflow.ops`` fills it."""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.errors import UnknownOp, suggest
from nodeflow.graph.op import Op


class Registry:
    """Ops by id, in the order they were registered."""

    def __init__(self) -> None:
        self._ops: dict[str, Op] = {}

    def register(self, op: Op) -> Op:
        """Add an op.

        Raises:
            ValueError: the id is taken (a programming error in an op module).
        """
        if op.id in self._ops:
            raise ValueError(f"op id {op.id!r} is registered twice")
        self._ops[op.id] = op
        return op

    def put(self, op: Op) -> None:
        """Add an op, replacing one with the same id: for reloading a user's own ops."""
        self._ops[op.id] = op

    def remove(self, op_id: str) -> None:
        """Remove an op if it is registered. Existing nodes keep it."""
        self._ops.pop(op_id, None)

    def lookup(self, op_id: str) -> Op:
        """The op with this id.

        Raises:
            UnknownOp: there is none; the hint lists near ids.
        """
        try:
            return self._ops[op_id]
        except KeyError:
            raise UnknownOp(f"there is no op {op_id!r}", hint=suggest(op_id, self._ops)) from None

    def __contains__(self, op_id: object) -> bool:
        return op_id in self._ops

    def __iter__(self) -> Iterator[Op]:
        return iter(list(self._ops.values()))

    def __len__(self) -> int:
        return len(self._ops)

    def ids(self) -> list[str]:
        return list(self._ops)


REGISTRY = Registry()

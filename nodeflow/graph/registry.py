"""The op registry: plain data, by stable id. ``nodeflow.ops`` fills it at the first access."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from nodeflow.errors import UnknownOp, suggest
from nodeflow.graph.op import Op


class Registry:
    """Ops by id, in registration order.

    Args:
        package: a package that registers its ops when it is imported, and then calls `complete`. It
            is imported at the first access to an op.
    """

    def __init__(self, package: str | None = None) -> None:
        self._ops: dict[str, Op] = {}
        self._unlisted: dict[str, Op] = {}
        self._package = package

    def complete(self) -> None:
        """Record that all ops of the package are registered."""
        self._package = None

    @property
    def _known(self) -> dict[str, Op]:
        if self._package is not None:
            import_module(self._package)
        return self._ops

    def register(self, op: Op) -> Op:
        """Add an op to the registry.

        Raises:
            ValueError: the id is in use (a programming error in an op module).
        """
        if op.id in self._ops:
            raise ValueError(f"op id {op.id!r} is registered twice")
        self._ops[op.id] = op
        return op

    def register_unlisted(self, op: Op) -> None:
        """Add an op that can be found by its id, but is left out of lists of ops."""
        self._unlisted[op.id] = op

    def put(self, op: Op) -> None:
        """Add an op, or replace the op with the same id; for reloading user ops."""
        self._ops[op.id] = op

    def remove(self, op_id: str) -> None:
        """Remove an op if it is registered. Existing nodes still refer to it."""
        self._ops.pop(op_id, None)

    def lookup(self, op_id: str) -> Op:
        """Return the op with this id.

        Raises:
            UnknownOp: there is no such op; the hint lists similar ids.
        """
        try:
            return self._known[op_id]
        except KeyError:
            if op_id in self._unlisted:
                return self._unlisted[op_id]
            raise UnknownOp(f"there is no op {op_id!r}", hint=suggest(op_id, self._ops)) from None

    def __contains__(self, op_id: object) -> bool:
        return op_id in self._known or op_id in self._unlisted

    def __iter__(self) -> Iterator[Op]:
        return iter(list(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    def ids(self) -> list[str]:
        return list(self._known)


REGISTRY = Registry("nodeflow.ops")

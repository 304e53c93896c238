"""The ops that the open lesson offers: everything that lists ops leaves out the others."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QObject, Signal

from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.number_text import counted

PARTS = "Subgraph"
"""The category of the parts of the open file, which are offered always."""


class OfferedOps(QObject):
    """The offered ops; without a lesson, all of them. ``changed`` is emitted after `limit`."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ops: frozenset[str] | None = None

    def limit(self, ops: Collection[str] | None) -> None:
        """Offer only these ops; None offers all."""
        ops = None if ops is None else frozenset(ops)
        if ops != self._ops:
            self._ops = ops
            self.changed.emit()

    @property
    def note(self) -> str:
        """A sentence about the limit; empty without one."""
        return "" if self._ops is None else f"This lesson offers {counted(len(self._ops), 'op')}."

    def has(self, op: str) -> bool:
        """Return whether an op is offered."""
        return self._ops is None or op in self._ops

    def among(self, ops: Collection[NodeDeclaration]) -> list[NodeDeclaration]:
        """Remove the ops that the lesson does not allow; return the others.

        Subgraphs that the file defines are always allowed.
        """
        return [op for op in ops if self.has(op.id) or op.category == PARTS]

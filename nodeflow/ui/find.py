"""Find in graph: nodes by their name, op, or the value they show."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

from nodeflow.document.records import NodeRecord
from nodeflow.ui.canvas import CanvasView, values
from nodeflow.ui.fuzzy import score
from nodeflow.ui.pick_list import PickList, Row
from nodeflow.ui.workspace import Workspace

MOST = 50


class FindInGraph:
    """Opens a pick list over the canvas; Enter selects the node and brings it to the middle."""

    def __init__(
        self,
        popup: PickList,
        workspace: Workspace,
        canvas: CanvasView,
        show: Callable[[str], None],
    ) -> None:
        self._popup, self._workspace, self._canvas, self._show = popup, workspace, canvas, show

    def open(self) -> None:
        """Ask for a node."""
        self._popup.open(
            self.rows,
            self._picked,
            title="Find in graph",
            hint="Name, op or value",
            nothing="No node of this name, op or value.",
            back=self._canvas,
        )

    def rows(self, query: str) -> Sequence[Row]:
        """The nodes that answer a query, best first."""
        nodes = self._workspace.document.nodes.values()
        scored = ((self._score(query, record), -i, record) for i, record in enumerate(nodes))
        best = heapq.nlargest(MOST, (item for item in scored if item[0] > 0))
        return [self._row(record) for *_, record in best]

    def _score(self, query: str, record: NodeRecord) -> float:
        value = score(query, record.name)
        if value >= 0.6 or not query:
            return value
        if query.lower() in record.op:
            return 0.55
        shown = self._value(record)
        return 0.5 if shown and query.lower() in shown.lower() else value

    def _value(self, record: NodeRecord) -> str:
        return values.plain_text(self._canvas.value_of(record.id))

    def _row(self, record: NodeRecord) -> Row:
        op = self._workspace.declaration(record)
        detail = [op.title if op else record.op, self._value(record)]
        return Row(
            record.name,
            "  ·  ".join(part for part in detail if part),
            data=record.id,
            op=record.op,
            category=op.category if op else "",
        )

    def _picked(self, row: Row) -> None:
        self._show(row.data)

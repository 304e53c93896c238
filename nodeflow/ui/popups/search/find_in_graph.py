"""Find in graph: nodes by name, op, attribute, type or shown value, also in subgraphs; and frames
and notes of the shown graph by their text."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from nodeflow.document.analysis import node_query
from nodeflow.document.analysis.subgraphs.instance_paths import ALONE, unused, walk
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, NodeRecord
from nodeflow.drawing.cards import value_preview
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.popups.search.fuzzy_match import score
from nodeflow.ui.popups.search.quick_pick import QuickPick, Row

MOST = 50
MOST_LOOKED_AT = 50_000


class FindInGraph:
    """A list of nodes over the canvas. Enter selects the node and centres it."""

    def __init__(
        self,
        popup: QuickPick,
        workspace: Workspace,
        canvas: CanvasView,
        show: Callable[[str], None],
    ) -> None:
        self._popup, self._workspace, self._canvas, self._show = popup, workspace, canvas, show

    def open(self) -> None:
        """Open the list, so that the user can pick a node."""
        self._popup.open(
            self.rows,
            self._picked,
            title="Find in graph",
            hint="Name, op, value or note; conv 1x64x*, params > 1M",
            nothing="No node of this name, op or value, and no such note.",
            back=self._canvas,
        )

    def rows(self, query: str) -> Sequence[Row]:
        """Return the nodes that match a query, best first."""
        terms = node_query.parsed(query)
        scored = (
            (self._rank(query, terms, name, path, record), -i, name, path, record)
            for i, (path, name, record) in enumerate(self._nodes())
        )
        best = heapq.nlargest(MOST, (item for item in scored if item[0] > 0))
        rows = [self._row(name, path, record) for *_, name, path, record in best]
        return [*rows, *self._frames(query)] if query else rows

    def _frames(self, query: str) -> list[Row]:
        """Return the frames with the query in their title or note.

        They are listed after the nodes.
        """
        shown = "".join(f"{step}/" for step in self._workspace.path)
        found, wanted = [], query.lower()
        for frame in self._workspace.document.frames.values():
            if wanted in f"{frame.title}\n{frame.note}".lower():
                note = next((part for part in frame.note.splitlines() if part.strip()), "")
                title = frame.title or "Note"
                found.append(Row(title, note, "frame", shown + frame.id, icon="frame"))
        return found[:MOST]

    def _nodes(self) -> Iterator[tuple[str, str, NodeRecord]]:
        """Yield path, full name and record of all nodes: first those of the shown graph, then
        the others of the file.
        """
        workspace = self._workspace
        shown = "".join(f"{step}/" for step in workspace.path)
        names = "".join(f"{name}/" for name in workspace.path_names)
        for record in workspace.document.nodes.values():
            yield shown + record.id, names + record.name, record
        if not workspace.root.subgraphs:
            return
        scopes = {"": ""}
        for path, _, record in islice(walk(workspace.root), MOST_LOOKED_AT):
            scope = path[: -len(record.id)]
            name = scopes.get(scope, "") + record.name
            if record.op == SUBGRAPH:
                scopes[f"{path}/"] = f"{name}/"
            if scope != shown and record.op not in BORDER:
                yield path, name, record
        for inside in unused(workspace.root):
            path, scope = f"{ALONE}{inside.scope}/", f"{inside.scope}/"
            for record in inside.nodes.values() if path != shown else ():
                if record.op not in BORDER:
                    yield path + record.id, scope + record.name, record

    def _rank(
        self,
        query: str,
        terms: Sequence[node_query.Term] | None,
        name: str,
        path: str,
        record: NodeRecord,
    ) -> float:
        """Return how well a node matches a query; 0 for not at all.

        Types of nodes in subgraphs that are not shown are unknown, as they depend on the instance.
        """
        value = self._score(query, name, record)
        if terms is None or value >= 0.6:
            return value
        workspace = self._workspace
        is_shown = workspace.document.nodes.get(record.id) is record
        analysis = workspace.analysis
        found = node_query.subject(
            workspace.document if is_shown else Document(),
            record,
            name,
            workspace.declaration(record),
            analysis.type_of,
            (analysis.out_types(record.id) or {}).values() if is_shown else (),
        )
        return 0.9 if node_query.matches(terms, found) else value

    def _score(self, query: str, name: str, record: NodeRecord) -> float:
        value = score(query, name)
        if value >= 0.6 or not query:
            return value
        if query.lower() in record.op:
            return 0.55
        shown = self._value(record)
        return 0.5 if shown and query.lower() in shown.lower() else value

    def _value(self, record: NodeRecord) -> str:
        return value_preview.plain_text(self._canvas.node_state.value_of(record.id))

    def _row(self, name: str, path: str, record: NodeRecord) -> Row:
        op = self._workspace.declaration(record)
        idle = "in a subgraph that is not used" if path.startswith(ALONE) else ""
        detail = [op.title if op else record.op, self._value(record), idle]
        return Row(
            name,
            "  ·  ".join(part for part in detail if part),
            data=path,
            op=record.op,
            category=op.category if op else "",
        )

    def _picked(self, row: Row) -> None:
        self._show(row.data)

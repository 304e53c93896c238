"""Search to add: a field over the canvas that finds ops by a few letters, and places and connects
them.

It opens on Tab, on a double click on empty canvas, or when a wire is dropped on empty canvas;
then it offers only ops that fit the wire. Enter adds the node and its wire as one undo step.
After Tab, the wire starts at the selected node, if that fits. Shift+Enter adds the node without
a wire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.declarations import declarations
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.analysis.wiring.op_matching import accepts, gives, takes
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands
from nodeflow.document.edit.data import dataset_placeholders
from nodeflow.document.edit.inserting import insertables
from nodeflow.document.edit.make_room import make_room
from nodeflow.document.edit.offers.wiring_guess import first_output, takes_from, wire_new
from nodeflow.document.edit.replace_op import fits_in_place, replace_op
from nodeflow.document.edit.rewiring import insert_on_wire, insertion
from nodeflow.document.layout.layered import COLUMN_GAP
from nodeflow.document.model.records import Wire
from nodeflow.drawing.cards import card_data
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.types import DTYPES
from nodeflow.ui.canvas import CanvasView, WireContext
from nodeflow.ui.canvas.view.free_position import free_position
from nodeflow.ui.canvas.view.graph_edits import InsertContext, ReplaceContext
from nodeflow.ui.core.state.offered_ops import OfferedOps
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.popups.search import op_settings
from nodeflow.ui.popups.search.op_query import OpQuery, habits, ranked
from nodeflow.ui.popups.search.quick_pick import QuickPick, Row

Context = WireContext | ReplaceContext | InsertContext
"""The purpose of a search: an open wire, a node to replace, or a wire to insert into."""


@dataclass
class Asked:
    """The place and the purpose of a search."""

    scene: QPointF
    context: Context | None


class AddNodePopup(QuickPick):
    """The popup of one canvas. It connects itself to the canvas's signal for a search."""

    widest = 380

    def __init__(
        self,
        view: CanvasView,
        settings: Settings | None = None,
        offered: OfferedOps | None = None,
    ) -> None:
        super().__init__(view, view.renderer.theme)
        self.view, self._settings = view, settings
        self._offered = offered or OfferedOps(self)
        self._from: WireContext | None = None
        self._alone = False
        self.asked = Asked(QPointF(), None)
        self._at = QPointF()
        self._ops: list[NodeDeclaration] = []
        self._used: Counter[str] = Counter()
        self._accepted = frozenset(DTYPES)
        self._given: dict[str, dict[str, Any]] = {}
        view.signals.search_requested.connect(self.search)

    def search(self, scene: QPointF, at: QPointF, context: Context | None) -> None:
        """Open the search at a view point, for an open wire, for a replacement of a node, or
        for any op.
        """
        self.theme = self.view.renderer.theme
        self.asked, self._at = Asked(QPointF(scene), context), at
        known = self._offered.among([*declarations(), *self._offers()])
        self._accepted = self._accepted_dtypes()
        suiting = [op for op in known if op.category != "Internal" and self._suits(op)]
        self._ops = suiting
        self._from = self._selected_output() if context is None else None
        self._used = habits(self.view.document, self._settings)
        hint = "Search ops that fit" if context else "Search ops; “dense 300 relu” sets it up"
        self.open(self._find_ops, self._add, title="Op to add", hint=hint, back=self.view)

    def place(self) -> None:
        """Move the popup to the requested place."""
        self.fit()
        rect = self.view.viewport.kept_inside(QRectF(self._at + QPointF(4, 4), self.size()))
        self.move(rect.topLeft().toPoint())

    def _selected_output(self) -> WireContext | None:
        """Return the first output of the only selected node, or for a dataset the output of a
        placeholder.
        """
        document, analysis = self.view.document, self.view.scene.analysis
        chosen = self.view.selection.nodes()
        if len(chosen) != 1:
            return None
        source = first_output(document, analysis, chosen[0])
        return None if source is None else WireContext(*source, "out", analysis.type_of(*source))

    def _offers(self) -> list[NodeDeclaration]:
        """Return the subgraphs and templates to offer; none if a node is to be replaced."""
        if isinstance(self.asked.context, ReplaceContext):
            return []
        return [*insertables.available(self.view.document)]

    # ---- finding ----------------------------------------------------------------------------

    def _suits(self, op: NodeDeclaration) -> bool:
        context = self.asked.context
        if isinstance(context, ReplaceContext):
            return fits_in_place(self.view.document, self.view.scene.analysis, context.node, op)
        if isinstance(context, InsertContext):
            document, analysis = self.view.document, self.view.scene.analysis
            record = insertables.preview(document, op.id)
            return insertion(document, analysis, record, context.wire) is not None
        if context is None:
            return True
        if self._from_data():
            return op.id == "placeholder"
        if context.side == "in":
            if context.port == FEED:
                return op.id == DATASET
            return bool(op.outputs) and op.id != DATASET and bool(gives(op) & self._accepted)
        return self._would_take(op, context)

    def _accepted_dtypes(self) -> frozenset[str]:
        """Return the dtypes that a new node may give to the open wire."""
        context = self.asked.context
        if not isinstance(context, WireContext) or context.side == "out":
            return frozenset(DTYPES)
        return accepts(self.view.document, self.view.scene.analysis, context.node, context.port)

    def _fit(self, op: NodeDeclaration) -> float:
        """Return 1 for an op made for the dtype of the open wire, 0 for an op that takes all
        dtypes.
        """
        context = self.asked.context or self._from
        kinds: Collection[str] = DTYPES
        if isinstance(context, WireContext) and context.side == "out":
            if op.inputs and getattr(context.type, "dtype", "") in op.inputs[0].dtypes:
                kinds = op.inputs[0].dtypes
        elif isinstance(context, WireContext) and self._accepted != frozenset(DTYPES):
            kinds = gives(op)
        return 1.0 - len(kinds) / len(DTYPES)

    def _from_data(self) -> bool:
        context = self.asked.context
        if isinstance(context, (ReplaceContext, InsertContext)):
            return False
        record = self.view.document.nodes.get(context.node) if context else None
        return bool(context and context.side == "out" and record and record.op == DATASET)

    def _find_ops(self, query: str) -> list[Row]:
        def find(words: str) -> list[NodeDeclaration]:
            return ranked(words, self._ops, self._used, self._fit)

        found: list[tuple[NodeDeclaration, dict[str, Any]]] = [(op, {}) for op in find(query)]
        replaces = isinstance(self.asked.context, ReplaceContext)
        if not found and not replaces:
            found = op_settings.split(query, find)
        self._given = {op.id: given for op, given in found}
        return [
            Row(
                op.title,
                op_settings.words(given) or op.summary,
                op.category,
                op,
                op=op.id,
                category=op.category,
            )
            for op, given in found
        ]

    def note_for(self, query: str, found: bool) -> str:
        context = self.asked.context
        problem = OpQuery.parse(query).problem
        if not found:
            what = f"No op matches “{query}”." if query else "No op takes this wire."
            return problem or f"{what} {self._offered.note}".strip()
        nodes = self.view.document.nodes
        if context is None and self._from is not None:
            name = nodes[self._from.node].name
            return f"Enter connects it to {name} if it fits, Shift+Enter adds it alone"
        if context is None:
            return self._offered.note
        if isinstance(context, InsertContext):
            wire = context.wire
            return f"Between {nodes[wire.source].name} and {nodes[wire.target].name}"
        record = nodes.get(context.node)
        name = record.name if record else ""
        if isinstance(context, ReplaceContext):
            return f"In place of {name}, with its wires"
        kind = card_data.type_text(context.type)
        what = f"{name}  {kind}" if kind else name
        return f"Takes {what}" if context.side == "out" else f"Goes into {name}:{context.port}"

    # ---- choosing ---------------------------------------------------------------------------

    def _add(self, row: Row) -> None:
        op, context = row.data, self.asked.context
        given = self._given.get(op.id, {})
        if self._settings is not None:
            self._settings.count_use(op.id)
        if context is None and self._from is not None and not self._alone:
            context = self._from if self._would_take(op, self._from) else None
        with self.view.signals.reporting():
            if isinstance(context, ReplaceContext):
                replace_op(self.view.document, context.node, op)
            elif isinstance(context, InsertContext):
                add_into_wire(self.view, op, self.asked.scene, context.wire, given)
            else:
                at, dropped = self.asked.scene, self.asked.context
                assert dropped is None or isinstance(dropped, WireContext)
                new = add_and_wire(self.view, op, at, context, dropped, given)
                self.view.selection.select([new])
                if dropped is None:
                    self.view.viewport.ensure_visible(new)

    def _would_take(self, op: NodeDeclaration, source: WireContext) -> bool:
        if is_optimizer(op.id):
            return self._takes_somehow(op, source)
        if not op.inputs:
            return False
        fits = source.type is None or takes(op, source.type)
        return fits or self._takes_somehow(op, source)

    def _takes_somehow(self, op: NodeDeclaration, source: WireContext) -> bool:
        """Return whether an op takes a value, perhaps through ops that are inserted
        automatically, such as a mean of losses or a reshape to pictures.
        """
        record = insertables.preview(self.view.document, op.id)
        analysis = self.view.scene.analysis
        return takes_from(self.view.document, analysis, record, source.node) is not None

    def _key(self, event: QKeyEvent) -> bool:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        self._alone = enter and bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        return super()._key(event)


def add_and_wire(
    view: CanvasView,
    op: NodeDeclaration,
    at: QPointF,
    context: WireContext | None,
    dropped: WireContext | None = None,
    attrs: dict[str, Any] | None = None,
) -> str:
    """Add a node at a scene point and connect the open wire to it, as one undo step.

    Without a dropped wire, the node is placed right of the node that it is connected to.

    Args:
        dropped: the wire whose end is at the point, if there is one.
        attrs: settings that were typed after its name.
    """
    document = view.document
    beside = context is not None and dropped is None and context.node in document.nodes
    corner = _right_of(view, context.node) if beside and context else _corner(op, at, dropped)
    with document.transaction(f"Add {insertables.display_name(op.id)}"):
        node_id, *more = insertables.add(
            document, op.id, corner, {**_attrs(op, context), **(attrs or {})}
        )
        if more:
            return node_id
        commands.move(document, {node_id: free_position(view.scene, node_id)})
        known = context is not None and context.node in document.nodes
        if known and context is not None and context.side == "out":
            source = (context.node, context.port)
            wire_new(document, view.scene.analysis, node_id, source)
            if not document.wires_into(node_id):
                _wire(view, node_id, context)
        elif known and context is not None:
            _wire(view, node_id, context)
        else:
            wire_new(document, view.scene.analysis, node_id)
            dataset_placeholders.complete(document, [node_id])
    return node_id


def add_into_wire(
    view: CanvasView,
    op: NodeDeclaration,
    at: QPointF,
    wire: Wire,
    attrs: dict[str, Any] | None = None,
) -> None:
    """Add a node at a scene point and insert it into a wire, as one undo step.

    Args:
        attrs: settings that were typed after its name.
    """
    document = view.document
    with document.transaction(f"Insert {insertables.display_name(op.id)}"):
        node_id = insertables.add(document, op.id, _corner(op, at, None), attrs)[0]
        found = insertion(document, view.scene.analysis, document.nodes[node_id], wire)
        if found is not None:
            insert_on_wire(document, node_id, found)
            make_room(document, node_id, view.scene.analysis, view.scene.card_sizes())
    view.selection.select([node_id])


def _right_of(view: CanvasView, node_id: str) -> tuple[float, float]:
    """Return the corner of a card at the right of a node, whose value it takes."""
    rect = view.scene.rect(view.scene.nodes.take(node_id))
    return round((rect.right() + COLUMN_GAP) / 8) * 8, round(rect.top() / 8) * 8


def _corner(op: NodeDeclaration, at: QPointF, context: WireContext | None) -> tuple[float, float]:
    """Return the corner of a new card. Its port, or without a wire its header, is at the point."""
    if context is None:
        x, y = at.x() - 40, at.y() - card_data.HEADER / 2
    elif context.side == "out":
        x, y = at.x(), at.y() - card_data.row_y(0)
    else:
        x, y = at.x() - card_data.MIN_WIDTH, at.y() - card_data.row_y(0)
    return round(x / 8) * 8, round(y / 8) * 8


def _attrs(op: NodeDeclaration, context: WireContext | None) -> dict[str, Any]:
    """Return attributes for a placeholder connected to a dataset's column: the type of the
    column.
    """
    if op.id != "placeholder" or context is None or context.side != "out":
        return {}
    kind = context.type
    if kind is None:
        return {}
    return {"dtype": kind.dtype, "shape": list(kind.shape) if kind.has_rank else None}


def _wire(view: CanvasView, node_id: str, context: WireContext) -> None:
    """Connect the open wire to the first port that accepts it. If none does, show the reason."""
    document, analysis = view.document, view.scene.analysis
    record = document.nodes[node_id]
    verdict = None
    if context.side == "out":
        ports = in_ports(document, record)
        required = [p for p in ports if not p.optional and p.kind == "tensor"]
        ports = required or ports  # optional ports for states or masks are a last resort
        ends = [(context.node, context.port, node_id, p.name) for p in ports]
    else:
        ends = [(node_id, p.name, context.node, context.port) for p in out_ports(document, record)]
    for end in ends:
        verdict = check_wire(document, analysis, *end)
        if verdict.ok:
            commands.connect(document, *end)
            return
    if verdict is not None:
        view.signals.message.emit(f"Not connected: {verdict.reason}")

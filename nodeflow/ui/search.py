"""Search to add: a field over the canvas that finds ops by a few letters, places and wires them.

Opened by Tab, a double click on empty canvas, or a wire dropped there; then it offers only what
fits the wire. Enter adds the node and its wire as one undo step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPointF,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from nodeflow.document import commands, offers
from nodeflow.document.card_size import node_size
from nodeflow.document.check import check_wire
from nodeflow.document.dataset_op import DATASET
from nodeflow.document.declarations import declarations
from nodeflow.document.expression_add import card_boxes, free_place
from nodeflow.document.fitting import accepts, gives, takes
from nodeflow.document.ports import FEED, in_ports, out_ports
from nodeflow.document.records import NodeRecord, Wire
from nodeflow.document.replacing import fits_in_place, replace_op
from nodeflow.document.rewiring import insert_on_wire, insertion
from nodeflow.graph.op import Op
from nodeflow.graph.types import DTYPES
from nodeflow.ui import theme as themes
from nodeflow.ui.canvas import CanvasView, WireContext, faces, icons, text
from nodeflow.ui.canvas.surgery import InsertContext, ReplaceContext
from nodeflow.ui.op_query import OpQuery, by_category, ranked
from nodeflow.ui.theme import Theme
from nodeflow.ui.widgets import fit_rows

WIDTH = 380
ROW = 46
ROWS_SHOWN = 7
OP_ROLE = Qt.ItemDataRole.UserRole
Context = WireContext | ReplaceContext | InsertContext
"""What the search is for: an open wire, the place of a node, a wire to go into."""


class OpList(QAbstractListModel):
    """The ops found, as rows."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.ops: list[Op] = []

    def show(self, ops: list[Op]) -> None:
        self.beginResetModel()
        self.ops = ops
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.ops)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        op = self.ops[index.row()]
        if role == OP_ROLE:
            return op
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return op.title
        return op.summary if role == Qt.ItemDataRole.ToolTipRole else None


class OpDelegate(QStyledItemDelegate):
    """One row: sign, name, what it does, category."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self.theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(WIDTH - 20, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:

        op: Op = index.data(OP_ROLE)
        theme, rect = self.theme, QRectF(option.rect).adjusted(2, 1, -2, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(theme.color("accent"), 1))
            painter.setBrush(theme.color("accent_soft"))
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        color = theme.category(op.category)
        box = QRectF(rect.left() + 8, rect.center().y() - 14, 28, 28)
        icons.tile(painter, box, color, 7)
        icons.draw_sign(painter, op.id, op.category, box, color)
        right = rect.right() - 10
        category = op.category
        text.draw(
            painter,
            right,
            rect.top() + 18,
            category,
            text.CAPTION,
            theme.color("ink_muted"),
            align="right",
        )
        left = box.right() + 10
        room = right - left - text.width(category, text.CAPTION) - 10
        title = text.elide(op.title, text.TITLE, room)
        text.draw(painter, left, rect.top() + 18, title, text.TITLE, theme.color("ink"))
        summary = text.elide(op.summary, text.CAPTION, right - left)
        text.draw(painter, left, rect.top() + 34, summary, text.CAPTION, theme.color("ink_muted"))
        painter.restore()


@dataclass
class Place:
    """Where the search was asked for."""

    scene: QPointF
    context: Context | None


class SearchToAdd(QFrame):
    """The popup of one canvas. It connects itself to the canvas's ``request_search``."""

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self.setObjectName("searchToAdd")
        self.setAccessibleName("Search to add a node")
        self.view = view
        self.place = Place(QPointF(), None)
        self._used: Counter[str] = Counter()
        self.field = QLineEdit(self)
        self.field.setObjectName("searchField")
        self.field.setAccessibleName("Op to add")
        self.field.setClearButtonEnabled(True)
        self.model = OpList(self)
        self.list = QListView(self)
        self.list.setModel(self.model)
        self.list.setObjectName("searchList")
        self.list.setAccessibleName("Ops that match")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.note = QLabel(self)
        self.note.setObjectName("searchNote")
        self.note.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        for part in (self.field, self.note, self.list):
            layout.addWidget(part)
        self.field.textEdited.connect(self._find)
        self.list.clicked.connect(self._clicked)
        self.field.installEventFilter(self)
        view.request_search.connect(self.open)
        self.hide()

    # ---- opening and closing ----------------------------------------------------------------

    def open(self, scene: QPointF, at: QPointF, context: Context | None) -> None:
        """Open at a view point, for an open wire, a node's place, or for any op."""
        self.place = Place(QPointF(scene), context)
        self._dress()
        known = [*declarations(), *self._offers()]
        self._accepted = self._accepted_dtypes()
        suiting = [op for op in known if op.category != "Internal" and self._suits(op)]
        self._ops = [op for ops in by_category(suiting).values() for op in ops]
        self._used = Counter(record.op for record in self.view.document.nodes.values())
        self.field.clear()
        what = "Search what fits" if context else "Search ops;  in:bool  out:int64  filter"
        self.field.setPlaceholderText(what)
        self._find("")
        rect = self.view.kept_inside(QRectF(at + QPointF(4, 4), self.size()))
        self.move(rect.topLeft().toPoint())
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def _offers(self) -> list[Op]:
        """Subgraphs and templates; a node's place can be taken by neither."""
        if isinstance(self.place.context, ReplaceContext):
            return []
        return [*offers.offers(self.view.document)]

    def close_search(self) -> None:
        if self.isVisible():
            self.hide()
            self.view.setFocus()

    def _dress(self) -> None:
        theme = self.view.theme
        self.list.setItemDelegate(OpDelegate(theme, self.list))
        self.field.setFont(themes.font(14))
        self.note.setFont(themes.font(12))
        self.setStyleSheet(
            f"#searchToAdd {{ background: {theme.raised}; border: 1px solid "
            f"{theme.border_strong}; border-radius: 12px; }}"
            f"#searchField {{ background: {theme.sunken}; color: {theme.ink}; border: 1px solid "
            f"{theme.border}; border-radius: 8px; padding: 7px 10px; }}"
            f"#searchField:focus {{ border: 1px solid {theme.accent}; }}"
            f"#searchList {{ background: {theme.raised}; }}"
            f"#searchNote {{ color: {theme.ink_muted}; padding: 2px 6px; }}"
        )

    # ---- finding ----------------------------------------------------------------------------

    def _suits(self, op: Op) -> bool:
        context = self.place.context
        if isinstance(context, ReplaceContext):
            return fits_in_place(self.view.document, self.view.analysis, context.node, op)
        if isinstance(context, InsertContext):
            document, analysis = self.view.document, self.view.analysis
            record = NodeRecord(id="", op=op.id, name=op.id)
            return insertion(document, analysis, record, context.wire) is not None
        if context is None:
            return True
        if self._from_data():
            return op.id == "placeholder"
        if context.side == "in":
            if context.port == FEED:
                return op.id == DATASET
            return bool(op.outputs) and op.id != DATASET and bool(gives(op) & self._accepted)
        return bool(op.inputs) if context.type is None else takes(op, context.type)

    def _accepted_dtypes(self) -> frozenset[str]:
        """What a new node may give to the open wire."""
        context = self.place.context
        if not isinstance(context, WireContext) or context.side == "out":
            return frozenset(DTYPES)
        return accepts(self.view.document, self.view.analysis, context.node, context.port)

    def _fit(self, op: Op) -> float:
        """1 for an op made for the dtype of the open wire, 0 for one that takes or gives all."""
        context = self.place.context
        kinds: Collection[str] = DTYPES
        if isinstance(context, WireContext) and context.side == "out":
            if op.inputs and getattr(context.type, "dtype", "") in op.inputs[0].dtypes:
                kinds = op.inputs[0].dtypes
        elif isinstance(context, WireContext) and self._accepted != frozenset(DTYPES):
            kinds = gives(op)
        return 1.0 - len(kinds) / len(DTYPES)

    def _from_data(self) -> bool:
        context = self.place.context
        if isinstance(context, (ReplaceContext, InsertContext)):
            return False
        record = self.view.document.nodes.get(context.node) if context else None
        return bool(context and context.side == "out" and record and record.op == DATASET)

    def _find(self, query: str) -> None:
        found = ranked(query, self._ops, self._used, self._fit)
        self.model.show(found)
        if found:
            self.list.setCurrentIndex(self.model.index(0))
        self.note.setText(self._note(query, bool(found)))
        self.note.setVisible(bool(self.note.text()))
        rows = min(len(found), ROWS_SHOWN)
        self.list.setFixedHeight(rows * ROW)
        self.list.setVisible(rows > 0)
        self._fit_rows()

    def _fit_rows(self) -> None:
        """Be as high as field, note and rows need."""
        self.resize(WIDTH, fit_rows(self, self.list, ROW, WIDTH))

    def _note(self, query: str, found: bool) -> str:
        context = self.place.context
        problem = OpQuery.parse(query).problem
        if not found:
            return problem or (f"No op matches “{query}”." if query else "No op takes this wire.")
        if context is None:
            return ""
        nodes = self.view.document.nodes
        if isinstance(context, InsertContext):
            wire = context.wire
            return f"Between {nodes[wire.source].name} and {nodes[wire.target].name}"
        record = nodes.get(context.node)
        name = record.name if record else ""
        if isinstance(context, ReplaceContext):
            return f"In place of {name}, with its wires"
        kind = faces.type_text(context.type)
        what = f"{name}  {kind}" if kind else name
        return f"Takes {what}" if context.side == "out" else f"Goes into {name}:{context.port}"

    # ---- choosing ---------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and event.type() == QEvent.Type.KeyPress:
            return self._key(event)
        if watched is self.field and event.type() == QEvent.Type.FocusOut:
            focus = self.window().focusWidget()
            if focus is None or not self.isAncestorOf(focus):
                self.hide()
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        key, rows = event.key(), self.model.rowCount()
        steps = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_PageDown: ROWS_SHOWN,
            Qt.Key.Key_PageUp: -ROWS_SHOWN,
            Qt.Key.Key_Tab: 1,
            Qt.Key.Key_Backtab: -1,
        }
        if key == Qt.Key.Key_Escape:
            self.close_search()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._accept()
        elif key in steps:
            if rows:
                row = (self.list.currentIndex().row() + steps[key]) % rows
                self.list.setCurrentIndex(self.model.index(row))
        else:
            return False
        return True

    def _clicked(self, index: QModelIndex) -> None:
        self.list.setCurrentIndex(index)
        self._accept()

    def _accept(self) -> None:
        index = self.list.currentIndex()
        if not index.isValid() or not self.model.ops:
            return
        op: Op = index.data(OP_ROLE)
        self.close_search()
        context = self.place.context
        with self.view.reporting():
            if isinstance(context, ReplaceContext):
                replace_op(self.view.document, context.node, op)
                return
            if isinstance(context, InsertContext):
                add_into_wire(self.view, op, self.place.scene, context.wire)
                return
            node_id = add_and_wire(self.view, op, self.place.scene, self.place.context)
            self.view.select([node_id])


def add_and_wire(view: CanvasView, op: Op, at: QPointF, context: WireContext | None) -> str:
    """Add a node at a scene point and wire the open end to it, as one undo step."""
    document = view.document
    corner = _corner(op, at, context)
    with document.transaction(f"Add {op.id}"):
        node_id, *more = offers.add(document, op.id, corner, _attrs(op, context))
        if more:
            return node_id
        commands.move(document, {node_id: _uncovered(view, node_id)})
        if context is not None and context.node in document.nodes:
            _wire(view, node_id, context)
    return node_id


def _uncovered(view: CanvasView, node_id: str) -> tuple[float, float]:
    """The place of a new node, moved up or down where it would cover another."""
    document, scene = view.document, view.scene
    record = document.nodes[node_id]
    sizes = {i: tuple(scene.sizes[scene.nodes.take(i)].tolist()) for i in scene.nodes}
    boxes = card_boxes(document, view.analysis, sizes, without=(node_id,))
    return free_place(record.pos, node_size(document, record), boxes.values(), gap=0)


def add_into_wire(view: CanvasView, op: Op, at: QPointF, wire: Wire) -> None:
    """Add a node at a scene point and put it into a wire, as one undo step."""
    document = view.document
    with document.transaction(f"Insert {op.id}"):
        node_id = offers.add(document, op.id, _corner(op, at, None))[0]
        found = insertion(document, view.analysis, document.nodes[node_id], wire)
        if found is not None:
            insert_on_wire(document, node_id, found)
    view.select([node_id])


def _corner(op: Op, at: QPointF, context: WireContext | None) -> tuple[float, float]:
    """The card's corner: its port at the point for a wire, its header under it otherwise."""
    if context is None:
        x, y = at.x() - 40, at.y() - faces.HEADER / 2
    elif context.side == "out":
        x, y = at.x(), at.y() - faces.row_y(0)
    else:
        x, y = at.x() - faces.MIN_WIDTH, at.y() - faces.row_y(0)
    return round(x / 8) * 8, round(y / 8) * 8


def _attrs(op: Op, context: WireContext | None) -> dict[str, Any]:
    """A placeholder for a dataset's column takes over its type."""
    kind = context.type if context is not None else None
    if op.id != "placeholder" or kind is None or context.side != "out":
        return {}
    return {"dtype": kind.dtype, "shape": list(kind.shape)}


def _wire(view: CanvasView, node_id: str, context: WireContext) -> None:
    """Connect to the first port that takes the wire; say why if none does."""
    document, analysis = view.document, view.analysis
    record = document.nodes[node_id]
    verdict = None
    if context.side == "out":
        ends = [(context.node, context.port, node_id, p.name) for p in in_ports(document, record)]
    else:
        ends = [(node_id, p.name, context.node, context.port) for p in out_ports(document, record)]
    for end in ends:
        verdict = check_wire(document, analysis, *end)
        if verdict.ok:
            commands.connect(document, *end)
            return
    if verdict is not None:
        view.say(f"Not connected: {verdict.reason}")

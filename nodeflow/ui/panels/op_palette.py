"""The palette: every op by category, with a search field. Dragging or double-clicking adds a node.

Dragging is a custom mouse gesture: the palette grabs the mouse and reports its position, and
the canvas shows a preview of the node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QCursor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QApplication,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from nodeflow.document.analysis.declarations import declarations
from nodeflow.document.analysis.subgraph_declarations import SubgraphDeclaration
from nodeflow.document.edit.inserting.insertables import is_insertable
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.ui.canvas.paint.op_icon_painter import draw_op_icon, tile
from nodeflow.ui.core.state.offered_ops import OfferedOps
from nodeflow.ui.core.theming.theme import SPACE, TYPE, Theme, draw_icon, font, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import label
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.popups.search.op_query import by_category, habits, ranked

OP_ROLE = Qt.ItemDataRole.UserRole + 1
CATEGORY_ROLE = Qt.ItemDataRole.UserRole + 2
NOTE_ROLE = Qt.ItemDataRole.UserRole + 3
Index = QModelIndex | QPersistentModelIndex
OP_HEIGHT, CATEGORY_HEIGHT = 30, 32


def op_tooltip(op: NodeDeclaration) -> str:
    """Return an op's documentation, inputs and outputs as rich text."""
    ports = ", ".join([port.name + ("…" if port.variadic else "") for port in op.inputs])
    outs = ", ".join([port.name for port in op.outputs])
    return _tooltip(op.title, op.doc, ports, outs)


@lru_cache(maxsize=2048)
def _tooltip(title: str, doc: str, ports: str, outs: str) -> str:
    """Return the tooltip of a row, cached because each letter of a search rebuilds all rows."""
    paragraphs = [p.replace("\n", " ") for p in doc.strip().split("\n\n")]
    body = "".join(f"<p style='margin:4px 0'>{_escape(p)}</p>" for p in paragraphs)
    flow = f"<p style='margin:4px 0'><tt>{_escape(ports or '—')} → {_escape(outs or '—')}</tt></p>"
    return f"<div style='width:280px'><b>{_escape(title)}</b>{body}{flow}</div>"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


KEYS = {
    (Qt.Key.Key_F2, Qt.KeyboardModifier.NoModifier): "rename",
    (Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier): "remove",
    (Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier): "open",
    (Qt.Key.Key_Enter, Qt.KeyboardModifier.ControlModifier): "open",
}
"""Keys for the rows of subgraphs and library entries, with the action of each key."""


class PaletteTree(QTreeView):
    """The tree of ops in the palette. Dragging a row with the mouse drags its op to the canvas.

    Signals:
        action_requested(op, action): the key of an action was pressed on a row.
        menu_requested(op, global position): the row's menu is requested.
    """

    action_requested = Signal(str, str)
    menu_requested = Signal(str, QPoint)

    drag_started = Signal(str)
    drag_moved = Signal(QPoint)
    drag_ended = Signal(QPoint)
    drag_cancelled = Signal()
    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setExpandsOnDoubleClick(False)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setAccessibleName("Ops")
        self._pressed: tuple[str, QPoint] | None = None
        self._dragging = False

    def op_at(self, index: QModelIndex) -> str:
        """Return the id of the op in a row; empty for a category."""
        return index.data(OP_ROLE) or ""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        index = self.indexAt(event.position().toPoint())
        op = self.op_at(index) if index.isValid() else ""
        left = event.button() == Qt.MouseButton.LeftButton
        if left and index.isValid() and not op:
            self.setExpanded(index, not self.isExpanded(index))
        self._pressed = (op, event.globalPosition().toPoint()) if op and left else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.globalPosition().toPoint()
        if self._pressed and not self._dragging:
            far = (at - self._pressed[1]).manhattanLength()
            if far >= QApplication.startDragDistance():
                self._dragging = True
                self.setFocus()
                self.drag_started.emit(self._pressed[0])
        if self._dragging:
            self.drag_moved.emit(at)
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed = None
        if self._dragging:
            self._dragging = False
            self.drag_ended.emit(event.globalPosition().toPoint())
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        op = self.op_at(self.indexAt(event.position().toPoint()))
        if op:
            self.chosen.emit(op)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Request the menu of the row under the pointer, or of the current row if a key opened
        it.
        """
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        op = self.op_at(index)
        if op:
            self.setCurrentIndex(index)
            at = self.visualRect(index).center() if by_key else event.pos()
            self.menu_requested.emit(op, self.viewport().mapToGlobal(at))

    def _asked_by(self, event: QKeyEvent) -> str:
        """Return the action whose key was pressed on the current row; empty for none."""
        plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        wanted = KEYS.get((Qt.Key(event.key()), plain), "")
        return wanted if is_insertable(self.op_at(self.currentIndex())) else ""

    def event(self, event: QEvent) -> bool:
        """Claim the keys of rows, so that the window's shortcuts do not get them."""
        if event.type() == QEvent.Type.ShortcutOverride:
            assert isinstance(event, QKeyEvent)
            if self._asked_by(event):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        wanted = self._asked_by(event)
        if wanted:
            self.action_requested.emit(self.op_at(self.currentIndex()), wanted)
            return
        if self._dragging and event.key() == Qt.Key.Key_Escape:
            self._dragging, self._pressed = False, None
            self.drag_cancelled.emit()
            return
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        op = self.op_at(self.currentIndex())
        if enter and op:
            self.chosen.emit(op)
            return
        super().keyPressEvent(event)


class OpDelegate(QStyledItemDelegate):
    """The painter of the tree: ops as tinted icons with titles, categories as headings."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self.theme = theme
        self.marked = ""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(120, OP_HEIGHT if index.data(OP_ROLE) else CATEGORY_HEIGHT)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        op = index.data(OP_ROLE)
        if op:
            self._paint_op(painter, option, index, op)
        else:
            self._paint_category(painter, option, index)
        painter.restore()

    def _paint_category(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index
    ) -> None:
        tree = self.parent()
        opened = isinstance(tree, QTreeView) and tree.isExpanded(index)
        color = self.theme.color("ink_faint")
        sign = QRectF(option.rect.left() + 2, option.rect.center().y() - 6, 13, 13)
        draw_icon(painter, "chevron-down" if opened else "chevron-right", sign, color)
        painter.setFont(font(TYPE["caption"], 600))
        painter.setPen(self.theme.color("ink_muted"))
        area = option.rect.adjusted(20, 0, -8, 0)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), index.data())
        painter.setPen(self.theme.color("ink_faint"))
        painter.setFont(font(TYPE["caption"]))
        count = str(_count(index))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(area, int(flags), count)

    def _paint_op(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, op: str
    ) -> None:
        rect = QRectF(option.rect).adjusted(0, 1, -4, -1)
        state = option.state
        if state & QStyle.StateFlag.State_Selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            selected = bool(state & QStyle.StateFlag.State_Selected)
            painter.setBrush(self.theme.color("accent_soft" if selected else "sunken"))
            painter.drawRoundedRect(rect, 6, 6)
        if op == self.marked:
            painter.setPen(QPen(self.theme.color("accent"), 1.5))
            painter.setBrush(self.theme.color("accent_soft"))
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 6, 6)
        category = index.data(CATEGORY_ROLE)
        color = self.theme.category(category)
        box = QRectF(rect.left() + 5, rect.center().y() - 11, 22, 22)
        tile(painter, box, color, 5)
        draw_op_icon(painter, op, category, box, color)
        painter.setFont(font(TYPE["body"]))
        painter.setPen(self.theme.color("ink"))
        area = rect.adjusted(36, 0, -4, 0)
        note = index.data(NOTE_ROLE) or ""
        if note:
            painter.setFont(font(TYPE["caption"]))
            painter.setPen(self.theme.color("ink_faint"))
            flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            painter.drawText(area, int(flags), note)
            area.setWidth(area.width() - painter.fontMetrics().horizontalAdvance(note) - 8)
            painter.setFont(font(TYPE["body"]))
            painter.setPen(self.theme.color("ink"))
        title = painter.fontMetrics().elidedText(
            index.data(), Qt.TextElideMode.ElideRight, int(area.width())
        )
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), title)


def _count(index: Index) -> int:
    """Return the number of ops below a row."""
    model = index.model()
    rows = [model.index(row, 0, index) for row in range(model.rowCount(index))]
    return sum(1 if row.data(OP_ROLE) else _count(row) for row in rows)


class PalettePanel(QWidget):
    """The panel with the search field and the tree of ops.

    ``chosen`` requests a node in the middle of the canvas. The drag signals describe a gesture
    in global coordinates. ``action_requested`` and ``menu_requested`` forward the tree's
    signals.
    """

    chosen = Signal(str)
    action_requested = Signal(str, str)
    menu_requested = Signal(str, QPoint)
    drag_started = Signal(str)
    drag_moved = Signal(QPoint)
    drag_ended = Signal(QPoint)
    drag_cancelled = Signal()

    def __init__(
        self,
        themes: ThemeManager,
        habits: Callable[[], Counter[str]] = Counter,
        offered: OfferedOps | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """Make the panel.

        Args:
            habits: returns the number of uses of each op, which ranks ops that match equally well.
            offered: the ops to list; default: all.
        """
        super().__init__(parent)
        self._ops, self._habits = declarations(), habits
        self._offered = offered or OfferedOps(self)
        self._offered.changed.connect(self.reload)
        self._insertables: list[NodeDeclaration] = []
        self._query = ""
        self._kept: tuple[set[str], int] = (set(), 0)
        """Closed categories and scroll position to restore when the search ends."""
        self._unfolded: set[str] = set()
        """Categories whose rare ops are shown while there is no search."""
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search ops")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search ops")
        self.search.textChanged.connect(self._on_search)
        self.search.installEventFilter(self)
        self._sign = self.search.addAction(
            icon("search", themes.theme, "ink_muted", 16), QLineEdit.ActionPosition.LeadingPosition
        )
        self.tree = PaletteTree()
        self._delegate = OpDelegate(themes.theme, self.tree)
        self.tree.setItemDelegate(self._delegate)
        self._limit = label("", "caption", wrap=True)
        self._empty = label("No op matches. Try another word.", "muted", wrap=True)
        self._empty.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[1], SPACE[1], 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(self.search)
        layout.addWidget(self._limit)
        layout.addWidget(self._empty)
        layout.addWidget(self.tree, 1)
        drags = ("drag_started", "drag_moved", "drag_ended", "drag_cancelled")
        for name in ("chosen", "action_requested", "menu_requested", *drags):
            getattr(self.tree, name).connect(getattr(self, name))
        self.reload()
        themes.changed.connect(self.set_theme)

    def reload(self, _: object = None) -> None:
        """Reload the ops and rebuild the rows."""
        self._ops = self._offered.among([*declarations(), *self._insertables])
        self._limit.setText(self._offered.note)
        self._limit.setVisible(bool(self._offered.note))
        self._fill(self.search.text().strip())

    @property
    def limit(self) -> str:
        """What the panel says about the ops that a lesson offers; empty without a limit."""
        return self._limit.text()

    def set_insertables(self, more: list[NodeDeclaration]) -> None:
        """Set the subgraphs and templates that are listed beside the ops."""
        known = [_shown_of(op) for op in self._insertables]
        if [_shown_of(op) for op in more] != known:
            self._insertables = list(more)
            self.reload()

    def show_category(self, category: str) -> None:
        """Focus the first row of a category."""
        self.search.clear()
        self.tree.setFocus()
        model = self.tree.model()
        for row in range(model.rowCount()):
            heading = model.index(row, 0)
            if heading.data() == category:
                self.tree.setExpanded(heading, True)
                self.tree.setCurrentIndex(model.index(0, 0, heading))
                self.tree.scrollTo(heading, QTreeView.ScrollHint.PositionAtTop)

    def set_theme(self, theme: Theme) -> None:
        self._delegate.theme = theme
        self._sign.setIcon(icon("search", theme, "ink_muted", 16))
        self.tree.viewport().update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow Down in the search field moves to the tree; Enter chooses an op."""
        if watched is self.search and event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            if event.key() == Qt.Key.Key_Down:
                self.tree.setFocus()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                op = self.tree.op_at(self.tree.currentIndex())
                if op:
                    self.chosen.emit(op)
                return True
        return super().eventFilter(watched, event)

    def point_at(self, op_id: str) -> None:
        """Highlight an op for a lesson and scroll to it. An empty id clears the highlight."""
        self._delegate.marked = op_id
        found = self._row_of(op_id)
        if found.isValid():
            self.tree.scrollTo(found, QTreeView.ScrollHint.EnsureVisible)
        self.tree.viewport().update()

    def _on_search(self, text: str) -> None:
        self._fill(text.strip())

    def _fill(self, query: str) -> None:
        """Rebuild the rows: by category, or for a query the best matches first.

        Closed categories stay closed.
        """
        if not self._query:
            self._kept = (self._closed(), self.tree.verticalScrollBar().value())
            self._unfolded = {name for name, row in self._folds() if self.tree.isExpanded(row)}
        was_query, self._query = self._query, query
        current = self.tree.op_at(self.tree.currentIndex())
        model = QStandardItemModel(self.tree)
        if query:
            for op in ranked(query, self._ops, self._habits()):
                model.appendRow(_op_item(op))
        else:
            for category, ops in by_category(self._ops).items():
                heading = QStandardItem(category)
                heading.setSelectable(False)
                rare = [op for op in ops if not op.everyday]
                for op in ops:
                    if op.everyday:
                        heading.appendRow(_op_item(op))
                if rare:
                    heading.appendRow(_fold_of(rare))
                model.appendRow(heading)
        old = self.tree.model()
        self.tree.setModel(model)
        if old is not None:
            old.deleteLater()
        self.tree.expandAll()
        for row in range(model.rowCount()):
            if model.index(row, 0).data() in self._kept[0]:
                self.tree.collapse(model.index(row, 0))
        for name, row in self._folds():
            self.tree.setExpanded(row, name in self._unfolded)
        self._empty.setVisible(model.rowCount() == 0)
        if query and model.rowCount():
            self.tree.setCurrentIndex(model.index(0, 0))
            return
        if current and not was_query:
            self.go_to(current)
        self.tree.executeDelayedItemsLayout()
        self.tree.verticalScrollBar().setValue(self._kept[1])

    def go_to(self, op_id: str) -> None:
        """Make the row of an op the current one, if the row exists."""
        self.tree.setCurrentIndex(self._row_of(op_id))

    def _row_of(self, op_id: str) -> QModelIndex:
        model = self.tree.model()
        flags = Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive
        found = model.match(model.index(0, 0), OP_ROLE, op_id, 1, flags) if op_id else []
        return found[0] if found else QModelIndex()

    def _folds(self) -> list[tuple[str, QModelIndex]]:
        """Return each category that has rare ops, with the folded row that contains them."""
        model = self.tree.model()
        found = []
        for number in range(model.rowCount() if model else 0):
            heading = model.index(number, 0)
            rows = [model.index(row, 0, heading) for row in range(model.rowCount(heading))]
            found += [(heading.data(), row) for row in rows if model.hasChildren(row)]
        return found

    def _closed(self) -> set[str]:
        """Return the categories that the user has closed."""
        model = self.tree.model()
        rows = [model.index(row, 0) for row in range(model.rowCount())] if model else []
        return {i.data() for i in rows if model.hasChildren(i) and not self.tree.isExpanded(i)}


def _fold_of(ops: list[NodeDeclaration]) -> QStandardItem:
    """Return the row that contains a category's rare ops."""
    fold = QStandardItem("More")
    fold.setSelectable(False)
    for op in ops:
        fold.appendRow(_op_item(op))
    return fold


def _shown_of(op: NodeDeclaration) -> tuple[str, str]:
    """Return the texts that a palette row shows of a subgraph or template."""
    return op.id, op.note


def _op_item(op: NodeDeclaration) -> QStandardItem:
    item = QStandardItem(op.title)
    item.setData(op.id, OP_ROLE)
    item.setData(op.category, CATEGORY_ROLE)
    item.setData(op.note, NOTE_ROLE)
    item.setToolTip(op_tooltip(op))
    item.setAccessibleDescription(op.summary)
    return item


def _make(context: PanelContext) -> PalettePanel:
    panel = PalettePanel(
        context.look.themes,
        lambda: habits(context.document.workspace.document, context.look.settings),
        context.document.workspace.offered,
    )
    canvas = context.middle.canvas
    panel.chosen.connect(context.inserting.insertables.place)
    panel.action_requested.connect(context.inserting.insertables.do)
    panel.menu_requested.connect(context.inserting.insertables.open)
    context.inserting.insertables.renamed.connect(panel.go_to)
    context.inserting.subgraphs.insertables_changed.connect(panel.set_insertables)
    context.engine.plugins.reloaded.connect(panel.reload)
    context.window.lesson_panel.pointed.connect(panel.point_at)

    def begin_drag(op_id: str) -> None:
        context.middle.pages.show_canvas()
        canvas.palette_drag.begin(op_id, QCursor.pos())

    panel.drag_started.connect(begin_drag)
    panel.drag_moved.connect(canvas.palette_drag.move)
    panel.drag_ended.connect(canvas.palette_drag.drop)
    panel.drag_cancelled.connect(canvas.palette_drag.cancel)
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.lesson_panel.started.connect(panel.show)
    context.inserting.subgraphs.list_requested.connect(panel.show)
    panel.hear(context.inserting.subgraphs.list_requested, _show_subgraphs)


def _show_subgraphs(panel: PalettePanel) -> None:
    panel.show_category(SubgraphDeclaration.category)


PANEL = PanelSpec("palette", "Ops", Place.LEFT, 10, _make, _wire)

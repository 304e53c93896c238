"""The outline: all nodes as a list with name, op, type and value, an alternative to the canvas.

Screen readers can read it row by row. The selections of outline and canvas follow each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QSortFilterProxyModel,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import QHeaderView, QLineEdit, QTreeView, QVBoxLayout, QWidget

from nodeflow.document.analysis.node_flags import has_breakpoint
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION
from nodeflow.document.model.records import SUBGRAPH, Change, NodeRecord
from nodeflow.drawing.cards import card_data, value_preview
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, dot
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext

COLUMNS = ("Name", "Op", "Type", "Value")
WIDTHS = (220, 220, 180)
ID_ROLE = Qt.ItemDataRole.UserRole
LATER_MS = 120
MOST_SELECTED = 200


class OutlineModel(QAbstractTableModel):
    """A table of the nodes, read from the document on demand.

    ``value_of(id)`` returns the preview of the value that a node shows.
    """

    def __init__(
        self, workspace: Workspace, value_of: Callable[[str], Any], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._workspace, self._value_of = workspace, value_of
        self._sign = self._no_sign = QIcon()
        self.ids: list[str] = []
        self.rows: dict[str, int] = {}

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in a theme's colours."""
        self._sign, self._no_sign = dot(theme.color("error"), 10), dot(Qt.GlobalColor.transparent)
        self.refresh()

    def reload(self) -> None:
        """Reload the nodes of the document."""
        self.beginResetModel()
        self.ids = list(self._workspace.document.nodes)
        self.rows = {node: row for row, node in enumerate(self.ids)}
        self.endResetModel()

    def refresh(self) -> None:
        """Update the displayed types and values."""
        if self.ids:
            last = self.index(len(self.ids) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.ids)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        record = self._workspace.document.nodes.get(self.ids[index.row()])
        if record is None:
            return None
        if role == ID_ROLE:
            return record.id
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            text = self._text(record, index.column())
            if role == Qt.ItemDataRole.DisplayRole:
                return text
            stops = index.column() == 0 and has_breakpoint(record)
            return plain_tip(f"{text}: training pauses here" if stops else text)
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return self._sign if has_breakpoint(record) else self._no_sign
        if role == Qt.ItemDataRole.AccessibleTextRole:
            texts = [self._text(record, column) for column in range(len(COLUMNS))]
            stops = "breakpoint" if has_breakpoint(record) else ""
            return ", ".join(text for text in [*texts, stops, self._problem(record)] if text)
        return None

    def _text(self, record: NodeRecord, column: int) -> str:
        if column == 0:
            return record.name
        if column == 1:
            of = record.attrs.get(DEFINITION) if record.op == SUBGRAPH else None
            return f"{record.op} {of}" if of else record.op
        if column == 2:
            out = self._workspace.analysis.out_types(record.id) or {}
            return ", ".join(card_data.type_text(kind) for kind in out.values())
        return self._problem(record) or value_preview.plain_text(self._value_of(record.id))

    def _problem(self, record: NodeRecord) -> str:
        problems = self._workspace.analysis.problems_of(record.id)
        return f"{problems[0].level}: {problems[0].message}" if problems else ""


class OutlinePanel(QWidget):
    """The panel with a filter field above the list of nodes.

    Signals:
        chosen(id): Enter or a double click on a row.
    """

    chosen = Signal(str)
    selected = Signal(object)

    def __init__(
        self, workspace: Workspace, value_of: Callable[[str], Any], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._following = False
        self._stale = True
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter nodes")
        self.filter.setAccessibleName("Filter nodes")
        self.filter.setClearButtonEnabled(True)
        self.model = OutlineModel(workspace, value_of, self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.model)
        self.sorted.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.sorted.setSortCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.sorted.setFilterKeyColumn(-1)
        self.view = QTreeView()
        self.view.setItemDelegate(CutTextDelegate(self.view))
        self.view.setModel(self.sorted)
        self.view.setAccessibleName("Nodes")
        self.view.setRootIsDecorated(False)
        self.view.setUniformRowHeights(True)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.view.setSelectionMode(QTreeView.SelectionMode.ExtendedSelection)
        self.view.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        for column, width in enumerate(WIDTHS):
            self.view.setColumnWidth(column, width)
        self.view.header().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.view.header().setStretchLastSection(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[1], SPACE[2], SPACE[1])
        layout.setSpacing(SPACE[2])
        layout.addWidget(self.filter)
        layout.addWidget(self.view, 1)
        self._later = QTimer(self, singleShot=True, interval=LATER_MS)
        self._later.timeout.connect(self.refresh)
        self.filter.textChanged.connect(self.sorted.setFilterFixedString)
        self.view.doubleClicked.connect(self._on_chosen)
        self.view.selectionModel().selectionChanged.connect(self._on_picked)
        workspace.changed.connect(self._on_changed)
        workspace.analysed.connect(self.refresh_soon)
        workspace.replaced.connect(self.filter.clear)
        workspace.replaced.connect(self._on_replaced)
        workspace.entered.connect(self._on_replaced)
        workspace.selected.connect(self._follow)

    def refresh(self) -> None:
        """Show the current state of the document.

        While the panel is hidden, only mark the list as outdated.
        """
        if not self.isVisible():
            self._stale = True
            return
        if self._stale:
            self._stale = False
            self._following = True
            self.model.reload()
            self._following = False
            self._follow(self._workspace.selection)
        else:
            self.model.refresh()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._on_chosen(self.view.currentIndex())
            return
        super().keyPressEvent(event)

    # ---- signals ----------------------------------------------------------------------------

    def _on_changed(self, change: Change) -> None:
        if change.flags_nodes or not change.only_moves:
            self._stale = self._stale or bool(change.nodes_added or change.nodes_removed)
            self.refresh_soon()

    def _on_replaced(self) -> None:
        self._stale = True
        self.refresh_soon()

    def refresh_soon(self, *_: object) -> None:
        """Refresh after `LATER_MS`, together with other changes in that time."""
        if not self._later.isActive():
            self._later.start()

    def _on_chosen(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(index.data(ID_ROLE))

    def _on_picked(self) -> None:
        if not self._following:
            rows = self.view.selectionModel().selectedRows()
            self.selected.emit([index.data(ID_ROLE) for index in rows])

    def _follow(self, ids: Any) -> None:
        """Select the rows of the nodes selected on the canvas."""
        if not self.isVisible() or self._stale:
            return
        chosen = QItemSelection()
        rows = [self.model.rows[i] for i in list(ids)[:MOST_SELECTED] if i in self.model.rows]
        for row in rows:
            index = self.sorted.mapFromSource(self.model.index(row, 0))
            if index.isValid():
                chosen.select(index, index)
        self._following = True
        flags = QItemSelectionModel.SelectionFlag
        self.view.selectionModel().select(chosen, flags.ClearAndSelect | flags.Rows)
        if len(rows) == 1 and chosen.indexes():
            index = chosen.indexes()[0]
            self.view.selectionModel().setCurrentIndex(index, flags.NoUpdate)
            self.view.scrollTo(index)
        self._following = False


def _make(context: PanelContext) -> OutlinePanel:
    panel = OutlinePanel(context.document.workspace, context.middle.canvas.node_state.value_of)
    panel.chosen.connect(context.middle.navigator.show_node)
    panel.selected.connect(context.middle.canvas.selection.select)
    context.engine.values.changed.connect(panel.refresh_soon)
    context.look.themes.follow(panel.model.set_theme)
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    def focus() -> None:
        context.middle.pages.show_canvas()
        panel.show()
        panel.widget.view.setFocus()

    context.window.actions.bind({SHOW.id: Binding(focus)})


SHOW = ActionSpec("outline", "Outline", ("Ctrl+Shift+O",), "list", "All nodes as a list")
PANEL = PanelSpec("outline", "Outline", Place.BOTTOM, 60, _make, _wire, (SHOW,))

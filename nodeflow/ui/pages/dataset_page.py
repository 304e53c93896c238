"""The page with the rows of a dataset node: its splits, its columns and their distributions."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QStackedWidget,
    QTabBar,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from nodeflow.data.data_splits import DataSplits
from nodeflow.document.analysis.datasets.dataset_node import options_of, source_of
from nodeflow.document.analysis.datasets.outside_data import outside_place
from nodeflow.document.model.records import Change, NodeRecord
from nodeflow.errors import NodeflowError
from nodeflow.number_text import counted
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import in_window
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.pages.breadcrumbs import Breadcrumbs
from nodeflow.ui.pages.dataset_model import PICTURE, DatasetModel
from nodeflow.ui.pages.dataset_reader import Content, read
from nodeflow.ui.popups.own_data.preview_step import ColumnHeader

TITLES = {"train": "Training", "validation": "Validation", "test": "Test"}


class DatasetPage(QWidget):
    """The page with the data of one dataset node, in the form that the graph receives.

    Signals:
        closed: show the graph again.
        locate_requested: the user wants to locate a missing data file.
        row_chosen(split, number): show this row in the graph, from 0.
    """

    closed = Signal()
    row_chosen = Signal(str, int)
    locate_requested = Signal()

    def __init__(self, workspace: Workspace, themes: ThemeManager) -> None:
        super().__init__()
        self._workspace, self._themes = workspace, themes
        self.node: str | None = None
        self._shown: Any = None
        self.content: Content | None = None
        self._reading = Background(self)
        self._reading.done.connect(self._on_content)
        self._reading.failed.connect(self._on_failed)
        self._reading.busy_changed.connect(self._show_busy)
        self.path = Breadcrumbs(themes)
        self.path.unpack_button.hide()
        self.path.back.connect(self.closed)
        self.tabs = QTabBar()
        self.tabs.setAccessibleName("Splits")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.currentChanged.connect(self._on_tab)
        self.model = DatasetModel(self)
        self.table = self._make_table()
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Reading the data")
        self.notice = label("", "warning", wrap=True)
        self.problem = label("", "muted", wrap=True)
        self.problem.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.locate = button("Locate…", "primary", self.locate_requested.emit)
        self.allow = button("Allow", "primary", self._on_allow)
        self._lay_out()
        themes.follow(self.set_theme)
        workspace.changed.connect(self._on_changed)
        workspace.allowed.connect(self._on_allowed)
        workspace.replaced.connect(self._leave)
        workspace.entered.connect(self._leave)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setAccessibleName("Rows")
        self.header = ColumnHeader(self._themes.theme, table)
        table.setHorizontalHeader(self.header)
        table.setModel(self.model)
        table.setAlternatingRowColors(True)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        table.setToolTip("Double-click a row, or press Enter, to show it in the graph")
        table.activated.connect(self._on_activated)
        return table

    def _lay_out(self) -> None:
        nothing = QVBoxLayout()
        nothing.addStretch(1)
        nothing.addWidget(self.problem)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self.locate)
        middle.addWidget(self.allow)
        middle.addStretch(1)
        nothing.addLayout(middle)
        nothing.addStretch(1)
        empty = QWidget()
        empty.setLayout(nothing)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.table)
        self._pages.addWidget(empty)
        body = QVBoxLayout()
        body.setContentsMargins(SPACE[3], SPACE[1], SPACE[3], SPACE[3])
        body.setSpacing(SPACE[2])
        body.addWidget(self.tabs)
        body.addWidget(self.notice)
        body.addWidget(self.progress)
        body.addWidget(self._pages, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.path)
        layout.addLayout(body, 1)

    def set_theme(self, theme: Theme) -> None:
        self.header.theme = theme
        self.header.viewport().update()

    # ---- showing ----------------------------------------------------------------------------

    def open(self, node_id: str, outside: str) -> None:
        """Read and show the data of a dataset node.

        Args:
            outside: the document's name.
        """
        self.node = node_id
        self._outside = outside
        self._read(self._workspace.document.nodes[node_id])

    def _read(self, record: NodeRecord) -> None:
        self._shown = dict(record.attrs)
        self.content = None
        self.model.show(None)
        self._show_tabs(())
        self.notice.hide()
        self.problem.setText("")
        self.locate.hide()
        self.allow.hide()
        self._pages.setCurrentIndex(1)
        self.path.show_path(self._outside, record.name, "")
        try:
            source, options = source_of(record.attrs), options_of(record.attrs)
        except NodeflowError as error:
            self._on_failed(error)
            return
        self._reading.run(partial(read, source, options, self._workspace.base_dir))

    def _on_content(self, content: Content) -> None:
        self.content = content
        dataset = content.dataset
        self._show_tabs(tuple(dataset.splits))
        self.path.facts.setText(facts(dataset))
        self.notice.setText(in_window(dataset.notice))
        self.notice.setVisible(bool(dataset.notice))
        self._pages.setCurrentIndex(0)
        self._show_split(next(iter(dataset.splits)))
        if self.isVisible():
            self.table.setFocus()

    def _on_failed(self, error: NodeflowError) -> None:
        hint = f"\n{in_window(error.hint)}" if error.hint else ""
        self.problem.setText(f"{in_window(error.message)}{hint}")
        self.locate.setVisible(type(error).__name__ == "DataNotFound")
        self.allow.setVisible(self._outside_place() is not None)
        self._pages.setCurrentIndex(1)

    def _outside_place(self) -> str | None:
        """Return the path of the data if the document may not read them; otherwise None."""
        record = self._workspace.document.nodes.get(self.node or "")
        return None if record is None else outside_place(self._workspace.document, record)

    def _on_allow(self) -> None:
        place = self._outside_place()
        if place is not None:
            self._workspace.allow(place)

    def _on_allowed(self) -> None:
        """Read the data again if a change of permissions may have made them readable."""
        record = self._workspace.document.nodes.get(self.node or "")
        if record is not None and self.content is None:
            self._read(record)

    def _show_tabs(self, splits: tuple[str, ...]) -> None:
        self.tabs.blockSignals(True)
        while self.tabs.count():
            self.tabs.removeTab(0)
        for split in splits:
            assert self.content is not None
            rows = counted(self.content.dataset.size(split), "row")
            self.tabs.addTab(f"{TITLES.get(split, split)}  ·  {rows}")
            self.tabs.setTabData(self.tabs.count() - 1, split)
        self.tabs.blockSignals(False)
        self.tabs.setVisible(bool(splits))

    def _on_tab(self, index: int) -> None:
        self._show_split(self.tabs.tabData(index))

    def _on_activated(self, index: QModelIndex) -> None:
        self.row_chosen.emit(self.tabs.tabData(self.tabs.currentIndex()), index.row())

    def _show_split(self, split: str) -> None:
        self.model.show(self.content, split)
        self.header.columns = self.model.surveys
        for section in range(len(self.model.surveys)):
            self.header.resizeSection(section, self.header.width_of(section))
        vertical = self.table.verticalHeader()
        vertical.setDefaultSectionSize(PICTURE if self.model.has_pictures else 24)
        self.header.viewport().update()

    def _show_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)

    # ---- changes elsewhere ------------------------------------------------------------------

    def _on_changed(self, _: Change) -> None:
        """Show the data again after an edit of the node. Leave the page if the node was deleted."""
        record = self._workspace.document.nodes.get(self.node or "")
        if record is None:
            self._leave()
        elif dict(record.attrs) != self._shown:
            self._read(record)

    def _leave(self) -> None:
        if self.node is not None:
            self.node = None
            self._reading.cancel()
            self.model.show(None)
            self.content = None
            if self.isVisible():
                self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return to the graph with Escape or Backspace."""
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Backspace):
            self.closed.emit()
            return
        super().keyPressEvent(event)


def facts(dataset: DataSplits) -> str:
    """Describe a data set: ``iris.csv: 120 train, 15 validation and 15 test rows``."""
    return f"{dataset.name}: {dataset.describe_splits()}"

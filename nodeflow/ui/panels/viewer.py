"""The viewer: the value of the selected node as numbers, pictures, a histogram or a view.

While it is visible, it requests a tensor from the engine when the selection or the value
changes. It sends a few requests per second at most, and only one at a time.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLayout,
    QSpinBox,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from nodeflow.drawing.views.view import discover_views
from nodeflow.host import protocol as p
from nodeflow.host.picture_arrangement import measured
from nodeflow.number_text import count
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.controllers.viewing.view_watcher import ViewWatcher
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.painting.heat_map_image import HeatScale
from nodeflow.ui.core.state.data_selection import DataSelection
from nodeflow.ui.core.state.override_values import Overrides
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, WrappingRow, clear, label, padded
from nodeflow.ui.core.widgets.panel_visibility import InFront
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place, always
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.plots.shared_plots import SharedPlots
from nodeflow.ui.panels.value_views import picture_options, table_and_histogram
from nodeflow.ui.panels.value_views.labelled_matrix import LabelledMatrix
from nodeflow.ui.panels.value_views.node_views import NodeViews
from nodeflow.ui.panels.value_views.override_tools import ViewerOverrides
from nodeflow.ui.panels.value_views.picture_options import Way
from nodeflow.ui.panels.value_views.picture_view import PictureView
from nodeflow.ui.panels.value_views.runs_at_shown_step import FollowingRuns
from nodeflow.ui.panels.value_views.step_comparison import StepComparison
from nodeflow.ui.panels.value_views.value_in_other_runs import RunsBeside

VIEWS = 3
"""Index of the first tab with a view; the tabs before it show the value itself."""
PAUSE_MS = 250
"""Minimum milliseconds between requests for a whole tensor."""
PATIENCE = 20
"""Number of pauses (`PAUSE_MS`) after which an unanswered request no longer delays the next one."""
TABLE, IMAGE, HISTOGRAM = range(3)


PREFERRED = {True: IMAGE, False: TABLE}
"""Initial page for tensors made from pictures (True) and for all others (False)."""


class ViewerPanel(QWidget):
    """The panel with one tensor of the selected node."""

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        data: DataSelection,
        themes: ThemeManager,
        views: ViewWatcher,
        overrides: Overrides,
        messages: Messages,
        plots: SharedPlots,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._overrides, self._messages = overrides, messages
        self.comparison = StepComparison(link, plots, themes, self)
        self.following = FollowingRuns(link, plots, self)
        self.beside = RunsBeside(self.following)
        self._workspace, self._link, self._data = workspace, link, data
        self._ways: list[Way] = []
        self._shown_rows: p.ShownRows | None = None
        self._chosen = dict(PREFERRED)
        """The page that the user chose for tensors made from pictures (True) and for all others
        (False).
        """
        self._names: list[str] = []
        self._asked: int | None = None
        self._waited = 0
        self._stale = False
        self.array: np.ndarray | None = None
        self._image_shape: tuple[int, int] | None = None
        self._watcher = views
        self.in_front = InFront(self)
        self.in_front.changed.connect(self._on_front)
        self.views = NodeViews(workspace, views, themes)
        self._node = self._over = ""
        self._chosen_tab = 0
        """The tab that the user chose last. It is shown for each node that has it."""
        self._column_shape: tuple[int, int] | None = None
        self._make(themes)
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self._ask)
        workspace.selected.connect(self._on_selected)
        workspace.replaced.connect(self._on_replaced)
        workspace.changed.connect(self._on_changed)
        link.tensor.connect(self._on_tensor)
        link.failed.connect(self._on_failed)
        link.past.chosen.connect(self._on_step)
        self._on_selected(())

    # ---- construction -----------------------------------------------------------------------

    def _make(self, themes: ThemeManager) -> None:
        self.title = ElidedLabel("", "strong")
        self.outputs = QuietCombo()
        self.outputs.setAccessibleName("Output")
        self.outputs.setSizeAdjustPolicy(QuietCombo.SizeAdjustPolicy.AdjustToContents)
        self.outputs.activated.connect(self._on_output)
        self.way = QuietCombo()
        self.way.setAccessibleName("How to draw it")
        self.way.setSizeAdjustPolicy(QuietCombo.SizeAdjustPolicy.AdjustToContents)
        self.way.activated.connect(self._on_way)
        self.pick = padded(QSpinBox())
        self.pick.setAccessibleName("Channel or row")
        self.pick.setWrapping(True)
        self.pick.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.pick.valueChanged.connect(self._show_pictures)
        self.table, self.images = table_and_histogram.TableView(), PictureView(themes)
        self.what_if = ViewerOverrides(
            self.table, self._overrides, self._link, themes, self._messages
        )
        self.what_if.changed.connect(self._want)
        self.images.opened.connect(self._on_opened)
        self.matrix = LabelledMatrix(themes)
        self._drawings = QStackedWidget()
        self._drawings.addWidget(self.images)
        self._drawings.addWidget(self.matrix)
        self.histogram = table_and_histogram.HistogramView(themes)
        self._pages = QStackedWidget()
        self._tabs = QButtonGroup(self)
        head = QHBoxLayout()
        head.setSpacing(SPACE[1])
        head.addWidget(self.title, 1)
        head.addWidget(self.comparison.button)
        head.addWidget(self.outputs)
        head.addWidget(self.pick)
        head.addWidget(self.way)
        tabs = WrappingRow(gap=1)
        head.addLayout(tabs)
        pages = (("Table", self.table), ("Image", self._drawings), ("Histogram", self.histogram))
        for index, (text, page) in enumerate(pages):
            tab = QToolButton()
            tab.setText(text)
            tab.setCheckable(True)
            self._tabs.addButton(tab, index)
            tabs.addWidget(tab)
            self._pages.addWidget(page)
        self._add_views(tabs)
        self._tabs.button(0).setChecked(True)
        self._tabs.idClicked.connect(self._on_tab)
        self._figures = QGridLayout()
        self._figures.setHorizontalSpacing(SPACE[4])
        self._figures.setVerticalSpacing(SPACE[1])
        self._side = QWidget()
        self._side.setFixedWidth(190)
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 0)
        side.addWidget(self.what_if.slider)
        side.addLayout(self._figures)
        side.addStretch(1)
        self._hint = label("", "muted")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        body = QHBoxLayout()
        body.setSpacing(SPACE[4])
        body.addWidget(self._side)
        body.addWidget(self._pages, 1)
        body.addWidget(self.comparison.view, 1)
        self.comparison.view.hide()
        self.comparison.changed.connect(self._on_comparing)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[2])
        column.addLayout(head)
        column.addWidget(self.what_if.note)
        column.addLayout(body, 1)
        column.addWidget(self.beside)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._hint)
        self._stack.addWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[2])
        layout.addWidget(self._stack)

    def _add_views(self, tabs: QLayout) -> None:
        """Add a tab for each view. The views share one page."""
        for index, drawing in enumerate(discover_views().values(), VIEWS):
            tab = QToolButton()
            tab.setText(drawing.title)
            tab.setCheckable(True)
            self._tabs.addButton(tab, index)
            tabs.addWidget(tab)
        self._pages.addWidget(self.views.page)

    def follow(self, workspace: Workspace) -> None:
        """Show the selection of another workspace from now on."""
        if workspace is not self._workspace:
            self._workspace = workspace
            workspace.selected.connect(self._on_selected, Qt.ConnectionType.UniqueConnection)
            self._on_selected(())

    # ---- requests ---------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the displayed tensor, or ""."""
        index = max(0, self.outputs.currentIndex())
        return self._names[index] if self._names else ""

    @Slot(bool)
    def _on_front(self, is_front: bool) -> None:
        if not is_front:
            self.views.hide()
        elif self._shows_view:
            self._show_view()
        elif self._stale:
            self._timer.start(0)

    @Slot(object)
    def on_values_changed(self, names: tuple[str, ...]) -> None:
        """Request the displayed tensor again if it has a new value."""
        if self.name and self.name in names:
            self._want()

    def _want(self) -> None:
        self._stale = True
        if self.in_front and not self._timer.isActive():
            self._timer.start(PAUSE_MS)

    @Slot()
    def _ask(self) -> None:
        if not self.name or not self.in_front or self._shows_view:
            return
        if self._asked is not None and self._waited < PATIENCE:
            self._waited += 1
            self._timer.start(PAUSE_MS)
            return
        self._stale, self._waited = False, 0
        self._asked = self._link.fetch(self.name) if self._link.is_up else None

    # ---- signals ----------------------------------------------------------------------------

    @Slot(object)
    def _on_selected(self, _: object) -> None:
        ids = self._workspace.selection
        self._node, self._names, self._over = self._target()
        self.views.set_node(self._workspace, self._node, next(iter(self._names), ""), self._over)
        self.outputs.clear()
        self.outputs.addItems(self._names)
        self.outputs.setVisible(len(self._names) > 1)
        self.array = None
        self.what_if.forget()
        self.comparison.show_left(None)
        self.following.look_at(self.name)
        if not self._names:
            self.views.hide()
            self._say(
                "Select a node to see its value."
                if len(ids) != 1
                else "Nothing to show for this node."
            )
            return
        self._asked = None
        self._stale = True
        self._choose_tab()
        if self._shows_view:
            self._show_view()
            return
        self._say(f"{self.name} has no value yet.")
        if self.in_front:
            self._timer.start(0)

    @property
    def _shows_view(self) -> bool:
        return self._tabs.checkedId() >= VIEWS and bool(self._names)

    def _target(self) -> tuple[str, list[str], str]:
        """Return the node to show, its tensors, and the tensor over which to plot it.

        The node is the selected one, or the second of two. Without a selection, it is the first
        node with a view on the canvas.
        """
        ids, over = self._workspace.selection, ""
        if not ids and self._workspace.document is self._watcher.document:
            ids = tuple(self._watcher.pinned())[:1]
        if len(ids) == 2:
            over = next(iter(self._tensors(ids[0])), "")
            ids = ids[1:] if over and self._tensors(ids[1]) else ids
        node = ids[0] if len(ids) == 1 else ""
        return node, self._tensors(node) if node else [], over if node else ""

    @Slot()
    def _on_step(self) -> None:
        """Request the tensor again, because another step is shown.

        The pending request will not be answered.
        """
        self._asked = None
        self._stale = True
        self._timer.start(0)

    @Slot()
    def _on_changed(self) -> None:
        """Update the node and its tensors if an edit changed its name or its views."""
        if self._target() != (self._node, self._names, self._over):
            self._on_selected(())

    def _choose_tab(self) -> None:
        """Enable the tabs that apply to the node.

        Show the view that is on the node, or else the tab that the user chose last.
        """
        kinds = list(discover_views())
        for index, drawing in enumerate(discover_views().values(), VIEWS):
            reason, tab = self.views.unfit(drawing.id), self._tabs.button(index)
            tab.setEnabled(not reason)
            tab.setToolTip(plain_tip(reason))
            tab.setVisible(not (reason and drawing.is_rare))
        wanted = self._chosen_tab
        if self._over:
            wanted = VIEWS + kinds.index("plot")
        elif self.views.pinned in kinds:
            wanted = VIEWS + kinds.index(self.views.pinned)
        if wanted >= VIEWS and not self._tabs.button(wanted).isEnabled():
            wanted = 0
        if wanted != self._tabs.checkedId():
            self._tabs.button(wanted).setChecked(True)
            self._pages.setCurrentIndex(min(wanted, VIEWS))
        if wanted < VIEWS:
            self.views.hide()
            self._side.show()

    def _show_view(self) -> None:
        """Show the view whose tab is checked."""
        drawing = list(discover_views().values())[self._tabs.checkedId() - VIEWS]
        self.title.setText(self.name)
        self.way.hide()
        self.pick.hide()
        self._side.hide()
        self._pages.setCurrentWidget(self.views.page)
        self._stack.setCurrentIndex(1)
        if self.in_front:
            self.views.show(drawing.id)

    @Slot()
    def _on_replaced(self) -> None:
        """Forget the comparison and the chosen tabs of the previous document."""
        self._asked = None
        self._chosen, self._chosen_tab = dict(PREFERRED), 0
        if self.comparison.other is not None:
            self.comparison.compare_with(None)

    @Slot(int)
    def _on_output(self, _: int) -> None:
        self._stale = True
        self.following.look_at(self.name)
        self._asked = None
        if self._shows_view:
            self.views.set_node(self._workspace, self._node, self.name, self._over)
            self._show_view()
        else:
            self._timer.start(0)

    def _tensors(self, node_id: str) -> list[str]:
        """Return the names of a node's outputs. A dataset has none, because it computes nothing."""
        record = self._workspace.document.nodes[node_id]
        op = self._workspace.declaration(record)
        if op is None or not op.outputs or not op.computes or self._workspace.is_apart:
            return []
        count = len(self._workspace.analysis.out_types(node_id) or {}) or 1
        name = self._workspace.full_name(record.name)
        return [name, *(f"{name}:{i}" for i in range(1, count))]

    @Slot(object)
    def _on_tensor(self, message: p.TensorValue) -> None:
        if message.request != self._asked:
            return
        self._asked = None
        is_new = self.array is None
        self.array, self._shown_rows = message.array, message.data
        self._image_shape, self._column_shape = message.image_shape, message.column_shape
        step = "" if message.step is None else f"step {count(message.step)}"
        parts = (message.name, str(message.data or ""), step)
        self.title.setText("  ·  ".join(filter(None, parts)))
        self._show_value(is_new)
        self.what_if.show_value(message.name, message.array, message.is_what_if)
        self.comparison.show_left(message)
        if self._stale:
            self._want()

    @Slot(object)
    def _on_failed(self, message: p.Failed) -> None:
        if message.request == self._asked:
            self._asked = None
            self._say(sentence(message.error))

    # ---- showing ----------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._hint.setText(text)
        self._stack.setCurrentIndex(0)

    def _show_value(self, is_new: bool) -> None:
        assert self.array is not None
        self._stack.setCurrentIndex(1)
        clear(self._figures)
        for row, (name, text) in enumerate(table_and_histogram.figures(self.array)):
            value = label(text)
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._figures.addWidget(label(name, "caption"), row, 0)
            self._figures.addWidget(value, row, 1)
        ways = picture_options.ways(measured(self.array), self._image_shape, self._column_shape)
        if ways != self._ways or self.way.count() != len(ways):
            self._ways = ways
            self.way.clear()
            for way in ways:
                self.way.addItem(way.title, way.id)
        self._limit_pick(is_new)
        drawn = self._tabs.button(IMAGE)
        drawn.setEnabled(bool(ways))
        drawn.setToolTip("" if ways else "Only matrices and pictures can be shown as images")
        page = self._chosen[self._is_natural] if is_new else self._pages.currentIndex()
        page = TABLE if page == IMAGE and not ways else page
        self._tabs.button(page).setChecked(True)
        self._pages.setCurrentIndex(page)
        self._show_page()

    @property
    def _is_natural(self) -> bool:
        """Whether the tensor consists of pictures, or is a matrix with names."""
        return bool(self._ways) and (self._ways[0].is_natural or self._matrix_names() is not None)

    @Slot()
    def _on_comparing(self) -> None:
        """Show or hide the page of the comparison."""
        is_on = self.comparison.other is not None
        if is_on and self._shows_view:
            self._tabs.button(0).setChecked(True)
            self._on_tab(0)
        self.comparison.view.setVisible(is_on)
        self._pages.setVisible(not is_on)
        self.way.setVisible(not is_on and self.way.isVisible())
        self.pick.setVisible(not is_on and self.pick.isVisible())
        if not is_on and self.array is not None:
            self._show_page()

    @Slot(int)
    def _on_tab(self, index: int) -> None:
        if self.comparison.other is not None and self.sender() is self._tabs:
            self.comparison.compare_with(None)
        self._chosen_tab = index
        if self._shows_view:
            self._show_view()
            return
        self.views.hide()
        self._side.show()
        self._pages.setCurrentIndex(index)
        if self.array is not None:
            self._chosen[self._is_natural] = index
            self._show_page()
        if self._stale:
            self._timer.start(0)

    def _show_page(self) -> None:
        """Update the visible page."""
        assert self.array is not None
        page = self._pages.currentIndex()
        self.way.setVisible(page == IMAGE and self.way.count() > 1)
        self.pick.setVisible(page == IMAGE and self._current_way().count > 1)
        if page == TABLE:
            if not self.table.is_editing:  # replacing the values would discard the typed text
                self.table.show_array(self.array, self._column_names())
        elif page == IMAGE:
            self._show_pictures()
        else:
            self.histogram.show_array(measured(self.array))

    # ---- overrides ----------------------------------------------------------------------------

    def begin_override(self) -> None:
        """Start to edit the value, which overrides the node."""
        self._chosen = {True: TABLE, False: TABLE}
        self._tabs.button(TABLE).setChecked(True)
        self._on_tab(TABLE)
        self.what_if.begin()

    # ---- pictures ---------------------------------------------------------------------------

    def _current_way(self) -> Way:
        index = max(0, self.way.currentIndex())
        return self._ways[index] if index < len(self._ways) else picture_options.MATRIX

    def _limit_pick(self, is_new: bool) -> None:
        """Limit the number field to the existing channels or rows, counted from 0."""
        way = self._current_way()
        self.pick.blockSignals(True)
        self.pick.setRange(0, max(0, way.count - 1))
        self.pick.setPrefix(f"{way.picks} " if way.picks else "")
        self.pick.setSuffix(f" of 0–{way.count - 1}")
        if is_new:
            self.pick.setValue(0)
        self.pick.blockSignals(False)

    @Slot()
    def _on_way(self) -> None:
        self._limit_pick(True)
        self._show_page()

    @Slot()
    def _show_pictures(self) -> None:
        if self.array is None or not self._ways:
            return
        way, names = self._current_way(), self._matrix_names()
        numbers = measured(self.array)
        if way.id == "matrix" and names is not None:
            self.matrix.show_matrix(numbers, *names)
            self._drawings.setCurrentWidget(self.matrix)
            return
        drawn = picture_options.drawn(
            numbers, way, self.pick.value(), self._image_shape, self._column_shape
        )
        self.images.show_drawn(drawn, way.each, HeatScale.of_array(numbers))
        self.images.setToolTip(
            "Double-click a row to show it in the whole graph"
            if way.each == "row" and self._has_rows
            else ""
        )
        self._drawings.setCurrentWidget(self.images)

    @property
    def _has_rows(self) -> bool:
        """Whether the rows of the tensor are rows of the data."""
        rows = self._shown_rows
        return self.array is not None and bool(
            rows and rows.split and self.array.ndim and len(self.array) == rows.count
        )

    @Slot(int)
    def _on_opened(self, index: int) -> None:
        """Show the row of a double-clicked picture on all nodes, if the pictures are rows of
        the data.
        """
        rows = self._shown_rows
        if rows is not None and self._has_rows and self._current_way().each == "row":
            self._data.show_row(rows.split, rows.first + index)

    def _column_names(self) -> tuple[str, ...]:
        """Return the class names if each column is a class, otherwise ()."""
        if self.array is None or self.array.ndim != 2 or not self._shown_rows:
            return ()
        return self._data.names_of(self.array.shape[1]) or ()

    def _matrix_names(self) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Return names of rows and columns, if the tensor is a square matrix over classes such
        as words.
        """
        if self.array is None or self.array.ndim != 2 or self._shown_rows is not None:
            return None
        rows, columns = self.array.shape
        names = self._data.names_of(rows) if rows == columns else None
        return (names, names) if names else None


def _make(context: PanelContext) -> ViewerPanel:
    panel = ViewerPanel(
        context.document.workspace,
        context.engine.link,
        context.chosen.data,
        context.look.themes,
        context.engine.views,
        context.chosen.overrides,
        context.window.messages,
        context.trainings.plots,
    )
    context.engine.values.changed.connect(panel.on_values_changed)
    pages = context.middle.pages
    pages.page_changed.connect(lambda: panel.follow(pages.shown_workspace))
    panel.follow(pages.shown_workspace)
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})
    context.middle.pages.expansion.node_activated.connect(panel.show)
    context.chosen.what_if.value_requested.connect(panel.show)
    panel.hear(context.chosen.what_if.value_requested, ViewerPanel.begin_override)


SHOW = ActionSpec("show_viewer", "Show the viewer", icon="eye", tip="The value of a node in full")
PANEL = PanelSpec("viewer", "Viewer", Place.BOTTOM, 10, _make, _wire, (SHOW,), always)

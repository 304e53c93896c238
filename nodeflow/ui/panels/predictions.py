"""The predictions panel: samples with their true and predicted class, the worst errors first.

A click on a cell of the confusion matrix filters the samples. A click on a sample feeds it to
the whole graph.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from nodeflow import number_text
from nodeflow.drawing.views.view import ShownView, discover_views
from nodeflow.host.protocol import ViewSpec, ViewValue
from nodeflow.host.views.kinds.predictions import NO_FILTER, PAGE, WRONG, PredictionData
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.controllers.viewing.view_watcher import ViewWatcher
from nodeflow.ui.core.state.data_selection import DataSelection
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import button, label, switch
from nodeflow.ui.core.widgets.panel_visibility import InFront
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo, fitting_combo
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.value_views.metric_matrix import MatrixView
from nodeflow.ui.panels.value_views.sample_grid import SampleGrid
from nodeflow.ui.panels.value_views.table_and_histogram import number
from nodeflow.ui.panels.value_views.view_page import ViewCanvas

ASKER = "predictions"
SAMPLES = "samples"
WAYS = (SAMPLES, "roc", "precision_recall", "class_accuracy")
"""The choices for the page beside the figures: the samples, or a view of the same predictions."""
ORDERS = (("wrong", "Most wrong"), ("unsure", "Least sure"), ("rows", "In order"))
NUMBER_ORDERS = (("wrong", "Largest error"), ("rows", "In order"))
SPLITS = {"test": "Test rows", "validation": "Validation rows", "train": "Training rows"}


class PredictionsPanel(QWidget):
    """The panel of predictions. It requests a page of samples while it is visible."""

    def __init__(
        self,
        workspace: Workspace,
        views: ViewWatcher,
        data: DataSelection,
        themes: ThemeManager,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._views, self._choice = views, data
        self._theme = themes.theme
        self._name, self._filter, self._page = "", NO_FILTER, 0
        self._way = SAMPLES
        self._split: str | None = None  # None: the engine chooses
        self._order: str | None = None
        self.shown: PredictionData | None = None
        self.in_front = InFront(self)
        self.in_front.changed.connect(self._on_front)
        self._make(themes)
        views.arrived.connect(self._on_view)
        data.changed.connect(self._mark)
        workspace.replaced.connect(self._forget)
        themes.follow(self.set_theme)

    # ---- construction -----------------------------------------------------------------------

    def _make(self, themes: ThemeManager) -> None:
        self.ways, self.nodes, self.splits, self.orders = (
            self._combo(name) for name in ("View", "Node", "Rows", "Order")
        )
        drawings = discover_views()
        for way in WAYS:
            self.ways.addItem("Samples" if way == SAMPLES else drawings[way].title, way)
        self.figures = label("", "strong", wrap=True)
        self.step = label("", "caption")
        self.wrong = QCheckBox("Wrong only")
        self.wrong.clicked.connect(self._on_wrong)
        self.filter = button("", "link", self._clear_filter)
        self.filter.setToolTip("Show all samples again")
        self.back, self.next = QToolButton(), QToolButton()
        for arrow, text, step in ((self.back, "Previous page", -1), (self.next, "Next page", 1)):
            arrow.setAccessibleName(text)
            arrow.setToolTip(text)
            arrow.setAutoRaise(True)
            arrow.clicked.connect(partial(self._turn, step))
        self.place = label("", "caption")
        head = QHBoxLayout()
        head.setSpacing(SPACE[2])
        chosen = (self.nodes, self.splits, self.orders, self.wrong, self.filter)
        for widget in chosen:
            head.addWidget(widget)
        head.addStretch(1)
        for widget in (self.back, self.place, self.next):
            head.addWidget(widget)
        self.matrix = MatrixView(themes)
        self.matrix.cell_clicked.connect(self._on_cell)
        self.grid = SampleGrid(themes)
        self.grid.chosen.connect(self._on_sample)
        scroll = QScrollArea()
        scroll.setWidget(self.grid)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        side = QWidget()
        side.setFixedWidth(210)
        left = QVBoxLayout(side)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(SPACE[1])
        left.addWidget(self.ways)
        left.addWidget(self.figures)
        left.addWidget(self.step)
        left.addWidget(self.matrix, 1)
        left.addStretch(0)
        right = QVBoxLayout()
        right.setSpacing(SPACE[1])
        right.addLayout(head)
        self.view = ViewCanvas(themes)
        self._shown_way = QStackedWidget()
        self._shown_way.addWidget(scroll)
        self._shown_way.addWidget(self.view)
        right.addWidget(self._shown_way, 1)
        content = QWidget()
        body = QHBoxLayout(content)
        body.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[2])
        body.setSpacing(SPACE[3])
        body.addWidget(side)
        body.addLayout(right, 1)
        self._nothing = label("", "muted", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._nothing)
        self._pages.addWidget(content)
        self._forget()

    def _combo(self, name: str) -> QuietCombo:
        combo = fitting_combo(name)
        combo.activated.connect(self._on_choice)
        return combo

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.back.setIcon(icon("chevron-left", theme, "ink", 16))
        self.next.setIcon(icon("chevron-right", theme, "ink", 16))
        if self.shown is not None:
            self.grid.show_page(self.shown)

    # ---- requests ---------------------------------------------------------------------------

    @property
    def spec(self) -> ViewSpec:
        """The request to the engine for a page of predictions."""
        options = {
            "split": self._split,
            "order": self._order,
            "filter": self._filter,
            "page": self._page,
        }
        chosen = tuple((k, v) for k, v in sorted(options.items()) if v)
        return ViewSpec("predictions", self._name, chosen)

    @Slot(bool)
    def _on_front(self, is_front: bool) -> None:
        if is_front:
            self._ask()
        else:
            self._views.ask((), ASKER)

    def _ask(self) -> None:
        if self.in_front:
            view = self.view_spec
            self._views.ask((self.spec,) if view is None else (self.spec, view), ASKER)

    @property
    def view_spec(self) -> ViewSpec | None:
        """The view shown instead of the samples; None if the samples are shown."""
        if self._way == SAMPLES or self.shown is None or not self.shown.names:
            return None
        return ViewSpec(self._way, self.shown.tensor, (("split", self.shown.split),))

    def _on_choice(self) -> None:
        self._way = self.ways.currentData()
        self._name = self.nodes.currentData() or ""
        self._split, self._order = self.splits.currentData(), self.orders.currentData()
        self._page = 0
        self._show_way()
        self._ask()

    def _show_way(self) -> None:
        """Show the latest result of the view that the user chose; without one, show the samples."""
        spec = self.view_spec
        is_view = spec is not None
        self._shown_way.setCurrentIndex(int(is_view))
        has_names = self.shown is not None and bool(self.shown.names)
        self.wrong.setVisible(has_names and not is_view)
        self.orders.setVisible(not is_view)
        for widget in (self.back, self.place, self.next):
            widget.setVisible(not is_view)
        if spec is not None:
            self.view.show_view(ShownView(spec.kind, self._views.latest(spec)))

    def _on_wrong(self, checked: bool) -> None:
        self._set_filter(WRONG if checked else NO_FILTER)

    def _clear_filter(self) -> None:
        self._set_filter(NO_FILTER)

    @Slot(int, int)
    def _on_cell(self, row: int, column: int) -> None:
        wanted = f"{row},{column}"
        self._set_filter(NO_FILTER if wanted == self._filter else wanted)

    def _set_filter(self, text: str) -> None:
        self._filter, self._page = text, 0
        self._ask()

    def _turn(self, step: int, _: bool = False) -> None:
        self._page = max(0, self._page + step)
        self._ask()

    # ---- showing ----------------------------------------------------------------------------

    @Slot(object)
    def _on_view(self, message: ViewValue) -> None:
        if self.in_front and message.spec == self.view_spec:
            self.view.show_view(ShownView(message.spec.kind, message))
            return
        if message.spec != self.spec or not self.in_front:
            return
        if message.data is None:
            self._say(message.error)
            return
        step = message.step
        self.step.setText(f"After step {number_text.count(step)}" if step else "")
        self.step.setVisible(bool(step))
        self._show(message.data)

    def _say(self, text: str) -> None:
        self._nothing.setText(text)
        self._pages.setCurrentIndex(0)

    def _forget(self) -> None:
        """Reset the panel for another document."""
        self.shown = None
        self._name, self._filter, self._page = "", NO_FILTER, 0
        self._way = SAMPLES
        self.ways.setCurrentIndex(0)
        self._split = self._order = None
        for combo in (self.nodes, self.splits, self.orders):
            combo.clear()
        self._say("Predictions appear here once the graph has data with labels.")
        self._ask()

    def _show(self, data: PredictionData) -> None:
        self.shown = data
        self._page = data.page
        self._fill(self.nodes, [(name, name) for name in data.candidates], data.tensor)
        self._fill(self.splits, [(s, SPLITS[s]) for s in data.splits], data.split)
        orders = ORDERS if data.names else NUMBER_ORDERS
        self._fill(self.orders, list(orders), self._order or "wrong")
        self.figures.setText(figures(data))
        self.matrix.setVisible(data.matrix is not None)
        if data.matrix is not None:
            self.matrix.show_matrix("confusion", data.matrix, data.names)
            self.matrix.mark(_cell(self._filter))
        self.wrong.setChecked(self._filter == WRONG)
        self._show_filter(data)
        first = data.page * PAGE
        last = first + len(data.rows)
        self.place.setText(f"{first + 1}–{last} of {data.matching}" if last else "None")
        is_first, is_last = data.page == 0, last >= data.matching
        switch(self.back, "This is the first page." if is_first else "", "Previous page")
        switch(self.next, "This is the last page." if is_last else "", "Next page")
        self.grid.show_page(data)
        self._mark()
        self.ways.setVisible(bool(data.names))
        self._show_way()
        if self._way != SAMPLES:
            self._ask()
        self._pages.setCurrentIndex(1)

    def _show_filter(self, data: PredictionData) -> None:
        cell = _cell(self._filter)
        self.filter.setVisible(cell is not None and bool(data.names))
        if cell is not None and data.names:
            true, answer = (data.names[i] for i in cell)
            self.filter.setText(f"True {true}, answer {answer}  ✕")

    def _fill(self, combo: QuietCombo, entries: list[tuple[str, str]], current: str) -> None:
        if [combo.itemData(i) for i in range(combo.count())] != [key for key, _ in entries]:
            combo.clear()
            for key, text in entries:
                combo.addItem(text, key)
        combo.setCurrentIndex(max(0, combo.findData(current)))
        combo.setVisible(len(entries) > 1)

    # ---- feeding ----------------------------------------------------------------------------

    @Slot(int)
    def _on_sample(self, row: int) -> None:
        if self.shown is not None:
            self._choice.show_row(self.shown.split, row)

    @Slot()
    def _mark(self) -> None:
        """Mark the sample whose values the nodes show."""
        data, choice = self.shown, self._choice
        single = data is not None and choice.is_single and not choice.is_by_hand
        same = data is not None and choice.split == data.split
        self.grid.shown_row = choice.choice.first if single and same else None
        self.grid.update()


def _cell(text: str) -> tuple[int, int] | None:
    """Return the cell of the confusion matrix, as (row, column), whose samples a filter shows.
    Return None if the filter is not about a cell.
    """
    row, comma, column = text.partition(",")
    return (int(row), int(column)) if comma else None


def figures(data: PredictionData) -> str:
    """Describe the quality: ``9 791 of 10 000 right (97.91 %)``, or the mean absolute error of
    numbers.
    """
    seen = number_text.count(data.seen)
    of_all = "" if data.seen == data.total else f" (the first of {number_text.count(data.total)})"
    if not data.names:
        return f"Mean absolute error {number(data.error)} over {seen} rows{of_all}"
    right = number_text.count(data.right)
    share = 100 * data.right / data.seen if data.seen else 0.0
    return f"{right} of {seen} right ({number_text.number(share)} %){of_all}"


def _make(context: PanelContext) -> PredictionsPanel:
    return PredictionsPanel(
        context.document.workspace, context.engine.views, context.chosen.data, context.look.themes
    )


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})


def _needed(context: PanelContext, panel: LatePanel) -> bool:
    return context.engine.link.has_trained and bool(context.document.workspace.optimizers)


SHOW = ActionSpec("show_predictions", "Show the predictions", icon="target")
PANEL = PanelSpec("predictions", "Predictions", Place.BOTTOM, 22, _make, _wire, (SHOW,), _needed)

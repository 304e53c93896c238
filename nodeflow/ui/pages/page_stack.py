"""The middle of the window: the canvas, and pages that replace it for a while."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.common_widgets import column
from nodeflow.ui.pages.breadcrumbs import Breadcrumbs
from nodeflow.ui.pages.comparison_page import ComparisonPage
from nodeflow.ui.pages.dataset_page import DatasetPage
from nodeflow.ui.pages.expansion_page import ExpansionPage
from nodeflow.ui.pages.override_bar import OverrideBar
from nodeflow.ui.pages.past_bar import PastBar
from nodeflow.ui.pages.predictions_page import PredictionsPage
from nodeflow.ui.pages.welcome import WelcomePage


class PageStack(QStackedWidget):
    """The stack of pages, one of which is shown.

    Args:
        past_bar, override_bar, breadcrumbs: bars over the canvas, on the same page.

    Signals:
        page_changed: a page was requested, possibly the current one.
    """

    page_changed = Signal()

    def __init__(
        self,
        workspace: Workspace,
        canvas: CanvasView,
        past_bar: PastBar,
        override_bar: OverrideBar,
        breadcrumbs: Breadcrumbs,
        welcome: WelcomePage,
        expansion: ExpansionPage,
        dataset: DatasetPage,
        predictions: PredictionsPage,
        comparison: ComparisonPage,
    ) -> None:
        super().__init__()
        self._workspace, self._canvas = workspace, canvas
        self.past_bar, self.override_bar = past_bar, override_bar
        self.breadcrumbs, self.welcome, self.expansion = breadcrumbs, welcome, expansion
        self.dataset, self.predictions, self.comparison = dataset, predictions, comparison
        breadcrumbs.hide()
        self._canvas_page = QWidget()
        layout = column(past_bar, override_bar, breadcrumbs, gap=0)
        self._halves = QSplitter(Qt.Orientation.Horizontal)
        self._halves.setChildrenCollapsible(False)
        self._halves.addWidget(canvas)
        self._stage: QWidget | None = None
        layout.addWidget(self._halves, 1)
        self._canvas_page.setLayout(layout)
        for page in (self._canvas_page, welcome, expansion, dataset, predictions, comparison):
            self.addWidget(page)
        for page in (expansion, dataset, predictions, comparison):
            page.closed.connect(self.show_canvas)
        expansion.opened.connect(self._on_opened)
        comparison.opened.connect(self._on_compared)

    def add_stage(self, stage: QWidget) -> None:
        """Add the stage beside the canvas, hidden."""
        self._stage = stage
        stage.hide()
        self._halves.addWidget(stage)

    def divide(self, canvas: bool, stage: bool) -> None:
        """Show the canvas, the stage, or both in equal halves."""
        assert self._stage is not None and (canvas or stage)
        was_both = self._canvas.isVisibleTo(self) and self._stage.isVisibleTo(self)
        self._canvas.setVisible(canvas)
        self._stage.setVisible(stage)
        if canvas and stage and not was_both:
            self._halves.setSizes([self._halves.width() // 2] * 2)

    @property
    def shows_stage(self) -> bool:
        """Whether the stage is shown, alone or beside the canvas."""
        return self._stage is not None and not self._stage.isHidden()

    @property
    def stage_area(self) -> QWidget | None:
        """The stage if it is visible, else None."""
        on_page = self.currentWidget() is self._canvas_page
        return self._stage if on_page and self.shows_stage else None

    def show_canvas(self) -> None:
        """Show the document's own graph and focus it."""
        self._show(self._canvas_page)
        self._canvas.setFocus()

    def show_welcome(self) -> None:
        self.welcome.refresh(bool(self._workspace.root.nodes))
        self._show(self.welcome)

    def show_expansion(self) -> None:
        """Show the page with the generated nodes of a node, which must have been opened before, and
        focus it.
        """
        self._show(self.expansion)
        self.expansion.show_start()

    @Slot()
    def _on_opened(self) -> None:
        """Show the generated nodes once they are ready."""
        if self.shows_expansion:
            self.show_expansion()

    @property
    def shows_expansion(self) -> bool:
        """Whether the page for generated nodes is shown, even while it waits for their layout."""
        return self.currentWidget() is self.expansion

    def show_dataset(self) -> None:
        """Show the page with the rows of a dataset node, which must have been opened before, and
        focus its table.
        """
        self._show(self.dataset)
        self.dataset.table.setFocus()

    def show_predictions(self) -> None:
        """Show the predictions and focus them."""
        self._show(self.predictions)
        self.predictions.table.setFocus()

    def show_comparison(self) -> None:
        """Show the comparison, or its progress, and focus it."""
        self._show(self.comparison)
        self.comparison.show_start()

    @Slot()
    def _on_compared(self) -> None:
        if self.shows_comparison:
            self.show_comparison()

    @property
    def shows_comparison(self) -> bool:
        return self.currentWidget() is self.comparison

    @property
    def shows_welcome(self) -> bool:
        return self.currentWidget() is self.welcome

    @property
    def shows_dataset(self) -> bool:
        return self.currentWidget() is self.dataset

    @property
    def shows_predictions(self) -> bool:
        return self.currentWidget() is self.predictions

    @property
    def is_inside(self) -> bool:
        """Whether generated nodes are shown and not the document."""
        return self.shows_expansion and self.expansion.is_ready

    @property
    def shown_canvas(self) -> CanvasView:
        """The canvas to which zoom and fit apply: the visible one, or else the document's."""
        compared = self.comparison.canvas
        if compared is not None and self.shows_comparison and self.comparison.is_ready:
            return compared
        inside = self.expansion.canvas
        return inside if inside is not None and self.is_inside else self._canvas

    @property
    def shown_workspace(self) -> Workspace:
        """The workspace of the visible graph."""
        return self.expansion.inside if self.is_inside else self._workspace

    @property
    def focus_area(self) -> QWidget:
        """The widget of the current page that takes the keyboard focus."""
        page = self.currentWidget()
        assert page is not None
        if page is not self._canvas_page:
            return page
        return self._stage if self._stage and self._canvas.isHidden() else self._canvas

    def _show(self, page: QWidget) -> None:
        if page is not self.expansion:
            self.expansion.close_inside()
        if page is not self.comparison:
            self.comparison.forget()
        self.setCurrentWidget(page)
        self.page_changed.emit()

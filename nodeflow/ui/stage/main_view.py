"""The main view of the stage, and a strip with the other pinned views."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from nodeflow.document.analysis.subgraphs.instance_paths import at_path, scoped_name
from nodeflow.document.edit.stage import LOSS, VALUE, PinnedView, unpin_view, views_of
from nodeflow.drawing.views.view import ShownView, discover_views
from nodeflow.host.protocol import ViewSpec, ViewValue
from nodeflow.host.views.kinds.text import TextData
from nodeflow.host.views.views_on_nodes import spec_of
from nodeflow.number_text import count
from nodeflow.train.events import Diverged, Done, Event
from nodeflow.ui.core.concurrency.redraw_throttle import FASTEST_MS, RedrawThrottle
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import (
    ElidedLabel,
    WrappingRow,
    button,
    clear,
    label,
)
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.value_views.view_page import ViewCanvas
from nodeflow.ui.stage.control_row import OFF_STAGE
from nodeflow.ui.stage.default_pins import default_view
from nodeflow.ui.stage.value_page import ValuePage

ASKER = "stage"
STOP, GO_ON = "Stop writing", "Go on writing"
TITLES = {VALUE: "Value", LOSS: "Loss and metrics"}


def title(context: PanelContext, view: PinnedView) -> str:
    """Return the title of a view: ``Regions of logits``."""
    drawing = discover_views().get(view.view)
    words = drawing.title if drawing is not None else TITLES.get(view.view, view.view)
    name = scoped_name(context.document.workspace.root, view.node) if view.node else ""
    return f"{words} of {name}" if name else words


class MainView(QWidget):
    """One view in large. If none is pinned, it is the one that `default_pins` finds."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context = context
        self.views: tuple[PinnedView, ...] = ()
        self.view = PinnedView("", LOSS)
        self._latest = context.trainings.latest
        self.title, self.state = ElidedLabel("", "strong"), label("", "caption")
        self.writing = button("", "link", self._on_writing)
        self.writing.hide()
        self.strip = WrappingRow(gap=1)
        self.tabs: list[QToolButton] = []
        self._group = QButtonGroup(self)
        self.canvas, self.value = ViewCanvas(context.look.themes), ValuePage(context)
        self.curves: Any = None
        self._no_curves = label(
            "Press Train: the loss appears here while the graph learns.", "muted"
        )
        self._no_curves.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.pages = QStackedWidget()
        self.pages.setMinimumSize(QSize(160, 120))
        for page in (self.canvas, self.value, self._no_curves):
            self.pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(self.title)
        layout.addLayout(self.strip)
        layout.addWidget(self.pages, 1)
        below = QHBoxLayout()
        below.addWidget(self.state)
        below.addStretch(1)
        below.addWidget(self.writing)
        layout.addLayout(below)
        self._throttle = RedrawThrottle()
        self._timer = QTimer(self, singleShot=True, interval=FASTEST_MS)
        self._timer.timeout.connect(self._draw_curves)
        context.engine.views.arrived.connect(self._on_view)
        self._latest.advanced.connect(self._on_event)
        self._latest.began.connect(self._forget)
        context.trainings.plots.cursor_changed.connect(self._on_cursor)

    # ---- which view ---------------------------------------------------------------------------

    def refresh(self) -> None:
        """Follow the pinned views of the document. A new one comes to the front."""
        workspace = self._context.document.workspace
        before = self.views
        self.views = views_of(workspace.root) or (
            default_view(workspace.root, workspace.root_analysis),
        )
        added = [view for view in self.views if view not in before]
        if added or self.view not in self.views:
            self.view = self.views[-1]
        self._fill_strip()
        self._show()

    def _fill_strip(self) -> None:
        clear(self.strip)
        self.tabs = []
        for view in self.views if len(self.views) > 1 else ():
            tab = QToolButton()
            tab.setText(title(self._context, view))
            tab.setCheckable(True)
            tab.setChecked(view == self.view)
            tab.clicked.connect(partial(self.choose, view))
            tab.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            tab.customContextMenuRequested.connect(partial(self._open_menu, view, tab))
            self._group.addButton(tab)
            self.strip.addWidget(tab)
            self.tabs.append(tab)

    def choose(self, view: PinnedView) -> None:
        """Bring a pinned view to the front."""
        self.view = view
        for tab, each in zip(self.tabs, self.views, strict=False):
            tab.setChecked(each == view)
        self._show()

    def _open_menu(self, view: PinnedView, tab: QToolButton, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(OFF_STAGE, partial(unpin_view, self._context.document.workspace.root, view))
        menu.popup(tab.mapToGlobal(at))

    # ---- showing ------------------------------------------------------------------------------

    def hide_views(self) -> None:
        """Stop computing the views, because the stage is hidden; other places may go on."""
        spec = self._spec()
        if spec is not None:
            self._context.engine.views.stop(spec, False)
        self._context.engine.views.ask((), ASKER)
        self.value.show_tensor("")

    def _show(self) -> None:
        if not self.isVisible():
            self.hide_views()
            return
        self.title.setText(title(self._context, self.view))
        spec = self._spec()
        self._context.engine.views.ask(() if spec is None else (spec,), ASKER)
        self.writing.hide()
        is_value = self.view.view == VALUE
        self.value.show_tensor(self._tensor() if is_value else "")
        if spec is not None:
            self.pages.setCurrentWidget(self.canvas)
            self._show_value(self._context.engine.views.latest(spec))
        elif is_value:
            self.pages.setCurrentWidget(self.value)
            self.state.setText("")
        else:
            self._draw_curves()

    def _tensor(self) -> str:
        return scoped_name(self._context.document.workspace.root, self.view.node) or ""

    def _spec(self) -> ViewSpec | None:
        """Return the request for the main view; None if the window can draw it without the
        engine.
        """
        if self.view.view in (VALUE, LOSS) or not self.view.node:
            return None
        found = at_path(self._context.document.workspace.root, self.view.node)
        name = self._tensor()
        if found is None or not name:
            return None
        graph, record = found
        kept = spec_of(graph, record, name[: len(name) - len(record.name)])
        if kept is not None and kept.kind == self.view.view:
            return kept
        return ViewSpec(self.view.view, name)

    @Slot(object)
    def _on_view(self, message: ViewValue) -> None:
        if self.isVisible() and message.spec == self._spec():
            self._show_value(message)

    def _show_value(self, value: ViewValue | None) -> None:
        self.canvas.show_view(ShownView(self.view.view, value))
        step = value.step if value is not None else None
        self.state.setText("" if step is None else f"Step {count(step)}")
        self._show_writing(value)

    def _show_writing(self, value: ViewValue | None) -> None:
        """Offer to stop a text that is being written, or to go on with it."""
        data = None if value is None else value.data
        is_text = isinstance(data, TextData)
        is_stopped = value is not None and self._context.engine.views.is_stopped(value.spec)
        self.writing.setText(GO_ON if is_stopped else STOP)
        is_writing = value is not None and is_text and (data.continues or value.step is not None)
        self.writing.setVisible(is_writing or (is_text and is_stopped))

    @Slot()
    def _on_writing(self) -> None:
        spec, views = self._spec(), self._context.engine.views
        if spec is not None:
            views.stop(spec, not views.is_stopped(spec))
            self._show_writing(views.latest(spec))

    # ---- curves -------------------------------------------------------------------------------

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        if not self.isVisible() or self.view.view != LOSS:
            return
        if isinstance(event, (Done, Diverged)):
            self._draw_curves()
        elif not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _forget(self) -> None:
        if self.curves is not None:
            self.curves.forget()

    @Slot()
    def _draw_curves(self) -> None:
        self._timer.setInterval(self._throttle.pause_ms())
        if not self.isVisible() or self.view.view != LOSS:
            return
        self.state.setText("")
        record = self._latest.record
        if not record.curves:
            self.pages.setCurrentWidget(self._no_curves)
            return
        if self.curves is None:
            from nodeflow.ui.panels.plots.plot_grid import PlotGrid  # loads pyqtgraph

            self.curves = PlotGrid(self._context.look.themes)
            self.curves.step_chosen.connect(self._context.trainings.plots.step_chosen)
            self.pages.addWidget(self.curves)
        self.pages.setCurrentWidget(self.curves)
        self.curves.show_curves(record.curves)
        self.curves.refresh(record.done is not None or record.diverged is not None)
        self.curves.mark(record.mark)
        self.curves.show_changes(record.changes)

    @Slot()
    def _on_cursor(self) -> None:
        if self.curves is not None:
            self.curves.show_cursor(self._context.trainings.plots.cursor)

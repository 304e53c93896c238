"""The compare panel: one kind of view of several runs side by side, for the same inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QPointF, Qt, Slot
from PySide6.QtWidgets import QCheckBox, QFrame, QScrollArea, QStackedLayout, QWidget

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import view_of
from nodeflow.document.io import flow
from nodeflow.document.model.names import natural_key
from nodeflow.drawing.views.view import Choice, discover_views
from nodeflow.errors import NodeflowError
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.run_views.run_view_messages import RunView
from nodeflow.host.views.kinds.predictions import PredictionData
from nodeflow.run_store.run_records import Run
from nodeflow.run_store.store import RunStore
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.engine_link.run_library import RunLibrary
from nodeflow.ui.core.engine_link.run_view_requests import RunViews
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import button, clear, column, discard, label, row
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo, fitting_combo
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.predictions import SPLITS
from nodeflow.ui.panels.trainings.run_cell import SAMPLES, RunCell
from nodeflow.ui.panels.trainings.run_overlays import RunOverlays

EMPTY = (
    "Select two or more runs in the Runs panel and choose Compare results. Their fits, decision "
    "regions or predictions then appear here side by side, for the same inputs."
)
OFFERS = "offers"
"""Key of this panel's requests to the library of runs."""
NEEDS_TRAINING = ("distribution", "projection")
"""Views that are not offered, because they need training steps or have their own panel."""


@dataclass(frozen=True)
class Offers:
    """The views that can be compared.

    Attributes:
        nodes: for each kind of view, the names of the nodes that have one.
        shown: kind and node name of a view that a node of the graph shows, to be compared first;
            None if no node shows one.
    """

    nodes: dict[str, tuple[str, ...]]
    shown: tuple[str, str] | None = None


class CompareResults(QWidget):
    """The panel with one kind of view of all compared runs."""

    def __init__(
        self, library: RunLibrary, overlays: RunOverlays, views: RunViews, themes: ThemeManager
    ) -> None:
        super().__init__()
        self._library, self._overlays, self._views, self._themes = library, overlays, views, themes
        self._offers = Offers({})
        self._options: dict[str, Any] = {}
        self._name = ""
        self._choices: tuple[Choice, ...] = ()
        self.cells: dict[str, RunCell] = {}
        self._make()
        library.compared_changed.connect(self._on_runs)
        library.answered.connect(self._on_answered)
        library.failed.connect(self._on_failed)
        overlays.changed.connect(self._color)
        views.arrived.connect(self._on_view)
        views.failed.connect(self._on_broken)
        self._on_runs()

    def _make(self) -> None:
        self.kind, self.node = fitting_combo("View"), fitting_combo("Node")
        self.kind.activated.connect(self._on_kind)
        self.node.activated.connect(self._on_node)
        self.best = QCheckBox("Best epoch")
        self.best.setToolTip("With the weights of the best epoch of each run, not the final ones.")
        self.best.clicked.connect(self._ask)
        self._more = row(gap=2)
        self.close_all = button("Clear", "link", partial(self._library.compare, ()))
        top = row(self.kind, self.node, gap=2)
        top.addLayout(self._more)
        top.addWidget(self.best)
        top.addStretch(1)
        top.addWidget(self.close_all)
        inner = QWidget()
        self._row = row(gap=3)
        inner.setLayout(self._row)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        content = QWidget()
        layout = column(top, gap=2)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[2], SPACE[1])
        layout.addWidget(scroll, 1)
        content.setLayout(layout)
        nothing = label(EMPTY, "muted", wrap=True)
        nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(nothing)
        self._pages.addWidget(content)

    # ---- the runs -----------------------------------------------------------------------------

    @property
    def runs(self) -> list[Run]:
        """The compared runs that still exist."""
        found = (self._library.run(id) for id in self._library.compared)
        return [run for run in found if run is not None]

    @Slot()
    def _on_runs(self) -> None:
        """Show a cell for each compared run, after the runs to compare changed."""
        runs = self.runs
        self._pages.setCurrentIndex(1 if runs else 0)
        kept = {run.id for run in runs}
        for id in [id for id in self.cells if id not in kept]:
            discard(self.cells.pop(id))
        for place, run in enumerate(runs):
            cell = self.cells.get(run.id)
            if cell is None:
                cell = self.cells[run.id] = RunCell(self._themes)
                cell.canvas.pointed_at.connect(self._point)
            cell.begin(run, self._overlays.colors.get(run.id) or run.colour)
            self._row.insertWidget(place, cell, 1)
        if runs:
            first = runs[0]
            self._library.ask((OFFERS, first.id), lambda store: offers(store, first))

    def _color(self) -> None:
        for run in self.runs:
            if run.id in self.cells:
                self.cells[run.id].begin(run, self._overlays.colors.get(run.id) or run.colour)

    @Slot(object, object)
    def _on_answered(self, key: Any, found: Any) -> None:
        if isinstance(key, tuple) and self.runs and key == (OFFERS, self.runs[0].id):
            self._offer(found)

    @Slot(object, object)
    def _on_failed(self, key: Any, error: NodeflowError) -> None:
        if isinstance(key, tuple) and key[0] == OFFERS:
            for cell in self.cells.values():
                cell.say(error.text("window"))

    def _offer(self, found: Offers) -> None:
        """List the kinds of views that the runs have. Keep the current choice if possible."""
        self._offers = found
        kind = self.kind.currentData()
        self.kind.clear()
        for each in found.nodes:
            title = "Samples" if each == SAMPLES else discover_views()[each].title
            self.kind.addItem(title, each)
        if kind not in found.nodes:
            kind, self._name = found.shown or (SAMPLES, "")
        self.kind.setCurrentIndex(max(0, self.kind.findData(kind)))
        self._list_nodes()
        self._ask()

    def _list_nodes(self) -> None:
        """List the nodes that have the chosen kind of view. Keep the current choice if possible."""
        names = self._offers.nodes.get(self.kind.currentData(), ())
        self.node.clear()
        for name in names:
            self.node.addItem(name, name)
        at = self.node.findData(self._name)
        self.node.setCurrentIndex(at if at >= 0 else len(names) - 1)
        self.node.setVisible(bool(names))

    # ---- requests -----------------------------------------------------------------------------

    def _on_kind(self, _: int) -> None:
        self._options = {}
        self._list_nodes()
        self._ask()

    def _on_node(self, _: int) -> None:
        self._name = self.node.currentData()
        self._ask()

    @property
    def spec(self) -> ViewSpec:
        """The view that is compared, as a request."""
        options = dict(self._options)
        if self.kind.currentData() == SAMPLES:
            options["order"] = "rows"  # show the same rows for each run
        chosen = tuple(sorted(options.items()))
        return ViewSpec(self.kind.currentData(), self.node.currentData() or "", chosen)

    @Slot()
    def _ask(self, _: object = None) -> None:
        runs = tuple(run.id for run in self.runs)
        if runs and self.kind.currentData():
            for cell in self.cells.values():
                cell.await_view(self.kind.currentData())
            self._views.ask(runs, self.spec, self.best.isChecked())

    @Slot(object)
    def _on_view(self, answer: RunView) -> None:
        cell = self.cells.get(answer.run)
        if cell is None or answer.value.spec != self.spec:
            return
        cell.show_view(answer)
        if answer.run != self.runs[0].id:
            return
        data = answer.value.data
        if isinstance(data, PredictionData):
            self._name = self._name or data.tensor  # other views begin with the predicting tensor
        if data is not None:
            self._offer_choices(choices_of(answer))

    @Slot(str)
    def _on_broken(self, text: str) -> None:
        for cell in self.cells.values():
            cell.say(f"The process that computes views stopped: {text}")

    def _offer_choices(self, choices: tuple[Choice, ...]) -> None:
        if choices == self._choices:
            return
        self._choices = choices
        clear(self._more)
        for choice in choices:
            combo: QuietCombo = fitting_combo(choice.title)
            for value, title in choice.values:
                combo.addItem(title, value)
            combo.setCurrentIndex(combo.findData(choice.current))
            combo.activated.connect(partial(self._on_choice, choice.option, combo))
            self._more.addWidget(combo)

    def _on_choice(self, option: str, combo: QuietCombo, _: int) -> None:
        self._options[option] = combo.currentData()
        self._ask()

    @Slot(object)
    def _point(self, place: QPointF | None) -> None:
        """Mark the same place in the views of all runs."""
        for cell in self.cells.values():
            cell.canvas.point_at(place)


def choices_of(answer: RunView) -> tuple[Choice, ...]:
    """Return the options that the user can choose for a view."""
    kind, data = answer.value.spec.kind, answer.value.data
    if isinstance(data, PredictionData):
        splits = tuple((split, SPLITS[split]) for split in data.splits)
        return (Choice("split", "Rows", splits, data.split),) if len(splits) > 1 else ()
    return discover_views()[kind].choices(data)


def offers(store: RunStore, run: Run) -> Offers:
    """Return the views of a run that can be compared. This may be called on any thread.

    Raises:
        NodeflowError: the run has no graph.
    """
    document = flow.loads(store.graph_text(run))
    analysis = Analysis(document)
    found: dict[str, tuple[str, ...]] = {SAMPLES: ()}
    shown = None
    for kind, drawing in discover_views().items():
        if kind in NEEDS_TRAINING:
            continue
        names = [
            record.name
            for record in document.nodes.values()
            if analysis.out_types(record.id) and not drawing.fits(document, analysis, record.id)
        ]
        if names:
            found[kind] = tuple(sorted(names, key=natural_key))
    for record in document.nodes.values():
        view = view_of(record)
        if view is not None and record.name in found.get(str(view["kind"]), ()):
            shown = shown or (str(view["kind"]), record.name)
    return Offers(found, shown)


def _make(context: PanelContext) -> CompareResults:
    library, views = context.trainings.overlays.library, RunViews()
    panel = CompareResults(library, context.trainings.overlays, views, context.look.themes)
    views.setParent(panel)
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    library = context.trainings.overlays.library
    context.window.actions.bind({SHOW.id: Binding(panel.show)})
    library.compared_changed.connect(lambda: panel.show() if library.compared else None)


SHOW = ActionSpec("show_results", "Compare the results of runs", icon="columns-3")
PANEL = PanelSpec("results", "Compare", Place.BOTTOM, 31, _make, _wire, (SHOW,), inside="runs")

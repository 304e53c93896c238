"""The sweep panel: varied attributes, running trials, the best trials, and correlations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QAction, QHideEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QMenu,
    QProgressBar,
    QScrollArea,
    QStackedWidget,
    QTableView,
    QWidget,
)

from nodeflow.document.edit.sweep_settings import set_values, settable_attr
from nodeflow.document.io import flow
from nodeflow.errors import NodeflowError, WiredAttribute
from nodeflow.number_text import counted
from nodeflow.ops.user.folder import plugin_folder
from nodeflow.paths import runs_folder
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.sweeps.checks import check_spec
from nodeflow.sweeps.kept import KeptSweep, free_name, kept_sweeps
from nodeflow.sweeps.plan import Plan
from nodeflow.sweeps.results import FAILED, TRAINING, Result, correlations
from nodeflow.sweeps.setup import Setup
from nodeflow.sweeps.sources import source_of
from nodeflow.sweeps.sweep import threads_each
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.engine_link.run_library import RunLibrary
from nodeflow.ui.core.engine_link.sweep_runner import SweepRunner
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, column, label, row, switch
from nodeflow.ui.core.widgets.time_and_size_text import moment
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.trainings.correlation_bars import LEAST_WIDTH, WIDTH, CorrelationBars
from nodeflow.ui.panels.trainings.run_overlays import RunOverlays
from nodeflow.ui.panels.trainings.training_history import duration
from nodeflow.ui.panels.trainings.trial_table import (
    NUMBER,
    PLOT,
    PROBLEM,
    RESULT,
    STATE,
    TIME,
    TrialModel,
)
from nodeflow.ui.panels.trainings.varied_attributes import SweepSettings
from nodeflow.ui.popups.dialogs.vary_dialog import VaryDialog
from nodeflow.ui.popups.search.quick_pick import QuickPick
from nodeflow.ui.popups.search.vary_pick import VaryPick

LOOK_MS = 1500
"""Milliseconds between updates of the curves of running trials."""
DRAW_MS = 100
"""Milliseconds between updates of bars and progress."""
MOST_DRAWN = 16
"""Maximum number of trials drawn automatically. More would hide each other."""
SWEEPS, NAME, EDITED = "sweeps", "sweep name", "edited"
"""Keys of this panel's requests to the library."""
NICENESS = 10
"""Niceness of a sweep's processes, so that the window and its training have precedence."""
TIER = "compiled"
"""The tier of all trials. Results of the compiled tier are reproducible."""
USE = "Set these values in the graph, as one undo step"
EMPTY = "Start trains the graph once for each combination of values. The trials appear here."
WIDTHS = {PLOT: 40, NUMBER: 48, STATE: 112, RESULT: 84, TIME: 64, PROBLEM: 160}


class SweepPanel(QWidget):
    """The panel that edits the document's sweep, starts it, and shows its results."""

    def __init__(
        self,
        runner: SweepRunner,
        library: RunLibrary,
        overlays: RunOverlays,
        workspace: Workspace,
        messages: Messages,
        themes: ThemeManager,
        popup: QuickPick,
    ) -> None:
        super().__init__()
        self.runner, self._library, self._overlays = runner, library, overlays
        self._workspace, self._messages = workspace, messages
        self.pick = VaryPick(popup, workspace, self.vary)
        self.settings = SweepSettings(workspace, themes)
        self.model = TrialModel(self)
        self.bars = CorrelationBars(themes)
        self._kept: list[KeptSweep] = []
        self._waits: tuple[Plan, Setup] | None = None
        self._make()
        self._make_actions()
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(library.look)
        self._drawing = QTimer(self, singleShot=True, interval=DRAW_MS)
        self._drawing.timeout.connect(self._draw)
        self.settings.vary_wanted.connect(self.vary)
        self.settings.add_wanted.connect(self.pick.open)
        runner.changed.connect(self._on_result)
        runner.ended.connect(self._on_ended)
        library.answered.connect(self._on_answered)
        library.failed.connect(self._on_failed)
        library.changed.connect(self._draw_curves)
        overlays.changed.connect(self._on_overlays)
        self.model.plotted.connect(overlays.draw)
        workspace.changed.connect(self._refresh)
        workspace.replaced.connect(self._on_replaced)
        self._drawn: set[str] = set()
        self._is_of_another = False
        """Whether the sweep belongs to a document that was closed, so that its curves are not
        drawn.
        """
        self._on_overlays()
        self._list_kept()
        self._draw()

    # ---- construction -------------------------------------------------------------------------

    def _make(self) -> None:
        self.start = button("Start", "primary", self._on_start)
        self.cancel = button("Cancel all", "", lambda: self.runner.cancel())
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the sweep")
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.headline = ElidedLabel("", "strong")
        self.caption = ElidedLabel("", "caption")
        left = column(
            self.headline,
            self.caption,
            self.bar,
            row(self.start, self.cancel, None),
            self.settings,
            None,
            gap=2,
        )
        left.setContentsMargins(0, 0, SPACE[2], 0)
        inner = QWidget()
        inner.setLayout(left)
        side = QScrollArea()
        side.setWidget(inner)
        side.setWidgetResizable(True)
        side.setFrameShape(QFrame.Shape.NoFrame)
        side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side.setFixedWidth(264)
        self.earlier = QComboBox()
        self.earlier.setAccessibleName("Displayed sweep")
        self.earlier.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.earlier.setMinimumContentsLength(18)
        self.earlier.setMinimumWidth(100)  # for a narrow window
        self.earlier.activated.connect(self._on_earlier)
        self.use = button("Use these values", "", self._use)
        self.more = button("More", "")
        self.table = self._make_table()
        self.empty = label(EMPTY, "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(self.table)
        self.found = ElidedLabel("", "caption")
        top = row(self.earlier, gap=2)
        top.addWidget(self.found, 1)
        for each in (self.use, self.more):
            top.addWidget(each)
        middle = column(top, gap=2)
        middle.addWidget(self.pages, 1)
        bars = QScrollArea()
        bars.setWidget(self.bars)
        bars.setWidgetResizable(True)
        bars.setFrameShape(QFrame.Shape.NoFrame)
        bars.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        bars.setMinimumWidth(LEAST_WIDTH + 12)
        bars.setMaximumWidth(WIDTH + 12)
        layout = row(side, gap=3)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[2], SPACE[1])
        layout.addLayout(middle, 1)
        layout.addWidget(bars)
        self.setLayout(layout)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setAccessibleName("Trials")
        table.setProperty("role", "list")
        table.setModel(self.model)
        table.setItemDelegate(CutTextDelegate(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(26)
        table.horizontalHeader().setHighlightSections(False)
        table.horizontalHeader().setStretchLastSection(True)
        table.setIconSize(QSize(12, 12))
        table.setSortingEnabled(True)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.selectionModel().selectionChanged.connect(self._refresh)
        self.model.modelReset.connect(self._size_columns)
        return table

    def _make_actions(self) -> None:
        self.actions_: dict[str, QAction] = {}
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        for name, text, key, slot in (
            ("plot", "Draw in the plots", "Space", self._toggle_plots),
            ("use", "Use these values", "", self._use),
            ("cancel", "Cancel", "Del", self._cancel_chosen),
        ):
            action = self.actions_[name] = QAction(text, self)
            action.triggered.connect(partial(_without_arguments, slot))
            if key:
                action.setShortcut(QKeySequence(key))
                action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                self.table.addAction(action)
            self.menu.addAction(action)
        self.menu.aboutToShow.connect(self._refresh)
        self.more.setMenu(self.menu)

    def _size_columns(self) -> None:
        header = self.table.horizontalHeader()
        for index, title in enumerate(self.model.columns):
            wanted = header.fontMetrics().horizontalAdvance(title) + 28
            header.resizeSection(index, WIDTHS.get(title, min(200, max(84, wanted))))
        self.table.sortByColumn(self.model.columns.index(RESULT), Qt.SortOrder.AscendingOrder)

    # ---- variations ---------------------------------------------------------------------------

    @Slot(str, str)
    def vary(self, path: str, attr: str) -> None:
        """Open the dialog for the values that a sweep tries for an attribute."""
        VaryDialog(self.window(), self._workspace, path, attr).open()

    # ---- starting and ending ------------------------------------------------------------------

    def _on_start(self) -> None:
        """Check the sweep's settings.

        Then request a name for the sweep from the library's thread.
        """
        root = self._workspace.root
        try:
            plan = self.settings.plan
            source_of(plan)
            for spec in plan.specs:
                check_spec(root, spec)
            if runs_folder() is None:
                raise RunStoreProblem("a sweep keeps its trials as runs, and NODEFLOW_RUNS is off")
        except NodeflowError as error:
            self._messages.show(error.text("window"), "error")
            return
        folder = self._workspace.base_dir
        setup = Setup(
            flow.dumps(root),
            "",
            file=str(root.path.resolve()) if root.path else "",
            allowed=folder.allowed,
            surface="window",
            tier=TIER,
            threads=threads_each(plan.parallel),
            plugins=str(found) if (found := plugin_folder()).is_dir() else None,
            nice=NICENESS,
        )
        self._waits = plan, setup
        name = f"sweep {self._workspace.title}"
        self._library.ask((NAME, id(self)), lambda store: free_name(store, name))
        self._draw()

    def _begin(self, name: str) -> None:
        if self._waits is None or self.runner.trains:
            return
        (plan, setup), self._waits = self._waits, None
        self._drawn, self._is_of_another = set(), False
        try:
            self.runner.start(plan, replace(setup, name=name))
        except NodeflowError as error:
            self._messages.show(error.text("window"), "error")
            return
        self.model.show(())
        self._list_kept()
        self.earlier.setCurrentIndex(0)
        self._timer.start()
        self._draw()

    @Slot()
    def _on_replaced(self) -> None:
        """Continue a running sweep, which keeps its own document.

        Cancel one that has no name yet.
        """
        self._is_of_another, self._waits = True, None
        self._draw()

    @Slot(object)
    def _on_result(self, result: Result) -> None:
        if self._shows_current:
            self.model.take(result)
        if result.run and result.run not in self._drawn and len(self._drawn) < MOST_DRAWN:
            self._library.look()  # the library must know the run before it is drawn
        if not self._drawing.isActive():
            self._drawing.start()

    @Slot()
    def _on_ended(self) -> None:
        self._timer.stop()
        self._library.look()
        self._ask_kept()
        failed = sum(r.state == FAILED for r in self.runner.results.values())
        if self.runner.problem:
            self._messages.show(self.runner.problem, "warning")
        elif failed:
            self._messages.show_status(f"{counted(failed, 'trial')} of the sweep failed")
        self._draw()

    @property
    def ends(self) -> str:
        """A sentence about a running sweep, which would end with the window; empty if none runs."""
        sweep = self.runner.sweep
        if sweep is None or not self.runner.trains:
            return ""
        over = sum(result.is_over for result in self.runner.results.values())
        return f"“{sweep.setup.name}” still runs: {counted(sweep.count - over, 'trial')} left."

    # ---- the runs of trials -------------------------------------------------------------------

    @Slot()
    def _draw_curves(self) -> None:
        """Draw the curves of trials that have begun, once the library knows their runs."""
        for result in self.runner.results.values():
            if self._is_of_another or len(self._drawn) >= MOST_DRAWN:
                return
            known = result.run and self._library.run(result.run) is not None
            if known and result.run not in self._drawn:
                self._drawn.add(result.run)
                self._overlays.draw(result.run, True)

    def _on_overlays(self) -> None:
        self.model.set_colors(self._overlays.colors)

    def _ask_kept(self) -> None:
        if runs_folder() is not None:
            self._library.ask((SWEEPS, id(self)), kept_sweeps)

    @Slot(object, object)
    def _on_answered(self, key: Any, result: Any) -> None:
        if key == (NAME, id(self)):
            self._begin(result)
        elif key == (SWEEPS, id(self)):
            self._kept = result
            self._list_kept()

    @Slot(object, object)
    def _on_failed(self, key: Any, error: NodeflowError) -> None:
        if key == (NAME, id(self)):
            self._waits = None
            self._messages.show(error.text("window"), "error")
            self._draw()

    def _list_kept(self) -> None:
        """List the stored sweeps. Keep the displayed one selected."""
        chosen = self.earlier.currentData()
        current = self.runner.sweep
        self.earlier.clear()
        if current is not None:
            self.earlier.addItem(current.setup.name, current.id)
        for kept in self._kept:
            if current is None or kept.id != current.id:
                self.earlier.addItem(f"{kept.name}  {moment(kept.created)}", kept.id)
        self.earlier.setCurrentIndex(max(0, self.earlier.findData(chosen)))
        self.earlier.setVisible(self.earlier.count() > 0)
        if current is None and not self.model.results and self._kept:
            self._on_earlier(0)

    @property
    def _shows_current(self) -> bool:
        current = self.runner.sweep
        shown = self.earlier.currentData()
        return current is not None and shown in (None, current.id)

    def _on_earlier(self, _: int) -> None:
        if self._shows_current:
            self.model.show(self.runner.results.values())
        else:
            wanted = self.earlier.currentData()
            kept = next((one for one in self._kept if one.id == wanted), None)
            self.model.show(kept.results if kept is not None else ())
        self._draw()

    # ---- showing ------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask_kept()
        self._library.look()
        if self.runner.trains:
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not self.runner.trains:
            self._timer.stop()

    @Slot()
    def _draw(self) -> None:
        """Update progress, bars and actions."""
        runner = self.runner
        results = self.model.results
        self.pages.setCurrentIndex(1 if results else 0)
        self.bars.show_values(correlations(results), self.model.key)
        self.bar.setValue(round(1000 * runner.part))
        self.bar.setVisible(runner.trains)
        over = sum(result.is_over for result in runner.results.values())
        self.headline.setText("Sweep" if runner.sweep is None else runner.sweep.setup.name)
        if runner.trains and runner.sweep is not None:
            left = runner.seconds_left
            rest = "" if left is None else f", {duration(left)} left"
            self.caption.setText(f"{over} of {runner.sweep.count} trials{rest}")
        elif runner.sweep is not None:
            self.caption.setText(f"{counted(over, 'trial')}, {self._endings()}")
        else:
            self.caption.setText("Many trainings with different values")
        self._refresh()

    def _endings(self) -> str:
        """Return the number of trials in each state: ``8 done, 1 failed``."""
        states: dict[str, int] = {}
        for result in self.runner.results.values():
            states[result.state] = states.get(result.state, 0) + 1
        return ", ".join(f"{many} {state}" for state, many in states.items())

    def selected(self) -> list[Result]:
        """Return the selected trials."""
        rows = self.table.selectionModel().selectedRows()
        return [self.model.rows[index.row()] for index in rows]

    @Slot()
    def _refresh(self, _: object = None, __: object = None) -> None:
        """Disable unavailable actions. Their tooltips then tell the reason."""
        waits = self._waits is not None
        nothing = "" if self.settings.varies else "Nothing varies yet."
        trains = "A sweep is already running." if self.runner.trains or waits else ""
        optimizer = "" if self._workspace.optimizers else "The graph has no optimizer."
        switch(self.start, trains or optimizer or nothing or self._overlays.library.switched_off)
        self.cancel.setVisible(self.runner.trains)
        chosen = self.selected()
        blocked = self._why_not_used(chosen)
        switch(self.use, blocked, USE)
        switch(self.actions_["use"], blocked)
        runs = [result.run for result in chosen if result.run]
        switch(self.actions_["plot"], "" if runs else "Select a trial that has begun.")
        drawn = bool(runs) and all(run in self._overlays.colors for run in runs)
        text = "Remove from the plots" if drawn else "Draw in the plots"
        self.actions_["plot"].setText(text)
        training = self.runner.trains and any(r.state == TRAINING for r in chosen)
        is_it = training and self._shows_current
        switch(self.actions_["cancel"], "" if is_it else "Select a trial that is training.")

    def _why_not_used(self, chosen: list[Result]) -> str:
        """Return why the values of trials cannot be set in the graph; empty if they can."""
        if len(chosen) != 1:
            return "Select one trial."
        for name in chosen[0].trial.values:
            try:
                settable_attr(self._workspace.root, name)
            except WiredAttribute as error:
                return error.message
            except NodeflowError:
                return f"This graph has no {name}."
        return self._workspace.root.locked

    def _show_menu(self, place: QPoint) -> None:
        if self.selected():
            self.menu.popup(self.table.viewport().mapToGlobal(place))

    # ---- actions ------------------------------------------------------------------------------

    def _use(self) -> None:
        chosen = self.selected()
        if len(chosen) != 1:
            return
        try:
            set_values(self._workspace.root, chosen[0].trial.values)
        except NodeflowError as error:
            self._messages.show(error.text("window"), "error")
            return
        number = chosen[0].trial.number
        self._messages.show_status(f"The graph now has the values of trial {number}")

    def _toggle_plots(self) -> None:
        runs = [result.run for result in self.selected() if result.run]
        on = not all(run in self._overlays.colors for run in runs)
        for run in runs:
            self._overlays.draw(run, on)

    def _cancel_chosen(self) -> None:
        for result in self.selected():
            if result.state == TRAINING:
                self.runner.cancel(result.trial.number)


def _without_arguments(slot: Callable[[], object], _: bool = False) -> None:
    slot()


def _make(context: PanelContext) -> SweepPanel:
    popup = QuickPick(context.middle.pages, context.look.themes.theme)
    context.look.themes.changed.connect(popup.set_theme)
    runner = SweepRunner()
    panel = SweepPanel(
        runner,
        context.trainings.overlays.library,
        context.trainings.overlays,
        context.document.workspace,
        context.window.messages,
        context.look.themes,
        popup,
    )
    runner.setParent(panel)
    context.window.closing.connect(runner.close)
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})


def _ends(panel: SweepPanel) -> str:
    return panel.ends


SHOW = ActionSpec("show_sweep", "Sweep over settings", icon="sliders-horizontal")
PANEL = PanelSpec(
    "sweep", "Sweep", Place.BOTTOM, 32, _make, _wire, (SHOW,), inside="runs", ends=_ends
)

"""The runs panel: sort, search, draw, compare, restore and delete kept trainings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QHideEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QInputDialog,
    QLineEdit,
    QMenu,
    QSplitter,
    QStackedWidget,
    QTableView,
    QWidget,
)

from nodeflow.document.edit.data.locate import reanchor
from nodeflow.document.io import flow
from nodeflow.document.io.consents import remembered
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.manifests import Offer, offers
from nodeflow.number_text import bytes_text, counted
from nodeflow.paths import home
from nodeflow.run_store.export_run import export
from nodeflow.run_store.run_differences import Changes, changes
from nodeflow.run_store.run_history import history
from nodeflow.run_store.run_records import RUNNING, Run
from nodeflow.run_store.size_limit import limit, set_limit, used_bytes
from nodeflow.run_store.store import BEST, FINAL, RunStore
from nodeflow.train.events import Done, Event, RunKept
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.engine_link.run_library import MOST_COMPARED, RunLibrary
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, column, label, row, switch
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.trainings.run_details import RunDetails
from nodeflow.ui.panels.trainings.run_overlays import COLORS, CURVES, RunOverlays
from nodeflow.ui.panels.trainings.run_table import (
    NAME,
    NOTE,
    PLOT,
    STAR,
    TAGS,
    RunFilter,
    RunModel,
    swatch,
)
from nodeflow.ui.panels.trainings.scrubber import Scrubber
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.differences_dialog import ShowOnCanvas

LOOK_MS = 1500
"""Milliseconds between checks whether another process trains, while the panel is visible."""
EMPTY = "No trainings yet. Each training is kept here with its curves, graph and weights."
NO_MATCH = "No run matches the search."
WIDTHS = {
    PLOT: 40,
    STAR: 28,
    NAME: 200,
    "Epochs": 60,
    "Steps": 64,
    "Time": 84,
    "Status": 84,
    "Started": 120,
    "File": 130,
    TAGS: 100,
}
STEPS = "Go through the steps of this run, with the values of all nodes"
WHAT_CHANGED = "Compare the edits, settings, data and graphs of two runs"
RESULTS = "Show their results side by side"
TRAINS = "This run is still training. Its steps are stored when it ends."
DETAILS, CHANGES, GRAPH, WEIGHTS = "details", "changes", "graph", "weights"
EXPORT, FILES, IMPORT, LIMIT = "export", "files", "import", "limit"
EDIT, DELETE = "edit", "delete"
KEYS = (DETAILS, CHANGES, GRAPH, WEIGHTS, EXPORT, FILES, IMPORT, LIMIT, EDIT, DELETE, CURVES)
"""Keys of this panel's requests to the library. Other panels have other keys."""


class RunsPanel(QWidget):
    """The panel with a table of runs, and details of the selected ones.

    Signals:
        graph_wanted(document, title): open a run's graph.
        weights_wanted(path): load a run's weights into the open graph.
        steps_wanted(id, name): show the steps of a run.
    """

    graph_wanted = Signal(object, str)
    weights_wanted = Signal(object)
    steps_wanted = Signal(str, str)

    def __init__(
        self,
        library: RunLibrary,
        overlays: RunOverlays,
        workspace: Workspace,
        messages: Messages,
        on_canvas: Callable[[], ShowOnCanvas | None],
    ) -> None:
        """Make the panel.

        Args:
            on_canvas: returns the function that draws a comparison on the canvas, or None.
        """
        super().__init__()
        self._library, self._overlays = library, overlays
        self._workspace, self._messages, self._on_canvas = workspace, messages, on_canvas
        self.model = RunModel(self)
        self.shown = RunFilter(self.model, self)
        self._make()
        self._make_actions()
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(library.look)
        library.changed.connect(self._on_runs)
        library.answered.connect(self._on_answered)
        library.failed.connect(self._on_failed)
        library.noticed.connect(self._on_noticed)
        overlays.changed.connect(self._on_overlays)
        self.model.edited.connect(self._on_edited)
        self.model.plotted.connect(self._on_plotted)
        workspace.replaced.connect(self.table.clearSelection)
        workspace.replaced.connect(self._filter)
        self._on_overlays()
        self._on_runs()

    # ---- construction -------------------------------------------------------------------------

    def _make(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search names, files, tags, settings such as epochs=10")
        self.search.setAccessibleName("Search runs")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._on_search)
        self.this_file = QCheckBox("This file")
        self.starred = QCheckBox("Starred")
        for box in (self.this_file, self.starred):
            box.toggled.connect(self._filter)
        self.count = ElidedLabel("", "caption")
        self.compare = button("What changed", "", self._show_changes)
        self.steps = button("Steps", "", self._show_steps)
        self.side_by_side = button("Compare results", "", self._compare_results)
        self.more = button("More", "")
        self.table = table = QTableView()
        table.setAccessibleName("Runs")
        table.setProperty("role", "list")
        table.setModel(self.shown)
        table.setItemDelegate(CutTextDelegate(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setAlternatingRowColors(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(26)
        table.horizontalHeader().setHighlightSections(False)
        table.horizontalHeader().setSectionsMovable(True)
        table.setSortingEnabled(True)
        self._sorted = "Started", Qt.SortOrder.DescendingOrder
        table.horizontalHeader().sortIndicatorChanged.connect(self._on_sorted)
        table.setIconSize(QSize(12, 12))
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.clicked.connect(self._on_clicked)
        table.doubleClicked.connect(self._on_double_clicked)
        table.selectionModel().selectionChanged.connect(self._on_selection)
        self.model.modelReset.connect(self._size_columns)
        self._size_columns()
        self.details = RunDetails()
        self.details.canvas_wanted.connect(self._draw_changes)
        self.empty = label(EMPTY, "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.empty)
        self.pages.addWidget(table)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.pages)
        split.addWidget(self.details)
        split.setSizes([640, 360])
        split.setStretchFactor(0, 1)
        split.setChildrenCollapsible(False)
        top = row(self.search, self.this_file, self.starred, gap=2)
        top.setStretch(0, 1)
        top.addWidget(self.count, 1)
        for each in (self.steps, self.compare, self.side_by_side, self.more):
            top.addWidget(each)
        layout = column(gap=2)
        layout.setContentsMargins(SPACE[2], SPACE[2], SPACE[2], SPACE[1])
        layout.addLayout(top)
        layout.addWidget(split, 1)
        self._layout = layout
        self.setLayout(layout)

    def _make_actions(self) -> None:
        """Make the actions for selected runs; the menus list them in this order."""
        self.actions_: dict[str, QAction] = {}
        for name, text, key, slot in (
            ("plot", "Draw in the plots", "Space", self._toggle_plots),
            ("star", "Star", "", self._toggle_stars),
            ("rename", "Rename", "F2", partial(self._edit, NAME)),
            ("note", "Edit the note", "", partial(self._edit, NOTE)),
            ("tags", "Edit the tags", "", partial(self._edit, TAGS)),
            ("changed", "What changed", "", self._show_changes),
            ("steps", "Go through its steps", "", self._show_steps),
            ("results", "Compare results", "", self._compare_results),
            ("graph", "Open the graph", "", self._open_graph),
            ("weights", "Load the weights", "", self._load_weights),
            ("best", "Load the weights of the best epoch", "", partial(self._load_weights, True)),
            ("export", "Export…", "", self._export),
            *(
                (kind.name, f"Write for {kind.label}…", "", partial(self._write_files, kind))
                for kind in offers("run_files")
            ),
            ("delete", "Delete…", "Del", self._delete),
            *(
                (kind.name, f"Read {kind.label}…", "", partial(self._import, kind))
                for kind in offers("run_import")
            ),
            ("limit", "Disk space for all runs…", "", self._ask_limit),
        ):
            action = self.actions_[name] = QAction(text, self)
            action.triggered.connect(_without_arguments(slot))
            if key:
                action.setShortcut(QKeySequence(key))
                action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                self.table.addAction(action)
        self.menu = QMenu(self)
        self.colors = QMenu("Colour", self)
        for color in ("", *COLORS):
            chosen = self.colors.addAction(swatch(color), color or "None")
            chosen.triggered.connect(_without_arguments(partial(self._set_color, color)))
        last_group = (*_names("run_import"), "limit")[0]
        for name, action in self.actions_.items():
            if name in ("changed", "graph", "export", "delete", last_group):
                self.menu.addSeparator()
            self.menu.addAction(action)
            if name == "tags":
                self.menu.addMenu(self.colors)
        self.menu.aboutToShow.connect(self._refresh_actions)
        self.more.setMenu(self.menu)
        self._refresh_actions()

    def _size_columns(self) -> None:
        header = self.table.horizontalHeader()
        for index, title in enumerate(self.model.columns):
            header.resizeSection(index, WIDTHS.get(title, 76))
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(24)
        title, order = self._sorted
        if title in self.model.columns:  # the columns may have moved
            self.table.sortByColumn(self.model.columns.index(title), order)

    def _on_sorted(self, index: int, order: Qt.SortOrder) -> None:
        if 0 <= index < len(self.model.columns):
            self._sorted = self.model.columns[index], order

    # ---- the list -----------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._library.look()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    @Slot()
    def _on_runs(self) -> None:
        chosen = [run.id for run in self.selected()]
        self.model.show(self._library.runs)
        self._select(chosen)
        self._refresh()

    def _select(self, ids: list[str]) -> None:
        """Restore the selection after the list was reloaded."""
        if not ids or self.selected():
            return
        selection = self.table.selectionModel()
        flags = selection.SelectionFlag.Select | selection.SelectionFlag.Rows
        for index in range(self.shown.rowCount()):
            if self._run_at(self.shown.index(index, 0)).id in ids:
                selection.select(self.shown.index(index, 0), flags)

    @Slot(str, bool)
    def _on_plotted(self, id: str, on: bool) -> None:
        """Draw and select a run whose box was ticked.

        Stop drawing and deselect it if the tick was removed.
        """
        self._overlays.draw(id, on)
        selection = self.table.selectionModel()
        flag = selection.SelectionFlag.Select if on else selection.SelectionFlag.Deselect
        for number in range(self.shown.rowCount()):
            index = self.shown.index(number, 0)
            if self._run_at(index).id == id:
                selection.select(index, flag | selection.SelectionFlag.Rows)

    def _on_search(self, text: str) -> None:
        self.shown.search(text)
        self._refresh()

    @Slot()
    def _filter(self, _: object = None) -> None:
        path = self._workspace.root.path
        file = str(path.resolve()) if path is not None else "\0"
        self.shown.only(file if self.this_file.isChecked() else "", self.starred.isChecked())
        self._refresh()

    def _refresh(self) -> None:
        """Show the number of runs, and update the actions."""
        all_, seen = len(self.model.runs), self.shown.rowCount()
        self.count.setText(counted(all_, "run") if seen == all_ else f"{seen} of {all_} runs")
        self.empty.setText(self._library.problem or (NO_MATCH if all_ else EMPTY))
        self.pages.setCurrentIndex(1 if seen else 0)
        self._refresh_actions()

    def _run_at(self, index: QModelIndex) -> Run:
        return self.model.runs[self.shown.mapToSource(index).row()]

    def selected(self) -> list[Run]:
        """Return the selected runs, the oldest first."""
        rows = self.table.selectionModel().selectedRows()
        return sorted(map(self._run_at, rows), key=lambda run: run.created)

    # ---- the selection ------------------------------------------------------------------------

    def _on_selection(self) -> None:
        chosen = self.selected()
        self._refresh_actions()
        if len(chosen) == 1:
            self._library.ask(
                (DETAILS, chosen[0].id),
                lambda store: (store.events(chosen[0]), history(store, chosen[0])),
            )
        elif len(chosen) == 2:
            self._show_changes()
        else:
            self.details.clear()

    def _show_changes(self) -> None:
        chosen = self.selected()
        if len(chosen) == 2:
            before, after = chosen
            key = (CHANGES, before.id, after.id)
            self._library.ask(key, lambda store: changes(store, before, after))

    def _compare_results(self) -> None:
        self._library.compare(tuple(run.id for run in self.selected()))

    def _draw_changes(self, found: Changes) -> None:
        chosen = self.selected()
        draw = self._on_canvas()
        if draw and len(chosen) == 2 and found.before is not None and found.after is not None:
            draw(found.before, found.after, chosen[0].name, chosen[1].name)

    @Slot(object, object)
    def _on_answered(self, key: Any, result: Any) -> None:
        kind, *ids = key
        chosen = [run.id for run in self.selected()]
        if kind == DETAILS and ids == chosen:
            self.details.show_run(self.selected()[0], *result)
        elif kind == CHANGES and ids == chosen:
            before, after = self.selected()
            self.details.show_changes(before, after, result, self._on_canvas() is not None)
        elif kind == GRAPH:
            self.graph_wanted.emit(*result)
        elif kind == WEIGHTS:
            self.weights_wanted.emit(result)
        elif kind == EXPORT:
            self._messages.show_status(f"Written to {ids[0]}: {', '.join(result)}")
        elif kind == FILES:
            self._messages.show_status(f"Written to {ids[0]}: {counted(result, 'run')}")
        elif kind == IMPORT:
            self._messages.show_status(f"Read from {ids[0]}: {counted(result, 'run')}")
        elif kind == LIMIT and result is not None:
            self._set_limit(*result)

    @Slot(object, object)
    def _on_failed(self, key: Any, error: NodeflowError) -> None:
        if key[0] not in KEYS:
            return  # another panel has asked
        titles = {
            GRAPH: "The graph cannot be opened",
            WEIGHTS: "The weights cannot be loaded",
            EXPORT: "The run was not exported",
            FILES: "The runs were not written",
            IMPORT: "The runs cannot be read",
        }
        confirmation_dialogs.show_problem(
            self, titles.get(key[0], "The runs cannot be used"), error
        )

    @Slot(str)
    def _on_noticed(self, notice: str) -> None:
        self._messages.show(notice[0].upper() + notice[1:], "warning")

    # ---- actions ------------------------------------------------------------------------------

    def _refresh_actions(self) -> None:
        """Disable unavailable actions. Their tooltips then tell the reason."""
        chosen = self.selected()
        only = chosen[0] if len(chosen) == 1 else None
        two = "" if len(chosen) == 2 else "Select two runs."
        some = "" if chosen else "Select a run."
        one = "" if only is not None else "Select one run."
        trains = any(run.status == RUNNING for run in chosen)
        blocked: dict[str, str] = dict.fromkeys(("plot", "star", *_names("run_files")), some)
        blocked |= dict.fromkeys(("rename", "note", "tags", "export"), one)
        blocked["changed"] = two
        blocked["steps"] = one or (TRAINS if trains else "")
        several = f"Select two to {MOST_COMPARED} runs."
        blocked["results"] = "" if 2 <= len(chosen) <= MOST_COMPARED else several
        blocked["graph"] = one or ("" if only and only.graph_digest else "This run has no graph.")
        weights = "" if only and only.bytes else "This run has no weights."
        blocked["weights"] = one or weights
        blocked["best"] = one or weights or ("" if only and only.best else "It has no best epoch.")
        blocked["delete"] = some or ("Stop the training first." if trains else "")
        blocked |= dict.fromkeys((*_names("run_import"), "limit"), self._library.switched_off)
        for name, why in blocked.items():
            switch(self.actions_[name], why)
        switch(self.colors.menuAction(), some)
        switch(self.side_by_side, blocked["results"], RESULTS)
        switch(self.steps, blocked["steps"], STEPS)
        switch(self.compare, two, WHAT_CHANGED)
        self.menu.setToolTipsVisible(True)
        starred = bool(chosen) and all(run.star for run in chosen)
        self.actions_["star"].setText("Remove the star" if starred else "Star")
        drawn = bool(chosen) and all(run.id in self._overlays.colors for run in chosen)
        text = "Remove from the plots" if drawn else "Draw in the plots"
        self.actions_["plot"].setText(text)

    def _show_menu(self, place: QPoint) -> None:
        if self.selected():
            self.menu.popup(self.table.viewport().mapToGlobal(place))

    def _on_clicked(self, index: QModelIndex) -> None:
        if self.model.columns[index.column()] == STAR:
            run = self._run_at(index)
            self._change([run.id], star=not run.star)

    def _on_double_clicked(self, index: QModelIndex) -> None:
        if index.flags() & Qt.ItemFlag.ItemIsEditable:
            self.table.edit(index)

    def _edit(self, title: str) -> None:
        rows = self.table.selectionModel().selectedRows()
        if len(rows) == 1:
            index = self.shown.index(rows[0].row(), self.model.columns.index(title))
            self.table.scrollTo(index)
            self.table.setCurrentIndex(index)
            self.table.edit(index)

    def _on_edited(self, id: str, field: str, value: object) -> None:
        self._change([id], **{field: value})

    def _change(self, ids: list[str], **fields: Any) -> None:
        self._library.change((EDIT, *ids), lambda store: store.edit(ids, **fields))

    def _toggle_stars(self) -> None:
        chosen = self.selected()
        star = not all(run.star for run in chosen)
        self._change([run.id for run in chosen], star=star)

    def _set_color(self, color: str) -> None:
        self._change([run.id for run in self.selected()], colour=color)

    def _toggle_plots(self) -> None:
        chosen = self.selected()
        on = not all(run.id in self._overlays.colors for run in chosen)
        for run in chosen:
            self._overlays.draw(run.id, on)

    def _on_overlays(self) -> None:
        self.model.set_colors(self._overlays.colors)
        self._refresh_actions()

    def _show_steps(self) -> None:
        run = self.selected()[0]
        self.steps_wanted.emit(run.id, run.name)

    def add_scrubber(self, scrubber: Scrubber) -> None:
        """Add the scrubber for a run's steps below the table."""
        self.scrubber = scrubber
        self._layout.addWidget(scrubber)

    def open_graph_of(self, id: str) -> None:
        """Open the graph of a run as a new document."""
        run = self._library.run(id)
        if run is not None:
            self._library.ask((GRAPH, id), lambda store: (_document(store, run), run.name))

    def _open_graph(self) -> None:
        run = self.selected()[0]
        self.open_graph_of(run.id)

    def _load_weights(self, best: bool = False) -> None:
        run, name = self.selected()[0], BEST if best else FINAL
        self._library.ask((WEIGHTS, run.id), lambda store: store.weights(run, name))

    def _export(self) -> None:
        run = self.selected()[0]
        start = str(home() / "".join(c if c.isalnum() else "-" for c in run.name))
        chosen, _ = QFileDialog.getSaveFileName(self, "Export to a new folder", start)
        if chosen:
            path = Path(chosen)
            self._library.ask((EXPORT, chosen), lambda store: export(store, run, path))

    def _write_files(self, kind: Offer) -> None:
        runs, title = self.selected(), f"Folder for {kind.label}"
        chosen = QFileDialog.getExistingDirectory(self, title, str(home()))
        if chosen:
            self._library.ask((FILES, chosen), lambda store: kind.load()(store, runs, chosen))

    def _import(self, kind: Offer) -> None:
        title = f"Folder with {kind.label}"
        chosen = QFileDialog.getExistingDirectory(self, title, str(home()))
        if chosen:
            self._library.change(
                (IMPORT, chosen), lambda store: len(list(kind.load()(store, chosen)))
            )

    def _delete(self) -> None:
        chosen = self.selected()
        ids = [run.id for run in chosen]
        if chosen and confirmation_dialogs.ask_delete_runs(self, [run.name for run in chosen]):
            for id in ids:
                self._overlays.draw(id, False)
            self._library.change((DELETE, *ids), lambda store: store.delete(ids), gone=ids)

    def _ask_limit(self) -> None:
        self._library.ask((LIMIT,), _room)

    def _set_limit(self, most: int, used: int) -> None:
        """Let the user set the disk space for all runs."""
        text = f"Used: {bytes_text(used)}. Above the limit, the oldest unstarred runs are deleted."
        chosen, accepted = QInputDialog.getDouble(
            self, "Disk space for all runs", f"{text}\n\nLimit in GB:", most / 1e9, 0.01, 10_000, 2
        )
        if accepted:
            self._library.change((LIMIT,), lambda store: set_limit(store, round(chosen * 1e9)))


def _room(store: RunStore) -> tuple[int, int]:
    """Return the limit and the used space of all runs in bytes."""
    return limit(store), used_bytes(store, store.runs())


def _document(store: RunStore, run: Run) -> Document:
    """Return the graph of a run, with absolute data paths, so that it can be saved anywhere."""
    document = flow.loads(store.graph_text(run))
    if run.file:
        document.path = Path(run.file)
        document.allowed = remembered(document.path)
        reanchor(document, store.folder)
    return document


def _names(purpose: str) -> list[str]:
    """Return the ids of actions for the offers of integrations for a purpose."""
    return [each.name for each in offers(purpose)]


def _without_arguments(slot: Callable[[], object]) -> Callable[[bool], object]:
    return lambda _: slot()


def _make(context: PanelContext) -> RunsPanel:
    versions = context.document.files.versions
    panel = RunsPanel(
        context.trainings.overlays.library,
        context.trainings.overlays,
        context.document.workspace,
        context.window.messages,
        lambda: versions.on_canvas,
    )
    past = context.engine.link.past
    why = partial(context.window.actions.reason, "train")
    scrubber = Scrubber(past, context.engine.link.ops, context.look.themes, why, of_runs=True)
    context.window.actions.refreshed.connect(scrubber.refresh)
    scrubber.branch_requested.connect(context.trainings.run.branch)
    panel.add_scrubber(scrubber)
    panel.steps_wanted.connect(past.open)
    panel.graph_wanted.connect(context.document.files.begin_with)
    panel.weights_wanted.connect(context.document.files.weights.load_from)
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    library = context.trainings.overlays.library
    context.window.actions.bind({SHOW.id: Binding(panel.show)})
    context.document.files.closed.connect(library.close)
    context.window.idle.connect(library.look)
    library.changed.connect(context.window.actions.refresh_soon)
    context.engine.link.training.connect(partial(_on_event, context))
    panel.hear(context.middle.pages.past_bar.graph_requested, RunsPanel.open_graph_of)


def _on_event(context: PanelContext, event: Event) -> None:
    """Update the library when a training of this window begins or ends."""
    if isinstance(event, (RunKept, Done)):
        context.trainings.overlays.library.look()
    if isinstance(event, RunKept) and event.problem:
        text = event.problem[0].upper() + event.problem[1:]
        context.window.messages.show(text, "warning")


def _needed(context: PanelContext, panel: LatePanel) -> bool:
    return len(context.trainings.overlays.library.runs) > 1


SHOW = ActionSpec("show_runs", "Show the runs", icon="list", tip="All kept trainings")
PANEL = PanelSpec("runs", "Runs", Place.BOTTOM, 30, _make, _wire, (SHOW,), _needed)

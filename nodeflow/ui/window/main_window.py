"""The main window: pages in the middle, panels around them, menus, toolbar and status bar.

It only assembles its parts. Controllers bind the actions, panels declare themselves
(`panels.panel`), and each part connects its own signals.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QMainWindow

from nodeflow.lessons.courses import Course, Entry
from nodeflow.manifests import offers
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.actions.specs import ACTIONS, ActionSpec, training_file_actions
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.data.attach_data import AttachData
from nodeflow.ui.controllers.data.column_reading import ColumnReading
from nodeflow.ui.controllers.data.own_data import OwnData
from nodeflow.ui.controllers.data.shown_data_actions import DataActions
from nodeflow.ui.controllers.editing.context_menu import ContextMenu
from nodeflow.ui.controllers.editing.edit_actions import EditActions
from nodeflow.ui.controllers.editing.expand_actions import ExpandActions
from nodeflow.ui.controllers.editing.freeze_actions import FreezeActions
from nodeflow.ui.controllers.editing.insertables_menu import InsertablesMenu
from nodeflow.ui.controllers.editing.key_actions import KeyActions
from nodeflow.ui.controllers.editing.search_popups import PopupActions
from nodeflow.ui.controllers.editing.subgraph_actions import SubgraphActions
from nodeflow.ui.controllers.engine.engine_notices import EngineNotices
from nodeflow.ui.controllers.engine.engine_settings import add_engine_settings
from nodeflow.ui.controllers.engine.gradient_check_actions import GradientActions
from nodeflow.ui.controllers.engine.plugin_watcher import PluginWatcher
from nodeflow.ui.controllers.files.code_export import CodeExport
from nodeflow.ui.controllers.files.compare_actions import CompareActions
from nodeflow.ui.controllers.files.data_consent import DataConsent
from nodeflow.ui.controllers.files.dropped_files import DroppedFiles
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.controllers.files.merge_conflicts import Conflicts
from nodeflow.ui.controllers.files.model_files import ModelFiles
from nodeflow.ui.controllers.files.page_export import PageExport
from nodeflow.ui.controllers.files.shared_file import COMPARE, OPEN
from nodeflow.ui.controllers.lessons.lesson_authoring import LessonAuthoring
from nodeflow.ui.controllers.lessons.lesson_controller import LessonController
from nodeflow.ui.controllers.lessons.lesson_export import LessonExport
from nodeflow.ui.controllers.problem_report import ProblemReport
from nodeflow.ui.controllers.training.divergence import ADVICE, Divergence
from nodeflow.ui.controllers.training.picture_prediction import PicturePrediction
from nodeflow.ui.controllers.training.play_steps import Replay
from nodeflow.ui.controllers.training.predict_actions import PredictActions
from nodeflow.ui.controllers.training.restart_undo import RestartUndo
from nodeflow.ui.controllers.training.run_controller import RunController
from nodeflow.ui.controllers.training.training_files import TrainingFileActions
from nodeflow.ui.controllers.training.unfinished_training import UnfinishedTraining
from nodeflow.ui.controllers.viewing.node_colors import NodeColors
from nodeflow.ui.controllers.viewing.node_navigator import NodeNavigator
from nodeflow.ui.controllers.viewing.op_marks import OpMarks
from nodeflow.ui.controllers.viewing.override_actions import OverrideActions
from nodeflow.ui.controllers.viewing.shown_values import ShownValues
from nodeflow.ui.controllers.viewing.stage_actions import StageActions
from nodeflow.ui.controllers.viewing.theme_actions import ThemeActions, chosen_theme
from nodeflow.ui.controllers.viewing.view_actions import ViewActions
from nodeflow.ui.controllers.viewing.view_history import ViewHistory
from nodeflow.ui.controllers.viewing.view_watcher import ViewWatcher, view_actions
from nodeflow.ui.core.engine_link.client_interface import ClientFactory, engine_client
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.error_handler import ErrorHandler, log_file
from nodeflow.ui.core.state.data_selection import DataSelection
from nodeflow.ui.core.state.override_values import Overrides
from nodeflow.ui.core.state.problem_list import ProblemList
from nodeflow.ui.core.state.shown_breakpoints import Breakpoints
from nodeflow.ui.core.state.training_folder import TrainingFolder
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.core.widgets.common_widgets import InfoBar
from nodeflow.ui.core.widgets.escaped_text import in_title
from nodeflow.ui.inspector.editors.committed_edit import commit_typing
from nodeflow.ui.pages.breadcrumbs import LEAVE_KEYS, Breadcrumbs
from nodeflow.ui.pages.comparison_page import ComparisonPage
from nodeflow.ui.pages.dataset_page import DatasetPage
from nodeflow.ui.pages.expansion_page import ExpansionPage
from nodeflow.ui.pages.iteration_bar import IterationBar
from nodeflow.ui.pages.override_bar import OverrideBar
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.pages.past_bar import PastBar
from nodeflow.ui.pages.predictions_page import PredictionsPage
from nodeflow.ui.pages.welcome import WelcomePage
from nodeflow.ui.panels.inspector import InspectorPanel
from nodeflow.ui.panels.panel import LatePanel, Panels, PanelSpec, Place, discover_panels
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.plots.shared_plots import SharedPlots
from nodeflow.ui.panels.sketch_pad import SketchPad
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.lessons.lesson_panel import LessonPanel
from nodeflow.ui.popups.search.add_node import AddNodePopup
from nodeflow.ui.popups.search.quick_pick import QuickPick
from nodeflow.ui.window.bars import Bars, StatusFeed
from nodeflow.ui.window.docking import Docking, room_on
from nodeflow.ui.window.drop_hint import DropHint
from nodeflow.ui.window.objects_for_panels import panel_context
from nodeflow.ui.window.panes import PaneActions
from nodeflow.ui.window.stage_modes import StageModes

SMALLEST = QSize(960, 600)
READABLE = 0.34
"""Minimum scale for readable names and titles."""
FIRST_GRAPH = "expression"
"""The lesson that the link of the empty canvas begins."""


class MainWindow(QMainWindow):
    """The window of one document.

    Args:
        settings: the user's stored settings.
        errors: the handler that reports unexpected failures, if one is installed.
        factory: makes the engine's client; tests pass a fake.
        safe: do not load the user's own ops.

    Signals:
        painted: once, after the first paint.
        idle: once after `painted`, when no other events are pending.
        closing: the window is closing and already hidden.

    Raises:
        ActionError: an action has no binding, or two.
    """

    painted = Signal()
    idle = Signal()
    closing = Signal()

    def __init__(
        self,
        settings: Settings | None = None,
        errors: ErrorHandler | None = None,
        factory: ClientFactory = engine_client,
        *,
        safe: bool = False,
    ) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setMinimumSize(SMALLEST.boundedTo(room_on(self.screen())))
        self.setAcceptDrops(True)
        self._was_painted = False
        self._error_dialog: confirmation_dialogs.ErrorDialog | None = None
        self.settings = settings or Settings()
        self.themes = ThemeManager(chosen_theme(self.settings), self)
        self.messages = Messages(self)
        # The plugins come first because the analysis needs their ops.
        self.plugins = PluginWatcher(self, self.messages, safe=safe)
        self.workspace = Workspace(self)
        self.link = EngineLink(self.workspace, factory, self)
        self.overrides = Overrides(self.workspace, self.link.live.choose, self)
        self.data = DataSelection(self.workspace, self.link, self.overrides, self)
        self._make_canvas()
        self._make_pages()
        self._make_actions()
        self._make_controllers()
        self._make_panels(errors)
        self._make_bars()
        self._connect(errors)
        self.actions_.complete()
        self.docking.restore(self.settings)
        self.actions_.refresh_now()
        self.show_title()

    # ---- construction -----------------------------------------------------------------------

    def _make_canvas(self) -> None:
        """Make the canvas and subscribe it first, so that later slots find it up to date."""
        workspace = self.workspace
        self.canvas = CanvasView(workspace.document, workspace.analysis, self.themes.theme)
        self.themes.changed.connect(self.canvas.set_theme)
        self.views = ViewHistory(self.canvas, workspace, self.settings)
        workspace.announce_last()
        workspace.replaced.connect(self._on_replaced)
        workspace.entered.connect(self._on_entered)
        workspace.analysed.connect(self.canvas.scene.refresh)
        self.canvas.selection.changed.connect(workspace.select)
        self.canvas.signals.message.connect(self.messages.status_text)

    def _make_pages(self) -> None:
        canvas, themes = self.canvas, self.themes
        self.pages = PageStack(
            self.workspace,
            canvas,
            PastBar(self.link.past, self.overrides, themes),
            OverrideBar(self.overrides, self.link, themes),
            Breadcrumbs(themes, LEAVE_KEYS, ""),
            WelcomePage(self.settings, themes),
            ExpansionPage(self.workspace, self.link, themes, canvas.keyboard.keys, self.messages),
            DatasetPage(self.workspace, themes),
            PredictionsPage(themes),
            ComparisonPage(self.workspace, themes, canvas.keyboard.keys),
        )
        self.iterations = IterationBar(self.workspace, self.link, canvas)
        self.pages.breadcrumbs.add_tool(self.iterations)
        self.setCentralWidget(self.pages)
        self.info = InfoBar(themes, canvas)
        self.drop_hint = DropHint(themes, self.pages)
        self.lesson_panel = LessonPanel(canvas, themes)
        self.search = AddNodePopup(canvas, self.settings, self.workspace.offered)
        self.quick_pick = QuickPick(self.pages, themes.theme)
        for popup in (self.search, self.quick_pick):
            themes.changed.connect(popup.set_theme)

    def _make_actions(self) -> None:
        self._panel_specs = discover_panels()
        specs = (
            *ACTIONS,
            *view_actions(),
            *training_file_actions(),
            *(action for spec in self._panel_specs for action in spec.actions),
        )
        self.actions_ = ActionSet(self, self.canvas, specs, self.themes)
        self.actions_.bind(self.plugins.bindings())
        self.actions_.bind(
            {
                "welcome": Binding(self._toggle_welcome),
                "quit": Binding(self.close),
                "tutorial": Binding(self.begin_tutorial),
                "learn": Binding(self._show_lessons),
                "about": Binding(lambda: confirmation_dialogs.AboutDialog(self).open()),
            }
        )

    def _make_controllers(self) -> None:
        workspace, link, canvas, pages = self.workspace, self.link, self.canvas, self.pages
        settings, themes, actions = self.settings, self.themes, self.actions_
        messages, quick_pick = self.messages, self.quick_pick
        self.problem_list = ProblemList(workspace)
        self.breakpoints = Breakpoints(workspace)
        self.files = FileController(
            self, workspace, canvas, link, settings, messages, actions, themes
        )
        self.lessons = LessonController(
            self, workspace, link, self.files, self.lesson_panel, messages
        )
        self.authoring = LessonAuthoring(
            self,
            workspace,
            canvas,
            self.files,
            self.lessons,
            messages,
            actions,
            lambda: self.files.title,
        )
        self.lesson_export = LessonExport(
            self, workspace, link, settings, messages, actions, self.authoring.blocked
        )
        pages.welcome.finished = self.lessons.is_finished
        self.predict = PredictActions(
            self, workspace, pages, link, self.files, settings, messages, actions
        )
        self.models = ModelFiles(self, workspace, link, self.files, settings, messages, actions)
        self.own_data = OwnData(
            self,
            workspace,
            canvas,
            pages,
            self.files,
            self.predict,
            link,
            settings,
            themes,
            messages,
            actions,
        )
        self.pictures = PicturePrediction(
            workspace, self.predict, messages, actions, self._sketch, self
        )
        self.files.picture_chosen.connect(self.pictures.predict)
        self.dropped = DroppedFiles(
            workspace,
            pages,
            self.files,
            self.own_data,
            self.pictures,
            messages,
            self.drop_hint.show_text,
            self,
        )
        self.consent = DataConsent(self, workspace, messages, actions)
        self.columns = ColumnReading(self, workspace)
        self.code = CodeExport(
            self, workspace, settings, messages, actions, lambda: self.files.title
        )
        self.page_export = PageExport(
            self, workspace, canvas, link, settings, messages, actions, lambda: self.files.title
        )
        self.compare = CompareActions(self, workspace, pages, settings, messages, actions)
        self.files.versions.on_canvas = self.compare.show_comparison
        self.conflicts = Conflicts(workspace, canvas, messages)
        self.edits = EditActions(workspace, canvas, pages, actions)
        self.unfinished = UnfinishedTraining(workspace, link, messages)
        self.shown_values = ShownValues(workspace, link, canvas)
        self.run = RunController(
            workspace, link, canvas, self.problem_list, messages, actions, self.unfinished
        )
        self.replay = Replay(workspace, link, messages, actions)
        self.restarts = RestartUndo(workspace, link, self.files.weights, self.run.begin_afresh)
        self.run.restarting.connect(self.restarts.keep)
        self.training_folders = [
            TrainingFolder(kind, link, settings, self) for kind in offers("training_files")
        ]
        for folder in self.training_folders:
            TrainingFileActions(self, folder, settings, messages, actions)
        self.op_marks = OpMarks(workspace, link, canvas, self.shown_values.show_again)
        weights = self.files.weights
        self.engine_notices = EngineNotices(
            self, link, messages, weights, self.plugins, self.unfinished, actions
        )
        self.attach_data = AttachData(
            self,
            workspace,
            canvas,
            settings,
            messages,
            actions,
            lambda: self.shown_values.waiting_for,
            self._show_sample,
        )
        self.divergence = Divergence(workspace, link, messages)
        self.data_actions = DataActions(self.data, actions)
        self.view_watcher = ViewWatcher(workspace, link, canvas, actions)
        self.staging = StageActions(workspace, canvas, self.view_watcher, actions)
        self.what_if = OverrideActions(
            self, workspace, canvas, self.overrides, link, messages, actions
        )
        self.context_menu = ContextMenu(workspace, canvas, actions)
        self.navigator = NodeNavigator(workspace, canvas, pages, messages)
        self.divergence.found.connect(self.navigator.show_named)
        self.gradients = GradientActions(workspace, link, canvas, messages, actions)
        self.gradients.found.connect(self.navigator.show_named)
        FreezeActions(workspace, canvas, messages, actions)
        self.expand = ExpandActions(
            workspace, canvas, pages, messages, actions, lambda: self.files.title
        )
        self.expand.dataset_opened.connect(self.own_data.show_rows)
        pages.dataset.row_chosen.connect(self.data.show_row)
        pages.dataset.row_chosen.connect(pages.show_canvas)
        self.popups = PopupActions(
            workspace, canvas, pages, quick_pick, self.navigator, settings, themes, actions
        )
        self.info.keep_below(self.popups.formula)
        self.view_actions = ViewActions(
            canvas, pages, self.views, settings, themes, messages, actions
        )
        self.colors = NodeColors(
            workspace, link, canvas, self.shown_values, self.view_watcher, settings, themes, actions
        )
        self.keys = KeyActions(self, canvas, settings, actions)
        self.subgraphs = SubgraphActions(workspace, canvas, pages, quick_pick, messages, actions)
        self.insertables = InsertablesMenu(
            workspace, canvas, pages, quick_pick, self.subgraphs, themes, messages
        )
        add_engine_settings(self, link, settings, messages, actions)
        self.report = ProblemReport(self, workspace, settings, messages, actions)
        ThemeActions(settings, themes, actions)

    def _make_panels(self, errors: ErrorHandler | None) -> None:
        self.docking = Docking(self, self.pages, self.themes, self.actions_, self.settings)
        PaneActions(self, self.pages, self.docking, self.lesson_panel, self.actions_)
        self.shared_plots = SharedPlots(self)
        context = self.context = panel_context(self, errors)
        self.panels = Panels(self._late(spec, context) for spec in self._panel_specs)
        self.stage_modes = StageModes(self, context, self.docking, self.info)

    def _late(self, spec: PanelSpec, context: PanelContext) -> tuple[str, LatePanel]:
        """Add the dock or page of a panel. Return the panel with its id.

        The widgets of side panels are made now, those of bottom panels when they are needed.
        """
        place = self.docking.add(spec)
        panel = LatePanel(spec, context, partial(self.docking.fill, spec.id), place)
        place.needed.connect(panel.make)
        self.docking.follow_need(spec.id, partial(spec.needed, context, panel))
        spec.wire(context, panel)
        if spec.place is not Place.BOTTOM:
            panel.make()
        return spec.id, panel

    def _make_bars(self) -> None:
        bars = Bars(self)
        self.toolbar = bars.toolbar
        self.data_chooser, self.run_bar, self.status = bars.chooser, bars.run_bar, bars.status

    def _connect(self, errors: ErrorHandler | None) -> None:
        """Connect the bars, and the signals that concern the whole window."""
        messages, actions = self.messages, self.actions_
        StatusFeed(self)
        messages.message_shown.connect(self.info.show_message)
        messages.choices_offered.connect(self.info.offer)
        messages.message_retracted.connect(self.info.retract)
        messages.dismissed.connect(self.info.dismiss)
        self.info.acted.connect(self._on_fix)
        actions.refused.connect(self._explain)
        actions.tip_outdated.connect(self.info.retract_text)
        actions.triggering.connect(self._commit_typing)
        pages = self.pages
        for shown in (
            self.canvas.viewport.changed,
            pages.expansion.view_changed,
            pages.comparison.view_changed,
        ):
            shown.connect(self._on_view_changed)
        self.pages.page_changed.connect(self._on_view_changed)
        self._on_view_changed()
        workspace = self.workspace
        for signal in (workspace.replaced, workspace.entered, workspace.changed, workspace.saved):
            signal.connect(self.show_title)
            signal.connect(actions.refresh_soon)
        for signal in (workspace.analysed, workspace.selected, self.pages.page_changed):
            signal.connect(actions.refresh_soon)
        self.files.opened.connect(self.pages.show_canvas)
        self.files.opened.connect(self._make_room)
        self.plugins.reloaded.connect(self._on_plugins)
        self.plugins.typed.connect(self._on_typed, Qt.ConnectionType.QueuedConnection)
        self._on_plugins(set())
        self.canvas.signals.tutorial_requested.connect(self.begin_tutorial)
        self.data.changed.connect(lambda: self.lessons.on_sketched(self.data.is_by_hand))
        welcome = self.pages.welcome
        welcome.new_requested.connect(self.files.new)
        welcome.open_requested.connect(self.files.open)
        welcome.data_requested.connect(self.own_data.begin)
        welcome.lesson_requested.connect(self._begin_entry)
        self.files.lesson_chosen.connect(self._begin_file)
        self.files.course_chosen.connect(self._add_course)
        welcome.back_requested.connect(self.pages.show_canvas)
        welcome.example_chosen.connect(self.files.open_example)
        welcome.file_chosen.connect(self.files.open_path)
        if errors is not None:
            errors.failed.connect(self._on_error)

    # ---- actions of the window itself -------------------------------------------------------

    def _toggle_welcome(self) -> None:
        if self.pages.shows_welcome:
            self.pages.show_canvas()
        else:
            self.pages.show_welcome()

    @Slot(str)
    def begin_lesson(self, lesson_id: str) -> None:
        """Begin a bundled lesson where the learner left it."""
        if self.lessons.begin(lesson_id):
            self.pages.show_canvas()

    @Slot(object, object)
    def _begin_entry(self, course: Course, entry: Entry) -> None:
        if self.lessons.begin_entry(course, entry):
            self.pages.show_canvas()

    @Slot(object)
    def _begin_file(self, path: Path) -> None:
        if self.lessons.begin_file(path):
            self.pages.show_canvas()

    @Slot(object)
    def _add_course(self, source: Path) -> None:
        """Add a course to the list of lessons, and show the list."""
        self.pages.show_welcome()
        self.pages.welcome.add_course(source)

    @Slot()
    def begin_tutorial(self) -> None:
        """Begin the lesson about a first graph."""
        self.begin_lesson(FIRST_GRAPH)

    def _show_lessons(self) -> None:
        """Show the list of lessons."""
        self.pages.show_welcome()
        self.pages.welcome.show_lessons()

    # ---- display ----------------------------------------------------------------------------

    @Slot()
    def _on_replaced(self) -> None:
        """Reset the window for a newly opened document."""
        self.messages.dismissed.emit()
        self.canvas.set_document(self.workspace.document, self.workspace.analysis)
        self.views.reset()
        self.docking.begin_anew()

    def _show_sample(self, node_id: str) -> None:
        """Select a placeholder and focus its sample value in the inspector."""
        self.canvas.selection.select([node_id])
        self.docking.show("inspector")
        inspector = self.panels["inspector"]
        assert isinstance(inspector, InspectorPanel)
        inspector.focus_value()

    def _sketch(self, path: Path) -> None:
        """Load a picture into the sketch pad and show the pad."""
        self.pages.show_canvas()
        self.docking.show("sketch_pad")
        pad = self.panels["sketch_pad"]
        assert isinstance(pad, SketchPad)
        pad.pad.place_file(str(path))

    @Slot()
    def _make_room(self) -> None:
        """Hide side panels if an opened graph would otherwise be too small to read."""
        self.docking.make_room(self.canvas.viewport.fitting_scale() < READABLE)

    @Slot()
    def _on_entered(self) -> None:
        """Update the canvas after a subgraph was entered or left."""
        self.messages.dismissed.emit()
        with self.views.entering():
            self.canvas.set_document(self.workspace.document, self.workspace.analysis)

    def show_title(self, *_: object) -> None:
        """Show the document's name in the title bar and the path of the shown graph above
        the canvas.
        """
        self.pages.breadcrumbs.show_place(self.files.title, self.workspace)
        mark = "• " if self.workspace.document.is_modified else ""
        self.setWindowTitle(f"{mark}{in_title(self.files.title)} – nodeflow")

    @Slot()
    def _on_view_changed(self) -> None:
        self.status.show_zoom(self.pages.shown_canvas.viewport.camera.scale)
        self.lesson_panel.place()

    @Slot(object)
    def _on_plugins(self, ids: set[str]) -> None:
        """Check the nodes of changed user ops again, in the window and in the engine."""
        plugins = self.plugins
        self.workspace.redeclare(ids, plugins.problems())
        if plugins.is_safe:
            self.link.load_plugins("")
        elif not plugins.is_loading:
            self.link.load_plugins(str(plugins.folder), plugins.skip)
        if self.pages.shows_expansion:
            self.pages.show_canvas()
        self.actions_.refresh_soon()

    @Slot(str)
    def _on_typed(self, op: str) -> None:
        """Check the nodes of a user op again, because its types are known now."""
        self.workspace.redeclare({op}, self.plugins.problems())
        self.actions_.refresh_soon()

    @Slot()
    def _commit_typing(self) -> None:
        """Commit the text that is being typed, so that a command applies to the displayed state."""
        commit_typing(self.focusWidget())

    @Slot(str)
    def _on_fix(self, fix: str) -> None:
        if fix.startswith("node:"):
            self.navigator.show_path(fix.removeprefix("node:"))
        elif fix.startswith(ADVICE):
            self.divergence.apply(fix)
        elif fix.startswith(OPEN):
            self.files.versions.open_copy(Path(fix.removeprefix(OPEN)), self.files.title)
        elif fix == COMPARE:
            self.files.versions.compare_with_disk()
        elif fix:
            self.actions_.trigger(fix)

    @Slot(object, object)
    def _explain(self, spec: ActionSpec, blocked: Blocked) -> None:
        """Show the reason why an action cannot run, and offer an action that would help."""
        text = self.actions_.spec(blocked.fix).text.rstrip("…") if blocked.fix else ""
        self.pages.show_canvas()
        self.messages.show(blocked.reason, "info", blocked.fix, text)

    @Slot(object, str)
    def _on_error(self, error: BaseException, details: str) -> None:
        """Report an unexpected failure. Failures that occur together share one dialog."""
        if self._error_dialog is None:
            self._error_dialog = confirmation_dialogs.ErrorDialog(self, str(log_file()))
        self._error_dialog.add(error, details)

    # ---- events -----------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            QTimer.singleShot(0, self, self.painted.emit)

    def changeEvent(self, event: QEvent) -> None:
        """When the window is activated again, check whether other programs changed the file."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.files.shared.look()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._place_floating)

    def _place_floating(self) -> None:
        self.info.place()
        self.lesson_panel.place()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self.dropped.enter(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.dropped.leave()

    def dropEvent(self, event: QDropEvent) -> None:
        self.dropped.drop(event, self.mapToGlobal(event.position().toPoint()))

    def closeEvent(self, event: QCloseEvent) -> None:
        self._commit_typing()
        if not self.files.may_leave(*self.panels.ends):
            event.ignore()
            return
        self.docking.save(self.settings)
        self.settings.sync()
        self.files.close()
        self.columns.close()
        self.models.close()
        self.page_export.close()
        self.plugins.close()
        self.hide()  # hide first, because the engine may take a moment to stop
        self.closing.emit()
        self.link.close()
        self.unfinished.discard()
        event.accept()

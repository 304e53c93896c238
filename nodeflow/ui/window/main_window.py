"""The main window: canvas in the middle, panels around it, and who hears from whom.

It assembles; what each part does stands in its own file.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QMainWindow, QMenu, QStackedWidget, QToolBar, QWidget

from nodeflow.document.build.expand import can_expand, unpack
from nodeflow.document.io.embedded_graph import PICTURES
from nodeflow.errors import NodeflowError
from nodeflow.ui.actions.action_set import ActionSet, Blocked, build_menus, build_toolbar
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.view.keyboard import CanvasActions
from nodeflow.ui.controllers.context_menu import CanvasMenu
from nodeflow.ui.controllers.edit_actions import EditMenu
from nodeflow.ui.controllers.file_controller import Files
from nodeflow.ui.controllers.insertables_menu import OffersMenu
from nodeflow.ui.controllers.navigation import Navigation
from nodeflow.ui.controllers.plugin_watcher import OwnOps
from nodeflow.ui.controllers.run_controller import NOTHING_RUNS, Running
from nodeflow.ui.controllers.subgraph_actions import Subgraphs
from nodeflow.ui.controllers.thread_settings import Threads
from nodeflow.ui.core.engine_link import ClientFactory, EngineLink, engine_client
from nodeflow.ui.core.error_handler import ErrorHandler, log_file
from nodeflow.ui.core.settings import Settings
from nodeflow.ui.core.theme import THEMES, Theme, system_theme
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.core.widgets import InfoBar, column
from nodeflow.ui.core.workspace import Workspace
from nodeflow.ui.inspector import InspectorPanel
from nodeflow.ui.pages.breadcrumbs import LEAVE_KEYS, Breadcrumbs
from nodeflow.ui.pages.expansion_page import ExpansionPage
from nodeflow.ui.pages.welcome import WelcomePage
from nodeflow.ui.panels.log import LogPanel
from nodeflow.ui.panels.op_palette import PalettePanel
from nodeflow.ui.panels.outline import OutlinePanel
from nodeflow.ui.panels.parts.early_stopping_toggle import StopEarly
from nodeflow.ui.panels.problems import ProblemsPanel
from nodeflow.ui.panels.profile import ProfilePanel
from nodeflow.ui.panels.training import TrainingPanel
from nodeflow.ui.panels.viewer import ViewerPanel
from nodeflow.ui.popups import dialogs
from nodeflow.ui.popups.add_node import SearchToAdd
from nodeflow.ui.popups.tutorial import Tutorial
from nodeflow.ui.window.connections import connect
from nodeflow.ui.window.docking import Docking, room_on
from nodeflow.ui.window.statusbar import StatusBar

SMALLEST = QSize(960, 600)
REFRESH_MS = 30
"""Actions look again at what they can do when edits pause for so long."""


class MainWindow(QMainWindow):
    """The window of one document.

    Args:
        settings: what is remembered of the user.
        errors: where failures are reported, if a handler is installed.
        factory: makes the engine's client; tests pass a fake.

    ``painted`` is emitted once, after the first paint.
    """

    painted = Signal()

    def __init__(
        self,
        settings: Settings | None = None,
        errors: ErrorHandler | None = None,
        factory: ClientFactory = engine_client,
    ) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setMinimumSize(SMALLEST.boundedTo(room_on(self.screen())))
        self.setAcceptDrops(True)
        self.settings = settings or Settings()
        self.themes = ThemeManager(chosen_theme(self.settings), self)
        self._was_painted = False
        self.own_ops = OwnOps(self)
        self.workspace = Workspace(self)
        self.link = EngineLink(self.workspace, factory, self)
        self.canvas = CanvasView(
            self.workspace.document, self.workspace.analysis, self.themes.theme
        )
        self.themes.changed.connect(self.canvas.set_theme)
        self.workspace.announce_last()
        self.search = SearchToAdd(self.canvas, self.settings)
        self.themes.changed.connect(self.search.set_theme)
        self.files = Files(self, self.workspace, self.settings)
        self.edit_menu = EditMenu(self.workspace, self.canvas)
        self.running = Running(self.workspace, self.link, self.canvas)
        self.info = InfoBar(self.themes, self.canvas)
        self.tutorial = Tutorial(self.workspace, self.canvas, self.themes)
        self._refresh_timer = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._refresh_timer.timeout.connect(self._refresh_actions)
        self._make_pages()
        self._make_panels()
        self.canvas_menu = CanvasMenu(self.workspace, self.canvas)
        self.navigation = Navigation(self)
        self.subgraphs = Subgraphs(self)
        self.offers_menu = OffersMenu(self)
        targets = (
            self,
            self.docking,
            self.files,
            self.edit_menu,
            self.canvas_menu,
            self.running,
            self.navigation,
            self.own_ops,
            self.subgraphs,
            Threads(self, self.link, self.settings),
            CanvasActions(lambda: self.edit_menu.looked_at),
        )
        self.actions_ = ActionSet(self, self.canvas, targets, self._explain, self.themes)
        self.actions_.keys_changed.connect(self.canvas.keys.use)
        self.canvas_menu.attach(self.actions_)
        self._make_bars()
        connect(self)
        self.navigation.start()
        self.docking.restore(self.settings)
        self._refresh_actions()
        self.show_title()
        if errors is not None:
            errors.failed.connect(self._on_error)
            errors.recorded.connect(self.log.append)

    # ---- making -----------------------------------------------------------------------------

    def _make_pages(self) -> None:
        self.welcome = WelcomePage(self.settings, self.themes)
        self.pages = QStackedWidget()
        self.breadcrumbs = Breadcrumbs(self.themes, LEAVE_KEYS, "")
        self.breadcrumbs.hide()
        self.canvas_page = QWidget()
        page = column(self.breadcrumbs, gap=0)
        page.addWidget(self.canvas, 1)
        self.canvas_page.setLayout(page)
        self.pages.addWidget(self.canvas_page)
        self.pages.addWidget(self.welcome)
        self.peek = ExpansionPage(self.workspace, self.link, self.themes, self.canvas.keys)
        self.pages.addWidget(self.peek)
        self.pages.currentChanged.connect(self._on_page)
        self.setCentralWidget(self.pages)

    def _make_panels(self) -> None:
        self.palette_panel = PalettePanel(self.themes)
        self.inspector = InspectorPanel(self.workspace, self.themes)
        self._inspectors = QStackedWidget()
        self._inspectors.addWidget(self.inspector)
        self._inspectors.addWidget(self.peek.inspector)
        self.training = TrainingPanel(self.settings, self.themes)
        self.training.add_control(StopEarly(self.workspace))
        self.viewer = ViewerPanel(self.workspace, self.link, self.themes)
        self.problems = ProblemsPanel(self.workspace, self.themes)
        self.outline = OutlinePanel(self.workspace, self.canvas.value_of)
        self.log = LogPanel(self.themes)
        self.profile = ProfilePanel(self.workspace, self.themes)
        panels = [
            ("palette", "Ops", self.palette_panel),
            ("inspector", "Inspector", self._inspectors),
            ("viewer", "Viewer", self.viewer),
            ("training", "Training", self.training),
            ("problems", "Problems", self.problems),
            ("log", "Log", self.log),
            ("outline", "Outline", self.outline),
            ("profile", "Profile", self.profile),
        ]
        self.docking = Docking(self, panels, self._shows_welcome, self.themes)
        self.docks = self.docking.docks
        self.docking.changed.connect(self.refresh_soon)

    def _make_bars(self) -> None:
        self.toolbar = QToolBar("Toolbar")
        self.toolbar.setObjectName("toolbar")
        self.toolbar.setMovable(False)
        self.toolbar.setIconSize(QSize(18, 18))
        self.toolbar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        build_toolbar(self.toolbar, self.actions_)
        self.addToolBar(self.toolbar)
        self.recent_menu, self.examples_menu, self.panels_menu = (
            QMenu(self),
            QMenu(self),
            QMenu(self),
        )
        self.recent_menu.setToolTipsVisible(True)
        self.recent_menu.aboutToShow.connect(self._fill_recent)
        self.examples_menu.aboutToShow.connect(self._fill_examples)
        for dock in self.docks.values():
            self.panels_menu.addAction(dock.toggleViewAction())
        submenus = {
            "recent_menu": self.recent_menu,
            "examples_menu": self.examples_menu,
            "panels_menu": self.panels_menu,
        }
        build_menus(self.menuBar(), self.actions_, submenus)
        self.status = StatusBar(self.themes)
        self.setStatusBar(self.status)

    # ---- showing ----------------------------------------------------------------------------

    def show_canvas(self) -> None:
        """Leave the welcome page."""
        self.pages.setCurrentWidget(self.canvas_page)
        self.docking.put_aside(False)
        self.canvas.setFocus()
        self.refresh_soon()

    def show_welcome(self) -> None:
        self.docking.put_aside(True)
        self.welcome.refresh()
        self.pages.setCurrentWidget(self.welcome)
        self.refresh_soon()

    def show_panel(self, name: str) -> None:
        """Bring a panel to the front; those at the bottom come and go together."""
        self.docking.show(name)

    def show_path(self, path: str) -> None:
        """Show a node by its path of ids from the file's own graph: enter what holds it."""
        *steps, node_id = path.split("/")
        if tuple(steps) == self.workspace.path or self.workspace.go_to(steps):
            self.show_node(node_id)

    def show_node(self, node_id: str) -> None:
        """Select a node or frame of the shown graph and bring it to the middle."""
        if node_id in self.workspace.document.nodes:
            self.show_canvas()
            self.canvas.select([node_id])
            self.canvas.center_on(node_id)
        elif node_id in self.workspace.document.frames:
            self.show_canvas()
            self.canvas.select([node_id])
            self.canvas.fit_selection()

    def _shows_welcome(self) -> bool:
        return self.pages.currentWidget() is self.welcome

    # ---- actions of the window itself -------------------------------------------------------

    def do_welcome(self) -> None:
        if self._shows_welcome():
            self.show_canvas()
        else:
            self.show_welcome()

    def do_quit(self) -> None:
        self.close()

    def do_theme(self) -> None:
        self._choose_theme("light" if self.themes.theme.is_dark else "dark")

    def do_theme_system(self) -> None:
        self._choose_theme("system")

    def do_theme_light(self) -> None:
        self._choose_theme("light")

    def do_theme_dark(self) -> None:
        self._choose_theme("dark")

    def do_tutorial(self) -> None:
        """Begin the first graph on an empty canvas."""
        if self.workspace.root.nodes:
            if not self.files.may_leave():
                return
            self.files.begin_empty()
        self.show_canvas()
        self.show_panel("palette")
        self.tutorial.begin()

    def when_expand(self) -> Blocked | None:
        ids = self.workspace.selection
        if self.subgraphs.instance() is not None:
            return None
        if self.workspace.is_apart:
            return NOTHING_RUNS
        if len(ids) == 1 and can_expand(self.workspace.document, ids[0]):
            return None
        return Blocked("Select a subgraph, an optimizer or gradients: others derive nothing.")

    def do_expand(self) -> None:
        if self.subgraphs.instance() is not None:
            self.subgraphs.enter(self.workspace.selection[0])
            return
        self._look_inside(self.workspace.selection[0])

    def when_unpack(self) -> Blocked | None:
        return None if self.is_inside else self.when_expand()

    def do_unpack(self) -> None:
        instance = None if self.is_inside else self.subgraphs.instance()
        if instance is not None:
            self.subgraphs.unpack(instance)
            return
        node_id = self.peek.node if self.is_inside else self.workspace.selection[0]
        self.show_canvas()
        try:
            workspace = self.workspace
            document, analysis = workspace.root, workspace.root_analysis
            path = "/".join((*workspace.path, node_id))
            new = unpack(document, path, base_dir=workspace.base_dir, analysis=analysis)
        except NodeflowError as error:
            self.info.show_message(str(error), "error")
            return
        self.canvas.select(new)
        self.canvas.fit_selection()
        self.status.say(f"Unpacked {len(new)} nodes")

    def _look_inside(self, node_id: str) -> None:
        """Show what a macro node derives."""
        try:
            self.peek.open(node_id, self.files.title)
        except NodeflowError as error:
            self.info.show_message(str(error), "error")
            return
        self.pages.setCurrentWidget(self.peek)
        self.peek.layout().activate()
        self.peek.look()
        self.peek.canvas.setFocus()

    @property
    def is_inside(self) -> bool:
        """Whether derived nodes are shown instead of the document."""
        return self.pages.currentWidget() is self.peek and self.peek.canvas is not None

    @Slot()
    def show_viewer(self) -> None:
        self.show_panel("viewer")

    @Slot(int)
    def _on_page(self, _: int) -> None:
        """Inspector, viewer and zoom follow what is visible."""
        inside = self.is_inside
        self._inspectors.setCurrentIndex(1 if inside else 0)
        self.viewer.follow(self.peek.inside if inside else self.workspace)
        self.edit_menu.looked_at = self.peek.canvas if inside else self.canvas
        self.on_view_changed()
        self.refresh_soon()

    def do_shortcuts(self) -> None:
        dialogs.ShortcutsDialog(self, self.actions_).open()

    def do_show_log(self) -> None:
        self.show_panel("log")

    def do_show_problems(self) -> None:
        self.show_panel("problems")

    def do_about(self) -> None:
        dialogs.AboutDialog(self).open()

    def do_fetch_data(self) -> None:
        self.show_panel("training")
        self.training.on_download_started()
        self.link.start_download("mnist")

    def do_save_weights(self) -> None:
        path = self.files.ask_weights_path()
        if path is not None:
            self.link.save_weights(str(path))
            self.files.remember_weights(path)

    def when_save_weights(self) -> Blocked | None:
        if not self.workspace.has_variables:
            return Blocked("The graph has no variables.")
        return None

    def do_export(self) -> None:
        self.files.export_picture(self.canvas)

    def when_export(self) -> Blocked | None:
        if not self.workspace.document.nodes:
            return Blocked("The graph is empty: there is nothing to draw.")
        return None

    # ---- hearing ----------------------------------------------------------------------------

    @Slot()
    def on_replaced(self) -> None:
        self.tutorial.end()
        self.info.dismiss()
        self.canvas.set_document(self.workspace.document, self.workspace.analysis)
        self.navigation.views.reset()
        self.subgraphs.show_path()
        self.subgraphs.refresh_offers()
        self.running.do_undim()
        self.actions_["order"].setChecked(False)
        self.running.shows_order = False
        self.training.reset()
        self.show_title()
        self.refresh_soon()

    @Slot()
    def on_entered(self) -> None:
        """The inside of a subgraph is shown, or what is outside it."""
        self.info.dismiss()
        with self.navigation.views.entering():
            self.canvas.set_document(self.workspace.document, self.workspace.analysis)
        self.running.on_entered()
        self.inspector.rebuild()
        self.outline.on_entered()
        self.subgraphs.show_path()
        self.subgraphs.refresh_offers()
        self.refresh_soon()

    @Slot()
    def on_saved(self) -> None:
        """Saving a document that names a weights file writes what was learned, too."""
        document = self.workspace.root
        if document.weights and document.path and self.link.has_trained:
            self.link.save_weights(str(document.path.parent / document.weights))

    @Slot(object)
    def on_changed(self, _: object) -> None:
        if self.is_inside:
            self.show_canvas()  # what is derived may be another now
        self.show_title()
        self.refresh_soon()

    @Slot(str)
    def on_engine_state(self, state: str) -> None:
        link = self.link
        detail = link.tier if state in ("training", "paused") else ""
        if state == "idle" and link.threads:
            detail = f"{link.threads} thread{'' if link.threads == 1 else 's'}"
        self.status.show_engine(state, detail)
        self.training.show_state(state)
        paused = state == "paused"
        self.actions_.set_text(
            "pause", "Resume" if paused else "Pause", "play" if paused else "pause"
        )
        self.refresh_soon()

    @Slot(str)
    def on_drag_started(self, op_id: str) -> None:
        self.show_canvas()
        self.canvas.begin_ghost(op_id, self.cursor().pos())

    @Slot(str)
    def add_in_middle(self, op_id: str) -> None:
        self.show_canvas()
        middle = self.canvas.view_to_scene(self.canvas.rect().center().toPointF())
        self.canvas.add_node(op_id, self.edit_menu.free_place(middle))

    @Slot(str)
    def on_activated(self, node_id: str) -> None:
        """A double click on a node: into it, to a value to edit, or to the viewer."""
        if self.subgraphs.enter(node_id):
            return
        if can_expand(self.workspace.document, node_id):
            self._look_inside(node_id)
            return
        if not any(self.inspector.focus_attribute(name) for name in ("value", "sample")):
            self.show_panel("viewer")
        else:
            self.docks["inspector"].show()

    @Slot(str, str)
    def on_problem(self, node_id: str, port: str) -> None:
        if node_id:
            self.show_path(node_id)
            self.inspector.focus_attribute(port)
        else:
            self.canvas.select(self.edit_menu.optimizer_ids())

    @Slot(str)
    def on_fix(self, fix: str) -> None:
        if fix.startswith("node:"):
            self.show_path(fix.removeprefix("node:"))
        elif fix:
            self.actions_.trigger(fix)

    @Slot()
    def on_notice(self) -> None:
        self.show_panel("training")

    @Slot()
    def on_training_began(self) -> None:
        self.info.dismiss()
        self.show_panel("training")
        self.training.begin()

    @Slot()
    def on_profile_began(self) -> None:
        self.info.dismiss()
        self.show_panel("profile")
        self.profile.begin()

    @Slot()
    def do_measure(self) -> None:
        self.actions_.trigger("profile")

    @Slot()
    def on_view_changed(self) -> None:
        self.status.show_zoom(self.edit_menu.looked_at.camera.scale)
        self.tutorial.place()

    @Slot(object)
    def on_ops_reloaded(self, ids: set[str]) -> None:
        """Ops of the user's own changed: every part that names ops looks again."""
        self.workspace.redeclare(ids, self.own_ops.problems())
        self.palette_panel.reload()
        self.link.load_plugins(str(self.own_ops.folder))
        if self.is_inside:
            self.show_canvas()
        self.refresh_soon()

    @Slot(object, str)
    def _on_error(self, error: BaseException, details: str) -> None:
        """Something failed that should not: say so, once."""
        if self._error_dialog is None:
            self._error_dialog = dialogs.ErrorDialog(self, str(log_file()))
        self._error_dialog.add(error, details)

    _error_dialog: dialogs.ErrorDialog | None = None

    def _explain(self, spec: ActionSpec, blocked: Blocked) -> None:
        """Say why an action cannot run, and offer what helps."""
        text = self.actions_.spec(blocked.fix).text.rstrip("…") if blocked.fix else ""
        self.show_canvas()
        self.info.show_message(
            f"{spec.text.rstrip('…')}: {blocked.reason}", "info", blocked.fix, text
        )

    def refresh_soon(self, *_: object) -> None:
        """Look at the actions again when the events at hand are done."""
        self._refresh_timer.start()

    @Slot()
    def _refresh_actions(self) -> None:
        document = self.workspace.document
        undo, redo = document.undo_label, document.redo_label
        self.actions_.set_text("undo", f"Undo {_lower(undo)}" if undo else "Undo")
        self.actions_.set_text("redo", f"Redo {_lower(redo)}" if redo else "Redo")
        self.navigation.name_bookmarks()
        self.actions_["order"].setChecked(self.running.shows_order)
        self.docking.check(self.actions_)
        for name in ("system", "light", "dark"):
            self.actions_[f"theme_{name}"].setChecked(self.settings.theme == name)
        self.actions_.refresh()

    def show_title(self) -> None:
        self.subgraphs.show_path()
        mark = "• " if self.workspace.document.is_modified else ""
        self.setWindowTitle(f"{mark}{self.files.title} – nodeflow")

    def _fill_recent(self) -> None:
        self.files.fill_recent(self.recent_menu)

    def _fill_examples(self) -> None:
        self.files.fill_examples(self.examples_menu)

    @Slot(str)
    def open_example(self, path: str) -> None:
        self.files.open_example(Path(path))

    @Slot(str)
    def open_file(self, path: str) -> None:
        self.files.open_path(Path(path))

    # ---- theme ------------------------------------------------------------------------------

    def _choose_theme(self, choice: str) -> None:
        self.settings.theme = choice
        self.themes.set_theme(chosen_theme(self.settings))
        self._refresh_actions()

    @Slot()
    def on_system_theme(self) -> None:
        if self.settings.theme == "system":
            self.themes.set_theme(system_theme())

    # ---- events -----------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            QTimer.singleShot(0, self.painted.emit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self._place_floating)

    def _place_floating(self) -> None:
        self.info.place()
        self.tutorial.place()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped_file(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _dropped_file(event)
        if path is not None:
            event.acceptProposedAction()
            self.files.open_path(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.files.may_leave():
            event.ignore()
            return
        self.docking.save(self.settings)
        self.settings.sync()
        self.files.close()
        self.hide()  # the engine may take a moment to end
        self.link.close()
        event.accept()


def chosen_theme(settings: Settings) -> Theme:
    """The theme that the user chose, or the system's."""
    return THEMES.get(settings.theme) or system_theme()


def _lower(label: str) -> str:
    """An undo label inside a sentence: only its first letter changes."""
    return label[:1].lower() + label[1:]


def _dropped_file(event: QDragEnterEvent | QDropEvent) -> Path | None:
    """The first .flow file (or picture with a graph in it) that is dragged, if there is one."""
    for url in event.mimeData().urls():
        path = Path(url.toLocalFile())
        if url.isLocalFile() and path.suffix.lower() in (".flow", *PICTURES):
            return path
    return None

"""Opening and saving: files, recent files, examples, unsaved changes, recovery after a crash.

The open document is replaced only after the new one is read completely. Unsaved changes are
discarded only with the user's consent. A bundled example opens as a copy without a file, so
that Save opens a file dialog.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.data.locate import reanchor
from nodeflow.document.edit.inserting.clipboard import excerpt
from nodeflow.document.io import flow
from nodeflow.document.io.embedded_graph import PICTURES, has_graph
from nodeflow.document.io.flow_parsing import ignore
from nodeflow.document.io.journal import Journal
from nodeflow.document.io.known_file import KnownFile
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.lessons.schema import is_student_copy
from nodeflow.number_text import counted
from nodeflow.resources import examples
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.actions.menus import MOST_ENTRIES
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.export_image import render_file
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.controllers.files.crash_recovery import CrashRecovery
from nodeflow.ui.controllers.files.earlier_versions import EarlierVersions
from nodeflow.ui.controllers.files.example_work import ExampleWork
from nodeflow.ui.controllers.files.open_in_background import (
    Reading,
    is_picture,
    let_read,
    read_graph,
)
from nodeflow.ui.controllers.files.set_aside import SetAside
from nodeflow.ui.controllers.files.shared_file import AT_ONCE, SharedFile, not_a_file, obstacle
from nodeflow.ui.controllers.training.learned_weights import LearnedWeights, weights_of
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.example_titles import example_order, title_of
from nodeflow.ui.core.file_kinds import DATA_ENDINGS, MODEL_ENDINGS, FileKind, kind_of
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.core.widgets.escaped_text import on_button
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.export_dialog import ExportDialog
from nodeflow.ui.popups.waiting_window import GivenUp, Waiting

log = logging.getLogger("nodeflow")

FILTER = "Graphs (*.flow);;Pictures with a graph (*.png *.svg);;All files (*)"
MODELS = " ".join(f"*{ending}" for ending in MODEL_ENDINGS)
DATA = " ".join(f"*{ending}" for ending in DATA_ENDINGS)
OPENED = "*.flow *.zip *.png *.svg"
OPEN_FILTER = (
    f"Graphs, models and data ({OPENED} {MODELS} {DATA});;Models ({MODELS});;{FILTER}"
    if MODELS
    else f"Graphs and data ({OPENED} {DATA});;{FILTER}"
)


class FileController(QObject):
    """The commands of the File menu.

    Signals:
        opened: a document was opened or begun; listeners show it.
        data_chosen(path): the user wants a graph made from a data file.
        model_chosen(path): the user wants a graph made from another program's model.
        picture_chosen(path): the user wants the open graph's prediction for a picture.
        lesson_chosen(path): the file is a lesson for learners.
        course_chosen(path): the file is a zip with lessons.
        closed: the window closes.
    """

    opened = Signal()
    data_chosen = Signal(object)
    model_chosen = Signal(object)
    picture_chosen = Signal(object)
    lesson_chosen = Signal(object)
    course_chosen = Signal(object)
    closed = Signal()

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        canvas: CanvasView,
        link: EngineLink,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
        themes: ThemeManager,
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._canvas = window, workspace, canvas
        self._settings, self._messages = settings, messages
        self.shared = SharedFile(window, workspace, messages, settings)
        self.lesson = ExampleWork(workspace)
        self._aside: SetAside | None = None
        self.versions = EarlierVersions(window, workspace, self.shared, settings, themes, actions)
        self.versions.copy_wanted.connect(self.begin_with)
        self.versions.restore_wanted.connect(self._on_restore)
        self.recovery = CrashRecovery(window, workspace, self.shared, messages)
        self.weights = LearnedWeights(
            window, workspace, link, settings, messages, actions, lambda: self.title, self.save
        )
        self.recovery.journal_begun.connect(self._on_journal)
        self.recovery.recovered.connect(self._on_recovered)
        self.recovery.keep_journal(workspace.root)
        self._actions = actions
        actions.bind(
            {
                "new": Binding(self.new),
                "open": Binding(self.open),
                "save": Binding(self.save, self._save_blocked),
                "save_as": Binding(self.save_as, self._save_blocked),
                "reload": Binding(self.reload, self._reload_blocked),
                "export": Binding(self.export_picture, self._export_blocked),
            }
        )

    # ---- actions ----------------------------------------------------------------------------

    def new(self) -> None:
        if self.may_leave():
            self.begin_empty()

    def open(self) -> None:
        folder = str(self._settings.last_folder())
        chosen, _ = QFileDialog.getOpenFileName(self._window, "Open", folder, OPEN_FILTER)
        if chosen:
            self.open_path(Path(chosen))

    def save(self) -> bool:
        """Save the document. Ask for a name if there is none.

        Return True if the document was saved.
        """
        if self._workspace.root.path is None:
            return self.save_as()
        return self._save(self._workspace.root.path)

    def save_as(self) -> bool:
        document = self._workspace.root
        start = document.path or self._settings.last_folder() / f"{self._suggested_name()}.flow"
        chosen, _ = QFileDialog.getSaveFileName(self._window, "Save the graph", str(start), FILTER)
        if not chosen:
            return False
        path = Path(chosen)
        path = path if path.suffix else path.with_suffix(".flow")
        over = path != document.path and self.shared.is_elsewhere(path)
        # The file dialog has asked whether to replace the file, but not whether another window has
        # it open.
        if over and not confirmation_dialogs.ask_open_elsewhere(self._window, path.name):
            return False
        return self._save(path, over)

    def _save_blocked(self) -> Blocked | None:
        if self.has_aside:
            return Blocked("A preview is not saved.", "lesson_preview")
        return None

    def _reload_blocked(self) -> Blocked | None:
        if self._workspace.root.path is None:
            return Blocked("The graph has no file yet.", "save_as")
        if not self.shared.looks_changed and not self._workspace.root.is_modified:
            return Blocked("The file has not changed since it was read.")
        return None

    def reload(self) -> None:
        """Reload the file from disk.

        If the window has unsaved changes, ask which version to keep.
        """
        document = self._workspace.root
        assert document.path is not None
        answer = confirmation_dialogs.RELOAD
        try:
            is_changed = document.is_modified and self.shared.is_changed()
        except GivenUp:
            return
        if is_changed:
            answer = self._ask_changed(document.path, saving=False)
        elif document.is_modified:
            answer = confirmation_dialogs.ask_revert(
                self._window, document.path.name, *self._learned
            )
        elif not self.weights.may_leave():
            return
        self._settle_versions(answer)

    @property
    def _learned(self) -> tuple[str, ...]:
        """Return sentences about unsaved weights, which a reload would lose together with the
        changes.
        """
        return tuple(filter(None, (self.weights.loss,)))

    def _ask_changed(self, path: Path, saving: bool) -> str:
        """Ask which version to keep. The user may look at the differences first."""
        while True:
            answer = confirmation_dialogs.ask_changed(
                self._window, path.name, saving, *self._learned
            )
            if answer != confirmation_dialogs.COMPARE:
                return answer
            if self.versions.compare_with_disk():
                return confirmation_dialogs.CANCEL

    def _settle_versions(self, answer: str) -> bool:
        """Keep the version that the user chose. Return True if this window's version was saved."""
        document = self._workspace.root
        path = document.path
        assert path is not None
        if answer == confirmation_dialogs.COPY:
            return self.save_as()
        if answer == confirmation_dialogs.OVERWRITE:
            return self._save(path, over=True)
        if answer == confirmation_dialogs.RELOAD:
            self._reload(document, path)
        return False

    def _reload(self, document: Document, path: Path) -> None:
        """Show the file's version. The window's version is stored among the earlier versions."""
        shown = self._workspace.path
        if self.load(path):
            try:
                self.shared.keep_own(document)
            except NodeflowError as error:
                confirmation_dialogs.show_problem(self._window, "Your version was not kept", error)
            self._workspace.go_to(shown)

    def begin_empty(self) -> None:
        """Show an empty document. Do not ask about unsaved changes."""
        self._show(Document())

    def begin_lesson(self, document: Document, title: str) -> None:
        """Show the graph of a lesson, which neither asks to be saved nor has a file."""
        document.path = None  # a save asks for a name, and never writes into the lesson
        self._show(document, title)
        self.lesson.begin()

    @property
    def has_aside(self) -> bool:
        """Whether the user's document is set aside while another one is shown."""
        return self._aside is not None

    def show_aside(self, document: Document, title: str) -> None:
        """Show a document that is not kept, and set the open one aside until `end_aside`."""
        if self._aside is None:
            self._aside = SetAside(
                self._workspace.root,
                self._workspace.given_title,
                self.shared.known,
                self.weights.journal,
            )
            self.weights.journal = None
        self._workspace.open(document, given_title=title)
        self.opened.emit()
        self.shared.opened(None, None)

    def end_aside(self) -> None:
        """Show the document that was set aside, as it was."""
        aside, self._aside = self._aside, None
        if aside is not None:
            self._workspace.open(aside.document, given_title=aside.title)
            self.weights.journal = aside.journal
            self.opened.emit()
            self.shared.opened(aside.document.path, aside.known)
            self.shared.look()

    def _export_blocked(self) -> Blocked | None:
        if not self._workspace.document.nodes:
            return Blocked("The graph is empty.")
        return None

    def export_picture(self) -> None:
        """Write the graph or the selection as PNG, SVG or PDF to a file that the user chooses."""
        document, canvas = self._workspace.document, self._canvas
        borders = document.borders.values()
        ids = [i for i in canvas.selection.with_contents() if i not in borders]
        count = sum(i in document.nodes for i in ids)
        whole = f"The subgraph {document.scope}" if document.scope else "The whole graph"
        dialog = ExportDialog(
            self._window,
            canvas.renderer.theme.name,
            canvas.renderer.export_rect().size(),
            canvas.renderer.export_rect(ids).size() if ids else None,
            (whole, f"The selection ({counted(count, 'node')})"),
        )
        if not dialog.exec():
            return
        options = dialog.options
        start = document.path or self._settings.last_folder() / self._suggested_name()
        name = f"{start.stem}-{document.scope}" if document.scope else start.stem
        chosen, _ = QFileDialog.getSaveFileName(
            self._window,
            "Export picture",
            str(start.with_name(f"{name}{options.suffix}")),
            f"Pictures (*{options.suffix})",
        )
        if not chosen:
            return
        path = Path(chosen)
        if path.suffix.lower() not in (*PICTURES, ".pdf"):
            path = path.with_name(path.name + options.suffix)
        shown, analysis = document, self._workspace.analysis
        if options.selection_only:
            shown = excerpt(document, ids)
            analysis = _analysis_of_excerpt(shown, document, analysis)
        values = {document.nodes[i].name: canvas.node_state.value_of(i) for i in document.nodes}
        views = canvas.node_state.views()
        try:
            render_file(
                shown,
                path,
                scale=options.scale,
                theme=options.theme,
                values={n: value for n, value in values.items() if value and not value.is_what_if},
                views={
                    document.nodes[i].name: view
                    for i, view in views.items()
                    if i in document.nodes and not view.is_what_if
                },
                analysis=analysis,
            )
        except NodeflowError as error:
            confirmation_dialogs.show_problem(self._window, "The picture was not written", error)
        else:
            self._messages.show_status(f"Wrote {path.name}")

    # ---- opening ----------------------------------------------------------------------------

    def open_path(self, path: Path) -> bool:
        """Open a file unless the user keeps unsaved changes. Return True if the file is open."""
        return self.load(path, asks=True)

    def _offer_data(self, path: Path) -> None:
        if confirmation_dialogs.ask_use_data(self._window, path.name):
            self.data_chosen.emit(path)

    def begin_with(self, document: Document, title: str) -> bool:
        """Show a new unsaved document. Return False if the user keeps the previous one."""
        if not self.may_leave():
            return False
        reanchor(document, None)
        allowed = document.allowed
        document = flow.loads(flow.dumps(document))  # without its undo steps
        document.allowed = allowed
        document.mark_modified()
        self._show(document, title)
        return True

    def load(self, path: Path, as_copy: bool = False, asks: bool = False) -> bool:
        """Read a file and show it. If this fails, show the error and keep the open document.

        Args:
            as_copy: leave the document without a file, so that Save asks for one. Graphs in
                pictures always open without a file.
            asks: ask before the open document is replaced. Otherwise ask only if it changed
                while the file was read.
        """
        if not self._is_graph(path):
            return False
        before = self._workspace.state
        try:
            with Waiting(self._window, f"Opening “{path.name}”…") as waiting:
                found = waiting.apart(partial(read_graph, path, as_copy))
                scene = self._scene_of(found, waiting) if found.is_large else None
        except GivenUp:
            return False
        except NodeflowError as error:
            log.warning("not opened: %s", error)
            confirmation_dialogs.show_problem(self._window, f"{path.name} cannot be opened", error)
            return False
        if is_student_copy(found.document):
            self._settings.add_recent(path)
            self.lesson_chosen.emit(path)
            return False
        if (asks or self._workspace.state != before) and not self.may_leave():
            return False
        if found.known is not None:
            self._settings.add_recent(path)
        self._canvas.prepare(scene)
        self._show_found(found, path.stem if found.known is None else "")
        self._messages.show_status(f"Opened {path.name}")
        return True

    def _is_graph(self, path: Path) -> bool:
        """Return whether to open a file as a graph.

        Emit a signal for a data file, model, course or picture instead.
        """
        kind = kind_of(path)
        if kind is FileKind.DATA:
            self._offer_data(path)
        elif kind is FileKind.MODEL:
            self.model_chosen.emit(path)
        elif kind is FileKind.COURSE:
            self.course_chosen.emit(path)
        elif kind is FileKind.PICTURE and not self._holds_graph(path):
            self.picture_chosen.emit(path)
        else:
            return True
        return False

    def _holds_graph(self, path: Path) -> bool:
        """Return whether a picture contains a graph.

        Return True also if the picture cannot be read.
        """
        try:
            with Waiting(self._window, f"Reading “{path.name}”…") as waiting:
                return waiting.apart(lambda _: not_a_file(path) is not None or has_graph(path))
        except (NodeflowError, GivenUp):
            return True

    def _scene_of(self, found: Reading, waiting: Waiting) -> SceneModel:
        """Build the scene of a large document in slices, while the waiting window is shown."""
        scene = SceneModel(found.document, found.analysis, lambda *_: None)
        waiting.in_slices(scene.make_in_slices())
        return scene

    def load_quietly(self, path: Path) -> bool:
        """Read a small file and show it. Return False, without a message, if it fails.

        This is only for a window that is not shown yet.
        """
        try:
            if is_picture(path) or kind_of(path) not in (FileKind.GRAPH, FileKind.OTHER):
                return False
            if path.stat().st_size > AT_ONCE:
                return False
            found = read_graph(path, False, ignore)
        except (NodeflowError, OSError, ValueError):
            return False
        if is_student_copy(found.document):
            return False
        self._settings.add_recent(path)
        self._show_found(found)
        return True

    def _show_found(self, found: Reading, title: str = "") -> None:
        self._show(found.document, title, found.known, found.analysis, found.text)

    def open_example(self, path: Path) -> bool:
        """Open a bundled example as a copy."""
        is_open = self.load(path, as_copy=True, asks=True)
        if is_open:
            self.lesson.begin(is_over=True)
        return is_open

    def may_leave(self, *ends: str) -> bool:
        """Ask one question about everything that would be lost. Return False if the user wants to
        stay.

        Args:
            ends: sentences about other work that would end, such as a sweep.
        """
        self.end_aside()
        if self.lesson.is_all:
            return not ends or confirmation_dialogs.ask_end_sweep(self._window, *ends)
        if self._workspace.root.is_modified:
            also = tuple(filter(None, (self.weights.loss, *ends)))
            answer = confirmation_dialogs.ask_unsaved(self._window, self.title, *also)
            if answer == confirmation_dialogs.SAVE:
                return self.save() and (not self.weights.is_unsaved or self.weights.save_beside())
            return answer == confirmation_dialogs.DISCARD
        if self.weights.is_unsaved:
            return self.weights.may_leave(*ends)
        return not ends or confirmation_dialogs.ask_end_sweep(self._window, *ends)

    @property
    def title(self) -> str:
        """The open document's name."""
        return self._workspace.title

    def open_recovered(
        self, document: Document, title: str, known: KnownFile | None = None
    ) -> bool:
        """Open a document that a crash left behind. Return False if the user keeps the present one.

        Args:
            known: the state of its file before the crash; None if it is the current state.
        """
        if not self.may_leave():
            return False
        self._show(document, title, known)
        self.shared.look()
        return True

    def close(self) -> None:
        """Clear the recovery data, because the window closes normally."""
        self.recovery.close()
        self.weights.journal = None
        self.shared.close()
        self.closed.emit()

    # ---- menus ------------------------------------------------------------------------------

    def fill_recent(self, menu: QMenu) -> None:
        """Fill the menu of recent files."""
        menu.clear()
        paths = self._settings.recent_files()
        for path in paths:
            action = menu.addAction(on_button(path.name), partial(self.open_path, path))
            action.setToolTip(plain_tip(str(path)))
        if not paths:
            menu.addAction("No recent files").setEnabled(False)

    def fill_examples(self, menu: QMenu) -> None:
        """Fill the menu with the first examples. The welcome page has all examples."""
        menu.clear()
        for path in sorted(examples(), key=example_order)[: MOST_ENTRIES - 1]:
            menu.addAction(title_of(path.stem), partial(self.open_example, path))
        menu.addSeparator()
        menu.addAction("All examples…", partial(self._actions.trigger, "welcome"))

    # ---- internals --------------------------------------------------------------------------

    def _known_now(self, path: Path) -> KnownFile:
        """Return the current state of a file.

        If the user does not wait for it, the file later counts as changed.
        """
        try:
            with Waiting(self._window, f"Reading “{path.name}”…") as waiting:
                return waiting.apart(lambda _: KnownFile.read(path))
        except GivenUp:
            return KnownFile(path, None)

    def _show(
        self,
        document: Document,
        title: str = "",
        known: KnownFile | None = None,
        analysis: Analysis | None = None,
        text: str | None = None,
    ) -> None:
        if document.path is not None and known is None:
            known = self._known_now(document.path)
        self.recovery.keep_journal(document)
        let_read(document)
        self._workspace.open(document, analysis, title, text)
        self.opened.emit()
        self.shared.opened(document.path, known)

    def _save(self, path: Path, over: bool = False) -> bool:
        if self.has_aside:  # the journal is that of the document aside
            return False
        document = self._workspace.root
        if why := obstacle(path):
            return confirmation_dialogs.ask_blocked_save(self._window, why) and self.save_as()
        before, state, weights = document.path, document.state, document.weights
        old = before.parent / weights if before and before != path and weights else None
        moves = before is None or before.parent != path.parent
        with document.transaction("Keep the paths of data"):
            if moves:
                reanchor(document, path.parent, path)
            if old is not None and weights is not None:
                commands.set_weights(document, weights_of(path, weights))
        anchored = document.state is not state
        try:
            saved = self.shared.write(path, over)
        except (NodeflowError, OSError, GivenUp) as error:
            document.path = before
            if anchored:
                document.undo()
            if not isinstance(error, GivenUp):
                confirmation_dialogs.show_problem(self._window, "The graph was not saved", error)
            return False
        if not saved:
            return self._settle_versions(self._ask_changed(path, saving=True))
        self.recovery.saved()
        self._settings.add_recent(path)
        if moves:
            self._workspace.reanalyse()
        if old is not None:
            self.weights.carry(old)
        self._workspace.saved.emit()
        self._messages.show_status(f"Saved {path.name}")
        return True

    @Slot(object, str)
    def _on_restore(self, document: Document, text: str) -> None:
        """Show another version of the file, which can then be saved.

        The window's version is stored first.
        """
        before = self._workspace.root
        if not self.weights.may_leave():
            return
        try:
            if before.is_modified:
                self.shared.keep_own(before)
        except NodeflowError as error:
            confirmation_dialogs.show_problem(self._window, "Your version was not kept", error)
            return
        document.path = before.path
        document.mark_modified()
        self._show(document, known=self.shared.known)
        self._messages.show(text, "info", "save", "Save")

    @Slot(object)
    def _on_journal(self, journal: Journal) -> None:
        self.weights.journal = journal

    @Slot(object, object, object)
    def _on_recovered(
        self, document: Document, known: KnownFile | None, weights: Path | None
    ) -> None:
        self._show(document, known=known)
        if weights is not None:
            self.weights.recover(weights)

    def _suggested_name(self) -> str:
        return self._workspace.given_title or "graph"


def _analysis_of_excerpt(shown: Document, document: Document, analysis: Analysis) -> Analysis:
    """Return the analysis of an excerpt of a document.

    Nodes without their sources keep their known types.
    """
    known = {}
    for record in shown.nodes.values():
        old = document.node_named(record.name)
        if old is not None and len(document.wires_into(old.id)) > len(shown.wires_into(record.id)):
            known[record.id] = analysis.out_types(old.id) or {}
    return Analysis(shown, known=known)

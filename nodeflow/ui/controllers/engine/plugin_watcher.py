"""User ops in the window. The plugin folder is watched, and its files are reloaded on changes.

The window needs the declarations of the ops, the engine process their functions. The files run
in a separate process first, so that they cannot harm the window. If a file ends that process,
the engine does not load it.
"""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QInputDialog, QLineEdit, QWidget

from nodeflow.document.model.problems import Problem
from nodeflow.errors import FileProblem
from nodeflow.graph.registry import REGISTRY
from nodeflow.host.own_ops.probe_client import ProbeClient
from nodeflow.host.own_ops.probe_messages import Loaded
from nodeflow.host.own_ops.remote_op import Answers, remote_ops
from nodeflow.ops.user import PLUGINS, make_folder, plugin_folder
from nodeflow.ops.user.folder import choose_folder, is_named, new_file
from nodeflow.paths import PLUGINS_VARIABLE
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal
from nodeflow.ui.core.user_messages import Messages, sentence

SETTLE_MS = 120
"""Milliseconds before changed files are loaded, because editors write a file in several steps."""
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class PluginWatcher(QObject):
    """The watcher of the plugin folder, with its actions.

    Signals:
        reloaded(ids): these ops were added, removed or changed, or the problems of files changed.
        typed(id): types of this op that were unknown are known now.

    Attributes:
        is_loading: whether files are being tried; `reloaded` follows.
        skip: pairs (file, reason) of the files that ended the process which tried them.
        is_safe: whether no file runs until the user requests it.
    """

    reloaded = Signal(object)
    typed = Signal(str)
    _loaded = Signal(int, object, object)

    def __init__(self, parent: QWidget, messages: Messages, *, safe: bool = False) -> None:
        super().__init__(parent)
        self.is_loading, self.is_safe = False, safe
        self.skip: tuple[tuple[str, str], ...] = ()
        self._prober = ProbeClient()
        self._found, self._types = ThreadSignal(self, "_loaded"), ThreadSignal(self, "typed")
        self._load = 0
        self._reports = False
        self._loaded.connect(self._on_loaded, Qt.ConnectionType.QueuedConnection)
        self._parent, self._messages = parent, messages
        self._problems: tuple = ()
        self._watcher = QFileSystemWatcher(self)
        self._timer = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._timer.timeout.connect(self.load)
        self._watcher.directoryChanged.connect(self._on_change)
        self._watcher.fileChanged.connect(self._on_change)
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.applicationStateChanged.connect(self._on_state)
        self.load()

    def bindings(self) -> dict[str, Binding]:
        """Return the bindings of the actions for user ops."""
        return {
            "new_op": Binding(self.ask_new_op),
            "plugin_folder": Binding(self.show_folder),
            "choose_plugins": Binding(self.ask_folder, self.choosing_blocked),
            "reload_plugins": Binding(self.reload),
        }

    @property
    def folder(self) -> Path:
        """The folder whose ops are loaded."""
        return PLUGINS.folder or plugin_folder()

    def problems(self) -> list[Problem]:
        """Return the problems of the files in the folder."""
        return [
            Problem("", None, p.message, severity="error", kind="UserOpError", file=p.place)
            for p in PLUGINS.problems
        ]

    @Slot()
    def load(self) -> None:
        """Load changed files. Return at once."""
        if self.is_safe:
            return
        contents = PLUGINS.look()
        self._watch()
        if contents is not None:
            self._try(bool(contents))

    def _try(self, has_files: bool) -> None:
        """Run the files in the separate process, if there are any files."""
        self._load += 1
        if not has_files:
            self._on_loaded(self._load, Loaded({}, ()), {})
            return
        self.is_loading = True
        load = self._load
        self._prober.load(str(self.folder), lambda found, skip: self._say(load, found, skip))

    def _say(self, load: int, found: Loaded, skip: dict[str, str]) -> None:
        """Pass on a result from the thread of the process that tries the files."""
        self._found.emit(load, found, skip)

    def _came(self, op: str) -> None:
        """Pass on newly known types from the thread of the process that tries the files."""
        self._types.emit(op)

    @Slot(int, object, object)
    def _on_loaded(self, load: int, found: Loaded, skip: dict[str, str]) -> None:
        if load != self._load or self.is_safe:
            return  # the files have changed again
        self.is_loading = False
        self.skip = tuple(sorted(skip.items()))
        ops = remote_ops(found, Answers(self._prober, self._came), PLUGINS.by_file)
        changed = PLUGINS.take(ops, found.problems)
        if changed or PLUGINS.problems != self._problems:
            self._problems = PLUGINS.problems
            self.reloaded.emit(changed)
        if self._reports:
            self._reports = False
            text = f"Loaded {len(PLUGINS.ops)} own ops from {self.folder}"
            self._messages.show_status(text)

    def close(self) -> None:
        """End the process that tries the files."""
        self._load += 1
        self._prober.close()

    def go_safe(self) -> None:
        """Disable the user's own ops until the user loads them again."""
        self.is_safe, self.is_loading, self.skip = True, False, ()
        self._load += 1
        gone = PLUGINS.unload()
        self._problems = ()
        self.reloaded.emit(gone)

    # ---- actions ----------------------------------------------------------------------------

    def show_folder(self) -> None:
        """Open the folder in the file manager. If the folder is new, put a sample op into it."""
        try:
            folder = make_folder()
        except FileProblem as error:
            self._messages.show(sentence(error), "error")
            return
        self.load()
        self._show(folder)

    def ask_new_op(self) -> None:
        """Ask for the name of a new op."""
        dialog = QInputDialog(self._parent)
        dialog.setObjectName("newOp")
        dialog.setWindowTitle("New op")
        dialog.setLabelText("Name of the op: letters, digits and _, as in soft_step")
        dialog.setTextEchoMode(QLineEdit.EchoMode.Normal)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.textValueSelected.connect(self.make_op)
        dialog.open()

    @Slot(str)
    def make_op(self, name: str) -> None:
        """Create a file for an op with this name and open it.

        If the name is invalid, show the reason.
        """
        name = name.strip()
        if not _ID.fullmatch(name):
            self._messages.show(
                f"{name!r} is not a valid op name: use letters, digits and _", "error"
            )
            return
        if name in REGISTRY:
            self._messages.show(f"An op named {name} already exists; choose another name", "error")
            return
        try:
            path = new_file(name)
        except FileProblem as error:
            self._messages.show(sentence(error), "error")
            return
        self.load()
        self._messages.show_status(f"Created {path.name}; the op is reloaded whenever you save it")
        self._show(path)

    def ask_folder(self) -> None:
        title = "Plugin folder: every .py file in it is run when nodeflow starts"
        folder = QFileDialog.getExistingDirectory(self._parent, title, str(self.folder.parent))
        if folder:
            self.choose(Path(folder))

    def choose(self, folder: Path | None) -> None:
        """Use another folder from now on; None for the default one."""
        try:
            choose_folder(folder)
        except FileProblem as error:
            self._messages.show(sentence(error), "error")
            return
        self.load()
        self._messages.show_status(f"Own ops are now loaded from {self.folder}")

    def choosing_blocked(self) -> Blocked | None:
        if is_named():
            return Blocked(f"The environment variable {PLUGINS_VARIABLE} sets the folder.")
        return None

    def reload(self) -> None:
        """Run every file again. This ends a start without the user's ops."""
        self.is_safe, self._reports = False, True
        contents = PLUGINS.look(again=True)
        self._watch()
        self._try(bool(contents))

    def open_file(self, place: str) -> None:
        """Open a file of the folder.

        Args:
            place: the file as named in a problem, such as ``leaky.py, line 3``.
        """
        path = self.folder / place.split(",")[0]
        if path.is_file():
            self._show(path)

    # ---- watching ---------------------------------------------------------------------------

    def _watch(self) -> None:
        """Watch the folder and its files. A replaced file must be added to the watcher again."""
        folder = self.folder
        wanted = {str(folder), *map(str, PLUGINS.files())} if folder.is_dir() else set()
        watched = {*self._watcher.files(), *self._watcher.directories()}
        if gone := watched - wanted:
            self._watcher.removePaths(sorted(gone))
        if new := wanted - watched:
            self._watcher.addPaths(sorted(new))

    @Slot(str)
    def _on_change(self, _: str) -> None:
        self._timer.start()

    @Slot(Qt.ApplicationState)
    def _on_state(self, state: Qt.ApplicationState) -> None:
        """Load changed files when the user returns to the window, because some file systems
        report no changes.
        """
        if state == Qt.ApplicationState.ApplicationActive:
            self._timer.start()

    @staticmethod
    def _show(path: Path) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

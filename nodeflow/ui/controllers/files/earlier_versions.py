"""Earlier versions of the open document's file: list, compare, open and restore them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from nodeflow.document.io import backups, flow
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.controllers.files.shared_file import SharedFile
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.time_and_size_text import moment
from nodeflow.ui.popups.dialogs import confirmation_dialogs, versions_dialog
from nodeflow.ui.popups.dialogs.differences_dialog import DifferencesDialog, ShowOnCanvas
from nodeflow.ui.popups.dialogs.versions_dialog import VersionsDialog


class EarlierVersions(QObject):
    """The action Earlier versions, and comparisons of the open document with another version.

    Attributes:
        on_canvas: draws a comparison on the canvas; None if that is impossible. A comparison as
            text offers it.

    Signals:
        copy_wanted(document, title): open a version as a separate document.
        restore_wanted(document, text): show a version as the file's document, with a message.
    """

    copy_wanted = Signal(object, str)
    restore_wanted = Signal(object, str)

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        shared: SharedFile,
        settings: Settings,
        themes: ThemeManager,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._window, self._workspace, self._shared = window, workspace, shared
        self._settings, self._themes = settings, themes
        self.on_canvas: ShowOnCanvas | None = None
        actions.bind({"versions": Binding(self.show, self._blocked)})

    def _blocked(self) -> Blocked | None:
        if self._workspace.root.path is None:
            return Blocked("The graph has no file yet.", "save_as")
        return None

    def show(self) -> None:
        """List the versions of the file, until the user chooses one or closes the list."""
        path = self._workspace.root.path
        assert path is not None
        self._shared.wait_for_backups()
        while True:
            dialog = VersionsDialog(
                self._window,
                path.name,
                backups.backups_of(path),
                self._shared.digest,
                self._settings.backups,
                self._keep,
            )
            dialog.exec()
            answer, chosen = dialog.answer, dialog.chosen
            dialog.deleteLater()
            if answer == versions_dialog.CLOSE or chosen is None:
                return
            document = self._read(chosen)
            if document is None:
                continue
            when = moment(chosen.time)
            if answer == versions_dialog.COMPARE:
                if self.compare(document, f"of {when}"):
                    return
                continue
            if answer == versions_dialog.COPY:
                self.copy_wanted.emit(document, f"{path.stem} {when}")
            else:
                text = f"This is the version of {when}. Save it to restore the file to it."
                self.restore_wanted.emit(document, text)
            return

    def _keep(self, most: int) -> None:
        self._settings.backups = most

    def _read(self, version: backups.Backup) -> Document | None:
        try:
            document = version.document()
        except NodeflowError as error:
            confirmation_dialogs.show_problem(self._window, "This version cannot be opened", error)
            return None
        document.use_file_of(self._workspace.root)  # so that it finds its data
        return document

    def open_copy(self, file: Path, title: str) -> None:
        """Open the earlier version stored in ``file``, to which a message referred."""
        version = backups.backup_in(file)
        document = None if version is None else self._read(version)
        if document is not None:
            self.copy_wanted.emit(document, title)

    # ---- comparing --------------------------------------------------------------------------

    def compare_with_disk(self) -> bool:
        """Show the differences between file and window. Return True if the canvas shows them."""
        path = self._workspace.root.path
        assert path is not None
        try:
            theirs = flow.load(path)
        except NodeflowError as error:
            confirmation_dialogs.show_problem(
                self._window, f"{path.name} cannot be compared", error
            )
            return False
        return self.compare(theirs, "on disk")

    def compare(self, other: Document, title: str) -> bool:
        """Show the differences to another version. Return True if the canvas shows them.

        Args:
            title: the other version's title, such as ``on disk``.
        """
        mine = self._workspace.root
        titles = title, "in this window"
        dialog = DifferencesDialog(
            self._window, other, mine, titles, self._themes.theme, self.on_canvas
        )
        dialog.exec()
        wants_canvas = dialog.wants_canvas
        dialog.deleteLater()
        if wants_canvas and self.on_canvas is not None:
            self.on_canvas(other, mine, *titles)
        return wants_canvas

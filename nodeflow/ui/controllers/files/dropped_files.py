"""Files dragged into the window: opened, used, or refused with a message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QPoint
from PySide6.QtGui import QDragEnterEvent, QDropEvent

from nodeflow.number_text import count
from nodeflow.ui.controllers.data.own_data import OwnData
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.controllers.files.open_in_background import looks_like_graph
from nodeflow.ui.controllers.training.picture_prediction import PicturePrediction
from nodeflow.ui.core.file_kinds import FileKind, dropped_files, kind_of, refusal
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.pages.page_stack import PageStack

NOT_HERE = "Only files on this computer can be dropped. Save the data to a file first."


class DroppedFiles(QObject):
    """The receiver of dropped files. While files hover, it announces what dropping them would do.

    Args:
        hint: shows a text over the middle of the window; hides it if the text is empty.
    """

    def __init__(
        self,
        workspace: Workspace,
        pages: PageStack,
        files: FileController,
        own_data: OwnData,
        pictures: PicturePrediction,
        messages: Messages,
        hint: Callable[[str], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._workspace, self._pages = workspace, pages
        self._files, self._own_data, self._pictures = files, own_data, pictures
        self._messages, self._hint = messages, hint

    def enter(self, event: QDragEnterEvent) -> None:
        """Accept everything that may be a file, so that every drop gets an answer."""
        mime = event.mimeData()
        if mime.hasUrls() or mime.hasImage():
            event.acceptProposedAction()
        found = _first(dropped_files(mime))
        if found is not None:
            self._hint(self._words(*found))

    def leave(self) -> None:
        self._hint("")

    def drop(self, event: QDropEvent, at: QPoint) -> None:
        """Use the first dropped file that can be used.

        Args:
            at: the position on the screen.
        """
        self.leave()
        event.acceptProposedAction()
        paths = dropped_files(event.mimeData())
        found = _first(paths)
        if found is None:
            self._refuse(NOT_HERE)
            return
        self._take(*found, at)
        if len(paths) > 1:
            self._messages.show_status(f"Took {found[0].name}, the first of {count(len(paths))}")

    def _take(self, path: Path, kind: FileKind, at: QPoint) -> None:
        if kind is FileKind.DATA:
            self._own_data.drop(path, at)
        elif kind is FileKind.OTHER and not looks_like_graph(path):
            self._refuse(refusal(path))
        else:
            self._files.open_path(path)

    def _refuse(self, text: str) -> None:
        self._messages.show(text, "warning")
        self._messages.show_status(text)  # the welcome page covers the banner

    def _words(self, path: Path, kind: FileKind) -> str:
        """Return a hint that says what dropping the file will do."""
        has_graph = bool(self._workspace.root.nodes) and not self._pages.shows_welcome
        learns = "make a graph that learns from it"
        if kind is FileKind.DATA:
            use = f"predict, or to {learns}" if has_graph else learns
        elif kind is FileKind.PICTURE and self._pictures.blocked() is None:
            use = "see the graph's prediction"
        elif kind is FileKind.MODEL:
            use = "import the model"
        elif kind is FileKind.COURSE:
            use = "add its lessons to the list"
        else:
            use = "open it"
        return f"Drop {path.name} to {use}"


def _first(paths: list[Path]) -> tuple[Path, FileKind] | None:
    """Return the first file of a known kind, or else the first file; None if there are no files."""
    kinds = [(path, kind_of(path)) for path in paths]
    known = (each for each in kinds if each[1] is not FileKind.OTHER)
    return next(known, kinds[0] if kinds else None)

"""A field for the path of a file, with completion and a file dialog."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from PySide6.QtCore import QStringListModel, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCompleter,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QWidget,
)

from nodeflow.data.document_folder import DocumentFolder, is_remote
from nodeflow.paths import home
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import button
from nodeflow.ui.inspector.editors.committed_edit import CommittedEdit

MOST = 2000
"""The maximum number of names read from a folder. More would not help, and reading takes time."""


class PathField(QWidget):
    """A field for the path of a file or folder.

    Args:
        base_dir: the start of relative paths, and the document's permissions to read elsewhere.

    Signals:
        chosen: a path was typed and committed, or browsed for.
        left: Enter was pressed or the focus left, so that the next edit is another undo step.
    """

    chosen = Signal()
    left = Signal()

    def __init__(self, base_dir: DocumentFolder) -> None:
        super().__init__()
        self._base_dir = base_dir
        self.endings: tuple[str, ...] = ()
        """Endings of fitting file names. If it is empty, the field is for a folder."""
        self.title = "All files"
        self.line = QLineEdit()
        self.line.setPlaceholderText("path of the file")
        self.line.setAccessibleName("Path")
        self.typing = CommittedEdit(self.line)
        self.typing.committed.connect(self._on_committed)
        self.typing.cancelled.connect(self._on_cancelled)
        self.typing.left.connect(self.left)
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(10)
        popup = QListView()
        popup.setObjectName("completions")
        popup.setUniformItemSizes(True)
        completer.setPopup(popup)
        completer.activated.connect(self._on_completed)
        self.line.setCompleter(completer)
        self.line.textEdited.connect(self._offer)
        self.browse = button("Browse…", "", self._on_browse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(self.line, 1)
        layout.addWidget(self.browse)
        self.setFocusProxy(self.line)
        self._shown = ""

    @property
    def path(self) -> str:
        """The text of the field."""
        return self.line.text().strip()

    def show_path(self, path: str) -> None:
        """Show a path, unless another path is being typed."""
        self._shown = path
        if not self.typing.is_pending and self.path != path:
            self.line.setText(path)

    # ---- completion -------------------------------------------------------------------------

    def _offer(self, text: str) -> None:
        """Offer as completions the names in the folder with which the text begins."""
        self._names.setStringList(self.completions(text))

    def completions(self, text: str) -> list[str]:
        """Return the paths that complete a text: folders first, then files with a fitting name."""
        head, _, start = text.replace(os.sep, "/").rpartition("/")
        head = f"{head}/" if "/" in text.replace(os.sep, "/") else ""
        if not self._may_list(head):
            return []
        folder = Path(self._base_dir.path or home(), os.path.expanduser(head or "."))
        try:
            with os.scandir(folder) as entries:
                found = [(e.name, e.is_dir()) for e in islice(entries, MOST)]
        except OSError:
            return []
        fitting = [
            (not is_folder, name.lower(), f"{head}{name}{'/' if is_folder else ''}")
            for name, is_folder in found
            if name.startswith(".") <= start.startswith(".") and (is_folder or self._fits(name))
        ]
        return [path for *_, path in sorted(fitting)]

    def _may_list(self, head: str) -> bool:
        """Return whether a folder may be listed: if the user typed it, or allowed the document
        to read it.
        """
        from_file = self._shown.replace(os.sep, "/").startswith(head)
        return self._may_look(head) if head and (from_file or is_remote(head)) else True

    def _may_look(self, path: str) -> bool:
        return self._base_dir.may_read(self._base_dir.place(path))

    def _fits(self, name: str) -> bool:
        return bool(self.endings) and name.lower().endswith(self.endings)

    def _on_completed(self, path: str) -> None:
        """React to an accepted completion: list the contents of a folder, or commit a file."""
        if path.endswith("/"):
            self.typing.begin()
            self._offer(path)
            QTimer.singleShot(0, self.line, self.line.completer().complete)
        else:
            self.typing.begin()
            self.typing.commit()

    # ---- choosing ---------------------------------------------------------------------------

    def _on_committed(self) -> None:
        if self.path.endswith("/") and self.endings and self.line.hasFocus():
            self.typing.begin()  # Enter chose a folder on the way to a file
            return
        self.chosen.emit()

    def _on_cancelled(self) -> None:
        self.line.setText(self._shown)

    def _on_browse(self) -> None:
        start = str(self._base_dir.path or home())
        if self._may_look(self.path):
            start = str(Path(start, os.path.expanduser(self.path)))
            start = start if os.path.isdir(start) else os.path.dirname(start)
        if self.endings:
            patterns = " ".join(f"*{ending}" for ending in self.endings)
            files = f"{self.title} ({patterns});;All files (*)"
            chosen, _ = QFileDialog.getOpenFileName(self, "Choose a data file", start, files)
        else:
            chosen = QFileDialog.getExistingDirectory(self, "Choose a folder of data", start)
        if chosen:
            self.line.setText(self._relative(chosen))
            self.chosen.emit()
            self.left.emit()

    def _relative(self, path: str) -> str:
        """Return a path relative to the document's folder if it lies in it, else unchanged."""
        if self._base_dir.path and Path(path).is_relative_to(self._base_dir):
            return os.path.relpath(path, self._base_dir)
        return path

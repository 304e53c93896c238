"""The folder for the files that trainings write for another program.

One choice holds for all documents.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.host import protocol as p
from nodeflow.manifests import Offer
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import Settings


class TrainingFolder(QObject):
    """The chosen folder, and the name of the subfolder that the current training writes.

    Args:
        kind: the offer of the integration that writes the files.

    Signals:
        changed: an attribute changed.
        lost(text): the training stopped writing, with the reason.

    Attributes:
        kind: see above.
        writing: name of the subfolder of the current training; empty for none.
    """

    changed = Signal()
    lost = Signal(str)

    def __init__(
        self, kind: Offer, link: EngineLink, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.kind = kind
        self._link, self._settings = link, settings
        self.writing = ""
        link.training_folders[kind.name] = self.path
        link.files_written.connect(self._on_files_written)
        link.state_changed.connect(self._on_state)

    @property
    def path(self) -> str:
        """The folder; empty if no files are to be written."""
        return self._settings.text(self.kind.fields["setting"])

    def choose(self, path: str) -> None:
        """Set the folder for trainings that begin from now on; empty to write no files."""
        self._settings.set_text(self.kind.fields["setting"], path)
        self._link.training_folders[self.kind.name] = path
        self.changed.emit()

    @Slot(object)
    def _on_files_written(self, message: p.TrainingFilesWritten) -> None:
        if message.kind != self.kind.name:
            return
        self.writing = "" if message.problem else Path(message.folder).name
        self.changed.emit()
        if message.problem:
            self.lost.emit(message.problem)

    @Slot(str)
    def _on_state(self, _: str) -> None:
        if self.writing and not self._link.is_training:
            self.writing = ""
            self.changed.emit()

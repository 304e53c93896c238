"""The folder of event files for TensorBoard: the user's choice, for all documents."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.host import protocol as p
from nodeflow.ui.core.engine.link import EngineLink
from nodeflow.ui.core.settings import Settings


class EventFolder(QObject):
    """The folder, and the name of the subfolder that a training writes now.

    Signals:
        changed: an attribute changed.
        lost(text): the training stopped writing, with the reason.

    Attributes:
        writing: name of the folder of the training that writes now; empty for none.
    """

    changed = Signal()
    lost = Signal(str)

    def __init__(self, link: EngineLink, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link, self._settings = link, settings
        self.writing = ""
        link.event_folder = self.path
        link.event_files.connect(self._on_event_files)
        link.state_changed.connect(self._on_state)

    @property
    def path(self) -> str:
        """The folder; empty if nothing is to be written."""
        return self._settings.event_folder

    def choose(self, path: str) -> None:
        """Let trainings that begin from now on write there; empty for nowhere."""
        self._settings.event_folder = self._link.event_folder = path
        self.changed.emit()

    @Slot(object)
    def _on_event_files(self, message: p.EventFilesWritten) -> None:
        self.writing = "" if message.problem else Path(message.folder).name
        self.changed.emit()
        if message.problem:
            self.lost.emit(message.problem)

    @Slot(str)
    def _on_state(self, _: str) -> None:
        if self.writing and not self._link.is_training:
            self.writing = ""
            self.changed.emit()

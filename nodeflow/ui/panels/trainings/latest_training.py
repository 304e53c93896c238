"""The history of the current or last training, for views that open after it began."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.train.events import Event, Started
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.panels.trainings.training_history import TrainingRecord


class LatestTraining(QObject):
    """The history of the window's trainings, recorded from the start of the window.

    Attributes:
        record: the history of the current or last training; empty before the first, and for a
            new document.

    Signals:
        began(): there is a new record.
        advanced(event): an event was added to the record.
    """

    began = Signal()
    advanced = Signal(object)

    def __init__(
        self, link: EngineLink, workspace: Workspace, settings: Settings, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self.record = TrainingRecord(settings.smoothing)
        link.training.connect(self._on_event)
        workspace.replaced.connect(self._begin)

    @Slot()
    def _begin(self) -> None:
        self.record = TrainingRecord(self._settings.smoothing)
        self.began.emit()

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        if isinstance(event, Started) and event.first_epoch == 1:
            self._begin()
        self.record.take(event)
        self.advanced.emit(event)

"""Write TensorBoard files to: choice of the folder, and the message if writing fails."""

from __future__ import annotations

import os

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.event_folder import EventFolder
from nodeflow.ui.core.messages import Messages
from nodeflow.ui.core.settings import Settings


class EventFileActions(QObject):
    """The action that asks for the folder of event files."""

    def __init__(
        self,
        window: QWidget,
        folder: EventFolder,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._window, self._folder = window, folder
        self._settings, self._messages = settings, messages
        folder.lost.connect(self._on_lost)
        actions.bind({"event_files": Binding(self.choose)})

    def choose(self) -> None:
        """Ask for the folder that TensorBoard reads."""
        start = self._folder.path or os.fspath(self._settings.last_folder())
        title = "Folder for TensorBoard files"
        chosen = QFileDialog.getExistingDirectory(self._window, title, start)
        if chosen:
            self._folder.choose(chosen)
            said = f"The next training writes there. Start: tensorboard --logdir {chosen}"
            self._messages.show_status(said)

    @Slot(str)
    def _on_lost(self, problem: str) -> None:
        text = f"The training continues without TensorBoard files: {problem}"
        self._messages.show(text, "warning", "event_files", "Choose another folder")

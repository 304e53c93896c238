"""Files that trainings write for other programs: choice of the folder, and the message if
writing fails.
"""

from __future__ import annotations

import os

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.state.training_folder import TrainingFolder
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.user_messages import Messages


class TrainingFileActions(QObject):
    """The action that asks for the folder of one kind of files."""

    def __init__(
        self,
        window: QWidget,
        folder: TrainingFolder,
        settings: Settings,
        messages: Messages,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._window, self._folder = window, folder
        self._settings, self._messages = settings, messages
        folder.lost.connect(self._on_lost)
        actions.bind({folder.kind.fields["action"]: Binding(self.choose)})

    def choose(self) -> None:
        """Ask for the folder that the other program reads."""
        start = self._folder.path or os.fspath(self._settings.last_folder())
        title = f"Folder for {self._folder.kind.label} files"
        chosen = QFileDialog.getExistingDirectory(self._window, title, start)
        if chosen:
            self._folder.choose(chosen)
            look = self._folder.kind.fields["look"].format(folder=chosen)
            self._messages.show_status(f"The next training writes there. Start: {look}")

    @Slot(str)
    def _on_lost(self, problem: str) -> None:
        kind = self._folder.kind
        text = f"The training continues without {kind.label} files: {problem}"
        self._messages.show(text, "warning", kind.fields["action"], "Choose another folder")

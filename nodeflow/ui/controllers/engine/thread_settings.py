"""The number of threads that the engine uses, chosen by the user and stored in the settings."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from nodeflow.host.protocol import SetThreads
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import MOST_THREADS, Settings
from nodeflow.ui.popups.dialogs.number_dialog import NumberDialog

TEXT = (
    "The number of threads that compute. Results have the same bits with any number; fewer "
    "leave cores to other programs. The next run or training uses the new number."
)


class ThreadSettings(QObject):
    """The action that sets the engine's number of threads."""

    def __init__(
        self, window: QWidget, link: EngineLink, settings: Settings, actions: ActionSet
    ) -> None:
        super().__init__(window)
        self._window, self._link, self._settings = window, link, settings
        if settings.threads is not None:
            link.set(SetThreads(settings.threads))
        actions.bind({"threads": Binding(self.ask)})

    def ask(self) -> None:
        """Open the dialog for the number of threads."""
        self.dialog = NumberDialog(
            self._window,
            "Threads",
            TEXT,
            name="Threads",
            most=MOST_THREADS,
            nothing="As many as cores",
        )
        self.dialog.field.setAccessibleName("Number of threads")
        self.dialog.field.setValue(self._settings.threads or 0)
        self.dialog.accepted.connect(self._on_accepted)
        self.dialog.open()

    def _on_accepted(self) -> None:
        threads = self.dialog.field.value() or None
        self._settings.threads = threads
        self._link.set(SetThreads(threads))

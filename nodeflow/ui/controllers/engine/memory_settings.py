"""The user's memory limit for the values of a run or training, stored in the settings."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from nodeflow.host.protocol import SetMemory
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import MOST_MEGABYTES, Settings
from nodeflow.ui.popups.dialogs.number_dialog import NumberDialog

TEXT = (
    "The values computed by a training step or prediction take no more memory than this, besides "
    "data and variables. With a limit, steps recompute values that do not fit, with the same "
    "bits, and rows are processed in blocks. The next training uses the new limit."
)
MEGABYTE = 1_000_000


class MemorySettings(QObject):
    """Asks for the memory limit of the engine, stores it in the settings, and sends it to the
    engine.
    """

    def __init__(
        self, window: QWidget, link: EngineLink, settings: Settings, actions: ActionSet
    ) -> None:
        super().__init__(window)
        self._window, self._link, self._settings = window, link, settings
        if settings.memory_megabytes:
            self._send()
        actions.bind({"memory": Binding(self.ask)})

    def ask(self) -> None:
        """Open the dialog for the memory limit."""
        self.dialog = NumberDialog(
            self._window,
            "Memory",
            TEXT,
            name="At most",
            most=MOST_MEGABYTES,
            nothing="Free memory",
        )
        field = self.dialog.field
        field.setAccessibleName("Memory in megabytes")
        field.setSingleStep(100)
        field.setSuffix(" MB")
        field.setValue(self._settings.memory_megabytes)
        self.dialog.accepted.connect(self._on_accepted)
        self.dialog.open()

    def _on_accepted(self) -> None:
        self._settings.memory_megabytes = self.dialog.field.value()
        self._send()

    def _send(self) -> None:
        self._link.set(SetMemory(self._settings.memory_megabytes * MEGABYTE or None))

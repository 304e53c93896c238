"""How much memory the values of a run or training may take: the user's choice, remembered."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QSpinBox, QWidget

from nodeflow.host.protocol import SetMemory
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.engine.link import EngineLink
from nodeflow.ui.core.settings import MOST_MEGABYTES, Settings
from nodeflow.ui.core.theme import SPACE
from nodeflow.ui.core.widgets import column, label, row

TEXT = (
    "The values that a training step or prediction computes take no more memory than this, beside "
    "data and variables. Under a limit, steps compute again what they do not keep, with the same "
    "bits, and many rows run in blocks. The next training uses the new limit."
)
MEGABYTE = 1_000_000


class MemorySettings(QObject):
    """Gives the engine the limit that is set."""

    def __init__(
        self, window: QWidget, link: EngineLink, settings: Settings, actions: ActionSet
    ) -> None:
        super().__init__(window)
        self._window, self._link, self._settings = window, link, settings
        if settings.memory_megabytes:
            self._send()
        actions.bind({"memory": Binding(self.ask)})

    def ask(self) -> None:
        """Ask for the limit."""
        self.dialog = MemoryDialog(self._window, self._settings.memory_megabytes)
        self.dialog.accepted.connect(self._on_accepted)
        self.dialog.open()

    def _on_accepted(self) -> None:
        self._settings.memory_megabytes = self.dialog.megabytes
        self._send()

    def _send(self) -> None:
        self._link.set(SetMemory(self._settings.memory_megabytes * MEGABYTE or None))


class MemoryDialog(QDialog):
    """A number of megabytes, or what is free."""

    def __init__(self, parent: QWidget, megabytes: int) -> None:
        super().__init__(parent)
        self.setObjectName("memory")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Memory")
        self.field = QSpinBox()
        self.field.setAccessibleName("Memory in megabytes")
        self.field.setRange(0, MOST_MEGABYTES)
        self.field.setSingleStep(100)
        self.field.setSuffix(" MB")
        self.field.setSpecialValueText("What is free")
        self.field.setMinimumWidth(180)
        self.field.setValue(megabytes)
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        text = label(TEXT, "muted", wrap=True)
        text.setMinimumWidth(380)
        layout = column(text, row(label("At most"), self.field, None), buttons, gap=4)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)

    @property
    def megabytes(self) -> int:
        """What is chosen; 0 is what is free."""
        return self.field.value()

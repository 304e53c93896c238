"""How much memory and time live values may take: the user's choice, for all engines."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QDoubleSpinBox, QSpinBox, QWidget

from nodeflow.host.protocol import SetBudget
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.engine_link import EngineLink
from nodeflow.ui.core.settings import LIVE_SECONDS, MOST_MEGABYTES, Settings
from nodeflow.ui.core.theme import SPACE
from nodeflow.ui.core.widgets import column, label, row

TEXT = (
    "Nodes show their values while you build the graph. What would take more memory or time than "
    "this says so instead, and is computed when you press Run."
)
MEGABYTE = 1_000_000


class LiveValueSettings(QObject):
    """Gives the engine the budget that is set."""

    def __init__(
        self, window: QWidget, link: EngineLink, settings: Settings, actions: ActionSet
    ) -> None:
        super().__init__(window)
        self._window, self._link, self._settings = window, link, settings
        self._send()
        actions.bind({"live_values": Binding(self.ask)})

    def _send(self) -> None:
        settings = self._settings
        budget = SetBudget(settings.live_megabytes * MEGABYTE, settings.live_seconds)
        self._link.set_budget(budget)

    def ask(self) -> None:
        """Ask for memory and time."""
        settings = self._settings
        self.dialog = LiveValuesDialog(self._window, settings.live_megabytes, settings.live_seconds)
        self.dialog.accepted.connect(self._on_accepted)
        self.dialog.open()

    def _on_accepted(self) -> None:
        dialog = self.dialog
        self._settings.set_live(dialog.megabytes.value(), dialog.seconds.value())
        self._send()


class LiveValuesDialog(QDialog):
    """Megabytes and seconds for the value of one node."""

    def __init__(self, parent: QWidget, megabytes: int, seconds: float) -> None:
        super().__init__(parent)
        self.setObjectName("liveValues")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Live values")
        self.megabytes, self.seconds = QSpinBox(), QDoubleSpinBox()
        self.megabytes.setAccessibleName("Megabytes for the value of a node")
        self.megabytes.setRange(1, MOST_MEGABYTES)
        self.megabytes.setSuffix(" MB")
        self.megabytes.setValue(megabytes)
        self.seconds.setAccessibleName("Seconds for the value of a node")
        self.seconds.setRange(*LIVE_SECONDS)
        self.seconds.setDecimals(1)
        self.seconds.setSuffix(" s")
        self.seconds.setValue(seconds)
        for field in (self.megabytes, self.seconds):
            field.setMinimumWidth(140)
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        text = label(TEXT, "muted", wrap=True)
        text.setMinimumWidth(380)
        layout = column(
            text,
            row(label("Memory"), self.megabytes, label("Time"), self.seconds, None),
            buttons,
            gap=4,
        )
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)

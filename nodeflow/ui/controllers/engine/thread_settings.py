"""How many threads compute: the user's choice, remembered, for this engine and those to come."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QSpinBox, QWidget

from nodeflow.host.protocol import SetThreads
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.engine.link import EngineLink
from nodeflow.ui.core.settings import MOST_THREADS, Settings
from nodeflow.ui.core.theme import SPACE
from nodeflow.ui.core.widgets import column, label, row

TEXT = (
    "Graphs are computed by so many threads. Results have the same bits with any number; fewer "
    "leave cores to other programs. The next run or training uses the new number."
)


class ThreadSettings(QObject):
    """Gives the engine the number that is set."""

    def __init__(
        self, window: QWidget, link: EngineLink, settings: Settings, actions: ActionSet
    ) -> None:
        super().__init__(window)
        self._window, self._link, self._settings = window, link, settings
        if settings.threads is not None:
            link.set(SetThreads(settings.threads))
        actions.bind({"threads": Binding(self.ask)})

    def ask(self) -> None:
        """Ask for the number."""
        self.dialog = ThreadsDialog(self._window, self._settings.threads)
        self.dialog.accepted.connect(self._on_accepted)
        self.dialog.open()

    def _on_accepted(self) -> None:
        self._settings.threads = self.dialog.threads
        self._link.set(SetThreads(self.dialog.threads))


class ThreadsDialog(QDialog):
    """A number, or as many as cores."""

    def __init__(self, parent: QWidget, threads: int | None) -> None:
        super().__init__(parent)
        self.setObjectName("threads")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Threads")
        self.field = QSpinBox()
        self.field.setAccessibleName("Number of threads")
        self.field.setRange(0, MOST_THREADS)
        self.field.setSpecialValueText("As many as cores")
        self.field.setMinimumWidth(180)
        self.field.setValue(threads or 0)
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        text = label(TEXT, "muted", wrap=True)
        text.setMinimumWidth(380)
        layout = column(text, row(label("Threads"), self.field, None), buttons, gap=4)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)

    @property
    def threads(self) -> int | None:
        """What is chosen; None is as many as cores."""
        return self.field.value() or None

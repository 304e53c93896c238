"""The user's limits of memory and time for live values and for reading data."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QGridLayout,
    QSpinBox,
    QWidget,
)

from nodeflow.file_reading import chosen_limit, set_limit
from nodeflow.host.protocol import SetBudget
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import LIVE_SECONDS, MOST_MEGABYTES, Settings
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import column, label, padded

TEXT = (
    "Nodes show their values while you build the graph. A node that would take more memory or time "
    "shows a note instead, and is computed when you press Run."
)
DATA_TEXT = "Larger data files are not read."
HISTORY_TEXT = (
    "Steps of a training are computed from copies of its variables. With more copies, a step is "
    "shown sooner."
)
ANY_FILE = "Also read pipes, devices and system files as data"
MEGABYTE = 1_000_000


class LiveValueSettings(QObject):
    """The limits for live values, applied to the engine and to data reading in this process."""

    def __init__(
        self, window: QWidget, link: EngineLink, settings: Settings, actions: ActionSet
    ) -> None:
        super().__init__(window)
        self._window, self._link, self._settings = window, link, settings
        self._send()
        actions.bind({"live_values": Binding(self.ask)})

    def _send(self) -> None:
        settings = self._settings
        preview = settings.preview_read_megabytes * MEGABYTE
        run, any_file = settings.run_read_megabytes * MEGABYTE, settings.any_file
        set_limit(chosen_limit(run, any_file).for_preview(preview))
        live = settings.live_megabytes * MEGABYTE
        history = settings.history_megabytes * MEGABYTE
        self._link.set_budget(
            SetBudget(live, settings.live_seconds, preview, run, any_file, history)
        )

    def ask(self) -> None:
        """Open the dialog for the limits of live values."""
        self.dialog = LiveValuesDialog(self._window, self._settings)
        self.dialog.accepted.connect(self._on_accepted)
        self.dialog.open()

    def _on_accepted(self) -> None:
        dialog, settings = self.dialog, self._settings
        settings.set_live(dialog.megabytes.value(), dialog.seconds.value())
        settings.set_reading(
            dialog.preview_data.value(), dialog.run_data.value(), dialog.any_file.isChecked()
        )
        settings.history_megabytes = dialog.history.value()
        self._send()


class LiveValuesDialog(QDialog):
    """A dialog for the limits of a node's live value, of data files and of past steps."""

    def __init__(self, parent: QWidget, settings: Settings) -> None:
        super().__init__(parent)
        self.setObjectName("liveValues")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Live values and data")
        self.megabytes = _megabytes("Megabytes for the value of a node", settings.live_megabytes)
        self.seconds = padded(QDoubleSpinBox())
        self.seconds.setAccessibleName("Seconds for the value of a node")
        self.seconds.setRange(*LIVE_SECONDS)
        self.seconds.setDecimals(1)
        self.seconds.setSuffix(" s")
        self.seconds.setValue(settings.live_seconds)
        self.preview_data = _megabytes(
            "Megabytes for a data file while building", settings.preview_read_megabytes
        )
        self.run_data = _megabytes("Megabytes for a data file in a run", 0, least=0)
        self.run_data.setSpecialValueText("half of the memory")
        self.run_data.setValue(settings.run_read_megabytes)
        self.any_file = QCheckBox(ANY_FILE)
        self.any_file.setChecked(settings.any_file)
        self.history = _megabytes("Megabytes for the steps of a training", 0, least=0)
        self.history.setSpecialValueText("256 MB, or 1/16 of the memory")
        self.history.setValue(settings.history_megabytes)
        for field in (
            self.megabytes,
            self.seconds,
            self.preview_data,
            self.run_data,
            self.history,
        ):
            field.setMinimumWidth(200)
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = column(
            _wrapped(TEXT),
            _form(("Memory", self.megabytes), ("Time", self.seconds)),
            _wrapped(DATA_TEXT),
            _form(("While you build", self.preview_data), ("In a run", self.run_data)),
            self.any_file,
            _wrapped(HISTORY_TEXT),
            _form(("Copies", self.history)),
            buttons,
            gap=4,
        )
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)


def _megabytes(name: str, value: int, least: int = 1) -> QSpinBox:
    field = padded(QSpinBox())
    field.setAccessibleName(name)
    field.setRange(least, MOST_MEGABYTES)
    field.setSuffix(" MB")
    field.setValue(value)
    return field


def _wrapped(text: str) -> QWidget:
    made = label(text, "muted", wrap=True)
    made.setMinimumWidth(380)
    return made


def _form(*rows: tuple[str, QWidget]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(SPACE[4])
    grid.setColumnMinimumWidth(0, 120)
    for number, (name, field) in enumerate(rows):
        grid.addWidget(label(name), number, 0)
        grid.addWidget(field, number, 1)
    grid.setColumnStretch(2, 1)
    return grid

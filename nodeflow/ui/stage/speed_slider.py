"""A slider for the speed of trainings, from one step per second to full speed."""

from __future__ import annotations

from bisect import bisect_left

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from nodeflow.document.edit import commands
from nodeflow.number_text import number
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import label

SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Steps per second at the positions of the slider. A further last position is full speed."""
FULL = "Full speed"


class SpeedSlider(QWidget):
    """The slider for the training setting ``speed``, with its value as text."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(SPEEDS))
        self.slider.setPageStep(1)
        self.slider.setFixedWidth(96)
        self.slider.setAccessibleName("Speed of the training")
        self.slider.setToolTip(
            "Steps per second, from one to as fast as it goes. Only the window trains slowly; "
            "commands, sweeps and Python train at full speed."
        )
        self.text = label("", "caption")
        self.text.setMinimumWidth(72)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(label("Speed", "caption"))
        layout.addWidget(self.slider)
        layout.addWidget(self.text)
        self.slider.valueChanged.connect(self._on_moved)
        self.slider.sliderReleased.connect(self._on_released)
        for signal in (workspace.changed, workspace.replaced):
            signal.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self, _: object = None) -> None:
        """Show the speed that the document stores."""
        speed = self._workspace.root.training.get("speed")
        position = len(SPEEDS) if speed is None else min(bisect_left(SPEEDS, speed), len(SPEEDS))
        self.slider.blockSignals(True)
        self.slider.setValue(position)
        self.slider.blockSignals(False)
        words = FULL if speed is None else f"{number(speed)} a second"
        self.text.setText(words)
        self.slider.setAccessibleDescription(words)

    @Slot(int)
    def _on_moved(self, position: int) -> None:
        root = self._workspace.root
        speed = SPEEDS[position] if position < len(SPEEDS) else None
        with root.transaction("Set the speed", merge=("training", "speed")):
            commands.set_training(root, speed=speed)

    @Slot()
    def _on_released(self) -> None:
        self._workspace.root.seal()

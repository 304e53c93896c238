"""The training bar of the stage: the usable buttons, the speed, and the scrubber."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from nodeflow.number_text import count, number
from nodeflow.ui.actions.usable_training import applying
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.trainings.scrubber import Scrubber
from nodeflow.ui.stage.speed_slider import SpeedSlider

BUTTONS = ("continue", "train", "pause", "step", "stop")


class TrainingBar(QWidget):
    """The buttons that train, the speed, the scrubber, and the current step and loss."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context = context
        self.buttons: dict[str, QToolButton] = {}
        first = QHBoxLayout()
        first.setSpacing(SPACE[1])
        for name in BUTTONS:
            self.buttons[name] = tool = QToolButton()
            tool.setDefaultAction(context.window.actions[name])
            tool.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            tool.setProperty("kind", "text")
            tool.setIconSize(QSize(18, 18))
            first.addWidget(tool)
        self.place = ElidedLabel("", "caption")
        self.speed = SpeedSlider(context.document.workspace)
        first.addSpacing(SPACE[2])
        first.addWidget(self.place, 1)
        first.addWidget(self.speed)
        link = context.engine.link
        self.scrubber = Scrubber(
            link.past,
            link.ops,
            context.look.themes,
            partial(context.window.actions.reason, "train"),
            narrow=True,
        )
        self.scrubber.branch_requested.connect(context.trainings.run.branch)
        context.window.actions.refreshed.connect(self.scrubber.refresh)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addLayout(first)
        layout.addWidget(self.scrubber)
        context.document.workspace.replaced.connect(self._forget)
        for signal in (link.state_changed, link.done, context.trainings.run.unfinished.changed):
            signal.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show the buttons that are usable now."""
        learned = (
            self._context.engine.link.has_trained or self._context.trainings.run.unfinished.step > 0
        )
        has_nodes = bool(self._context.document.workspace.root.nodes)
        usable = applying(self._context.engine.link.state, learned, has_nodes)
        if self._context.engine.link.state == "running":
            usable = ("train", "continue") if learned else ("train",)
        for name, tool in self.buttons.items():
            tool.setVisible(name in usable)

    def show_loss(self, step: int, loss: float) -> None:
        """Show the current step and loss of the training."""
        self.place.setText(f"Step {count(step)}, loss {number(loss)}")

    @Slot()
    def _forget(self) -> None:
        self.place.setText("")

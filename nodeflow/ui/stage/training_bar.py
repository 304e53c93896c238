"""The training bar of the stage: the usable buttons, the speed, and the scrubber."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from nodeflow.number_text import count, number
from nodeflow.ui.actions.usable_training import applying
from nodeflow.ui.core.concurrency.redraw_throttle import SLOWEST_MS
from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.trainings.scrubber import Scrubber
from nodeflow.ui.stage.speed_slider import SpeedSlider

BUTTONS = ("continue", "train", "pause", "step", "stop", "replay")
WIDE = 620
"""The width in pixels from which all buttons show their words."""


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
        context.document.workspace.replaced.connect(self._show_place)
        self._soon = QTimer(self, singleShot=True, interval=SLOWEST_MS)
        self._soon.timeout.connect(self._show_place)
        for signal in (
            *(link.state_changed, link.done, context.trainings.run.unfinished.changed),
            context.window.actions.refreshed,
        ):
            signal.connect(self.refresh)
        for signal in (link.past.changed, context.trainings.latest.advanced):
            signal.connect(self._show_place_soon)
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the word of the last button where there is room."""
        super().resizeEvent(event)
        style = Qt.ToolButtonStyle
        is_wide = event.size().width() >= WIDE
        self._show_place_soon()
        self.buttons["replay"].setToolButtonStyle(
            style.ToolButtonTextBesideIcon if is_wide else style.ToolButtonIconOnly
        )

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
        if not self._context.window.actions.reason("replay"):
            usable = (*usable, "replay")
        for name, tool in self.buttons.items():
            tool.setVisible(name in usable)

    @Slot()
    def _show_place_soon(self, *_: object) -> None:
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_place()

    @Slot()
    def _show_place(self) -> None:
        """Show the training's step and loss, or the past step that is shown, if there is room."""
        past, losses = self._context.engine.link.past, self._context.trainings.latest.record.losses
        text = ""
        if past.step is not None:
            text = f"Step {count(past.step)} of {count(past.last)}"
        elif losses.count:
            loss = number(float(losses.values[-1]))
            text = f"Step {count(int(losses.steps[-1]))}, loss {loss}"
        fits = text_metrics.width(text, text_metrics.CAPTION) <= self.place.width()
        self.place.setText(text if fits else "")

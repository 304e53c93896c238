"""The scrubber under the plots of a training: goes to any step, and plays forward and backward."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QIcon, QMouseEvent, QTransform
from PySide6.QtWidgets import (
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QWidget,
)

from nodeflow.number_text import count
from nodeflow.ui.core.engine_link.shown_step import ShownStep, left_text
from nodeflow.ui.core.engine_link.step_ops import StepOps
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import (
    ElidedLabel,
    button,
    column,
    label,
    padded,
    row,
    switch,
)

DRAG_MS = 40
"""Milliseconds that a drag must pause before a step is requested. The request replaces the
previous one.
"""
TITLE_WIDTH = 130
FIRST, LAST = "This is the first step.", "This is the last step."
BRANCH = "Start a new training from the state before this step"
PLAY_MS = 150
"""Minimum milliseconds between two steps during playing. Each step also waits for the previous
step's values.
"""


class StepSlider(QSlider):
    """A slider whose handle jumps to a click and can be dragged from there."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        option, part = QStyleOptionSlider(), QStyle.SubControl
        self.initStyleOption(option)
        kind = QStyle.ComplexControl.CC_Slider
        handle = self.style().subControlRect(kind, option, part.SC_SliderHandle, self)
        place = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and not handle.contains(place):
            span = self.width() - handle.width()
            at = place.x() - handle.width() // 2
            self.setValue(QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), at, span))
        super().mousePressEvent(event)


class Scrubber(QWidget):
    """The controls that choose the displayed step. They are hidden if there are no steps.

    Signals:
        branch_requested(step): train from the state before this step.
    """

    branch_requested = Signal(int)

    def __init__(
        self,
        past: ShownStep,
        ops: StepOps,
        themes: ThemeManager,
        why_no_training: Callable[[], str],
        of_runs: bool = False,
        narrow: bool = False,
    ) -> None:
        """Make the scrubber.

        Args:
            why_no_training: returns why no training can begin; empty if one can.
            of_runs: offer only steps of kept runs.
            narrow: put the texts and buttons about a past step into a separate line.
        """
        super().__init__()
        self._past, self._ops, self._of_runs = past, ops, of_runs
        self._why_no_training = why_no_training
        self._direction = 0
        self.play_back, self.step_back = self._tool("Play backward"), self._tool("One step back")
        self.step_on, self.play_on = self._tool("One step on"), self._tool("Play forward")
        for tool, slot in (
            (self.play_back, self._on_play_back),
            (self.step_back, self._on_step_back),
            (self.step_on, self._on_step_on),
            (self.play_on, self._on_play_on),
        ):
            tool.clicked.connect(slot)
        for tool in (self.play_back, self.play_on):
            tool.setCheckable(True)
        self.by_op = self._tool("Op by op: play the kernels within the step, in order")
        self.by_op.setCheckable(True)
        self.by_op.toggled.connect(self._on_by_op)
        self.of_run = ElidedLabel("", "strong")
        self.of_run.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.of_run.setFixedWidth(TITLE_WIDTH)
        self.leave = self._tool("Leave this run and show the steps of the training")
        self.leave.clicked.connect(past.leave_run)
        self.slider = StepSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Step of the training")
        self.slider.setToolTip("Show every value as it was at this step")
        self.slider.valueChanged.connect(self._on_slider)
        self.number = padded(QSpinBox())
        self.number.setAccessibleName("Number of the step")
        self.number.setKeyboardTracking(False)
        self.number.setPrefix("Step ")
        self.number.valueChanged.connect(self._on_number)
        self.text = label("", "caption")
        self.text.setMinimumWidth(150)
        self.cancel = button("Cancel", "link", self._on_cancel)
        self.cancel.setToolTip("Do not compute this step")
        self.branch = button("Continue from here", "", self._on_branch)
        self.now = button("Back to now", "primary", past.back)
        layout, words = QHBoxLayout(), QHBoxLayout()
        lines = column(layout, words, gap=1) if narrow else row(layout, words, gap=1)
        self.setLayout(lines)
        for line in (layout, words):
            line.setSpacing(SPACE[1])
        if not narrow:
            lines.setStretch(0, 1)
        self._is_narrow = narrow
        for widget in (
            *(self.of_run, self.leave),
            *(self.play_back, self.step_back, self.step_on, self.play_on, self.by_op),
        ):
            layout.addWidget(widget)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.number)
        words.addSpacing(SPACE[1])
        words.addWidget(self.text, int(narrow))
        words.addWidget(self.cancel)
        words.addWidget(self.branch)
        words.addWidget(self.now)
        self._drag = QTimer(self, singleShot=True, interval=DRAG_MS)
        self._drag.timeout.connect(self._go)
        self._play = QTimer(self, interval=PLAY_MS)
        self._play.timeout.connect(self._play_on)
        past.changed.connect(self.refresh)
        ops.changed.connect(self.refresh)
        themes.follow(self.set_theme)
        self.refresh()

    @staticmethod
    def _tool(tip: str) -> QToolButton:
        tool = QToolButton()
        tool.setAccessibleName(tip)
        tool.setIconSize(QSize(16, 16))
        return tool

    def set_theme(self, theme: Theme) -> None:
        mirrored = QTransform().scale(-1, 1)
        for name, forward, backward in (
            ("play", self.play_on, self.play_back),
            ("step-forward", self.step_on, self.step_back),
        ):
            drawn = icon(name, theme, "ink", 16)
            forward.setIcon(drawn)
            backward.setIcon(QIcon(drawn.pixmap(QSize(16, 16) * 2).transformed(mirrored)))
        self.by_op.setIcon(icon("list-ordered", theme, "ink", 16))
        self.leave.setIcon(icon("x", theme, "ink", 16))

    @Slot()
    def refresh(self) -> None:
        """Show the range of steps and the current one."""
        past = self._past
        of_run = bool(past.run or past.opening)
        self.setVisible(of_run if self._of_runs else past.is_possible or of_run)
        shown = past.last if past.step is None else past.step
        if not self._drag.isActive():
            for widget in (self.slider, self.number):
                widget.blockSignals(True)
                widget.setRange(past.first, max(past.first, past.last))
                widget.setValue(shown)
                widget.blockSignals(False)
        self.slider.setPageStep(max(1, past.per_epoch))
        self.of_run.setText(past.title)
        for widget in (self.of_run, self.leave):
            widget.setVisible(bool(past.run))
        is_past = past.step is not None
        self.now.setVisible(is_past and not past.run)
        self.branch.setVisible(is_past)
        self.text.setVisible(is_past or not self._is_narrow)
        self.cancel.setVisible(past.is_slow or bool(past.opening))
        reads = "The steps are being read." if past.opening else ""
        back = "" if shown > past.first or self._ops.can_move(-1) else FIRST
        on = "" if is_past and (shown < past.last or self._ops.can_move(1)) else LAST
        for tool, why in (
            (self.step_back, back),
            (self.play_back, back),
            (self.step_on, on),
            (self.play_on, on),
            (self.by_op, "" if is_past else "Go to a step first."),
        ):
            switch(tool, reads or why, tool.accessibleName())
        switch(self.branch, self._why_no_training(), BRANCH)
        self.by_op.blockSignals(True)
        self.by_op.setChecked(self._ops.is_on)
        self.by_op.blockSignals(False)
        self.text.setText(self._words())
        if not is_past:
            self._stop()

    def _words(self) -> str:
        past = self._past
        if past.opening:
            return "Reading the data…"
        if past.step is None:
            made = f"after {count(past.last)} steps"
            return f"Ended {made}" if past.run else f"Now, {made}"
        if past.is_preparing:
            return "Preparing…"
        if past.is_slow:
            done, total = past.progress
            left = past.seconds_left
            share = f" {100 * done // total} %" if total else ""
            return f"Computing…{share}{f', {left_text(left)}' if left is not None else ''}"
        if self._ops.is_on:
            return self._ops.words
        epoch = past.epoch_of(past.step)
        return f"As it was in epoch {count(epoch)}" if epoch else "As it was"

    # ---- choosing -----------------------------------------------------------------------------

    @Slot(int)
    def _on_slider(self, step: int) -> None:
        self.number.blockSignals(True)
        self.number.setValue(step)
        self.number.blockSignals(False)
        if not self._drag.isActive():
            self._drag.start()

    @Slot(int)
    def _on_number(self, step: int) -> None:
        self._past.show(step)

    @Slot()
    def _go(self) -> None:
        self._past.show(self.slider.value())

    @Slot()
    def _on_step_back(self) -> None:
        self._move(-1)

    @Slot()
    def _on_step_on(self) -> None:
        self._move(1)

    @Slot()
    def _on_branch(self) -> None:
        if self._past.step is not None:
            self.branch_requested.emit(self._past.step)

    @Slot()
    def _on_cancel(self) -> None:
        if self._past.opening:
            self._past.leave_run()
        else:
            self._past.back()

    @Slot(bool)
    def _on_by_op(self, on: bool) -> None:
        self._stop()
        if on:
            self._ops.begin()
        else:
            self._ops.end()

    def _move(self, by: int) -> None:
        past = self._past
        if self._ops.is_on and self._ops.move(by):
            return
        past.show((past.last if past.step is None else past.step) + by)

    # ---- playing ------------------------------------------------------------------------------

    @Slot()
    def _on_play_back(self) -> None:
        self._begin(-1 if self.play_back.isChecked() else 0)

    @Slot()
    def _on_play_on(self) -> None:
        self._begin(1 if self.play_on.isChecked() else 0)

    def _begin(self, direction: int) -> None:
        self._direction = direction
        self.play_back.setChecked(direction < 0)
        self.play_on.setChecked(direction > 0)
        if direction:
            self._move(direction)
            self._play.start()
        else:
            self._play.stop()

    def _stop(self) -> None:
        if self._direction:
            self._begin(0)

    @Slot()
    def _play_on(self) -> None:
        past = self._past
        if past.step is None or not past.is_there or self._ops.is_waiting:
            return
        if self._ops.can_move(self._direction):
            self._ops.move(self._direction)
        elif past.first <= past.step + self._direction <= past.last:
            self._move(self._direction)
        else:
            self._stop()

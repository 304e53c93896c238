"""The stage itself: a main view, at most six controls, and a training bar."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import line
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.stage.controls import Controls
from nodeflow.ui.stage.main_view import MainView
from nodeflow.ui.stage.training_bar import TrainingBar

WIDE, SIDE_WIDTH = 900, 400
"""Smallest width with the controls beside the view, and the width of the controls there, in
pixels.
"""
WITHOUT_LIMIT = 2**24 - 1
"""Qt's maximum width of a widget without a limit."""


class Stage(QWidget):
    """The widget with a main view, controls and a training bar. While it is hidden, it requests
    no values of tensors.
    """

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self.setObjectName("stage")
        self.setAccessibleName("Stage")
        self._workspace = context.document.workspace
        self.main, self.controls, self.bar = (
            MainView(context),
            Controls(context),
            TrainingBar(context),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[2])
        layout.setSpacing(SPACE[2])
        self._upper = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._upper.setSpacing(SPACE[2])
        self._upper.addWidget(self.main, 1)
        self._upper.addWidget(self.controls, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(self._upper, 1)
        layout.addWidget(line())
        layout.addWidget(self.bar)
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._refresh)
        for signal in (
            context.document.workspace.changed,
            context.document.workspace.replaced,
            context.document.workspace.analysed,
        ):
            signal.connect(self.refresh)

    @Slot()
    def refresh(self, *_: object) -> None:
        """Follow the document. Several changes cause one update."""
        if self.isVisible():
            self._soon.start()

    @Slot()
    def _refresh(self) -> None:
        if self.isVisible():
            self.main.refresh()
            self.controls.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a wide stage, put the controls at the right of the view, so that the view is large."""
        super().resizeEvent(event)
        is_wide = event.size().width() >= WIDE
        direction = QBoxLayout.Direction
        self._upper.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)
        self.controls.setMinimumWidth(SIDE_WIDTH if is_wide else 0)
        self.controls.setMaximumWidth(SIDE_WIDTH if is_wide else WITHOUT_LIMIT)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._soon.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.main.hide_views()

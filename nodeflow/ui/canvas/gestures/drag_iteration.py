"""A drag of the slider on a loop's card, which shows the values of another iteration."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, Qt

from nodeflow.ui.canvas.gestures.base import Gesture, Modifiers
from nodeflow.ui.canvas.gestures.drag_value import SLIDER_INSET
from nodeflow.ui.canvas.scene.viewport import Viewport


class DragIteration(Gesture):
    """A drag whose knob follows the pointer, from the first iteration at the left to the last.

    Args:
        choose: called with the node and the position of the slider, from 0 to 1.
    """

    cursor = Qt.CursorShape.SizeHorCursor
    scrolls_at_edge = False

    def __init__(
        self, viewport: Viewport, node: str, choose: Callable[[str, float], object]
    ) -> None:
        super().__init__()
        self._viewport, self.node, self._choose = viewport, node, choose

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        self._pull(at)

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        super().move(at, modifiers)
        self._pull(at)

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self._pull(at)

    def _pull(self, at: QPointF) -> None:
        area, inset = (
            self._viewport.iteration_rect(self.node),
            SLIDER_INSET * self._viewport.camera.scale,
        )
        width = area.width() - 2 * inset
        if width > 0:
            self._choose(self.node, min(max((at.x() - area.left() - inset) / width, 0.0), 1.0))

"""Changing a node's number by dragging on it. Dependent values follow at once.

Unlike other gestures, this one edits the document during the drag, so that the shown values are
current. The edits merge into one undo step; cancelling undoes it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt

from nodeflow.document.edit.node_value import NodeValue, set_value
from nodeflow.document.model.document import Document
from nodeflow.ui.canvas.gestures.base import Gesture, Modifiers

SLIDER_INSET = 12.0
"""Distance from the sides of the card to the ends of a slider, in scene units."""
FINE, COARSE = 0.1, 10.0
_RUNS = itertools.count()


class DragValue(Gesture):
    """A drag to the right, which increases the number, or to the left.

    Shift is finer and Ctrl coarser.
    """

    cursor = Qt.CursorShape.SizeHorCursor
    scrolls_at_edge = False

    def __init__(
        self,
        document: Document,
        node: str,
        value: NodeValue,
        area: QRectF,
        scale: float,
        select: Callable[[], None],
    ) -> None:
        super().__init__()
        self._document, self.node, self._first = document, node, value
        self._width = area.width() - 2 * SLIDER_INSET * scale
        self._select = select
        self._merge = ("drag value", node, next(_RUNS))
        self._has_begun = False

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        self._select()

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        super().move(at, modifiers)
        self._has_begun |= self.is_drag
        if not self._has_begun:
            return
        factor = FINE if modifiers & Modifiers.ShiftModifier else 1.0
        factor = COARSE if modifiers & Modifiers.ControlModifier else factor
        value = self._first.dragged(at.x() - self.origin.x(), self._width, factor)
        set_value(self._document, self.node, value, merge=self._merge)

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self._document.seal()

    def cancel(self) -> None:
        self._document.seal()
        if self._has_begun and self.node in self._document.nodes:
            record = self._document.nodes[self.node]
            if record.attrs.get(self._first.attr) != self._first.value:
                self._document.undo()

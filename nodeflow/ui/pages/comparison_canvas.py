"""The canvas of a comparison: differences are marked, everything else is pale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF
from PySide6.QtGui import QHelpEvent

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.diff.comparison_view import Key, Marks
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire
from nodeflow.drawing.wires import wire_shape
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.scene.hit_test import WIRE_REACH
from nodeflow.ui.canvas.view.keyboard import CanvasKeys
from nodeflow.ui.core.theming.theme import Theme
from nodeflow.ui.core.widgets.anchored_tips import show_beside

Thing = str | Key | Wire
"""The id of a node or frame, the key of a wire, or a removed wire."""


class ComparisonCanvas(CanvasView):
    """The canvas with the union of two documents and its marks.

    Args:
        words: returns the tooltip of a marked item, or "".
    """

    def __init__(
        self,
        document: Document,
        analysis: Analysis,
        theme: Theme,
        keys: CanvasKeys,
        words: Callable[[Thing], str],
    ) -> None:
        super().__init__(document, analysis, theme, keys=keys)
        self.setAccessibleName("Comparison")
        self._words = words

    def show_marks(self, marks: Marks | None) -> None:
        """Mark the differences of the displayed graph and draw everything else pale."""
        self.scene.set_marks(marks)
        pale = set(self.document.nodes) - marks.nodes.keys() if marks else None
        self.node_state.set_dimmed(pale)

    def thing_at(self, at: QPointF) -> Thing | None:
        """Return the item at a point of the view, if it can have a mark."""
        hit = self.viewport.hit_test(at)
        if hit.kind in ("title", "body", "port"):
            return hit.node
        if hit.kind == "wire" and hit.wire is not None:
            return hit.wire
        return self._gone_at(at) or (hit.frame or None)

    def _gone_at(self, at: QPointF) -> Wire | None:
        """Return the removed wire at a point of the view."""
        marks, camera = self.scene.marks, self.viewport.camera
        if marks is None or not len(marks.gone):
            return None
        place, reach = camera.to_scene(at), WIRE_REACH / camera.scale
        box = wire_shape.bounds(marks.gone_ends)
        near = (box[:, 0] <= place.x() + reach) & (box[:, 2] >= place.x() - reach)
        near &= (box[:, 1] <= place.y() + reach) & (box[:, 3] >= place.y() - reach)
        which = np.flatnonzero(near)
        if not len(which):
            return None
        gaps = wire_shape.distance(marks.gone_ends[which], place.x(), place.y())
        nearest = int(gaps.argmin())
        return marks.gone[int(which[nearest])] if gaps[nearest] <= reach else None

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            thing = self.thing_at(QPointF(event.pos()))
            text = self._words(thing) if thing is not None else ""
            if text:
                show_beside(text, self._area(thing, event.pos()), self)
                return True
        return super().event(event)

    def _area(self, thing: Thing | None, at: QPoint) -> QRect:
        """Return the area that the tooltip must not cover."""
        if isinstance(thing, str) and thing in self.document.nodes:
            card = self.viewport.node_rect(thing)
            return card.intersected(QRectF(self.rect())).toAlignedRect()
        return QRect(at.x() - 8, at.y() - 8, 16, 24)

"""Nodes that glide to where an arrangement put them, so that the eye can follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEasingCurve, QVariantAnimation
from PySide6.QtWidgets import QStyle

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

DURATION_MS = 240
MOST = 2_000
"""Nodes; more would stutter, and jump instead."""


class Glide(QVariantAnimation):
    """Shows nodes on their way; the document has them at their new places already.

    Where the system wants no animations, nothing moves. ``finish`` ends it at once.
    """

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self._slots = np.zeros(0, np.int64)
        self._from = self._to = np.zeros((0, 2))
        self.setEasingCurve(QEasingCurve.Type.OutCubic)
        self.setStartValue(0.0)
        self.setEndValue(1.0)
        self.valueChanged.connect(self._show)

    def start_from(self, places: Mapping[str, tuple[float, float]]) -> None:
        """Let the nodes that stand elsewhere now come from these places."""
        self.finish()
        scene, nodes = self._view.scene, self._view.document.nodes
        moved = [i for i, place in places.items() if i in nodes and nodes[i].pos != place]
        hint = QStyle.StyleHint.SH_Widget_Animation_Duration
        if not moved or len(moved) > MOST or not self._view.style().styleHint(hint):
            return
        self._slots = np.array([scene.nodes.get(i) for i in moved], np.int64)
        self._from = np.array([places[i] for i in moved], np.float64)
        self._to = scene.positions[self._slots].copy()
        self.setDuration(DURATION_MS)
        self.start()
        self._show(0.0)

    def finish(self) -> None:
        """Put everything where it belongs; the document may have changed since."""
        if self.state() == QVariantAnimation.State.Running:
            self.stop()
            self._view.scene.follow_positions()
            self._view.repaint_all()

    def _show(self, share: float) -> None:
        if self.state() != QVariantAnimation.State.Running:
            return
        self._view.scene.place(self._slots, self._from + (self._to - self._from) * share)
        self._view.repaint_all()

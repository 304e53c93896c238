"""Animates nodes to their new positions after an arrangement, so that the eye can follow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QEasingCurve, QVariantAnimation
from PySide6.QtWidgets import QWidget

from nodeflow.ui.canvas.paint.renderer import Renderer
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.core import reduced_motion

DURATION_MS = 240
MOST = 2_000
"""Maximum number of animated nodes. More would stutter, so they jump."""


class NodeAnimation(QVariantAnimation):
    """An animation of moving nodes. In the document they are already at their new positions.

    If the system asks for less motion, nodes jump. ``finish`` ends the animation at once.
    """

    def __init__(self, widget: QWidget, scene: SceneModel, renderer: Renderer) -> None:
        super().__init__(widget)
        self._scene, self._renderer = scene, renderer
        self._slots = np.zeros(0, np.int64)
        self._from = self._to = np.zeros((0, 2))
        self.setEasingCurve(QEasingCurve.Type.OutCubic)
        self.setStartValue(0.0)
        self.setEndValue(1.0)
        self.valueChanged.connect(self._show)

    def start_from(self, places: Mapping[str, tuple[float, float]]) -> None:
        """Animate the nodes whose position changed.

        Args:
            places: the old positions.
        """
        self.finish()
        scene, nodes = self._scene, self._scene.document.nodes
        moved = [i for i, place in places.items() if i in nodes and nodes[i].pos != place]
        if not moved or len(moved) > MOST or reduced_motion.is_reduced():
            return
        self._slots = np.array([scene.nodes.get(i) for i in moved], np.int64)
        self._from = np.array([places[i] for i in moved], np.float64)
        self._to = scene.positions[self._slots].copy()
        self.setDuration(DURATION_MS)
        self.start()
        self._show(0.0)

    def finish(self) -> None:
        """Show every node at its position in the document, which may have changed since."""
        if self.state() == QVariantAnimation.State.Running:
            self.stop()
            self._scene.follow_positions()
            self._renderer.repaint_all()

    def _show(self, share: float) -> None:
        if self.state() != QVariantAnimation.State.Running:
            return
        self._scene.place(self._slots, self._from + (self._to - self._from) * share)
        self._renderer.repaint_all()

"""The input of one painting of the scene: camera, theme and level of detail.

The window paints through an atlas of cards. An export paints the same layers with ``atlas``
None, with exact curves, and text as outlines.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter

from nodeflow.drawing.cards.card_looks import DIM
from nodeflow.drawing.frames.frame_labels import FrameLabel
from nodeflow.ui.canvas.paint.card_atlas import CardAtlas
from nodeflow.ui.canvas.scene.detail import FAR_SCALE, LABEL_SCALE, WHOLE, Detail
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.tints import Tints
from nodeflow.ui.core.theming.theme import Theme

PALE = 0.5
"""Opacity of nodes that a comparison does not mark."""


@dataclass
class PaintContext:
    """Camera, theme and level of detail of one painting.

    ``waiting`` collects the nodes that there was no time to paint.
    """

    scene: SceneModel
    theme: Theme
    scale: float
    offset: QPointF
    area: QRectF
    far_scale: float = FAR_SCALE
    dpr: float = 1.0
    atlas: CardAtlas | None = None
    deadline: float | None = None
    hidden: np.ndarray | None = None
    hidden_frames: frozenset[str] = frozenset()
    labels: Sequence[FrameLabel] = ()
    hidden_wire: tuple[str, str] | None = None
    tints: Tints | None = None
    shift: QPointF = field(default_factory=QPointF)
    waiting: list[int] = field(default_factory=list)

    @property
    def exporting(self) -> bool:
        return self.atlas is None

    @property
    def dim(self) -> float:
        """The opacity of dimmed nodes and wires."""
        return DIM if self.scene.marks is None else PALE

    @property
    def detail(self) -> Detail:
        """The level of detail: ``full``, ``far`` (names) or ``block`` (coloured rectangles)."""
        return WHOLE if self.exporting else Detail.at(self.scale, self.far_scale)

    @property
    def level(self) -> str:
        return self.detail.level

    @property
    def labels_frames(self) -> bool:
        """Whether the titles of frames are drawn as labels of constant size, because the frames'
        title strips are too low at this zoom.
        """
        return not self.exporting and self.scale < LABEL_SCALE

    def late(self) -> bool:
        return self.deadline is not None and time.perf_counter() > self.deadline

    def nodes(self) -> np.ndarray:
        """Return the array indices (slots) of the visible nodes in painting order.

        In the window, selected nodes come last.
        """
        found = self.scene.nodes_in(self.area)
        if self.hidden is not None:
            found = found[~self.hidden[found]]
        if self.exporting:
            return found
        chosen = self.scene.selected[found]
        return np.concatenate([found[~chosen], found[chosen]]) if chosen.any() else found

    def place(self, painter: QPainter) -> None:
        """Transform the painter to scene coordinates."""
        painter.translate(self.offset)
        painter.scale(self.scale, self.scale)
        painter.translate(self.shift)

"""Paints the damaged parts of the canvas's kept picture, within a time budget."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QObject, QPointF, QRect, QRectF, QTimer
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from nodeflow.drawing.frames.frame_labels import FrameLabel, frame_labels
from nodeflow.ui.canvas.paint import layers
from nodeflow.ui.canvas.paint.card_atlas import CardAtlas
from nodeflow.ui.canvas.paint.card_painter import MARGIN, CardPainter
from nodeflow.ui.canvas.paint.frame_cache import FrameCache
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.scene.camera import STEPS_PER_OCTAVE
from nodeflow.ui.canvas.scene.detail import FAR_SCALE, FEW, LABEL_SCALE, TINY_SCALE
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.tints import Tints
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.theming.theme import Theme

SETTLE_MS = 40
BUDGETS = ((SETTLE_MS / 1e3, 0.006), (0.1, 0.030), (math.inf, 0.100))
"""Pairs (seconds since the last pan or zoom, seconds that one painting may spend on new cards).
The first pair whose time has not passed applies. Cards without time appear as blocks and
follow in the next paintings, which cost time as well.
"""
SLOW_FRAME_MS = 14.0
"""If painting the last whole view took more milliseconds than this, zooming first shows the old
picture scaled.
"""
MOST_DAMAGED = 200
"""Maximum number of damaged nodes that are repaired one by one. With more, the whole view is
painted.
"""
EXPORT_MARGIN = 48
"""Margin around an exported picture, in scene units."""


@dataclass
class LiftedNodes:
    """Nodes and frames that a drag took out of the kept picture. They are painted over it."""

    mask: np.ndarray
    frames: frozenset[str]
    shift: QPointF = field(default_factory=QPointF)
    """The distance of the drag, in scene units."""
    is_detached: bool = False
    """Whether the wires to other nodes are hidden."""


class Renderer(QObject):
    """The kept picture of a widget that shows a scene through a viewport.

    It follows the viewport's signals; changes of the scene are passed in as damage. The picture
    does not contain ``lifted`` nodes and ``hidden_wire``.
    """

    def __init__(
        self, widget: QWidget, scene: SceneModel, viewport: Viewport, theme: Theme
    ) -> None:
        super().__init__(widget)
        self._widget, self._scene, self._viewport = widget, scene, viewport
        self.theme = theme
        self.atlas = CardAtlas(CardPainter(theme))
        self.frame = FrameCache(self._paint_part)
        self.lifted: LiftedNodes | None = None
        self.tints: Tints | None = None
        self._hidden_wire: tuple[str, str] | None = None
        self._waiting: set[int] = set()
        """Slots of the cards that the last painting had no time for."""
        self._deadline = 0.0
        self._moved_at = 0.0
        self._far_scale = FAR_SCALE
        self._labels: tuple[float, list[FrameLabel]] = (0.0, [])
        """The labels of frames, and their scale; 0 if they must be placed again."""
        self._scaled_from: tuple[int, QPointF] | None = None
        """Zoom step and offset of the kept picture while it is shown scaled; None otherwise."""
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self.repaint_all)
        self._more = QTimer(self, singleShot=True, interval=0)
        self._more.timeout.connect(self.paint_waiting)
        viewport.panned.connect(self._on_panned)
        viewport.zoomed.connect(self._on_zoomed)
        viewport.jumped.connect(self.repaint_all)
        viewport.changed.connect(widget.update)

    # ---- damage -----------------------------------------------------------------------------

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self.atlas = CardAtlas(CardPainter(theme))
        self.repaint_all()

    def reset(self) -> None:
        """Drop the cached cards and colours of the previous document."""
        self._waiting.clear()
        self.tints = None
        self.atlas.clear()
        self.repaint_all()

    def set_tints(self, tints: Tints | None) -> None:
        """Colour nodes and wires by a measure; None restores their own colours."""
        if tints != self.tints:
            self.tints = tints
            self.repaint_all()

    def repaint_all(self) -> None:
        """Repaint the whole view."""
        self._scaled_from = None
        self._labels = (0.0, [])
        self.frame.damage_all()
        self._widget.update()

    def damage(self, slots: set[int]) -> None:
        """Repaint some nodes, at their old and new positions."""
        scale, labels = self._labels
        if len(slots) > MOST_DAMAGED or (scale and self._place_labels(scale) != labels):
            self.repaint_all()
            return
        for slot in slots:
            self._widget.update(self._damage_node(slot))

    def _damage_node(self, slot: int) -> QRect:
        rect = self._scene.rect(slot).united(self._scene.painted_rect(slot))
        around = rect.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
        return self.frame.damage(self._viewport.camera.rect_to_view(around))

    def _on_panned(self, dx: float, dy: float) -> None:
        self._moved_at = time.perf_counter()
        if self._scaled_from is None:  # else the kept frame has another scale
            self.frame.scroll(dx, dy)

    def _on_zoomed(self, step: int, offset: QPointF) -> None:
        self._moved_at = time.perf_counter()
        if self.frame.last_whole_ms > SLOW_FRAME_MS and self.frame.is_whole:
            self._scaled_from = self._scaled_from or (step, offset)
            self._settle.start()
        if self._scaled_from is None:
            self.frame.damage_all()

    def _frame_labels(self) -> list[FrameLabel]:
        """Return the titles of frames (titled rectangles around nodes) that are drawn as labels in
        pixels, because the view's scale is too small for the frame's title strip.
        """
        scale = self._viewport.camera.scale
        if scale != self._labels[0]:
            self._labels = (scale, self._place_labels(scale))
        return self._labels[1]

    def _place_labels(self, scale: float) -> list[FrameLabel]:
        scene, used = self._scene, self._scene.nodes.used()
        frames = scene.document.frames.values()
        if scale >= LABEL_SCALE or not frames:
            return []
        corners = scene.positions[used]
        cards = np.concatenate([corners, corners + scene.sizes[used]], axis=1)
        return frame_labels(frames, cards, scale)

    # ---- left out of the frame --------------------------------------------------------------

    def lift(self, slots: np.ndarray, frames: frozenset[str]) -> LiftedNodes:
        """Leave nodes and frames out of the cached picture of the canvas until `drop_lifted`,
        because they are being dragged.

        Args:
            slots: the array indices of the nodes.
        """
        mask = np.zeros(len(self._scene.positions), bool)
        mask[slots] = True
        self.lifted = LiftedNodes(mask, frames)
        self.frame.damage_all()
        return self.lifted

    def drop_lifted(self) -> None:
        """Paint the lifted nodes in the kept picture again."""
        if self.lifted is not None:
            self.lifted = None
            self.frame.damage_all()
            self._widget.update()

    def hide_wire(self, key: tuple[str, str] | None) -> None:
        """Leave one wire out of the cached picture of the canvas, for example while it is dragged.
        For None, draw all wires.
        """
        if key != self._hidden_wire:
            self._hidden_wire = key
            self.repaint_all()

    # ---- painting ---------------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """Whether the last painting was complete: without missing cards and not scaled."""
        whole = self.frame.is_whole and not self._more.isActive()
        return whole and not self._waiting and self._scaled_from is None

    @property
    def draws_values(self) -> bool:
        """Return whether cards show values at this scale. At a small scale they are mere blocks."""
        return self._viewport.camera.scale >= self._far_scale

    def paint(self, painter: QPainter) -> None:
        """Draw the canvas from its cached picture, after painting the outdated parts of the picture
        again.
        """
        camera, now = self._viewport.camera, time.perf_counter()
        camera.dpr = self._widget.devicePixelRatioF()
        self.frame.resize(self._widget.size(), camera.dpr)
        rest = now - self._moved_at
        self._deadline = now + next(budget for least, budget in BUDGETS if rest < least)
        self.atlas.begin_frame()
        if self._scaled_from is not None:
            self._paint_scaled(painter, *self._scaled_from)
        else:
            self._choose_detail()
            painter.drawPixmap(0, 0, self.frame.repair())
        if self._waiting:
            self._more.start()

    def context(self, rect: QRectF) -> PaintContext:
        """Return the context for painting a part of the view, with a margin for shadows and
        ports.
        """
        camera, lifted = self._viewport.camera, self.lifted
        around = rect.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
        return PaintContext(
            scene=self._scene,
            theme=self.theme,
            scale=camera.scale,
            offset=QPointF(camera.x, camera.y),
            area=camera.rect_to_scene(around),
            far_scale=self._far_scale,
            dpr=camera.dpr,
            atlas=self.atlas,
            hidden=None if lifted is None else lifted.mask,
            hidden_frames=frozenset() if lifted is None else lifted.frames,
            labels=self._frame_labels(),
            hidden_wire=self._hidden_wire,
            tints=self.tints,
        )

    def paint_waiting(self) -> None:
        """Paint the cards that were left empty in the last frame, because there was no time for
        them.
        """
        waiting, self._waiting = self._waiting, set()
        if len(waiting) > MOST_DAMAGED:
            self.frame.damage_all()
        else:
            for slot in waiting:
                self._damage_node(slot)
        self._widget.update()

    def _choose_detail(self) -> None:
        """Choose the scale below which cards have no names.

        It is smaller while few nodes are visible.
        """
        far_scale = FAR_SCALE
        if TINY_SCALE <= self._viewport.camera.scale < FAR_SCALE:
            count = len(self._scene.nodes_in(self._viewport.visible_area))
            slack = 1.25 if self._far_scale == TINY_SCALE else 1.0  # no flicker at the border
            far_scale = TINY_SCALE if count <= FEW * slack else FAR_SCALE
        if far_scale != self._far_scale:
            self._far_scale = far_scale
            self.frame.damage_all()
            self._widget.update()  # the current painting may be partial

    def _paint_scaled(self, painter: QPainter, step: int, offset: QPointF) -> None:
        """Draw the last complete picture, scaled and moved to the current view."""
        camera = self._viewport.camera
        ratio = 2.0 ** ((camera.step - step) / STEPS_PER_OCTAVE)
        corner = QPointF(camera.x, camera.y) - offset * ratio
        painter.fillRect(self._widget.rect(), self.theme.color("canvas"))
        painter.translate(corner)
        painter.scale(ratio, ratio)
        painter.drawPixmap(0, 0, self.frame.pixmap)
        painter.resetTransform()

    def _paint_part(self, painter: QPainter, rect: QRectF) -> None:
        """Paint a part of the kept picture (view coordinates)."""
        context = self.context(rect)
        context.deadline = self._deadline
        layers.paint_all(painter, context)
        self._waiting.update(context.waiting)

    # ---- exports ----------------------------------------------------------------------------

    def export(self, painter: QPainter, rect: QRectF, source: QRectF | None = None) -> None:
        """Export a scene rectangle as vectors, painted into ``rect``.

        Args:
            source: the scene rectangle; None for everything.
        """
        what = source if source is not None else self.export_rect()
        scale = min(rect.width() / what.width(), rect.height() / what.height())
        spare = QPointF(rect.width() - what.width() * scale, rect.height() - what.height() * scale)
        offset = rect.topLeft() + spare / 2 - what.topLeft() * scale
        area = QRectF(what.topLeft() - spare / 2 / scale, rect.size() / scale)
        painter.save()
        layers.paint_all(painter, PaintContext(self._scene, self.theme, scale, offset, area))
        painter.restore()

    def export_rect(self, ids: Iterable[str] | None = None) -> QRectF:
        """Return the scene rectangle to export, with a margin.

        It contains the given nodes and frames, or else everything, and the wires that pass
        around cards.
        """
        total, frames = QRectF(), self._scene.document.frames
        if ids is None:
            total = self._scene.bounds().united(self._scene.wire_bounds())
        for i in ids or ():
            slot = self._scene.nodes.get(i)
            total |= QRectF(*frames[i].rect) if slot is None else self._scene.rect(slot)
        margin = EXPORT_MARGIN
        return total.adjusted(-margin, -margin, margin, margin)

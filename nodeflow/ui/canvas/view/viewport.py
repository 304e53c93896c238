"""Places and looking around: view and scene coordinates, pan, zoom, fit.

Part of the canvas (``CanvasView`` inherits it).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, QPointF, QRectF

from nodeflow.ui.canvas.scene import card_data
from nodeflow.ui.canvas.scene.camera import STEPS_PER_OCTAVE
from nodeflow.ui.canvas.scene.hit_test import EMPTY
from nodeflow.ui.canvas.scene.scene_model import port_place

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

IN_SIGHT = 40.0
"""Nodes that are brought into sight keep so many pixels from the edge."""
PAN_STEP = 48.0
"""Pixels."""
BESIDE = 12.0
"""Pixels between the minimap and what is fitted beside it."""
EDGE = 48.0
"""Room left of the beginning of a graph, in scene units."""
SLOW_FRAME_MS = 14.0
"""When the last whole frame took longer, zooming first shows it scaled."""


class Looking:
    """The camera's moves; ``self`` is a CanvasView."""

    def scene_to_view(self: CanvasView, point: QPointF) -> QPointF:
        return self.camera.to_view(point)

    def view_to_scene(self: CanvasView, point: QPointF) -> QPointF:
        return self.camera.to_scene(point)

    def port_place(self: CanvasView, node_id: str, port: str, side: str) -> QPointF:
        """Where a port is, in view coordinates; ``side`` is ``in`` or ``out``."""
        slot = self.scene.nodes.get(node_id)
        if slot is None:
            return QPointF()
        face = self.scene.face(slot)
        x, y = self.scene.positions[slot]
        down, _ = port_place(face, side, port)
        return self.scene_to_view(QPointF(x + (face.width if side == "out" else 0), y + down))

    def port_position(self: CanvasView, node_id: str, port: str, side: str | None = None) -> QPoint:
        """Where a port is, in view coordinates, as whole pixels.

        Without ``side``, an output of that name wins only where no input has it.
        """
        if side is None:
            face = self.scene.face(self.scene.nodes.take(node_id))
            side = "in" if any(p.name == port for p in face.inputs) else "out"
        return self.port_place(node_id, port, side).toPoint()

    def node_rect(self: CanvasView, node_id: str) -> QRectF:
        """A node's card in view coordinates; empty if it is not there."""
        slot = self.scene.nodes.get(node_id)
        return QRectF() if slot is None else self.camera.rect_to_view(self.scene.rect(slot))

    def kept_inside(self: CanvasView, rect: QRectF) -> QRectF:
        """A rectangle moved into the view as far as it fits."""
        x = max(8.0, min(rect.x(), self.width() - rect.width() - 8))
        y = max(8.0, min(rect.y(), self.height() - rect.height() - 8))
        return QRectF(x, y, rect.width(), rect.height())

    def header_rect(self: CanvasView, node_id: str) -> QRectF:
        """The title line of a node in view coordinates, for the rename editor."""
        rect = self.node_rect(node_id)
        scale = self.camera.scale
        left = card_data.ICON_ROOM * scale
        return QRectF(rect.x() + left - 6, rect.y() + 4 * scale, rect.width() - left, 24 * scale)

    # ---- looking around ---------------------------------------------------------------------

    def visible_ids(self: CanvasView) -> list[str]:
        """Ids of the nodes in sight."""
        area = self.camera.rect_to_scene(QRectF(self.rect()))
        return [self.scene.nodes.key(slot) for slot in self.scene.nodes_in(area).tolist()]

    def pan(self: CanvasView, dx: float, dy: float) -> None:
        self.set_hover(EMPTY)
        before = QPointF(self.camera.x, self.camera.y)
        self.camera.pan(dx, dy)
        self.moved_at = time.perf_counter()
        if self._zoom_from is None:  # else the kept frame is of another scale
            self.frame.scroll(self.camera.x - before.x(), self.camera.y - before.y())
        self._looked()

    def pan_step(self: CanvasView, dx: int, dy: int) -> None:
        """Look a little to the left (-1) or right, up or down."""
        self.pan(-PAN_STEP * dx, -PAN_STEP * dy)

    def zoom(self: CanvasView, steps: int, anchor: QPointF | None = None) -> None:
        """Zoom by steps of an eighth of an octave around a view point (default the middle)."""
        at = anchor or QPointF(self.width() / 2, self.height() / 2)
        before = (self.camera.step, QPointF(self.camera.x, self.camera.y))
        if not self.camera.zoom_to(self.camera.step + steps, at):
            return
        self.moved_at = time.perf_counter()
        if self.frame.last_whole_ms > SLOW_FRAME_MS and self.frame.is_whole:
            self._zoom_from = self._zoom_from or before
            self._settle.start()
        if self._zoom_from is None:
            self.frame.damage_all()
        self.set_hover(EMPTY)
        self._looked()

    def zoom_in(self: CanvasView) -> None:
        self.zoom(STEPS_PER_OCTAVE // 4)

    def zoom_out(self: CanvasView) -> None:
        self.zoom(-STEPS_PER_OCTAVE // 4)

    def zoom_reset(self: CanvasView) -> None:
        self.zoom(-self.camera.step)

    def fit_all(self: CanvasView) -> None:
        """Show everything, never larger than life; an empty document shows the origin.

        Until somebody looks elsewhere or edits, it stays so when the view is resized.
        """
        notes = [QRectF(*f.rect) for f in self.document.frames.values() if f.note]
        self._fit(self.scene.bounds(), self.scene.nodes.used(), notes)
        self._view_chosen = False

    def keep_fitted(self: CanvasView) -> None:
        """What covers a part of the view came or went."""
        if not self._view_chosen:
            self.fit_all()

    def show_beginning(self: CanvasView, scale: float) -> None:
        """Show the left end at a scale, level with the leftmost node."""
        used = self.scene.nodes.used()
        if not len(used):
            return
        first = self.scene.rect(int(used[self.scene.positions[used, 0].argmin()]))
        self.camera.step = round(math.log2(scale) * STEPS_PER_OCTAVE)
        across = self.width() / 2 / self.camera.scale - EDGE
        middle = QPointF(self.scene.bounds().left() + across, first.center().y())
        self.camera.look_at(middle, self.width(), self.height())
        self.repaint_all()
        self._looked()

    def fit_selection(self: CanvasView) -> None:
        """Show the selected nodes or frame; everything, if nothing is selected."""
        frame = self.document.frames.get(self.selected_frame)
        chosen = np.flatnonzero(self.scene.selected)
        if frame is not None:
            self._fit(QRectF(*frame.rect), chosen[:0], [QRectF(*frame.rect)])
        elif len(chosen):
            self._fit(self.scene.bounds(chosen), chosen)
        else:
            self.fit_all()

    def center_on(self: CanvasView, node_id: str) -> None:
        """Bring a node to the middle, at a readable size."""
        slot = self.scene.nodes.get(node_id)
        if slot is None:
            return
        self.camera.step = max(self.camera.step, -STEPS_PER_OCTAVE // 2)
        self.camera.look_at(self.scene.rect(slot).center(), self.width(), self.height())
        self.repaint_all()
        self._looked()

    def look_at(self: CanvasView, center: QPointF, step: int) -> None:
        """Put a scene point in the middle, at a step of the zoom ladder."""
        if step == self.camera.step:
            middle = self.view_to_scene(QPointF(self.width() / 2, self.height() / 2))
            gap = (middle - center) * self.camera.scale
            self.pan(gap.x(), gap.y())
            return
        self.camera.step = step
        self.camera.look_at(center, self.width(), self.height())
        self.repaint_all()
        self._looked()

    def show_whole(self: CanvasView, *node_ids: str) -> None:
        """Move the view as little as brings nodes into sight; shrink it if they need room."""
        slots = [s for s in map(self.scene.nodes.get, node_ids) if s is not None]
        if slots:
            self.bring_into_sight(self.scene.bounds(np.array(slots)))

    def bring_into_sight(self: CanvasView, area: QRectF) -> None:
        """The same for a part of the scene."""
        seen = self.camera.rect_to_view(area)
        room = QRectF(self.rect()).adjusted(IN_SIGHT, IN_SIGHT, -IN_SIGHT, -IN_SIGHT)
        if seen.width() > room.width() or seen.height() > room.height():
            self._fit(area, np.zeros(0, np.int64), [area])
            return
        dx = max(room.left() - seen.left(), 0) + min(room.right() - seen.right(), 0)
        dy = max(room.top() - seen.top(), 0) + min(room.bottom() - seen.bottom(), 0)
        hidden = seen.translated(dx, dy) & self._covered()
        if not hidden.isEmpty():
            dy -= hidden.height()
        if dx or dy:
            self.pan(dx, dy)

    def _covered(self: CanvasView) -> QRectF:
        """The part of the view that the minimap lies on, with some room; empty without one."""
        cover = self.cover
        if cover is None or not cover.isVisibleTo(self):
            return QRectF()
        return QRectF(cover.geometry()).adjusted(-BESIDE, -BESIDE, 0, 0)

    def _fit(
        self: CanvasView, rect: QRectF, slots: np.ndarray, areas: Sequence[QRectF] = ()
    ) -> None:
        """Show a scene rectangle whole, and no card or area of it under the minimap."""
        self.camera.fit(rect, self.width(), self.height())
        cover = self._covered()
        if not cover.isEmpty():
            self._fit_beside(rect, cover, slots, areas)
        self.repaint_all()
        self._looked()

    def _fit_beside(
        self: CanvasView, rect: QRectF, cover: QRectF, slots: np.ndarray, areas: Sequence[QRectF]
    ) -> None:
        """As large as leaves the cover free: in the middle, else above it or left of it."""
        scene = self.scene
        corners, sizes = scene.positions[slots], scene.sizes[slots]

        def is_free() -> bool:
            under = self.camera.rect_to_scene(cover)
            low, high = [under.left(), under.top()], [under.right(), under.bottom()]
            cards = ((corners < high) & (corners + sizes > low)).all(axis=1)
            return not cards.any() and not any(under.intersects(area) for area in areas)

        width, height = self.width(), self.height()
        rooms = ((width, cover.top()), (cover.left(), height))
        best = max(rooms, key=lambda room: self.camera.fitting_step(rect, *room))
        step = self.camera.fitting_step(rect, *best)
        while not is_free():
            if self.camera.step <= step:
                self.camera.fit(rect, *best)
                return
            self.camera.step -= 1
            self.camera.look_at(rect.center(), width, height)

    def _looked(self: CanvasView) -> None:
        self._view_chosen = True
        self.view_changed.emit()
        self.update()

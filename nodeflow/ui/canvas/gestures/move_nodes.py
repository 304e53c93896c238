"""Dragging nodes and frames, aligned to the grid and snap guides.

A shake detaches nodes from wires.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from nodeflow.document.edit import commands, rewiring
from nodeflow.ui.canvas.gestures import snap_guides
from nodeflow.ui.canvas.gestures.base import SNAP, Gesture, Modifiers
from nodeflow.ui.canvas.gestures.insert_on_drop import InsertOnDrop
from nodeflow.ui.canvas.gestures.shake_detector import ShakeDetector
from nodeflow.ui.canvas.gestures.snap_guides import SnapGuide, SnapGuides
from nodeflow.ui.canvas.paint.renderer import LiftedNodes, Renderer
from nodeflow.ui.canvas.scene.clear_place import clear_shift
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.theming.theme import Theme


class _Move(Gesture):
    """A drag of nodes and frames. During the drag they are painted over the canvas's kept picture.

    Attributes:
        anchor: the scene point that was pressed.
        shift: the distance dragged since.
    """

    cursor = Qt.CursorShape.ClosedHandCursor

    def __init__(self, scene: SceneModel, viewport: Viewport, renderer: Renderer) -> None:
        super().__init__()
        self._scene, self._viewport, self._renderer = scene, viewport, renderer
        self._lifted: LiftedNodes | None = None
        self.slots = np.zeros(0, np.int64)
        self.frames: frozenset[str] = frozenset()
        self.shift = QPointF()

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        self.anchor = self._viewport.camera.to_scene(at)

    def cancel(self) -> None:
        self._renderer.drop_lifted()

    def _lift(self) -> LiftedNodes:
        self._lifted = self._renderer.lift(self.slots, self.frames)
        return self._lifted

    def _move_to(self, shift: QPointF) -> None:
        self.shift = shift
        if self._lifted is not None:
            self._lifted.shift = shift

    def _snapped(self, x: float, y: float) -> QPointF:
        """Return the shift that moves a scene point with the pointer and then onto the grid."""
        step = self._step()
        return QPointF(
            round((x + step.x()) / SNAP) * SNAP - x, round((y + step.y()) / SNAP) * SNAP - y
        )

    def _step(self) -> QPointF:
        return self._viewport.camera.to_scene(self.at) - self.anchor


class MoveFrame(_Move):
    """A drag of a frame with its contents. While Alt is held, it ignores the grid."""

    def __init__(
        self, scene: SceneModel, viewport: Viewport, renderer: Renderer, frame: str
    ) -> None:
        super().__init__(scene, viewport, renderer)
        self._frame = frame

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        nodes, frames = commands.held_by(self._scene.document, self._frame)
        self.slots = np.array([self._scene.nodes.get(i) for i in nodes], np.int64)
        self.frames = frozenset((self._frame, *frames))

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        is_first = not self.is_drag
        super().move(at, modifiers)
        if not self.is_drag:
            return
        if is_first:
            self._lift()
        is_free = bool(modifiers & Modifiers.AltModifier)
        self._move_to(self._step() if is_free else self._snapped(*self._corner()))

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self._renderer.drop_lifted()
        if self.is_drag and not self.shift.isNull():
            x, y = self._corner()
            corner = (x + self.shift.x(), y + self.shift.y())
            commands.move_frame(self._scene.document, self._frame, corner)

    def _corner(self) -> tuple[float, float]:
        x, y = self._scene.document.frames[self._frame].rect[:2]
        return x, y


class MoveNodes(_Move):
    """A drag of the selected nodes by one of them. While Alt is held, it ignores grid and guides.

    Nodes dropped on other nodes are placed beside them, unless Alt is held. A single node
    without wires can be dropped into a wire. Shaking detaches nodes from their wires.
    """

    def __init__(
        self,
        scene: SceneModel,
        viewport: Viewport,
        renderer: Renderer,
        selection: Selection,
        node: str,
        show_message: Callable[[str], object],
    ) -> None:
        super().__init__(scene, viewport, renderer)
        self._selection, self._show_message = selection, show_message
        self.node = node
        self.is_detached = False
        self.drop: InsertOnDrop | None = None
        self.guides: list[SnapGuide] = []
        """The guides that the nodes are aligned with now."""
        self._all_guides: SnapGuides | None = None
        self._shake = ShakeDetector()

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        document = self._scene.document
        self.slots = np.flatnonzero(self._scene.selected)
        self.frames = frozenset(self._selection.frames)
        if len(self.slots) == 1 and not document.has_wires(self.node):
            self.drop = InsertOnDrop(self._scene, self._viewport, document.nodes[self.node])

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        is_first = not self.is_drag
        super().move(at, modifiers)
        if not self.is_drag:
            return
        if is_first:
            self._lift().is_detached = self.is_detached
            self._all_guides = SnapGuides(self._scene, self._viewport, self.slots)
        if not self.is_detached and self._shake.feed(at, time.perf_counter()):
            self._detach()
        self.guides = []
        is_free = bool(modifiers & Modifiers.AltModifier)
        self._move_to(self._step() if is_free else self._on_guides())
        if self.drop is not None:
            middle = self._scene.rect(int(self.slots[0])).center() + self.shift
            self.drop.update(self._viewport.camera.to_scene(at), middle)

    def _detach(self) -> None:
        """Draw the dragged nodes without their wires from now on, because the user wants to detach
        them. The document changes only at the end of the drag.
        """
        self.is_detached = True
        if self._lifted is not None:
            self._lifted.is_detached = True
        self._all_guides = SnapGuides(self._scene, self._viewport, self.slots)
        self._all_guides.ports = []
        self._show_message("Detached: release to keep it so, Esc to undo.")
        self._renderer.repaint_all()

    def _on_guides(self) -> QPointF:
        """Return the shift of the dragged nodes. Along each axis, it aligns them with a nearby
        guide line, or else with the grid.
        """
        x, y = self._scene.positions[self._scene.nodes.get(self.node)]
        grid, step = self._snapped(x, y), self._step()
        if self._all_guides is None:
            return grid
        box = QRectF(self._scene.bounds(self.slots).translated(step))
        distance = snap_guides.SNAP_DISTANCE / self._viewport.camera.scale
        pull, self.guides = self._all_guides.snap(box, distance)
        axes = {guide.axis for guide in self.guides}
        return QPointF(
            step.x() + pull.x() if 0 in axes else grid.x(),
            step.y() + pull.y() if 1 in axes else grid.y(),
        )

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self._renderer.drop_lifted()
        if not self.is_drag:
            self._selection.select([self.node])
            return
        is_dropped = self.drop is not None and self.drop.found is not None
        if self.shift.isNull() and not self.is_detached and not is_dropped:
            return
        if not is_dropped and not modifiers & Modifiers.AltModifier:
            self.shift = clear_shift(self._scene, self.slots, self.shift)
        places = self._scene.positions[self.slots] + [self.shift.x(), self.shift.y()]
        keys = [self._scene.nodes.key(slot) for slot in self.slots.tolist()]
        pairs = zip(keys, places.tolist(), strict=True)
        self._commit({key: (x, y) for key, (x, y) in pairs})

    def _commit(self, places: dict[str, tuple[float, float]]) -> None:
        document, drop = self._scene.document, self.drop
        found = drop.found if drop is not None else None
        with document.transaction(self._label(places, found is not None)):
            if self.is_detached:
                rewiring.detach(document, self._scene.analysis, places)
            by = (self.shift.x(), self.shift.y())
            commands.move_along(document, places, sorted(self.frames), by)
            if drop is not None and found is not None and found.wire.key in document.wires:
                drop.insert(self.node)

    def _label(self, places: dict[str, tuple[float, float]], is_inserted: bool) -> str:
        one = len(places) == 1
        what = self._scene.document.node(self.node).name if one else f"{len(places)} nodes"
        return f"{'Insert' if is_inserted else 'Detach' if self.is_detached else 'Move'} {what}"

    def paint_below(self, painter: QPainter, theme: Theme) -> None:
        if self.drop is not None:
            slot = int(self.slots[0])
            corner = self._scene.rect(slot).topLeft() + self.shift
            self.drop.paint(painter, theme, self._scene.card(slot), corner)

    def paint(self, painter: QPainter, theme: Theme) -> None:
        snap_guides.paint(painter, theme, self._viewport.camera, self.guides)

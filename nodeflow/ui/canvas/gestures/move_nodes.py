"""Dragging nodes: along a grid and guides, into wires, out of them by a shake."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from nodeflow.document.edit import commands, rewiring
from nodeflow.ui.canvas.gestures import snap_guides
from nodeflow.ui.canvas.gestures.base import SNAP, Gesture, Modifiers
from nodeflow.ui.canvas.gestures.insert_on_drop import DropOnWire
from nodeflow.ui.canvas.gestures.shake_detector import Shake
from nodeflow.ui.canvas.gestures.snap_guides import Guide, Guides

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView


class MoveNodes(Gesture):
    """Drags the selected nodes, or a frame with what it holds; alt lets them move freely.

    One node without wires may be dropped into a wire. A shake takes nodes out of theirs.
    """

    cursor = Qt.CursorShape.ClosedHandCursor

    def __init__(self, view: CanvasView, node: str, frame: str = "") -> None:
        super().__init__(view)
        self.node = node
        self.frame = frame
        self.frames: frozenset[str] = frozenset()
        self.slots = np.zeros(0, np.int64)
        self.shift = QPointF()
        self.detached = False
        self.guides: list[Guide] = []
        self.drop: DropOnWire | None = None
        self._shake = Shake()
        self._lines: Guides | None = None

    def start(self, at: QPointF, modifiers: Modifiers) -> None:
        super().start(at, modifiers)
        self.anchor = self.view.view_to_scene(at)
        self.slots = np.flatnonzero(self.view.scene.selected)
        if self.frame:
            nodes, frames = commands.held_by(self.view.document, self.frame)
            self.slots = np.array([self.view.scene.nodes.get(i) for i in nodes], np.int64)
            self.frames = frozenset((self.frame, *frames))
        else:
            self.frames = frozenset(self.view.frames_along)
        self._wait_for_wire()

    def _wait_for_wire(self) -> None:
        document = self.view.document
        loose = self.detached or not document.has_wires(self.node)
        if not self.frame and len(self.slots) == 1 and loose:
            record = document.nodes[self.node]
            self.drop = DropOnWire(self.view, record)

    def move(self, at: QPointF, modifiers: Modifiers) -> None:
        first = not self.moved
        super().move(at, modifiers)
        if not self.moved:
            return
        if first:
            self.view.lift(self.slots)
            self.view.lifted_frames = self.frames
            self._lines = None if self.frame else Guides(self.view, self.slots)
        if not self.frame and not self.detached and self._shake.feed(at, time.perf_counter()):
            self._let_go()
        self.shift = self._snapped(modifiers)
        self.view.lift_shift = self.shift
        if self.drop is not None:
            middle = self.view.scene.rect(int(self.slots[0])).center() + self.shift
            self.drop.look(self.view.view_to_scene(at), middle)

    def _let_go(self) -> None:
        """From here on the nodes have no wires; the document hears of it at the end."""
        self.detached = self.view.lifted_free = True
        self._lines = Guides(self.view, self.slots)
        self._lines.ports = []
        self.view.say("Detached: let go to keep it so, Esc to put it back.")
        self.view.repaint_all()

    def _snapped(self, modifiers: Modifiers) -> QPointF:
        step = self.view.view_to_scene(self.at) - self.anchor
        self.guides = []
        if modifiers & Modifiers.AltModifier:
            return step
        scene = self.view.scene
        if self.frame:
            x, y = scene.document.frames[self.frame].rect[:2]
        else:
            x, y = scene.positions[scene.nodes.get(self.node)]
        grid = QPointF(
            round((x + step.x()) / SNAP) * SNAP - x, round((y + step.y()) / SNAP) * SNAP - y
        )
        return grid if self._lines is None else self._lined_up(step, grid)

    def _lined_up(self, step: QPointF, grid: QPointF) -> QPointF:
        """Along each axis the guide where one is near, else the grid."""
        assert self._lines is not None
        box = self.view.scene.bounds(self.slots).translated(step)
        pull, self.guides = self._lines.snap(
            QRectF(box), snap_guides.REACH / self.view.camera.scale
        )
        axes = {guide.axis for guide in self.guides}
        return QPointF(
            step.x() + pull.x() if 0 in axes else grid.x(),
            step.y() + pull.y() if 1 in axes else grid.y(),
        )

    def end(self, at: QPointF, modifiers: Modifiers) -> None:
        self.view.drop_lifted()
        dropped = self.drop is not None and self.drop.found is not None
        if not self.moved or (self.shift.isNull() and not self.detached and not dropped):
            return
        document = self.view.document
        if self.frame:
            x, y = document.frames[self.frame].rect[:2]
            commands.move_frame(document, self.frame, (x + self.shift.x(), y + self.shift.y()))
            return
        places = self.view.scene.positions[self.slots] + [self.shift.x(), self.shift.y()]
        keys = [self.view.scene.nodes.key(slot) for slot in self.slots.tolist()]
        pairs = zip(keys, places.tolist(), strict=True)
        self._commit({key: (x, y) for key, (x, y) in pairs})

    def _commit(self, places: dict[str, tuple[float, float]]) -> None:
        document, drop = self.view.document, self.drop
        found = drop.found if drop is not None else None
        with document.transaction(self._label(places, found is not None)):
            if self.detached:
                rewiring.detach(document, self.view.analysis, places)
            by = (self.shift.x(), self.shift.y())
            commands.move_along(document, places, sorted(self.frames), by)
            if drop is not None and found is not None and found.wire.key in document.wires:
                drop.insert(self.node)

    def _label(self, places: dict[str, tuple[float, float]], inserted: bool) -> str:
        one = len(places) == 1
        what = self.view.document.node(self.node).name if one else f"{len(places)} nodes"
        return f"{'Insert' if inserted else 'Detach' if self.detached else 'Move'} {what}"

    def cancel(self) -> None:
        self.view.drop_lifted()
        self.view.update()

    def paint_below(self, painter: QPainter) -> None:
        if self.drop is not None:
            slot = int(self.slots[0])
            corner = self.view.scene.rect(slot).topLeft() + self.shift
            self.drop.paint(painter, self.view.scene.face(slot), corner)

    def paint(self, painter: QPainter) -> None:
        snap_guides.paint(painter, self.view, self.guides)

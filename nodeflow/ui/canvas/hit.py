"""What lies under the pointer: a port, a title, a body, a wire, a frame, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF

from nodeflow.ui.canvas import faces, wires
from nodeflow.ui.canvas.faces import PortFace
from nodeflow.ui.canvas.ground import FRAME_BAR
from nodeflow.ui.canvas.scene import SceneModel

PORT_REACH = 11.0
"""How near a port counts as on it, in view pixels."""
WIRE_REACH = 7.0


@dataclass(frozen=True)
class Hit:
    """``kind`` is port, title, body, wire, frame, corner (of a frame) or empty."""

    kind: str
    node: str = ""
    port: PortFace | None = None
    side: str = ""
    wire: tuple[str, str] | None = None
    frame: str = ""


EMPTY = Hit("empty")


def hit_test(scene: SceneModel, at: QPointF, scale: float) -> Hit:
    """The topmost thing at a scene point."""
    reach = PORT_REACH / scale
    area = QRectF(at.x() - reach, at.y() - reach, 2 * reach, 2 * reach)
    near = scene.nodes_in(area)
    near = sorted(near.tolist(), key=lambda slot: (scene.selected[slot], slot), reverse=True)
    for slot in near:
        found = _port_at(scene, slot, at, min(reach, 16.0))
        if found is not None:
            return found
        rect = scene.rect(slot)
        if rect.contains(at):
            kind = "title" if at.y() < rect.top() + faces.HEADER else "body"
            return Hit(kind, scene.nodes.key(slot))
    return _wire_at(scene, at, scale) or _frame_at(scene, at, scale) or EMPTY


def _port_at(scene: SceneModel, slot: int, at: QPointF, reach: float) -> Hit | None:
    face = scene.face(slot)
    x, y = scene.positions[slot]
    sides = (("in", face.inputs, x), ("out", face.outputs, x + face.width))
    for side, ports, port_x in sides:
        if abs(at.x() - port_x) > reach:
            continue
        for index, port in enumerate(ports):
            gap = abs(at.y() - (y + faces.row_y(index)))
            if gap <= min(reach, faces.ROW / 2):
                return Hit("port", scene.nodes.key(slot), port, side)
    return None


def _wire_at(scene: SceneModel, at: QPointF, scale: float) -> Hit | None:
    reach = WIRE_REACH / scale
    slots, ends = scene.wires_in(QRectF(at.x() - reach, at.y() - reach, 2 * reach, 2 * reach))
    if not len(slots):
        return None
    gaps = wires.distance(ends, at.x(), at.y(), scene.wires.lane[slots])
    nearest = int(gaps.argmin())
    if gaps[nearest] > reach:
        return None
    return Hit("wire", wire=scene.wires.slots.key(int(slots[nearest])))


def _frame_at(scene: SceneModel, at: QPointF, scale: float) -> Hit | None:
    corner = 14.0 / max(scale, 0.5)
    for frame in reversed(list(scene.document.frames.values())):
        rect = QRectF(*frame.rect)
        if not rect.contains(at):
            continue
        if at.x() > rect.right() - corner and at.y() > rect.bottom() - corner:
            return Hit("corner", frame=frame.id)
        holds_note = bool(frame.note) and not frame.title
        if at.y() < rect.top() + FRAME_BAR or holds_note:
            return Hit("frame", frame=frame.id)
    return None

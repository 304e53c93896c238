"""Hit testing: finds the port, title, body, wire or frame under the pointer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF

from nodeflow.drawing.cards import card_data
from nodeflow.drawing.cards.card_data import PortData
from nodeflow.drawing.frames.frame_titles import stacked
from nodeflow.drawing.wires import wire_shape
from nodeflow.ui.canvas.scene.scene_model import SceneModel

PORT_REACH = 11.0
"""Distance from a port within which the pointer hits it, in view pixels."""
WIRE_REACH = 7.0
"""Distance from a wire within which the pointer hits it, in view pixels."""
FRAME_BAR = 34.0
"""Height of the strip at the top of a frame that drags the frame."""


@dataclass(frozen=True)
class Hit:
    """The thing under the pointer.

    ``kind`` is port, title, body, wire, frame, corner (of a frame) or empty.
    """

    kind: str
    node: str = ""
    port: PortData | None = None
    side: str = ""
    wire: tuple[str, str] | None = None
    frame: str = ""


EMPTY = Hit("empty")


def hit_test(scene: SceneModel, at: QPointF, scale: float) -> Hit:
    """Return the topmost thing at a scene point."""
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
            dot = scene.card(slot).form == card_data.DOT_FORM
            kind = "title" if not dot and at.y() < rect.top() + card_data.HEADER else "body"
            return Hit(kind, scene.nodes.key(slot))
    return _wire_at(scene, at, scale) or _frame_at(scene, at, scale) or EMPTY


def _port_at(scene: SceneModel, slot: int, at: QPointF, reach: float) -> Hit | None:
    card = scene.card(slot)
    x, y = scene.positions[slot]
    if card.form == card_data.DOT_FORM:
        return _dot_port_at(scene, slot, at)
    sides = (("in", card.inputs, x), ("out", card.outputs, x + card.width))
    for side, ports, port_x in sides:
        if abs(at.x() - port_x) > reach:
            continue
        for index, port in enumerate(ports):
            gap = abs(at.y() - (y + card.port_y(index, side)))
            if gap <= min(reach, (card_data.ROW if card.form == card_data.CARD_FORM else 14.0) / 2):
                return Hit("port", scene.nodes.key(slot), port, side)
    return None


DOT_GRIP = 6.5
"""Radius of a reroute dot within which a press moves it. A press left or right of it draws a
wire.
"""


def _dot_port_at(scene: SceneModel, slot: int, at: QPointF) -> Hit | None:
    """Return the in-port or out-port of a reroute dot at a point. The ports are the left and right
    parts of a ring around its middle. Return None outside the ring.
    """
    card, away = scene.card(slot), at - scene.rect(slot).center()
    far = abs(away.x()) + abs(away.y())
    if far <= DOT_GRIP or abs(away.y()) > abs(away.x()) or abs(away.x()) > card_data.DOT * 0.7:
        return None
    side, ports = ("out", card.outputs) if away.x() > 0 else ("in", card.inputs)
    return Hit("port", scene.nodes.key(slot), ports[0], side) if ports else None


def _wire_at(scene: SceneModel, at: QPointF, scale: float) -> Hit | None:
    reach = WIRE_REACH / scale
    slots, ends = scene.wires_in(QRectF(at.x() - reach, at.y() - reach, 2 * reach, 2 * reach))
    if not len(slots):
        return None
    gaps = wire_shape.distance(ends, at.x(), at.y(), scene.wires.lane[slots])
    hidden = scene.wires.hidden[slots]
    if hidden.any():
        gaps[hidden] = _stub_distance(ends[hidden], at)
    nearest = int(gaps.argmin())
    if gaps[nearest] > reach:
        return None
    return Hit("wire", wire=scene.wires.slots.key(int(slots[nearest])))


def _stub_distance(ends: np.ndarray, at: QPointF) -> np.ndarray:
    """Return the distances (n,) of a point from hidden wires. Only the short stubs at the ends of
    such a wire count, because nothing else of it is drawn.
    """
    lines = wire_shape.stubs(ends, wire_shape.STUB)
    dx = np.maximum(np.maximum(lines[:, 0] - at.x(), at.x() - lines[:, 2]), 0)
    gaps = np.hypot(dx, lines[:, 1] - at.y())
    return gaps.reshape(2, -1).min(axis=0)


def _frame_at(scene: SceneModel, at: QPointF, scale: float) -> Hit | None:
    corner = 14.0 / max(scale, 0.5)
    for frame in reversed(stacked(scene.document.frames.values())):
        rect = QRectF(*frame.rect)
        if not rect.contains(at):
            continue
        if at.x() > rect.right() - corner and at.y() > rect.bottom() - corner:
            return Hit("corner", frame=frame.id)
        holds_note = bool(frame.note) and not frame.title
        if at.y() < rect.top() + FRAME_BAR or holds_note:
            return Hit("frame", frame=frame.id)
    return None

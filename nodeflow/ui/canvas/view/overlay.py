"""What is painted over the kept frame: hover, lifted nodes, the gesture, the ghost, the focus."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.ui.canvas.paint import background_layer, card_layer, wire_layer
from nodeflow.ui.canvas.paint.card_painter import RADIUS, CardPainter
from nodeflow.ui.canvas.paint.paint_context import Shot
from nodeflow.ui.canvas.scene import array_painting, card_data, value_preview, wire_table
from nodeflow.ui.canvas.scene.hit_test import Hit
from nodeflow.ui.canvas.view import empty_state, hidden_wires

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView


def paint(painter: QPainter, view: CanvasView) -> None:
    """Draw the overlay in view coordinates."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if empty_state.is_shown(view):
        empty_state.paint(painter, view)
    if view.gesture is not None:
        view.gesture.paint_below(painter)
    if view.lifted is not None:
        _paint_lifted(painter, view)
    else:
        if view.gesture is None:
            view.cone.paint(painter)
        _paint_hover(painter, view)
    if view.chip is not None:
        view.chip.paint(painter)
    if view.lifted is None:
        alone = view.selected_frame in view.document.frames
        for frame in [view.selected_frame] if alone else view.frames_along:
            _paint_frame_ring(painter, view, frame)
    if view.selected_wire is not None:
        _paint_wire(painter, view, view.selected_wire, "accent")
    if view.gesture is not None:
        view.gesture.paint(painter)
    if view.ghost is not None:
        view.ghost.paint(painter)
    if view.hasFocus():
        _paint_focus(painter, view)


def _paint_lifted(painter: QPainter, view: CanvasView) -> None:
    """The dragged nodes and their wires, where they would land."""
    scene = view.scene
    shot = view.shot(QRectF(view.rect()))
    shot.hidden, shot.shift = None, view.lift_shift
    _paint_lifted_frames(painter, view, shot)
    slots = np.flatnonzero(view.lifted)
    moved = scene.positions.copy()
    moved[slots] += [view.lift_shift.x(), view.lift_shift.y()]
    touching = scene.wires_of(slots)
    if view.lifted_free:  # shaken off
        table = scene.wires
        inside = view.lifted[table.source[touching]] & view.lifted[table.target[touching]]
        touching = touching[inside]
    wire_layer.paint_wire_set(painter, shot, touching, scene.wires.ends(touching, moved))
    corner, size = moved[slots], scene.sizes[slots]
    area = shot.area
    seen = (corner[:, 0] < area.right()) & (corner[:, 0] + size[:, 0] > area.left())
    seen &= (corner[:, 1] < area.bottom()) & (corner[:, 1] + size[:, 1] > area.top())
    card_layer.paint_cards(painter, shot, slots[seen])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)


def _paint_lifted_frames(painter: QPainter, view: CanvasView, shot: Shot) -> None:
    painter.save()
    shot.place(painter)
    for frame in background_layer.stacked(view.document.frames[i] for i in view.lifted_frames):
        rect = QRectF(*frame.rect)
        background_layer.paint_frame(painter, shot, rect, frame.title, frame.note, frame.color)
    painter.restore()


def _paint_frame_ring(painter: QPainter, view: CanvasView, frame: str) -> None:
    rect = view.camera.rect_to_view(QRectF(*view.document.frames[frame].rect))
    painter.setPen(QPen(view.theme.color("accent"), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    radius = background_layer.FRAME_RADIUS * view.camera.scale
    painter.drawRoundedRect(rect.adjusted(-1, -1, 1, 1), radius, radius)


def _paint_hover(painter: QPainter, view: CanvasView) -> None:
    hover = view.hover
    if hover.kind == "wire" and hover.wire is not None and view.gesture is None:
        _paint_wire(painter, view, hover.wire, "ink")
    if not hover.node or view.gesture is not None:
        return
    slot = view.scene.nodes.get(hover.node)
    if slot is None:
        return
    if not view.scene.selected[slot]:
        rect = view.node_rect(hover.node).adjusted(-1, -1, 1, 1)
        painter.setPen(QPen(view.theme.color("border_strong"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        radius = RADIUS * view.camera.scale
        painter.drawRoundedRect(rect, radius, radius)
    if hover.port is not None:
        _paint_port(painter, view, hover)


def _paint_port(painter: QPainter, view: CanvasView, hover: Hit) -> None:
    assert hover.port is not None
    at = view.port_place(hover.node, hover.port.name, hover.side)
    color = view.theme.dtype(hover.port.dtype)
    color.setAlphaF(0.22)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    scale = max(view.camera.scale, 0.6)
    painter.drawEllipse(at, 11 * scale, 11 * scale)
    CardPainter(view.theme).port(painter, at, hover.port, 6 * scale)


def _paint_wire(painter: QPainter, view: CanvasView, key: tuple[str, str], role: str) -> None:
    slot = view.scene.wires.slots.get(key)
    if slot is None:
        return
    if view.scene.wires.hidden[slot]:
        hidden_wires.paint(painter, view, key)
        return
    ends = view.scene.wires.ends(np.array([slot]), view.scene.positions)
    ends = ends * view.camera.scale + np.tile([view.camera.x, view.camera.y], 2)
    painter.setPen(QPen(view.theme.color(role), 3.0))
    scale, lane = view.camera.scale, view.scene.wires.lane[[slot]]
    array_painting.draw_lines(
        painter, wire_table.smooth(ends, None, scale, lane * scale + view.camera.y)
    )


def _paint_focus(painter: QPainter, view: CanvasView) -> None:
    """Four thin bars: stroking so large a rectangle would cost more than a pan."""
    color, width, height = view.theme.color("accent", 0.5), view.width(), view.height()
    bars = (
        (0, 0, width, 2),
        (0, height - 2, width, 2),
        (0, 0, 2, height),
        (width - 2, 0, 2, height),
    )
    for bar in bars:
        painter.fillRect(*bar, color)


_STATES = {
    "muted": "Muted: it does not run, nor does what needs it.",
    "bypassed": "Bypassed: it passes its input on.",
    "resting": "Rests: something that it needs is muted.",
    "running": "Being computed.",
    "stale": "Out of date: the value is from before the last edit.",
    "breakpoint": "Breakpoint: a training pauses where this is not finite, or true.",
    "hit": "The training paused here: the value is not finite, or true.",
}

# ---- tooltips -------------------------------------------------------------------------------


def tooltip(view: CanvasView, hit: Hit) -> str:
    """What a thing under the pointer says, as rich text; empty for nothing."""
    if hit.kind == "port" and hit.port is not None:
        return _port_tip(view, hit)
    if hit.kind in ("title", "body"):
        return _node_tip(view, hit.node)
    if hit.kind == "wire" and hit.wire is not None:
        return _wire_tip(view, hit.wire)
    return ""


def _port_tip(view: CanvasView, hit: Hit) -> str:
    assert hit.port is not None
    kind = view.analysis.type_of(hit.node, hit.port.name) if view.analysis else None
    lines = [f"<b>{escape(hit.port.name)}</b> {escape(str(kind)) if kind else ''}"]
    if hit.port.optional:
        lines.append("optional")
    lines += [escape(str(p.message)) for p in _problems(view, hit.node) if p.port == hit.port.name]
    return "<br>".join(lines)


def _node_tip(view: CanvasView, node_id: str) -> str:
    record = view.document.nodes[node_id]
    slot = view.scene.nodes.get(node_id)
    subtitle = view.scene.face(slot).subtitle if slot is not None else record.op
    lines = [f"<b>{escape(record.name)}</b> {escape(subtitle)}"]
    if slot is not None and view.scene.face(slot).status in _STATES:
        lines.append(_STATES[view.scene.face(slot).status])
    for problem in _problems(view, node_id):
        lines.append(escape(problem.message))
        if problem.hint:
            lines.append(f"<i>{escape(problem.hint)}</i>")
    shown = value_preview.plain_text(view.value_of(node_id))
    if shown:
        lines.append(escape(shown))
    return "<br>".join(lines)


def _wire_tip(view: CanvasView, key: tuple[str, str]) -> str:
    wire = view.document.wires.get(key)
    if wire is None:
        return ""
    source, target = view.document.nodes[wire.source], view.document.nodes[wire.target]
    kind = view.analysis.type_of(wire.source, wire.source_port) if view.analysis else None
    ends = f"{source.name}:{wire.source_port} → {target.name}:{wire.target_port}"
    return f"{escape(ends)}<br>{escape(str(kind))}" if kind else escape(ends)


def _problems(view: CanvasView, node_id: str) -> list:
    return view.analysis.problems.get(node_id, []) if view.analysis else []


def port_label(port: card_data.PortFace) -> str:
    """A port in words, for accessibility."""
    return " ".join(part for part in (port.name, port.type_text) if part)


def pointer(view: CanvasView) -> QPointF:
    """Where the pointer is, in view coordinates; the middle if it is elsewhere."""
    at = QPointF(view.mapFromGlobal(view.cursor().pos()))
    inside = QRectF(view.rect()).contains(at)
    return at if inside else QPointF(view.width() / 2, view.height() / 2)

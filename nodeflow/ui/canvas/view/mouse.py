"""The pointer: which gesture a press starts, hover, cursor, wheel, tooltips, the palette's ghost.

Part of the canvas (``CanvasView`` inherits it).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QMouseEvent,
    QNativeGestureEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip

from nodeflow.document.edit import insertables
from nodeflow.ui.canvas.gestures.base import (
    BoxSelect,
    Gesture,
    Pan,
    Refuse,
    ResizeFrame,
)
from nodeflow.ui.canvas.gestures.cut_wires import SliceWires
from nodeflow.ui.canvas.gestures.drag_wire import DragWire
from nodeflow.ui.canvas.gestures.move_nodes import MoveNodes
from nodeflow.ui.canvas.gestures.navigation_presets import DEFAULT, PRESETS, wheel_pan
from nodeflow.ui.canvas.scene.camera import STEPS_PER_OCTAVE
from nodeflow.ui.canvas.scene.hit_test import Hit, hit_test
from nodeflow.ui.canvas.view import empty_state, overlay
from nodeflow.ui.canvas.view.drag_preview import Ghost

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

_CONTROL = Qt.KeyboardModifier.ControlModifier
WHEEL_STEP = 60
"""An eighth of an octave for half a notch of the wheel (a notch is 120)."""


EDGE = 20.0
"""Within so many pixels of an edge, or beyond it, a drag moves the view."""


def _beyond(place: float, size: float) -> float:
    """How fast to move the view for a pointer near an edge: pixels a tick, 0 inside."""
    if place < EDGE:
        return max(place - EDGE, -3 * EDGE) * 0.5
    return min(max(place - (size - EDGE), 0.0), 3 * EDGE) * 0.5


class Pointing:
    """Mouse events; ``self`` is a CanvasView."""

    _wheel_rest = 0.0
    pointer = DEFAULT

    def set_pointer(self: CanvasView, preset: str) -> None:
        """Choose how wheel and drag move the view (see ``pointer_presets``)."""
        self.pointer = preset if preset in PRESETS else DEFAULT

    def hit(self: CanvasView, at: QPointF) -> Hit:
        """What is at a view point."""
        return hit_test(self.scene, self.view_to_scene(at), self.camera.scale)

    def mousePressEvent(self: CanvasView, event: QMouseEvent) -> None:
        self.glide.finish()
        if self.gesture is not None:
            return
        at = event.position()
        gesture = self._gesture_for(event, at)
        if gesture is not None:
            self.gesture = gesture
            gesture.start(at, event.modifiers())
            self.setCursor(gesture.cursor)
            self._drift.start()
        event.accept()

    def _gesture_for(self: CanvasView, event: QMouseEvent, at: QPointF) -> Gesture | None:
        button = event.button()
        if button == Qt.MouseButton.MiddleButton:
            return Pan(self)
        if button in (Qt.MouseButton.BackButton, Qt.MouseButton.ForwardButton):
            self.history_wanted.emit(-1 if button == Qt.MouseButton.BackButton else 1)
        if button == Qt.MouseButton.RightButton:
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                return Refuse(self) if self.document.locked else SliceWires(self)
            self._select_under(at)
        if button != Qt.MouseButton.LeftButton:
            return None
        if self.is_space_held:
            return Pan(self)
        if empty_state.link_at(self, at):
            self.tutorial_requested.emit()
            return None
        return self._left_gesture(self.hit(at), event.modifiers())

    def _select_under(self: CanvasView, at: QPointF) -> None:
        """A menu is about the node under the pointer, or about the selection it is part of."""
        hit = self.hit(at)
        thing = hit.node or hit.frame
        self.selected_wire = hit.wire
        if hit.wire is not None or (thing and thing not in self.selected_ids()):
            self.select([thing] if thing else [])
        self.update()

    def contextMenuEvent(self: CanvasView, event: QContextMenuEvent) -> None:
        """Ask for a menu about what is under the pointer, or about the selection (by key)."""
        if self.gesture is not None or QGuiApplication.keyboardModifiers() & _CONTROL:
            return
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        at = QPointF(event.pos())
        if by_key and self.selected_nodes():
            at = self.node_rect(self.selected_nodes()[0]).center()
        self.menu_at = at.toPoint()
        self.menu_requested.emit(self._menu_kind(at), self.mapToGlobal(self.menu_at))
        event.accept()

    def show_menu_of(self: CanvasView, node_id: str) -> None:
        """Ask for the menu of a node, as the menu key does."""
        self.selected_wire = None
        self.menu_at = self.node_rect(node_id).center().toPoint()
        self.menu_requested.emit("node", self.mapToGlobal(self.menu_at))

    def _menu_kind(self: CanvasView, at: QPointF) -> str:
        if self.selected_wire is not None:
            return "wire"
        if self.selected_frame in self.document.frames:
            return "frame"
        hit = self.hit(at)
        return "node" if hit.node and self.selected_nodes() else "canvas"

    def _drift_view(self: CanvasView) -> None:
        """While something is dragged near an edge, the view moves that way."""
        gesture = self.gesture
        if gesture is None or isinstance(gesture, Pan):
            self._drift.stop()
            return
        if not gesture.moved:
            return
        dx = _beyond(gesture.at.x(), self.width())
        dy = _beyond(gesture.at.y(), self.height())
        if dx or dy:
            self.pan(-dx, -dy)
            gesture.move(gesture.at, QGuiApplication.keyboardModifiers())

    def _left_gesture(self: CanvasView, hit: Hit, modifiers: Qt.KeyboardModifier) -> Gesture | None:
        if hit.kind == "port" and hit.port is not None:
            return Refuse(self) if self.document.locked else self._wire_gesture(hit)
        if hit.kind in ("title", "body"):
            return self._node_gesture(hit.node, modifiers)
        if hit.kind == "wire" and hit.wire is not None:
            self.select_wire(hit.wire)
            return None
        self.selected_wire = None
        if self.document.locked:
            return BoxSelect(self)
        if hit.kind == "frame":
            self.select([hit.frame])
            return MoveNodes(self, "", hit.frame)
        if hit.kind == "corner":
            return ResizeFrame(self, hit.frame)
        if self.pointer == "drag" and modifiers == Qt.KeyboardModifier.NoModifier:
            self.select([])
            return Pan(self)
        return BoxSelect(self)

    def _wire_gesture(self: CanvasView, hit: Hit) -> Gesture:
        assert hit.port is not None
        wire = self.document.wires.get((hit.node, hit.port.name)) if hit.side == "in" else None
        if wire is not None:
            return DragWire(self, wire.source, wire.source_port, "out", picked=wire.key)
        return DragWire(self, hit.node, hit.port.name, hit.side)

    def _node_gesture(
        self: CanvasView, node: str, modifiers: Qt.KeyboardModifier
    ) -> Gesture | None:
        self.selected_wire = None
        chosen = self.selected_nodes()
        keys = Qt.KeyboardModifier
        if modifiers & (keys.ControlModifier | keys.ShiftModifier):
            self.select([i for i in chosen if i != node] if node in chosen else [*chosen, node])
            return None
        if node not in chosen:
            self.select([node])
        return Refuse(self) if self.document.locked else MoveNodes(self, node)

    def mouseMoveEvent(self: CanvasView, event: QMouseEvent) -> None:
        if self.gesture is not None:
            self.gesture.move(event.position(), event.modifiers())
            return
        self.set_hover(self.hit(event.position()), event.position())

    def mouseReleaseEvent(self: CanvasView, event: QMouseEvent) -> None:
        gesture, self.gesture = self.gesture, None
        if gesture is None:
            return
        with self.reporting():
            gesture.end(event.position(), event.modifiers())
        if isinstance(gesture, MoveNodes) and not gesture.moved and gesture.node:
            self.select([gesture.node])
        self.set_hover(self.hit(event.position()), event.position())
        self._show_cursor()
        self.update()

    def mouseDoubleClickEvent(self: CanvasView, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self.cancel_gesture()
        hit = self.hit(event.position())
        if hit.kind == "title" and not self.document.locked:
            self.rename_node(hit.node)
        elif self.is_dot(hit.node) and not self.document.locked:
            self.heal_selection()
        elif hit.kind in ("title", "body"):
            self.node_activated.emit(hit.node)
        elif hit.kind == "wire" and hit.wire is not None:
            self.add_dot(hit.wire, self.view_to_scene(event.position()))
        elif hit.kind == "frame":
            self.rename_frame(hit.frame)
        elif hit.kind == "empty":
            self.ask_search(event.position(), None)

    def cancel_gesture(self: CanvasView) -> bool:
        """Stop the running gesture, leaving all as it was; True if there was one."""
        gesture, self.gesture = self.gesture, None
        if gesture is not None:
            gesture.cancel()
        had_ghost, self.ghost = self.ghost is not None, None
        self._show_cursor()
        self.update()
        return gesture is not None or had_ghost

    def wheelEvent(self: CanvasView, event: QWheelEvent) -> None:
        """Zooms around the pointer or pans, as the preset says."""
        pan = wheel_pan(event, self.pointer)
        if pan is not None:
            self.pan(pan.x(), pan.y())
        else:
            self._wheel_zoom(event.angleDelta().y(), event.position())
        event.accept()

    def pinch(self: CanvasView, event: QNativeGestureEvent) -> bool:
        """Two fingers that part or close on a touchpad zoom around the pointer."""
        if event.gestureType() != Qt.NativeGestureType.ZoomNativeGesture:
            return False
        notches = math.log2(max(1.0 + event.value(), 0.1)) * STEPS_PER_OCTAVE
        self._wheel_zoom(notches * WHEEL_STEP, event.position())
        return True

    def _wheel_zoom(self: CanvasView, angle: float, at: QPointF) -> None:
        self._wheel_rest += angle
        steps = int(self._wheel_rest / WHEEL_STEP)
        self._wheel_rest -= steps * WHEEL_STEP
        if steps:
            self.zoom(steps, at)

    # ---- hover, cursor, tooltips ------------------------------------------------------------

    def set_hover(self: CanvasView, hit: Hit, at: QPointF | None = None) -> None:
        if hit != self.hover:
            self.hover = hit
            self.update()
        self.cone.follow("" if hit.kind == "port" else hit.node)
        self._show_cursor(at)

    def _show_cursor(self: CanvasView, at: QPointF | None = None) -> None:
        shapes = {
            "port": Qt.CursorShape.CrossCursor,
            "wire": Qt.CursorShape.PointingHandCursor,
            "frame": Qt.CursorShape.OpenHandCursor,
            "corner": Qt.CursorShape.SizeFDiagCursor,
        }
        shape = shapes.get(self.hover.kind, Qt.CursorShape.ArrowCursor)
        if self.gesture is not None:
            shape = self.gesture.cursor
        elif self.is_space_held:
            shape = Qt.CursorShape.OpenHandCursor
        elif at is not None and empty_state.link_at(self, at):
            shape = Qt.CursorShape.PointingHandCursor
        if self.cursor().shape() != shape:
            self.setCursor(shape)

    def hold_space(self: CanvasView, held: bool) -> None:
        """While the space key is held, the left button pans."""
        self.is_space_held = held
        self._show_cursor()

    def pointer_place(self: CanvasView) -> QPointF:
        """Where a search by keyboard opens: at the pointer, if it is over the canvas."""
        return overlay.pointer(self)

    def show_tooltip(self: CanvasView, event: QEvent) -> None:
        """What the thing under the pointer says."""
        text = overlay.tooltip(self, self.hit(QPointF(event.pos())))
        if text:
            QToolTip.showText(event.globalPos(), text, self)
        else:
            QToolTip.hideText()

    # ---- the palette's drag -----------------------------------------------------------------

    def begin_ghost(self: CanvasView, op_id: str, global_pos: QPoint) -> None:
        """Show the ghost of a node that the palette drags; move, then drop or cancel it."""
        self.ghost = Ghost(self, op_id)
        self.move_ghost(global_pos)

    def move_ghost(self: CanvasView, global_pos: QPoint) -> None:
        if self.ghost is not None:
            self.ghost.move(QPointF(self.mapFromGlobal(global_pos)))
            self.update()

    def drop_ghost(self: CanvasView, global_pos: QPoint) -> str | None:
        """Add the node where the ghost is; returns its id, or None outside the canvas."""
        self.move_ghost(global_pos)
        ghost, self.ghost = self.ghost, None
        self.update()
        if ghost is None or not self.rect().contains(ghost.at.toPoint()):
            return None
        with self.document.transaction(f"Add {insertables.called(ghost.op_id)}"):
            node = self.add_node(ghost.op_id, self.view_to_scene(ghost.at) - ghost.grip)
            if node is not None:
                ghost.drop.insert(node)
        self.select([node] if node is not None else [])
        return node

    def cancel_ghost(self: CanvasView) -> None:
        self.ghost = None
        self.update()

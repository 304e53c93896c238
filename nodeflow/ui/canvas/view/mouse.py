"""The mouse: gestures that start at a press, hover, cursor, wheel, context menus and tooltips."""

from __future__ import annotations

import math
from functools import partial

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt, QTimer
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QHelpEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.document.edit.node_value import value_of
from nodeflow.document.to_graph.expansion.expand import opens
from nodeflow.ui.canvas.gestures.base import Gesture
from nodeflow.ui.canvas.gestures.box_select import BoxSelect
from nodeflow.ui.canvas.gestures.cut_wires import CutWires
from nodeflow.ui.canvas.gestures.drag_iteration import DragIteration
from nodeflow.ui.canvas.gestures.drag_value import DragValue
from nodeflow.ui.canvas.gestures.drag_wire import DragWire, WireRequests
from nodeflow.ui.canvas.gestures.move_nodes import MoveFrame, MoveNodes
from nodeflow.ui.canvas.gestures.navigation_presets import DEFAULT, PRESETS, wheel_pan
from nodeflow.ui.canvas.gestures.pan import Pan, Refuse
from nodeflow.ui.canvas.gestures.resize_frame import ResizeFrame
from nodeflow.ui.canvas.paint.renderer import Renderer
from nodeflow.ui.canvas.scene.camera import STEPS_PER_OCTAVE
from nodeflow.ui.canvas.scene.hit_test import EMPTY, Hit
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.signals import CanvasSignals
from nodeflow.ui.canvas.view.conversion_chip import ConversionOffers
from nodeflow.ui.canvas.view.dependency_highlight import DependencyHighlight
from nodeflow.ui.canvas.view.drag_preview import PaletteDrag
from nodeflow.ui.canvas.view.empty_state import EmptyState
from nodeflow.ui.canvas.view.graph_edits import GraphEdits
from nodeflow.ui.canvas.view.inline_editor import Rename
from nodeflow.ui.canvas.view.node_animation import NodeAnimation
from nodeflow.ui.canvas.view.tooltips import OVERRIDE_TIP, fold_tip, tooltip
from nodeflow.ui.core.widgets.anchored_tips import show_beside

_CONTROL, _SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
WHEEL_STEP = 60
"""Wheel angle per zoom step of an eighth of an octave: half a notch. A notch is 120."""
SCROLL_EDGE = 20.0
"""Distance from an edge in pixels within which a drag scrolls the view; also beyond the edge."""
SCROLL_MS = 25
CURSORS = {
    "port": Qt.CursorShape.CrossCursor,
    "wire": Qt.CursorShape.PointingHandCursor,
    "frame": Qt.CursorShape.OpenHandCursor,
    "corner": Qt.CursorShape.SizeFDiagCursor,
}
"""The cursor over each kind of `Hit`. Over other kinds it is an arrow."""


class Mouse:
    """The handler of a canvas's mouse events."""

    def __init__(
        self,
        canvas: QWidget,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        renderer: Renderer,
        signals: CanvasSignals,
        edits: GraphEdits,
        rename: Rename,
        conversions: ConversionOffers,
        animation: NodeAnimation,
        highlight: DependencyHighlight,
        palette_drag: PaletteDrag,
        empty: EmptyState,
    ) -> None:
        self._canvas, self._scene, self._viewport = canvas, scene, viewport
        self._selection, self._renderer, self._signals = selection, renderer, signals
        self._edits, self._rename, self._animation = edits, rename, animation
        self._highlight, self._palette_drag, self._empty = highlight, palette_drag, empty
        self._wire_requests = WireRequests(signals.message.emit, edits.search, conversions.offer)
        self.gesture: Gesture | None = None
        self.hover: Hit = EMPTY
        self.preset = DEFAULT
        self.is_space_held = False
        self.menu_at = QPoint()
        """Position of the last requested context menu, in view coordinates."""
        self.menu_open_at: QPoint | None = None
        """Equal to `menu_at` while that menu is open and while its chosen action runs;
        otherwise None.
        """
        self._wheel_rest = 0.0
        """Wheel angle that does not yet make a whole zoom step."""
        self._scroll = QTimer(canvas, interval=SCROLL_MS)
        self._scroll.timeout.connect(self._scroll_at_edge)
        viewport.panned.connect(self.clear_hover)
        viewport.zoomed.connect(self.clear_hover)

    def set_preset(self, preset: str) -> None:
        """Choose how the wheel and drags move the view (see ``navigation_presets``)."""
        self.preset = preset if preset in PRESETS else DEFAULT

    def position(self) -> QPointF:
        """Return the pointer in view coordinates, or the middle of the view if it is elsewhere."""
        at = QPointF(self._canvas.mapFromGlobal(self._canvas.cursor().pos()))
        return at if self._viewport.rect.contains(at) else self._viewport.center

    # ---- gestures ---------------------------------------------------------------------------

    def press(self, event: QMouseEvent) -> None:
        self._animation.finish()
        if self.gesture is not None:
            return
        at = event.position()
        gesture = self._gesture_for(event, at)
        if gesture is not None:
            self.gesture = gesture
            self._highlight.suspend()
            gesture.start(at, event.modifiers())
            self._canvas.setCursor(gesture.cursor)
            self._scroll.start()
        event.accept()

    def move(self, event: QMouseEvent) -> None:
        if self.gesture is None:
            self._set_hover(event.position())
            return
        self.gesture.move(event.position(), event.modifiers())
        self._canvas.update()

    def release(self, event: QMouseEvent) -> None:
        gesture, self.gesture = self.gesture, None
        if gesture is None:
            return
        with self._signals.reporting():
            gesture.end(event.position(), event.modifiers())
        self._set_hover(event.position())
        self._show_cursor()
        self._canvas.update()

    def double_click(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self.cancel_gesture()
        at, locked = event.position(), self._scene.document.locked
        hit = self._viewport.hit_test(at)
        if hit.kind == "title" and not locked and not opens(self._scene.document, hit.node):
            self._rename.node(hit.node)
        elif self._edits.is_dot(hit.node) and not locked:
            self._edits.heal()
        elif self._is_on_fold(hit, at):
            self._edits.toggle_unfolded([hit.node])
        elif hit.kind == "body" and self._value_gesture(hit.node, at) is not None:
            self._rename.value(hit.node)
        elif hit.kind in ("title", "body"):
            self._signals.node_activated.emit(hit.node)
        elif hit.kind == "wire" and hit.wire is not None:
            self._edits.add_dot(hit.wire, self._viewport.camera.to_scene(at))
        elif hit.kind == "frame":
            self._rename.frame(hit.frame)
        elif hit.kind == "empty":
            self._edits.search(at, None)

    def cancel_gesture(self) -> bool:
        """Cancel the running gesture or palette drag. Return whether there was one."""
        gesture, self.gesture = self.gesture, None
        if gesture is not None:
            gesture.cancel()
        was_dragging = self._palette_drag.cancel()
        self._show_cursor()
        return gesture is not None or was_dragging

    def hold_space(self, is_held: bool) -> None:
        """Let the left button pan while the space key is held."""
        self.is_space_held = is_held
        self._show_cursor()

    def _gesture_for(self, event: QMouseEvent, at: QPointF) -> Gesture | None:
        button = event.button()
        if button == Qt.MouseButton.MiddleButton:
            return Pan(self._viewport)
        if button in (Qt.MouseButton.BackButton, Qt.MouseButton.ForwardButton):
            step = -1 if button == Qt.MouseButton.BackButton else 1
            self._signals.history_requested.emit(step)
        if button == Qt.MouseButton.RightButton:
            if event.modifiers() & _CONTROL:
                show_message = self._signals.message.emit
                return self._refusal() or CutWires(self._scene, self._viewport, show_message)
            self._select_for_menu(at)
        if button != Qt.MouseButton.LeftButton:
            return None
        if self.is_space_held:
            return Pan(self._viewport)
        if self._is_on_link(at):
            self._signals.tutorial_requested.emit()
            return None
        if node := self._viewport.overridden_at(at):
            self._signals.take_back_requested.emit(node)
            return None
        return self._left_gesture(self._viewport.hit_test(at), event.modifiers(), at)

    def _refusal(self) -> Gesture | None:
        """Return the gesture that explains why an edit is refused, or None if the document can
        be edited.
        """
        locked = self._scene.document.locked
        return Refuse(locked, self._signals.message.emit) if locked else None

    def _value_gesture(self, node: str, at: QPointF) -> Gesture | None:
        """Return the gesture that changes the number under the pointer; None if there is no
        number.
        """
        area = self._viewport.value_rect(node)
        if not area.contains(at):
            return None
        found = value_of(self._scene.document, node)
        if found is None:
            return None
        scale = self._viewport.camera.scale
        select = partial(self._selection.select, [node])
        return DragValue(self._scene.document, node, found, area, scale, select)

    def _left_gesture(
        self, hit: Hit, modifiers: Qt.KeyboardModifier, at: QPointF
    ) -> Gesture | None:
        scene, viewport, selection = self._scene, self._viewport, self._selection
        if hit.kind == "port" and hit.port is not None:
            if value := self._folded_at(hit):
                selection.wire = None
                selection.select([value])
                return None
            return self._refusal() or self._wire_gesture(hit)
        if hit.kind == "body" and viewport.iteration_rect(hit.node).contains(at):
            return DragIteration(viewport, hit.node, self._signals.iteration_requested.emit)
        if hit.kind == "body" and self._is_on_fold(hit, at):
            if not scene.document.locked:
                self._edits.toggle_unfolded([hit.node])
            return self._refusal()
        if hit.kind == "body" and not modifiers & (_CONTROL | _SHIFT):
            value = self._value_gesture(hit.node, at)
            if value is not None:
                return value
        if hit.kind in ("title", "body"):
            return self._node_gesture(hit.node, modifiers)
        if hit.kind == "wire" and hit.wire is not None:
            selection.select_wire(hit.wire)
            return None
        selection.wire = None
        if scene.document.locked:
            return BoxSelect(scene, viewport, selection)
        if hit.kind == "frame":
            selection.select([hit.frame])
            return MoveFrame(scene, viewport, self._renderer, hit.frame)
        if hit.kind == "corner":
            return ResizeFrame(scene.document, viewport.camera, hit.frame)
        if self.preset == "drag" and modifiers == Qt.KeyboardModifier.NoModifier:
            selection.select([])
            return Pan(viewport)
        return BoxSelect(scene, viewport, selection)

    def _folded_at(self, hit: Hit) -> str:
        """Return the folded value that a port shows; empty for none."""
        document = self._scene.document
        wire = document.wires.get((hit.node, hit.port.name)) if hit.port is not None else None
        if wire is None or hit.side != "in":
            return ""
        return wire.source if is_folded(document, document.nodes[wire.source]) else ""

    def _wire_gesture(self, hit: Hit) -> Gesture:
        assert hit.port is not None
        node, port, side, picked = hit.node, hit.port.name, hit.side, None
        wire = self._scene.document.wires.get((node, port)) if side == "in" else None
        if wire is not None:
            node, port, side, picked = wire.source, wire.source_port, "out", wire.key
        parts = (self._scene, self._viewport, self._renderer, self._wire_requests)
        return DragWire(*parts, node, port, side, picked)

    def _node_gesture(self, node: str, modifiers: Qt.KeyboardModifier) -> Gesture | None:
        selection = self._selection
        selection.wire = None
        chosen = selection.nodes()
        if modifiers & (_CONTROL | _SHIFT):
            is_chosen = node in chosen
            selection.select([i for i in chosen if i != node] if is_chosen else [*chosen, node])
            return None
        if node not in chosen:
            selection.select([node])
        show_message = self._signals.message.emit
        parts = (self._scene, self._viewport, self._renderer, selection)
        return self._refusal() or MoveNodes(*parts, node, show_message)

    def _scroll_at_edge(self) -> None:
        """Scroll the view while something is dragged near an edge."""
        gesture = self.gesture
        if gesture is None or not gesture.scrolls_at_edge:
            self._scroll.stop()
            return
        if not gesture.is_drag:
            return
        dx = _scroll_speed(gesture.at.x(), self._viewport.width)
        dy = _scroll_speed(gesture.at.y(), self._viewport.height)
        if dx or dy:
            self._viewport.pan(-dx, -dy)
            gesture.move(gesture.at, QGuiApplication.keyboardModifiers())

    # ---- context menus ----------------------------------------------------------------------

    def request_menu(self, event: QContextMenuEvent) -> None:
        """Request a context menu for the thing under the pointer, or for the selection if a key
        opened it.
        """
        if self.gesture is not None or QGuiApplication.keyboardModifiers() & _CONTROL:
            return
        at, chosen = QPointF(event.pos()), self._selection.nodes()
        if event.reason() == QContextMenuEvent.Reason.Keyboard and chosen:
            at = self._viewport.node_rect(chosen[0]).center()
        self._request_menu(self._menu_kind(at), at)
        event.accept()

    def open_menu(self, node_id: str) -> None:
        """Request the context menu of a node, as the menu key does."""
        self._selection.wire = None
        self._request_menu("node", self._viewport.node_rect(node_id).center())

    def _request_menu(self, kind: str, at: QPointF) -> None:
        self.menu_at = at.toPoint()
        self._signals.menu_requested.emit(kind, self._canvas.mapToGlobal(self.menu_at))

    def _menu_kind(self, at: QPointF) -> str:
        if self._selection.wire is not None:
            return "wire"
        if self._selection.is_frame:
            return "frame"
        hit = self._viewport.hit_test(at)
        return "node" if hit.node and self._selection.nodes() else "canvas"

    def _select_for_menu(self, at: QPointF) -> None:
        """Select the thing under the pointer, unless it is already selected."""
        hit = self._viewport.hit_test(at)
        thing = hit.node or hit.frame
        self._selection.wire = hit.wire
        if hit.wire is not None or (thing and thing not in self._selection.ids()):
            self._selection.select([thing] if thing else [])
        self._canvas.update()

    # ---- wheel ------------------------------------------------------------------------------

    def wheel(self, event: QWheelEvent) -> None:
        """Zoom around the pointer or pan, depending on the preset."""
        pan = wheel_pan(event, self.preset)
        if pan is not None:
            self._viewport.pan(pan.x(), pan.y())
        else:
            self._wheel_zoom(event.angleDelta().y(), event.position())
        event.accept()

    def pinch(self, event: QNativeGestureEvent) -> bool:
        """Zoom around the pointer with two fingers on a touchpad."""
        if event.gestureType() != Qt.NativeGestureType.ZoomNativeGesture:
            return False
        steps = math.log2(max(1.0 + event.value(), 0.1)) * STEPS_PER_OCTAVE
        self._wheel_zoom(steps * WHEEL_STEP, event.position())
        return True

    def _wheel_zoom(self, angle: float, at: QPointF) -> None:
        self._wheel_rest += angle
        steps = int(self._wheel_rest / WHEEL_STEP)
        self._wheel_rest -= steps * WHEEL_STEP
        if steps:
            self._viewport.zoom(steps, at)

    # ---- hover, cursor, tooltips ------------------------------------------------------------

    def clear_hover(self) -> None:
        """Clear the hover, because the pointer has left or the view has moved."""
        self._hover_over(EMPTY, None)

    def reset_hover(self) -> None:
        """Forget the hovered thing, which may have been deleted."""
        if self.hover is not EMPTY:
            self.hover = EMPTY
            self._highlight.follow("")

    def _set_hover(self, at: QPointF) -> None:
        self._hover_over(self._viewport.hit_test(at), at)

    def _hover_over(self, hit: Hit, at: QPointF | None) -> None:
        if hit != self.hover:
            self.hover = hit
            self._canvas.update()
        self._highlight.follow("" if hit.kind == "port" else hit.node)
        self._show_cursor(at)

    def _show_cursor(self, at: QPointF | None = None) -> None:
        shape = CURSORS.get(self.hover.kind, Qt.CursorShape.ArrowCursor)
        if self.gesture is not None:
            shape = self.gesture.cursor
        elif self.is_space_held:
            shape = Qt.CursorShape.OpenHandCursor
        elif at is not None and self._is_clickable(at):
            shape = Qt.CursorShape.PointingHandCursor
        elif at is not None and self.hover.kind == "body" and self._is_on_value(at):
            shape = Qt.CursorShape.SizeHorCursor
        if self._canvas.cursor().shape() != shape:
            self._canvas.setCursor(shape)

    def _is_on_value(self, at: QPointF) -> bool:
        """Return whether a drag from this point changes a number or chooses an iteration."""
        if self._viewport.iteration_rect(self.hover.node).contains(at):
            return True
        return self._value_gesture(self.hover.node, at) is not None

    def _is_on_fold(self, hit: Hit, at: QPointF) -> bool:
        """Return whether a click at this point folds or unfolds ports."""
        return hit.kind == "body" and self._viewport.fold_rect(hit.node).contains(at)

    def _is_clickable(self, at: QPointF) -> bool:
        on_fold = self._is_on_link(at) or self._is_on_fold(self.hover, at)
        return on_fold or bool(self._viewport.overridden_at(at))

    def _is_on_link(self, at: QPointF) -> bool:
        return self._palette_drag.preview is None and self._empty.is_on_link(at)

    def show_tooltip(self, event: QHelpEvent) -> None:
        """Show the tooltip of the thing under the pointer."""
        at = QPointF(event.pos())
        hit = self._viewport.hit_test(at)
        if self._viewport.overridden_at(at):
            words = OVERRIDE_TIP
        elif self._is_on_fold(hit, at):
            words = fold_tip(self._scene, hit)
        else:
            words = tooltip(self._scene, hit, self._renderer.tints)
        show_beside(words, self._explained(hit, event.pos()), self._canvas)

    def _explained(self, hit: Hit, at: QPoint) -> QRect:
        """Return the area that a tooltip must not cover: the card, or the spot under the
        pointer.
        """
        if hit.node and hit.kind in ("title", "body", "port"):
            card = self._viewport.node_rect(hit.node)
            return card.intersected(QRectF(self._canvas.rect())).toAlignedRect()
        return QRect(at.x() - 8, at.y() - 8, 16, 24)


def _scroll_speed(at: float, size: float) -> float:
    """Return the scroll speed for a pointer near an edge, in pixels per tick; 0 away from the
    edges.
    """
    if at < SCROLL_EDGE:
        return max(at - SCROLL_EDGE, -3 * SCROLL_EDGE) * 0.5
    return min(max(at - (size - SCROLL_EDGE), 0.0), 3 * SCROLL_EDGE) * 0.5

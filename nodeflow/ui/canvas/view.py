"""The canvas: one widget that shows a document and lets the mouse and keyboard edit it.

It paints a kept frame and, over it, what changes with the pointer. Mouse events go to gestures
(``gestures``, ``wiring``, ``ghost``), keys to ``editing``; both change the document through
commands only, and what they did appears when the document says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QToolTip, QWidget

from nodeflow.document.model import Document
from nodeflow.ui.canvas import faces, hints, layers, overlay
from nodeflow.ui.canvas.atlas import CardAtlas
from nodeflow.ui.canvas.camera import STEPS_PER_OCTAVE, Camera
from nodeflow.ui.canvas.card_painter import MARGIN, CardPainter
from nodeflow.ui.canvas.editing import Editing
from nodeflow.ui.canvas.frame_cache import FrameCache
from nodeflow.ui.canvas.gestures import BoxSelect, Gesture, MoveNodes, Pan, ResizeFrame
from nodeflow.ui.canvas.ghost import Ghost
from nodeflow.ui.canvas.hit import EMPTY, Hit, hit_test
from nodeflow.ui.canvas.scene import SceneModel, port_place
from nodeflow.ui.canvas.wiring import DragWire
from nodeflow.ui.theme import LIGHT, Theme

FRAME_BUDGET = 0.012
"""Seconds for painting new cards in one frame; the rest follows in the next ones."""
SLOW_FRAME_MS = 14.0
"""When the last whole frame took longer, zooming first shows it scaled."""
SETTLE_MS = 40


class CanvasView(Editing, QWidget):
    """A view of a document.

    Signals:
        selection_changed(list of ids)
        node_activated(id): double click on a node's body, or Enter.
        request_search(scene point, view point, WireContext or None)
        tutorial_requested(): the link of the empty canvas.
        message(text): for the status bar.
        view_changed(): another place or scale.
    """

    selection_changed = Signal(list)
    node_activated = Signal(str)
    request_search = Signal(QPointF, QPointF, object)
    tutorial_requested = Signal()
    message = Signal(str)
    view_changed = Signal()

    def __init__(
        self,
        document: Document,
        analysis: Any,
        theme: Theme = LIGHT,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Canvas")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(240, 160)
        self.theme = theme
        self.camera = Camera()
        self.atlas = CardAtlas(CardPainter(theme))
        self.frame = FrameCache(self._paint_frame)
        self.gesture: Gesture | None = None
        self.ghost: Ghost | None = None
        self.hover: Hit = EMPTY
        self.lifted: np.ndarray | None = None
        self.lifted_frame = ""
        self.lift_shift = QPointF()
        self._hidden_wire: tuple[str, str] | None = None
        self._space_held = False
        self._missing = 0
        self._zoom_from: tuple[int, QPointF] | None = None
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._settle_zoom)
        self._more = QTimer(self, singleShot=True, interval=0)
        self._more.timeout.connect(self._paint_more)
        self.scene: SceneModel
        self.set_document(document, analysis)

    # ---- what is shown ----------------------------------------------------------------------

    def set_document(self, document: Document, analysis: Any) -> None:
        """Show another document. ``analysis`` must be updated before this view hears of changes."""
        self.cancel_gesture()
        if hasattr(self, "scene"):
            self.scene.close()
        self.document = document
        self.analysis = analysis
        self.scene = SceneModel(document, analysis, self._on_scene)
        self.atlas.clear()
        self.hover = EMPTY
        self.repaint_all()
        self.fit_all()
        self.selection_changed.emit([])

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self.atlas = CardAtlas(CardPainter(theme))
        self.repaint_all()

    def refresh(self, node_ids: Iterable[str]) -> None:
        """Types or problems of these nodes changed (``Analysis.update``)."""
        self.scene.refresh(node_ids)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show previews by tensor name: ``add`` or, for a further output, ``split:1``."""
        by_id = {}
        for name, preview in values.items():
            record = self.document.node_named(name)
            if record is not None:
                by_id[record.id] = preview
        changed = self.scene.builder.set_values(by_id)
        stale = [i for i in by_id if self.scene.builder.status.get(i) == "stale"]
        for node_id in stale:
            del self.scene.builder.status[node_id]
        self.scene.refresh_faces(set(changed) | set(stale))

    def clear_values(self, node_ids: Iterable[str] | None = None) -> None:
        """Forget previews, of all nodes or of some."""
        wanted = list(self.scene.nodes) if node_ids is None else list(node_ids)
        self.scene.refresh_faces(self.scene.builder.forget_values(wanted))

    def value_of(self, node_id: str) -> Any | None:
        """The preview a node shows, or None."""
        return self.scene.builder.values.get(node_id)

    def set_status(self, states: Mapping[str, str]) -> None:
        """States by id: running, done, stale, muted, breakpoint; an empty text for none."""
        known = self.scene.builder.status
        changed = [i for i, state in states.items() if known.get(i, "") != state]
        known.update(states)
        self.scene.refresh_faces(changed)

    def set_dimmed(self, node_ids: Iterable[str] | None) -> None:
        """Fade these nodes and their wires; None fades nothing."""
        self.scene.set_array(self.scene.dimmed, dict.fromkeys(node_ids or (), True), False)
        self.repaint_all()

    def set_order(self, levels: Mapping[str, int] | None) -> None:
        """Number nodes by the level in which they run; None removes the numbers."""
        self.scene.set_array(self.scene.order, levels or {}, 0)
        self.repaint_all()

    # ---- selection --------------------------------------------------------------------------

    def selected_ids(self) -> list[str]:
        return [self.scene.nodes.key(s) for s in np.flatnonzero(self.scene.selected).tolist()]

    def select(self, node_ids: Iterable[str]) -> None:
        """Select exactly these nodes; unknown ids are ignored."""
        wanted = np.zeros_like(self.scene.selected)
        slots = [s for s in map(self.scene.nodes.get, node_ids) if s is not None]
        wanted[slots] = True
        self.set_selected(wanted)

    def set_selected(self, wanted: np.ndarray) -> None:
        changed = np.flatnonzero(self.scene.selected != wanted)
        if not len(changed):
            return
        self.scene.selected[:] = wanted
        if len(changed) > 200:
            self.repaint_all()
        for slot in changed[:200].tolist():
            self._damage_node(slot)
        self.update()
        self.selection_changed.emit(self.selected_ids())

    # ---- places -----------------------------------------------------------------------------

    def scene_to_view(self, point: QPointF) -> QPointF:
        return self.camera.to_view(point)

    def view_to_scene(self, point: QPointF) -> QPointF:
        return self.camera.to_scene(point)

    def port_place(self, node_id: str, port: str, side: str) -> QPointF:
        """Where a port is, in view coordinates; ``side`` is ``in`` or ``out``."""
        slot = self.scene.nodes.get(node_id)
        if slot is None:
            return QPointF()
        face = self.scene.face(slot)
        x, y = self.scene.positions[slot]
        down, _ = port_place(face.inputs if side == "in" else face.outputs, port)
        return self.scene_to_view(QPointF(x + (face.width if side == "out" else 0), y + down))

    def port_position(self, node_id: str, port: str, side: str | None = None) -> QPoint:
        """Where a port is, in view coordinates, as whole pixels.

        Without ``side``, an output of that name wins only where no input has it.
        """
        if side is None:
            face = self.scene.face(self.scene.nodes.take(node_id))
            side = "in" if any(p.name == port for p in face.inputs) else "out"
        return self.port_place(node_id, port, side).toPoint()

    def node_rect(self, node_id: str) -> QRectF:
        """A node's card in view coordinates; empty if it is not there."""
        slot = self.scene.nodes.get(node_id)
        return QRectF() if slot is None else self.camera.rect_to_view(self.scene.rect(slot))

    def kept_inside(self, rect: QRectF) -> QRectF:
        """A rectangle moved into the view as far as it fits."""
        x = max(8.0, min(rect.x(), self.width() - rect.width() - 8))
        y = max(8.0, min(rect.y(), self.height() - rect.height() - 8))
        return QRectF(x, y, rect.width(), rect.height())

    # ---- looking around ---------------------------------------------------------------------

    def pan(self, dx: float, dy: float) -> None:
        self.set_hover(EMPTY)
        before = QPointF(self.camera.x, self.camera.y)
        self.camera.pan(dx, dy)
        self.frame.scroll(self.camera.x - before.x(), self.camera.y - before.y())
        self._looked()

    def zoom(self, steps: int, anchor: QPointF | None = None) -> None:
        """Zoom by steps of an eighth of an octave around a view point (default the middle)."""
        at = anchor or QPointF(self.width() / 2, self.height() / 2)
        before = (self.camera.step, QPointF(self.camera.x, self.camera.y))
        if not self.camera.zoom_to(self.camera.step + steps, at):
            return
        if self.frame.last_whole_ms > SLOW_FRAME_MS and self.frame.is_whole:
            self._zoom_from = self._zoom_from or before
            self._settle.start()
        if self._zoom_from is None:
            self.frame.damage_all()
        self.set_hover(EMPTY)
        self._looked()

    def zoom_in(self) -> None:
        self.zoom(STEPS_PER_OCTAVE // 4)

    def zoom_out(self) -> None:
        self.zoom(-STEPS_PER_OCTAVE // 4)

    def zoom_reset(self) -> None:
        self.zoom(-self.camera.step)

    def fit_all(self) -> None:
        """Show everything, never larger than life; an empty document shows the origin."""
        self._fit(self.scene.bounds())

    def fit_selection(self) -> None:
        chosen = np.flatnonzero(self.scene.selected)
        self._fit(self.scene.bounds(chosen if len(chosen) else None))

    def center_on(self, node_id: str) -> None:
        """Bring a node to the middle, at a readable size."""
        slot = self.scene.nodes.get(node_id)
        if slot is None:
            return
        self.camera.step = max(self.camera.step, -STEPS_PER_OCTAVE // 2)
        self.camera.look_at(self.scene.rect(slot).center(), self.width(), self.height())
        self.repaint_all()
        self._looked()

    def _fit(self, rect: QRectF) -> None:
        self.camera.fit(rect, self.width(), self.height())
        self.repaint_all()
        self._looked()

    def _looked(self) -> None:
        self.view_changed.emit()
        self.update()

    # ---- painting ---------------------------------------------------------------------------

    def repaint_all(self) -> None:
        """Paint the whole frame anew."""
        self._zoom_from = None
        self.frame.damage_all()
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        self.camera.dpr = self.devicePixelRatioF()
        self.frame.resize(self.size(), self.camera.dpr)
        painter = QPainter(self)
        try:  # a painter left open by an error would take the process down
            if self._zoom_from is not None:
                self._paint_scaled(painter)
            else:
                painter.drawPixmap(0, 0, self.frame.repair())
            overlay.paint(painter, self)
        finally:
            painter.end()
        if self._missing:
            self._missing = 0
            self._more.start()

    def _paint_scaled(self, painter: QPainter) -> None:
        """The last true frame, scaled to where its content is now."""
        step, offset = self._zoom_from or (self.camera.step, QPointF())
        ratio = 2.0 ** ((self.camera.step - step) / STEPS_PER_OCTAVE)
        corner = QPointF(self.camera.x, self.camera.y) - offset * ratio
        painter.fillRect(self.rect(), self.theme.color("canvas"))
        painter.translate(corner)
        painter.scale(ratio, ratio)
        painter.drawPixmap(0, 0, self.frame.pixmap)
        painter.resetTransform()

    def _paint_frame(self, painter: QPainter, rect: QRectF) -> None:
        """Paint a part of the frame (view coordinates)."""
        shot = self.shot(rect)
        shot.deadline = time.perf_counter() + FRAME_BUDGET
        self.atlas.begin_frame()
        layers.paint_all(painter, shot)
        if shot.missing:
            self._missing += shot.missing

    def shot(self, rect: QRectF) -> layers.Shot:
        """What painting a part of the view needs; nodes' shadows and ports reach out of them."""
        around = rect.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
        return layers.Shot(
            scene=self.scene,
            theme=self.theme,
            scale=self.camera.scale,
            offset=QPointF(self.camera.x, self.camera.y),
            area=self.camera.rect_to_scene(around),
            step=self.camera.step,
            dpr=self.camera.dpr,
            atlas=self.atlas,
            hidden=self.lifted,
            hidden_frame=self.lifted_frame,
            hidden_wire=self._hidden_wire,
        )

    def _paint_more(self) -> None:
        self.frame.damage_all()
        self.update()

    def _settle_zoom(self) -> None:
        self._zoom_from = None
        self.frame.damage_all()
        self.update()

    def resizeEvent(self, event) -> None:
        grown = event.size() - event.oldSize()
        if event.oldSize().isValid() and not grown.isNull():
            self.camera.pan(grown.width() / 2, grown.height() / 2)
        else:
            self.fit_all()
        self.frame.damage_all()
        super().resizeEvent(event)

    def render(self, painter: QPainter, rect: QRectF, source: QRectF | None = None) -> None:
        """Draw a scene rectangle (default: everything) into ``rect`` as vectors, for exports."""
        what = source if source is not None else self.export_rect()
        scale = min(rect.width() / what.width(), rect.height() / what.height())
        spare = QPointF(rect.width() - what.width() * scale, rect.height() - what.height() * scale)
        offset = rect.topLeft() + spare / 2 - what.topLeft() * scale
        area = QRectF(what.topLeft() - spare / 2 / scale, rect.size() / scale)
        shot = layers.Shot(self.scene, self.theme, scale, offset, area)
        painter.save()
        layers.paint_all(painter, shot)
        painter.restore()

    def export_rect(self) -> QRectF:
        """The scene rectangle of everything, with a margin."""
        return self.scene.bounds().adjusted(-48, -48, 48, 48)

    # ---- following the scene ----------------------------------------------------------------

    def _on_scene(self, slots: set[int], structure: bool) -> None:
        if structure or len(slots) > 200:
            self.repaint_all()
        else:
            for slot in slots:
                self._damage_node(slot)
        if structure and self.hover is not EMPTY:
            self.hover = EMPTY
        if structure:
            self._note_lost_selection()
        self.update()

    def _note_lost_selection(self) -> None:
        now = self.selected_ids()
        if now != getattr(self, "_last_selection", now):
            self.selection_changed.emit(now)
        self._last_selection = now

    def _damage_node(self, slot: int) -> None:
        rect = self.scene.rect(slot).united(self.scene.painted_rect(slot))
        around = rect.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
        self.frame.damage(self.camera.rect_to_view(around))

    # ---- lifting what is dragged ------------------------------------------------------------

    def lift(self, slots: np.ndarray) -> None:
        """Take nodes out of the frame: they are painted over it while they are dragged."""
        self.lifted = np.zeros(len(self.scene.positions), bool)
        self.lifted[slots] = True
        self.lift_shift = QPointF()
        self.frame.damage_all()

    def drop_lifted(self) -> None:
        if self.lifted is not None:
            self.lifted = None
            self.lifted_frame = ""
            self.frame.damage_all()
            self.update()

    def hide_wire(self, key: tuple[str, str] | None) -> None:
        if key != self._hidden_wire:
            self._hidden_wire = key
            self.repaint_all()

    # ---- mouse ------------------------------------------------------------------------------

    def hit(self, at: QPointF) -> Hit:
        """What is at a view point."""
        return hit_test(self.scene, self.view_to_scene(at), self.camera.scale)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.gesture is not None:
            return
        at = event.position()
        gesture = self._gesture_for(event, at)
        if gesture is not None:
            self.gesture = gesture
            gesture.start(at, event.modifiers())
            self.setCursor(gesture.cursor)
        event.accept()

    def _gesture_for(self, event: QMouseEvent, at: QPointF) -> Gesture | None:
        button = event.button()
        if button == Qt.MouseButton.MiddleButton:
            return Pan(self)
        if button != Qt.MouseButton.LeftButton:
            return None
        if self._space_held:
            return Pan(self)
        if hints.link_at(self, at):
            self.tutorial_requested.emit()
            return None
        return self._left_gesture(self.hit(at), event.modifiers())

    def _left_gesture(self, hit: Hit, modifiers: Qt.KeyboardModifier) -> Gesture | None:
        if hit.kind == "port" and hit.port is not None:
            return self._wire_gesture(hit)
        if hit.kind in ("title", "body"):
            return self._node_gesture(hit.node, modifiers)
        if hit.kind == "wire" and hit.wire is not None:
            self.selected_wire = hit.wire
            self.select([])
            self.update()
            return None
        self.selected_wire = None
        if hit.kind == "frame":
            return MoveNodes(self, "", hit.frame)
        if hit.kind == "corner":
            return ResizeFrame(self, hit.frame)
        return BoxSelect(self)

    def _wire_gesture(self, hit: Hit) -> Gesture:
        assert hit.port is not None
        wire = self.document.wires.get((hit.node, hit.port.name)) if hit.side == "in" else None
        if wire is not None:
            return DragWire(self, wire.source, wire.source_port, "out", picked=wire.key)
        return DragWire(self, hit.node, hit.port.name, hit.side)

    def _node_gesture(self, node: str, modifiers: Qt.KeyboardModifier) -> Gesture | None:
        self.selected_wire = None
        chosen = self.selected_ids()
        keys = Qt.KeyboardModifier
        if modifiers & (keys.ControlModifier | keys.ShiftModifier):
            self.select([i for i in chosen if i != node] if node in chosen else [*chosen, node])
            return None
        if node not in chosen:
            self.select([node])
        return MoveNodes(self, node)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.gesture is not None:
            self.gesture.move(event.position(), event.modifiers())
            return
        self.set_hover(self.hit(event.position()), event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
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

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self.cancel_gesture()
        hit = self.hit(event.position())
        if hit.kind == "title":
            self.rename_node(hit.node)
        elif hit.kind == "body":
            self.node_activated.emit(hit.node)
        elif hit.kind == "frame":
            self.rename_frame(hit.frame)
        elif hit.kind == "empty":
            self.ask_search(event.position(), None)

    def cancel_gesture(self) -> bool:
        """Stop the running gesture, leaving all as it was; True if there was one."""
        gesture, self.gesture = self.gesture, None
        if gesture is not None:
            gesture.cancel()
        had_ghost, self.ghost = self.ghost is not None, None
        self._show_cursor()
        self.update()
        return gesture is not None or had_ghost

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Wheel or pinch zooms around the pointer; two fingers pan; shift pans sideways."""
        pixels, angle = event.pixelDelta(), event.angleDelta()
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if not pixels.isNull() and not control:
            self.pan(pixels.x(), pixels.y())
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not control:
            self.pan(angle.y() or angle.x(), 0)
        elif angle.x() and not angle.y():
            self.pan(angle.x(), 0)
        else:
            self._wheel_zoom(angle.y(), event.position())
        event.accept()

    def _wheel_zoom(self, angle: int, at: QPointF) -> None:
        self._wheel_rest = getattr(self, "_wheel_rest", 0) + angle
        steps = int(self._wheel_rest / 60)
        self._wheel_rest -= steps * 60
        if steps:
            self.zoom(steps, at)

    # ---- hover, cursor, tooltips ------------------------------------------------------------

    def set_hover(self, hit: Hit, at: QPointF | None = None) -> None:
        if hit != self.hover:
            self.hover = hit
            self.update()
        self._show_cursor(at)

    def _show_cursor(self, at: QPointF | None = None) -> None:
        shapes = {
            "port": Qt.CursorShape.CrossCursor,
            "wire": Qt.CursorShape.PointingHandCursor,
            "frame": Qt.CursorShape.OpenHandCursor,
            "corner": Qt.CursorShape.SizeFDiagCursor,
        }
        shape = shapes.get(self.hover.kind, Qt.CursorShape.ArrowCursor)
        if self.gesture is not None:
            shape = self.gesture.cursor
        elif self._space_held:
            shape = Qt.CursorShape.OpenHandCursor
        elif at is not None and hints.link_at(self, at):
            shape = Qt.CursorShape.PointingHandCursor
        if self.cursor().shape() != shape:
            self.setCursor(shape)

    def leaveEvent(self, event: QEvent) -> None:
        self.set_hover(EMPTY)
        super().leaveEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            text = overlay.tooltip(self, self.hit(QPointF(event.pos())))
            QToolTip.showText(event.globalPos(), text, self) if text else QToolTip.hideText()
            return True
        if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Tab:
            self.keyPressEvent(event)
            return True
        return super().event(event)

    # ---- the palette's drag -----------------------------------------------------------------

    def begin_ghost(self, op_id: str, global_pos: QPoint) -> None:
        """Show the ghost of a node that the palette drags; move, then drop or cancel it."""
        self.ghost = Ghost(self, op_id)
        self.move_ghost(global_pos)

    def move_ghost(self, global_pos: QPoint) -> None:
        if self.ghost is not None:
            self.ghost.at = QPointF(self.mapFromGlobal(global_pos))
            self.update()

    def drop_ghost(self, global_pos: QPoint) -> str | None:
        """Add the node where the ghost is; returns its id, or None outside the canvas."""
        self.move_ghost(global_pos)
        ghost, self.ghost = self.ghost, None
        self.update()
        if ghost is None or not self.rect().contains(ghost.at.toPoint()):
            return None
        return self.add_node(ghost.op_id, self.view_to_scene(ghost.at) - ghost.grip)

    def cancel_ghost(self) -> None:
        self.ghost = None
        self.update()

    def hold_space(self, held: bool) -> None:
        """While the space key is held, the left button pans."""
        self._space_held = held
        self._show_cursor()

    def pointer_place(self) -> QPointF:
        """Where a search by keyboard opens: at the pointer, if it is over the canvas."""
        return overlay.pointer(self)

    def scene_rect(self, x: float, y: float, width: float, height: float) -> QRectF:
        return QRectF(x, y, width, height)

    def say(self, text: str) -> None:
        """Tell the status bar."""
        self.message.emit(text)

    def ask_search(self, at: QPointF, context: Any) -> None:
        self.request_search.emit(self.view_to_scene(at), at, context)

    def header_rect(self, node_id: str) -> QRectF:
        """The title line of a node in view coordinates, for the rename editor."""
        rect = self.node_rect(node_id)
        scale = self.camera.scale
        left = faces.ICON_ROOM * scale
        return QRectF(rect.x() + left - 6, rect.y() + 4 * scale, rect.width() - left, 24 * scale)

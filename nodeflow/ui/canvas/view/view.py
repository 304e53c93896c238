"""The canvas: one widget that shows a document and lets mouse and keyboard edit it.

It paints a kept frame and, over it, what changes with the pointer. Its parts: ``Showing`` (values
and states), ``Looking`` (places, pan, zoom), ``Pointing`` (the mouse), ``Keying`` (keys) and
``Editing``. All change the document through commands only, and what they did appears when the
document says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from nodeflow.document.model.document import Document
from nodeflow.ui.canvas.a11y import interfaces
from nodeflow.ui.canvas.gestures.base import Gesture
from nodeflow.ui.canvas.paint import layers
from nodeflow.ui.canvas.paint.card_atlas import CardAtlas
from nodeflow.ui.canvas.paint.card_painter import MARGIN, CardPainter
from nodeflow.ui.canvas.paint.frame_cache import FrameCache
from nodeflow.ui.canvas.paint.paint_context import FAR_SCALE, FEW, TINY_SCALE, Shot
from nodeflow.ui.canvas.scene.camera import STEPS_PER_OCTAVE, Camera
from nodeflow.ui.canvas.scene.hit_test import EMPTY, Hit
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.view import overlay
from nodeflow.ui.canvas.view.clipboard_edits import Editing
from nodeflow.ui.canvas.view.conversion_chip import ConversionChip
from nodeflow.ui.canvas.view.dependency_highlight import HoverCone
from nodeflow.ui.canvas.view.drag_preview import Ghost
from nodeflow.ui.canvas.view.graph_edits import GraphEdits
from nodeflow.ui.canvas.view.keyboard import CanvasKeys, Keying
from nodeflow.ui.canvas.view.keyboard_navigation import Walking
from nodeflow.ui.canvas.view.mouse import Pointing
from nodeflow.ui.canvas.view.node_animation import Glide
from nodeflow.ui.canvas.view.node_state import Showing
from nodeflow.ui.canvas.view.viewport import Looking
from nodeflow.ui.core.theme import LIGHT, Theme

SETTLE_MS = 40
BUDGETS = ((SETTLE_MS / 1e3, 0.006), (0.1, 0.030), (math.inf, 0.100))
"""Up to so many seconds after a pan or zoom, so many are spent on painting new cards in one frame.
Cards that are late show as blocks, and follow in the next frames; each of those costs, too."""
DRIFT_MS = 25


class CanvasView(Showing, Looking, Pointing, Keying, Walking, Editing, GraphEdits, QWidget):
    """A view of a document; ``keys`` says what keys do in it.

    Signals:
        selection_changed(list of ids)
        wire_selected(): a wire, instead.
        node_activated(id): double click on a node's body.
        request_search(scene point, view point, WireContext or None)
        tutorial_requested(): the link of the empty canvas.
        message(text): for the status bar.
        menu_requested(what it is about: node, wire, frame or canvas; global place).
        view_changed(): another place or scale.
        history_wanted(step): back (-1) or forward (1) through views.
        edit_wanted(id): Enter on a node.
        wire_wanted(id, ``in`` or ``out``, port): a wire from a port, to be ended by keyboard.
        left(): Escape or Backspace in a document that is only looked at; Escape in a subgraph
            when nothing is selected.
    """

    selection_changed = Signal(list)
    wire_selected = Signal()
    node_activated = Signal(str)
    request_search = Signal(QPointF, QPointF, object)
    tutorial_requested = Signal()
    menu_requested = Signal(str, QPoint)
    message = Signal(str)
    view_changed = Signal()
    history_wanted = Signal(int)
    edit_wanted = Signal(str)
    wire_wanted = Signal(str, str, str)
    leave_requested = Signal()

    def __init__(
        self,
        document: Document,
        analysis: Any,
        theme: Theme = LIGHT,
        parent: QWidget | None = None,
        keys: CanvasKeys | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Canvas")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(240, 160)
        self.theme = theme
        self.keys = keys or CanvasKeys()
        self.camera = Camera()
        self.atlas = CardAtlas(CardPainter(theme))
        self.frame = FrameCache(self._paint_frame)
        self.gesture: Gesture | None = None
        self.ghost: Ghost | None = None
        self.hover: Hit = EMPTY
        self.cone = HoverCone(self)
        self.chip: ConversionChip | None = None
        self.glide = Glide(self)
        self.wire_begun: tuple[str, str, str] | None = None
        """Node, side and port of a wire whose other end is asked for."""
        self.cover: QWidget | None = None
        """The minimap, if there is one: what is fitted keeps its corner free."""
        self.lifted: np.ndarray | None = None
        self.lifted_free = False
        self.lifted_frames: frozenset[str] = frozenset()
        self.lift_shift = QPointF()
        self._hidden_wire: tuple[str, str] | None = None
        self.is_space_held = False
        self._waiting: set[int] = set()
        self._deadline = 0.0
        self.moved_at = 0.0
        self._view_chosen = False
        self._last_selection: list[str] = []
        self._far_from = FAR_SCALE
        self._zoom_from: tuple[int, QPointF] | None = None
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._settle_zoom)
        self._more = QTimer(self, singleShot=True, interval=0)
        self._more.timeout.connect(self._paint_more)
        self._drift = QTimer(self, interval=DRIFT_MS)
        self._drift.timeout.connect(self._drift_view)
        self.scene: SceneModel
        self.set_document(document, analysis)

    def set_document(self, document: Document, analysis: Any) -> None:
        """Show another document. ``analysis`` must be updated before this view hears of changes."""
        self.cancel_gesture()
        if hasattr(self, "scene"):
            self.glide.stop()
            self.scene.close()
        self.document = document
        self.analysis = analysis
        self.scene = SceneModel(document, analysis, self._on_scene)
        self._waiting.clear()
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

    # ---- painting ---------------------------------------------------------------------------

    def repaint_all(self) -> None:
        """Paint the whole frame anew."""
        self._zoom_from = None
        self.frame.damage_all()
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        self.camera.dpr = self.devicePixelRatioF()
        self.frame.resize(self.size(), self.camera.dpr)
        now = time.perf_counter()
        rest = now - self.moved_at
        self._deadline = now + next(budget for least, budget in BUDGETS if rest < least)
        self.atlas.begin_frame()
        painter = QPainter(self)
        try:  # a painter left open by an error would take the process down
            if self._zoom_from is not None:
                self._paint_scaled(painter)
            else:
                self._choose_detail()
                painter.drawPixmap(0, 0, self.frame.repair())
            overlay.paint(painter, self)
        finally:
            painter.end()
        if self._waiting:
            self._more.start()

    def _choose_detail(self) -> None:
        """From afar names are only shown while few nodes are in sight."""
        far_from = FAR_SCALE
        if TINY_SCALE <= self.camera.scale < FAR_SCALE:
            count = len(self.scene.nodes_in(self.camera.rect_to_scene(QRectF(self.rect()))))
            some_more = 1.25 if self._far_from == TINY_SCALE else 1.0  # no flicker at the border
            far_from = TINY_SCALE if count <= FEW * some_more else FAR_SCALE
        if far_from != self._far_from:
            self._far_from = far_from
            self.frame.damage_all()
            self.update()  # what is being painted may be a part

    @property
    def is_settled(self) -> bool:
        """Whether the last frame was complete: no card left for later, no scaled picture."""
        whole = self.frame.is_whole and not self._more.isActive()
        return whole and not self._waiting and self._zoom_from is None

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
        shot.deadline = self._deadline
        layers.paint_all(painter, shot)
        self._waiting.update(shot.waiting)

    def shot(self, rect: QRectF) -> Shot:
        """What painting a part of the view needs; nodes' shadows and ports reach out of them."""
        around = rect.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
        return Shot(
            scene=self.scene,
            theme=self.theme,
            scale=self.camera.scale,
            offset=QPointF(self.camera.x, self.camera.y),
            area=self.camera.rect_to_scene(around),
            step=self.camera.step,
            far_from=self._far_from,
            dpr=self.camera.dpr,
            atlas=self.atlas,
            hidden=self.lifted,
            hidden_frames=self.lifted_frames,
            hidden_wire=self._hidden_wire,
        )

    def _paint_more(self) -> None:
        """Paint the cards for which the last frame had no time."""
        waiting, self._waiting = self._waiting, set()
        if len(waiting) > 200:
            self.frame.damage_all()
        else:
            for slot in waiting:
                self._damage_node(slot)
        self.update()

    def _settle_zoom(self) -> None:
        self._zoom_from = None
        self.frame.damage_all()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        grown = event.size() - event.oldSize()
        if self._view_chosen and event.oldSize().isValid():
            self.camera.pan(grown.width() / 2, grown.height() / 2)
            self.repaint_all()
        else:
            self.fit_all()
        super().resizeEvent(event)

    def render(self, painter: QPainter, rect: QRectF, source: QRectF | None = None) -> None:
        """Draw a scene rectangle (default: everything) into ``rect`` as vectors, for exports."""
        what = source if source is not None else self.export_rect()
        scale = min(rect.width() / what.width(), rect.height() / what.height())
        spare = QPointF(rect.width() - what.width() * scale, rect.height() - what.height() * scale)
        offset = rect.topLeft() + spare / 2 - what.topLeft() * scale
        area = QRectF(what.topLeft() - spare / 2 / scale, rect.size() / scale)
        shot = Shot(self.scene, self.theme, scale, offset, area)
        painter.save()
        layers.paint_all(painter, shot)
        painter.restore()

    def export_rect(self, ids: Iterable[str] | None = None) -> QRectF:
        """The scene rectangle of everything, or of some nodes and frames, with a margin."""
        if ids is None:
            return self.scene.bounds().adjusted(-48, -48, 48, 48)
        total, frames = QRectF(), self.document.frames
        for i in ids:
            slot = self.scene.nodes.get(i)
            total |= QRectF(*frames[i].rect) if slot is None else self.scene.rect(slot)
        return total.adjusted(-48, -48, 48, 48)

    # ---- following the scene ----------------------------------------------------------------

    def _on_scene(self, slots: set[int], structure: bool) -> None:
        if structure or len(slots) > 200:
            self.repaint_all()
        else:
            for slot in slots:
                self.update(self._damage_node(slot))
        if structure and self.hover is not EMPTY:
            self.hover = EMPTY
            self.cone.follow("")
        if structure:
            self.glide.finish()
            self.close_chip()
            self._view_chosen = True
            self._note_lost_selection()
            self.describe()

    def _note_lost_selection(self) -> None:
        """Say so where selected nodes are gone."""
        now = self.selected_ids()
        if now != self._last_selection:
            self._last_selection = now
            self.selection_changed.emit(now)

    def _damage_node(self, slot: int) -> QRect:
        """Have a node painted anew; returns where it is and was (view pixels)."""
        rect = self.scene.rect(slot).united(self.scene.painted_rect(slot))
        around = rect.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
        return self.frame.damage(self.camera.rect_to_view(around))

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
            self.lifted_free = False
            self.lifted_frames = frozenset()
            self.frame.damage_all()
            self.update()

    def hide_wire(self, key: tuple[str, str] | None) -> None:
        if key != self._hidden_wire:
            self._hidden_wire = key
            self.repaint_all()

    # ---- events -----------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        interfaces.attach(self)
        super().showEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.set_hover(EMPTY)
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.hold_space(False)
        super().focusOutEvent(event)
        self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.NativeGesture:
            return self.pinch(event)
        if event.type() == QEvent.Type.ToolTip:
            self.show_tooltip(event)
            return True
        if event.type() == QEvent.Type.KeyPress and self.keys.action(event):
            self.keyPressEvent(event)  # before Qt takes Tab for a step to the next widget
            return True
        return super().event(event)

    def say(self, text: str) -> None:
        """Tell the status bar."""
        self.message.emit(text)

    def ask_search(self, at: QPointF, context: Any) -> None:
        if self.document.locked:
            self.say(self.document.locked)
            return
        self.request_search.emit(self.view_to_scene(at), at, context)

"""Paints what depends on the pointer over the kept picture: hover, selection, lifted nodes, the
gesture, the drag preview, the focus.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QWidget

from nodeflow.drawing.cards.card_looks import RADIUS
from nodeflow.drawing.frames.frame_titles import stacked
from nodeflow.ui.canvas.paint import background_layer, card_layer, share_layer, wire_layer
from nodeflow.ui.canvas.paint.card_painter import CardPainter
from nodeflow.ui.canvas.paint.paint_context import PaintContext
from nodeflow.ui.canvas.paint.renderer import LiftedNodes, Renderer
from nodeflow.ui.canvas.scene.hit_test import Hit
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.view import hidden_wires
from nodeflow.ui.canvas.view.conversion_chip import ConversionOffers
from nodeflow.ui.canvas.view.dependency_highlight import DependencyHighlight
from nodeflow.ui.canvas.view.drag_preview import PaletteDrag
from nodeflow.ui.canvas.view.empty_state import EmptyState
from nodeflow.ui.canvas.view.mouse import Mouse
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import Theme


class Overlay:
    """The overlay of a canvas, in view coordinates."""

    def __init__(
        self,
        widget: QWidget,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        renderer: Renderer,
        mouse: Mouse,
        highlight: DependencyHighlight,
        conversions: ConversionOffers,
        palette_drag: PaletteDrag,
        empty: EmptyState,
    ) -> None:
        self._widget, self._scene, self._viewport = widget, scene, viewport
        self._selection, self._renderer, self._mouse = selection, renderer, mouse
        self._highlight, self._conversions = highlight, conversions
        self._palette_drag, self._empty = palette_drag, empty

    def paint(self, painter: QPainter) -> None:
        """Draw the overlay, from back to front."""
        theme, lifted = self._renderer.theme, self._renderer.lifted
        gesture, preview = self._mouse.gesture, self._palette_drag.preview
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._empty.is_shown and preview is None:
            self._empty.paint(painter, theme)
        if gesture is not None:
            gesture.paint_below(painter, theme)
        if lifted is not None:
            self._paint_lifted(painter, lifted)
        elif gesture is None:
            if self._renderer.tints is None:  # its colours would look like values of the scale
                self._highlight.paint(painter, theme)
            self._paint_hover(painter, theme, self._mouse.hover)
        self._conversions.paint(painter, theme)
        if lifted is None:
            selection = self._selection
            for frame in [selection.frame] if selection.is_frame else selection.frames:
                self._paint_frame_ring(painter, theme, frame)
        if self._selection.wire is not None:
            self._paint_wire(painter, theme, self._selection.wire, "accent")
        if gesture is not None:
            gesture.paint(painter, theme)
        if preview is not None:
            preview.paint(painter, theme)
        if self._widget.hasFocus():
            self._paint_focus(painter, theme)

    # ---- lifted nodes -----------------------------------------------------------------------

    def _paint_lifted(self, painter: QPainter, lifted: LiftedNodes) -> None:
        """Draw the dragged nodes and their wires where they would be after the drag."""
        scene = self._scene
        context = self._renderer.context(self._viewport.rect)
        context.hidden, context.shift = None, lifted.shift
        self._paint_lifted_frames(painter, context, lifted)
        slots = np.flatnonzero(lifted.mask)
        moved = scene.positions.copy()
        moved[slots] += [lifted.shift.x(), lifted.shift.y()]
        touching = scene.wires_of(slots)
        if lifted.is_detached:
            table = scene.wires
            inside = lifted.mask[table.source[touching]] & lifted.mask[table.target[touching]]
            touching = touching[inside]
        wire_layer.paint_wire_set(painter, context, touching, scene.wires.ends(touching, moved))
        if not lifted.is_detached:
            shares = scene.sharing[lifted.mask[scene.sharing].any(axis=1)]
            share_layer.paint_share_set(painter, context, shares, moved)
        corner, size = moved[slots], scene.sizes[slots]
        area = context.area
        seen = (corner[:, 0] < area.right()) & (corner[:, 0] + size[:, 0] > area.left())
        seen &= (corner[:, 1] < area.bottom()) & (corner[:, 1] + size[:, 1] > area.top())
        card_layer.paint_cards(painter, context, slots[seen])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_lifted_frames(
        self, painter: QPainter, context: PaintContext, lifted: LiftedNodes
    ) -> None:
        painter.save()
        context.place(painter)
        for frame in stacked(self._scene.document.frames[i] for i in lifted.frames):
            rect = QRectF(*frame.rect)
            background_layer.paint_frame(
                painter, context, rect, frame.title, frame.note, frame.color
            )
        painter.restore()

    # ---- hover and selection ----------------------------------------------------------------

    def _paint_hover(self, painter: QPainter, theme: Theme, hover: Hit) -> None:
        if hover.kind == "wire" and hover.wire is not None:
            self._paint_wire(painter, theme, hover.wire, "ink")
        slot = self._scene.nodes.get(hover.node) if hover.node else None
        if slot is None:
            return
        if not self._scene.selected[slot]:
            rect = self._viewport.node_rect(hover.node).adjusted(-1, -1, 1, 1)
            painter.setPen(QPen(theme.color("border_strong"), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            radius = RADIUS * self._viewport.camera.scale
            painter.drawRoundedRect(rect, radius, radius)
        if hover.port is not None:
            self._paint_port(painter, theme, hover)

    def _paint_port(self, painter: QPainter, theme: Theme, hover: Hit) -> None:
        assert hover.port is not None
        at = self._viewport.port_position(hover.node, hover.port.name, hover.side)
        color = theme.dtype(hover.port.dtype)
        color.setAlphaF(0.22)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        scale = max(self._viewport.camera.scale, 0.6)
        painter.drawEllipse(at, 11 * scale, 11 * scale)
        CardPainter(theme).port(painter, at, hover.port, 6 * scale)

    def _paint_wire(self, painter: QPainter, theme: Theme, key: tuple[str, str], role: str) -> None:
        slot = self._scene.wires.slots.get(key)
        if slot is None:
            return
        if self._scene.wires.hidden[slot]:
            hidden_wires.paint(painter, theme, self._scene, self._viewport, key)
            return
        painter.setPen(QPen(theme.color(role), 3.0))
        array_painting.draw_lines(painter, self._viewport.wire_lines([key]))

    def _paint_frame_ring(self, painter: QPainter, theme: Theme, frame: str) -> None:
        camera = self._viewport.camera
        rect = camera.rect_to_view(QRectF(*self._scene.document.frames[frame].rect))
        painter.setPen(QPen(theme.color("accent"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        radius = background_layer.FRAME_RADIUS * camera.scale
        painter.drawRoundedRect(rect.adjusted(-1, -1, 1, 1), radius, radius)

    def _paint_focus(self, painter: QPainter, theme: Theme) -> None:
        """Draw the focus as four thin bars, because stroking a large rectangle takes longer
        than a pan.
        """
        color, width, height = (
            theme.color("accent", 0.5),
            self._widget.width(),
            self._widget.height(),
        )
        bars = (
            (0, 0, width, 2),
            (0, height - 2, width, 2),
            (0, 0, 2, height),
            (width - 2, 0, 2, height),
        )
        for bar in bars:
            painter.fillRect(*bar, color)

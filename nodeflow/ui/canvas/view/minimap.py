"""The minimap: the whole graph in a corner of the canvas, with the visible part as a rectangle.

It is painted from the scene's arrays into a kept pixmap. The pixmap is repainted only when the
graph has changed; when the view moves, only a rectangle is drawn.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QHideEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from nodeflow.ui.canvas.paint.renderer import Renderer
from nodeflow.ui.canvas.scene.scene_model import SEVERITY_ROLES, SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import mix

SIZE = QSize(208, 140)
MARGIN, PAD = 12, 8
DELAY_MS = 120
"""Milliseconds without edits after which the pixmap is updated, because edits come in bursts."""


class Minimap(QWidget):
    """The minimap in the lower right corner of the canvas. Press or drag to move the view there."""

    def __init__(
        self,
        canvas: QWidget,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        renderer: Renderer,
    ) -> None:
        super().__init__(canvas)
        self._canvas, self._scene = canvas, scene
        self._viewport, self._renderer = viewport, renderer
        self.setObjectName("minimap")
        self.setAccessibleName("Overview of the graph")
        self.setToolTip("The whole graph: click or drag to move the view")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.resize(SIZE)
        self._picture = QPixmap()
        self._made_for: tuple[object, ...] | None = None
        """Theme, pixel ratio and document for which the pixmap was painted; None if it is out
        of date.
        """
        self._area = QRectF()
        self._later = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._later.timeout.connect(self._forget)
        self._document = scene.document
        self._unsubscribe = scene.document.subscribe(self._on_change)
        viewport.changed.connect(self.update)
        viewport.cover = self._cover
        selection.changed.connect(self.update)
        canvas.installEventFilter(self)
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._viewport.keep_fitted()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._viewport.keep_fitted()

    # ---- the picture ------------------------------------------------------------------------

    def paintEvent(self, _: QPaintEvent) -> None:
        if self._scene.document is not self._document:
            self._unsubscribe()
            self._document = self._scene.document
            self._unsubscribe = self._document.subscribe(self._on_change)
        # The builder identifies the graph, because instances of a subgraph share a document, but
        # not a builder.
        key = (self._renderer.theme.name, self.devicePixelRatioF(), self._scene.builder)
        if self._made_for != key:
            self._draw_picture()
            self._made_for = key
        painter = QPainter(self)
        try:
            painter.drawPixmap(0, 0, self._picture)
            self._paint_selection(painter)
            self._paint_view(painter)
        finally:
            painter.end()

    def _draw_picture(self) -> None:
        scene, theme = self._scene, self._renderer.theme
        dpr = self.devicePixelRatioF()
        self._picture = QPixmap(self.size() * dpr)
        self._picture.setDevicePixelRatio(dpr)
        self._picture.fill(Qt.GlobalColor.transparent)
        self._area = scene.bounds().adjusted(-64, -64, 64, 64)
        painter = QPainter(self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("border"), 1))
        painter.setBrush(theme.color("surface", 0.94))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        for frame in scene.document.frames.values():
            painter.setBrush(theme.color("border", 0.55))
            painter.drawRect(self._to_map(QRectF(*frame.rect)))
        self._draw_nodes(painter)
        painter.end()

    def _draw_nodes(self, painter: QPainter) -> None:
        scene, theme = self._scene, self._renderer.theme
        used = scene.nodes.used()
        if not len(used):
            return
        rects = self._map_rects(used)
        colors = scene.category[used].astype(np.int64) * 4 + scene.severity[used]
        for group in np.unique(colors).tolist():
            color = theme.category(scene.categories[group // 4])
            if group % 4:
                color = theme.color(SEVERITY_ROLES[group % 4])
            painter.setBrush(mix(theme.color("surface"), color, 0.75))
            array_painting.draw_rects(painter, np.ascontiguousarray(rects[colors == group]))

    def _paint_selection(self, painter: QPainter) -> None:
        chosen = np.flatnonzero(self._scene.selected)
        if len(chosen):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._renderer.theme.color("accent"))
            array_painting.draw_rects(painter, self._map_rects(chosen))

    def _paint_view(self, painter: QPainter) -> None:
        theme = self._renderer.theme
        seen = self._to_map(self._viewport.visible_area)
        room = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("accent"), 1.5))
        painter.setBrush(theme.color("accent", 0.10))
        painter.drawRoundedRect(seen.intersected(room), 3, 3)

    # ---- places -----------------------------------------------------------------------------

    def _scale(self) -> tuple[float, QPointF]:
        """Return the scale and the offset from scene to map that put the graph in the middle."""
        room = QRectF(self.rect()).adjusted(PAD, PAD, -PAD, -PAD)
        area = self._area
        scale = min(room.width() / max(area.width(), 1), room.height() / max(area.height(), 1))
        return scale, room.center() - area.center() * scale

    def _to_map(self, rect: QRectF) -> QRectF:
        scale, offset = self._scale()
        return QRectF(rect.topLeft() * scale + offset, rect.size() * scale)

    def _map_rects(self, slots: np.ndarray) -> np.ndarray:
        scale, offset = self._scale()
        rects = np.empty((len(slots), 4))
        scene = self._scene
        rects[:, :2] = scene.positions[slots] * scale + [offset.x(), offset.y()]
        rects[:, 2:] = np.maximum(scene.sizes[slots] * scale, 1.0)
        return rects

    def scene_point(self, at: QPointF) -> QPointF:
        """Return the scene point under a point of the map."""
        scale, offset = self._scale()
        return (at - offset) / scale

    def _cover(self) -> QRectF:
        """Return the part of the canvas that the minimap covers; empty while it is hidden."""
        return QRectF(self.geometry()) if self.isVisibleTo(self._canvas) else QRectF()

    def _place(self) -> None:
        parent = self._canvas
        self.move(parent.width() - self.width() - MARGIN, parent.height() - self.height() - MARGIN)

    def _on_change(self, _: object) -> None:
        if self.isVisible() and not self._later.isActive():
            self._later.start()
        elif not self.isVisible():
            self._made_for = None

    def _forget(self) -> None:
        self._made_for = None
        self.update()

    # ---- the pointer ------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._look(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._look(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._viewport.zoom(1 if event.angleDelta().y() > 0 else -1)
        event.accept()

    def _look(self, event: QMouseEvent) -> None:
        if self._area.isEmpty():
            return
        self._viewport.look_at(self.scene_point(event.position()), self._viewport.camera.step)
        event.accept()

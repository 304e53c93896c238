"""Rows of a tensor as points, with zoom, pointing, selection and search."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from nodeflow.drawing.sheet import legend
from nodeflow.drawing.theme_colors import Ink
from nodeflow.drawing.views.axes import Chart
from nodeflow.drawing.views.projection import (
    axes_words,
    chart_of,
    draw_points,
    entries,
    index_at,
    title,
    words,
)
from nodeflow.host.views.kinds.projection import ProjectionData
from nodeflow.ui.core.painting.pixel_image import fitted, pixel_image
from nodeflow.ui.core.theming.theme import Theme
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.views.qt_sheet import Sheet, point_of, rect_of

THUMBNAIL = 56
WHEEL = 1.0015
MOST_ZOOM = 200.0
MOST_PICTURES = 400
"""Maximum number of visible pictures. With more, points are drawn, because pictures would
overlap.
"""
RING = 6.0


class PointCanvas(QWidget):
    """Points of one tensor.

    The wheel zooms, dragging pans, a double click on the background shows all. Arrow keys
    select the nearest point in their direction.

    Signals:
        chosen(index): a point was selected, or none (-1).
        opened(index): show this row on all nodes.
    """

    chosen = Signal(int)
    opened = Signal(int)

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self._theme = themes.theme
        self.data: ProjectionData | None = None
        self.selected, self.pointed = -1, -1
        self.found: np.ndarray | None = None
        """Bool (n,), the points that match the search; None without a search."""
        self.with_pictures = False
        self._zoom, self._middle = 1.0, QPointF(0.5, 0.5)
        self._drag: QPointF | None = None
        self._moved = False
        self._pixmaps: dict[int, QPixmap] = {}
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(100)
        self.setAccessibleName("Scatter plot")
        themes.changed.connect(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_data(self, data: ProjectionData | None) -> None:
        """Show points. Selection and zoom stay if the points represent the same rows as before."""
        before = self.data
        same = (
            before is not None
            and data is not None
            and (before.tensor, before.split, before.method, len(before.points))
            == (data.tensor, data.split, data.method, len(data.points))
        )
        if not same:
            self.selected = self.pointed = -1
            self.show_all()
        if data is None or before is None or data.pictures is not before.pictures:
            self._pixmaps.clear()
        self.data = data
        self.setAccessibleDescription("" if data is None else words(data))
        self.update()

    # ---- places -----------------------------------------------------------------------------

    @property
    def chart(self) -> Chart:
        """The chart at the current zoom."""
        assert self.data is not None
        whole = chart_of(rect_of(QRectF(self.rect())), self.data)
        left, right, bottom, top = whole.extent
        width, height = (right - left) / self._zoom, (top - bottom) / self._zoom
        x = left + self._middle.x() * (right - left)
        y = bottom + self._middle.y() * (top - bottom)
        extent = (x - width / 2, x + width / 2, y - height / 2, y + height / 2)
        return Chart(whole.area, extent)

    def position(self, index: int) -> QPointF:
        """Return a point's position in the widget."""
        assert self.data is not None
        x, y = self.data.points[index, :2]
        return QPointF(*self.chart.to_sheet(np.array([x]), np.array([y]))[0].tolist())

    def show_all(self) -> None:
        """Reset the zoom to show all points."""
        self._zoom, self._middle = 1.0, QPointF(0.5, 0.5)
        self.update()

    def choose(self, index: int) -> None:
        """Select a point; -1 selects none."""
        if index != self.selected:
            self.selected = index
            self.update()
            self.chosen.emit(index)

    def picture(self, index: int) -> QPixmap | None:
        """Return the input of a row if it is a picture."""
        if self.data is None or self.data.pictures is None:
            return None
        if index not in self._pixmaps:
            self._pixmaps[index] = QPixmap.fromImage(pixel_image(self.data.pictures[index]))
        return self._pixmaps[index]

    # ---- drawing ----------------------------------------------------------------------------

    def paintEvent(self, _: QPaintEvent) -> None:
        if self.data is None:
            return
        painter = QPainter(self)
        try:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw(painter, self.data)
        finally:
            painter.end()

    def _draw(self, painter: QPainter, data: ProjectionData) -> None:
        sheet, chart = Sheet(painter, self._theme), self.chart
        painter.save()
        painter.setClipRect(QRectF(*chart.area))
        faded = None if self.found is None else ~self.found
        if not (self.with_pictures and self._draw_pictures(painter, chart, data)):
            draw_points(sheet, chart, data, faded)
        if 0 <= self.selected < len(data.points):
            self._draw_choice(painter, data)
        painter.restore()
        sheet.box(chart.area, None, Ink("border_strong", 0.8))
        whole = rect_of(QRectF(self.rect()))
        sheet.text(chart.area.center.x, whole.bottom - 4, axes_words(data), align="center")
        legend(sheet, whole.adjusted(6, 0, -4, 0), entries(data))
        if self.pointed >= 0:
            self._draw_pointed(painter, chart, data)

    def _draw_pictures(self, painter: QPainter, chart: Chart, data: ProjectionData) -> bool:
        """Draw pictures in place of the visible points. Return False if there are too many."""
        if data.pictures is None:
            return False
        places = chart.to_sheet(data.points[:, 0], data.points[:, 1])
        area = chart.area
        inside = (
            (places[:, 0] > area.left)
            & (places[:, 0] < area.right)
            & (places[:, 1] > area.top)
            & (places[:, 1] < area.bottom)
        )
        shown = np.flatnonzero(inside)
        if len(shown) > MOST_PICTURES:
            return False
        side = max(16.0, min(40.0, 1.2 * (area.width * area.height / max(len(shown), 1)) ** 0.5))
        for index in shown.tolist():
            pixmap = self.picture(index)
            if pixmap is None:
                continue
            x, y = places[index].tolist()
            is_faded = self.found is not None and not self.found[index]
            painter.setOpacity(0.2 if is_faded else 1.0)
            place = fitted(pixmap.size(), QRectF(x - side / 2, y - side / 2, side, side))
            place.moveLeft(min(max(place.left(), area.left), area.right - place.width()))
            place.moveTop(min(max(place.top(), area.top), area.bottom - place.height()))
            painter.drawPixmap(place, pixmap, QRectF())
        painter.setOpacity(1.0)
        return True

    def _draw_choice(self, painter: QPainter, data: ProjectionData) -> None:
        """Draw rings at the selected point and its neighbours, with lines between them."""
        here = self.position(self.selected)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.color("ink", 0.5), 1))
        for near in data.near[self.selected].tolist():
            painter.drawLine(here, self.position(near))
        painter.setPen(QPen(self._theme.color("ink", 0.8), 1.2))
        for near in data.near[self.selected].tolist():
            painter.drawEllipse(self.position(near), RING - 1, RING - 1)
        painter.setPen(QPen(self._theme.color("accent"), 2.2))
        painter.drawEllipse(here, RING, RING)

    def _draw_pointed(self, painter: QPainter, chart: Chart, data: ProjectionData) -> None:
        """Draw the label of the point under the pointer, with its picture or text."""
        at, theme = self.position(self.pointed), self._theme
        if not chart.area.contains(point_of(at)):
            return
        pixmap = self.picture(self.pointed)
        lines = [title(data, self.pointed)]
        if pixmap is None and data.texts:
            lines.append(data.texts[self.pointed])
        metrics = painter.fontMetrics()
        width = max(metrics.horizontalAdvance(line) for line in lines) + 14.0
        height = 6.0 + metrics.height() * len(lines)
        if pixmap is not None:
            width, height = max(width, THUMBNAIL + 12.0), height + THUMBNAIL + 4
        box = QRectF(at.x() + 10, at.y() - height / 2, width, height)
        if box.right() > self.width():
            box.moveRight(at.x() - 10)
        box.moveTop(min(max(box.top(), 1.0), self.height() - height - 1))
        painter.setPen(QPen(theme.color("border_strong"), 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(box, 4, 4)
        y = box.top() + 3
        painter.setPen(theme.color("ink"))
        for line in lines:
            painter.drawText(QPointF(box.left() + 7, y + metrics.ascent()), line)
            y += metrics.height()
        if pixmap is not None:
            target = QRectF(box.left() + 6, y + 1, THUMBNAIL, THUMBNAIL)
            painter.drawPixmap(fitted(pixmap.size(), target), pixmap, QRectF())

    # ---- mouse and keyboard -----------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._drag, self._moved = event.position(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self.data is None:
            return
        if self._drag is not None and event.buttons() & Qt.MouseButton.LeftButton:
            moved = at - self._drag
            if self._moved or moved.manhattanLength() > 4:
                self._moved = True
                self._drag = at
                area = self.chart.area
                across = moved.x() / max(area.width, 1) / self._zoom
                up = moved.y() / max(area.height, 1) / self._zoom
                self._middle = self._held(self._middle.x() - across, self._middle.y() + up)
                self.update()
            return
        pointer = point_of(at)
        inside = self.chart.area.contains(pointer)
        found = index_at(self.chart, self.data, pointer) if inside else None
        pointed = -1 if found is None else found
        if pointed != self.pointed:
            self.pointed = pointed
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.data is not None and self._drag is not None and not self._moved:
            found = index_at(self.chart, self.data, point_of(event.position()))
            self.choose(-1 if found is None else found)
        self._drag = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.data is None:
            return
        found = index_at(self.chart, self.data, point_of(event.position()))
        if found is None:
            self.show_all()
        else:
            self.opened.emit(found)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.data is None:
            return
        before = self.chart.to_data(point_of(event.position()))
        zoom = self._zoom * WHEEL ** event.angleDelta().y()
        self._zoom = min(max(zoom, 1.0), MOST_ZOOM)
        after = self.chart.to_data(point_of(event.position()))
        if before is not None and after is not None:
            left, right, bottom, top = chart_of(rect_of(QRectF(self.rect())), self.data).extent
            across = (before[0] - after[0]) / (right - left)
            up = (before[1] - after[1]) / (top - bottom)
            self._middle = self._held(self._middle.x() + across, self._middle.y() + up)
        self.update()

    def _held(self, x: float, y: float) -> QPointF:
        """Return the centre of the zoomed area, limited so that points stay visible."""
        room = 0.5 / self._zoom
        return QPointF(min(max(x, room), 1 - room), min(max(y, room), 1 - room))

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed = -1
        self.update()
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Select the nearest point in an arrow key's direction.

        Enter shows the row on all nodes.
        """
        steps = {
            Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1),
        }  # fmt: skip
        step = steps.get(Qt.Key(event.key()))
        if self.data is None or (step is None and event.key() != Qt.Key.Key_Return):
            super().keyPressEvent(event)
        elif step is None:
            if self.selected >= 0:
                self.opened.emit(self.selected)
        elif self.selected < 0:
            self.choose(0)
        else:
            away = self.data.points[:, :2] - self.data.points[self.selected, :2]
            along, aside = away @ np.array(step), np.abs(away @ np.array(step[::-1]))
            cost = np.where(along > 0, along + 2 * aside, np.inf)
            if np.isfinite(cost).any():
                self.choose(int(cost.argmin()))

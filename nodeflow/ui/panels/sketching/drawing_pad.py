"""A square to draw in with mouse, pen or finger: light ink on a dark background, as in MNIST.

The drawing is kept as strokes, so that each can be undone. It is painted into a picture of
fixed size, so that predictions do not depend on the size of the pad on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QMimeData, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPointingDevice,
    QTabletEvent,
    QTouchEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from nodeflow.data.pictures import digit_preparation
from nodeflow.errors import NodeflowError
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.painting.picture_reading import may_be_picture, read_picture
from nodeflow.ui.core.theming.theme import TYPE, Theme, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager

SIDE = 336
"""Side of the drawn picture in pixels: twelve pixels for each of MNIST's 28."""
BRUSH, THINNEST, THICKEST = 26, 8, 60
"""Usual, smallest and largest width of the brush, in pixels of the drawn picture. The usual
width gives strokes as wide as in MNIST.
"""
ERASER = 1.6
"""Width of the eraser relative to the brush."""
PAPER, INK = QColor("#000000"), QColor("#ffffff")
HINT = QColor("#9aa3ab")


@dataclass
class Stroke:
    """A line with a width at each point; an eraser draws in the background colour."""

    points: list[QPointF] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    erases: bool = False


@dataclass
class Picture:
    """A dropped or pasted picture as grey values from 0 to 1."""

    grey: np.ndarray
    inverted: bool


class DrawingPad(QWidget):
    """A pad to draw a digit on.

    Signals:
        changed: something was drawn, removed or placed.
        refused(text): the dropped or pasted data is not a picture.
    """

    changed = Signal()
    refused = Signal(str)

    def __init__(self, themes: ThemeManager, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hint = hint
        self._marks: list[Stroke | Picture] = []
        self._stroke: Stroke | None = None
        self.brush = BRUSH
        self._reading = Background(self)
        self._reading.done.connect(self.place)
        self._reading.failed.connect(self._on_unreadable)
        self._canvas = QImage(SIDE, SIDE, QImage.Format.Format_Grayscale8)
        self._canvas.fill(PAPER)
        self.setAccessibleName("Sketch pad")
        self.setAccessibleDescription(
            "Draw here with mouse, pen or finger. Ctrl+V pastes a picture, Delete clears."
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self.setAttribute(Qt.WidgetAttribute.WA_AcceptTouchEvents)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMinimumSize(120, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(224, 224)

    # ---- reading ----------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return not self._marks

    def grey(self) -> np.ndarray:
        """Return the drawing as (336, 336) float64 from 0 to 1, light on dark."""
        image = self._canvas
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(SIDE, image.bytesPerLine())
        return rows[:, :SIDE] / 255.0

    @property
    def inverted(self) -> bool | None:
        """Whether the last picture is shown inverted; None if there is no picture."""
        picture = self._last_picture()
        return None if picture is None else picture.inverted

    # ---- changing ---------------------------------------------------------------------------

    def clear(self) -> None:
        """Clear the pad."""
        if self._marks:
            self._marks.clear()
            self._stroke = None
            self._repaint_all()

    def undo(self) -> None:
        """Remove the last stroke or picture."""
        if self._marks and self._stroke is None:
            self._marks.pop()
            self._repaint_all()

    def place(self, image: QImage) -> None:
        """Replace the drawing by a picture. Dark ink on light paper is inverted."""
        if image.isNull():
            self.refused.emit("This is not a picture.")
            return
        rgba = image.scaled(
            QSize(SIDE, SIDE),
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        ).convertToFormat(QImage.Format.Format_RGBA8888)
        width, height = rgba.width(), rgba.height()
        rows = np.frombuffer(rgba.constBits(), np.uint8).reshape(height, rgba.bytesPerLine())
        grey = digit_preparation.grey_of(rows[:, : 4 * width].reshape(height, width, 4))
        self._marks = [Picture(grey, digit_preparation.is_dark_on_light(grey))]
        self._repaint_all()

    def place_file(self, path: str) -> None:
        """Replace the drawing by a picture file, once the file is read."""
        self._reading.run(partial(read_picture, Path(path), QSize(4 * SIDE, 4 * SIDE)))

    @Slot(object)
    def _on_unreadable(self, error: NodeflowError) -> None:
        self.refused.emit(error.text("window"))

    def invert(self, inverted: bool) -> None:
        """Set whether the last picture is inverted."""
        picture = self._last_picture()
        if picture is not None and picture.inverted != inverted:
            picture.inverted = inverted
            self._repaint_all()

    def paste(self) -> None:
        """Replace the drawing by the clipboard's picture."""
        self._take(QGuiApplication.clipboard().mimeData())

    def _take(self, data: QMimeData) -> None:
        if data.hasImage():
            self.place(QImage(data.imageData()))
        elif path := _picture_file(data):
            self.place_file(path)
        else:
            self.refused.emit("There is no picture to paste.")

    def _last_picture(self) -> Picture | None:
        return next((m for m in reversed(self._marks) if isinstance(m, Picture)), None)

    # ---- drawing ----------------------------------------------------------------------------

    def begin(self, at: QPointF, pressure: float = 1.0, erases: bool = False) -> None:
        """Begin a stroke at a position in the widget."""
        self._stroke = Stroke(erases=erases)
        self._marks.append(self._stroke)
        self._extend(at, pressure)

    def _extend(self, at: QPointF, pressure: float = 1.0) -> None:
        stroke = self._stroke
        if stroke is None:
            return
        area = self.area()
        point = (at - area.topLeft()) * (SIDE / area.width())
        if stroke.points and (point - stroke.points[-1]).manhattanLength() < 0.5:
            return
        stroke.points.append(point)
        stroke.widths.append(self.brush * pressure * (ERASER if stroke.erases else 1.0))
        painter = QPainter(self._canvas)
        _draw_end(painter, stroke, len(stroke.points) - 1)
        painter.end()
        self.update()
        self.changed.emit()

    def _end(self) -> None:
        self._stroke = None

    def _repaint_all(self) -> None:
        self._canvas.fill(PAPER)
        painter = QPainter(self._canvas)
        for mark in self._marks:
            if isinstance(mark, Picture):
                _draw_picture(painter, mark)
            else:
                for index in range(len(mark.points)):
                    _draw_end(painter, mark, index)
        painter.end()
        self.update()
        self.changed.emit()

    def area(self) -> QRectF:
        """Return the drawing area: the largest square, centred."""
        side = max(1.0, float(min(self.width(), self.height()) - 2))
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter, area = QPainter(self), self.area()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(area, self._canvas)
        if self.is_empty:
            painter.setFont(font(TYPE["body"]))
            painter.setPen(HINT)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(area.adjusted(16, 16, -16, -16), int(flags), self._hint)
        role = "accent" if self.hasFocus() else "border_strong"
        painter.setPen(QPen(self._theme.color(role), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)

    # ---- mouse, pen and finger --------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            erases = event.button() == Qt.MouseButton.RightButton
            self.begin(event.position(), erases=erases)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons():
            self._extend(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._extend(event.position())
        self._end()

    def tabletEvent(self, event: QTabletEvent) -> None:
        """Draw wider with more pressure of the pen; erase with the other end of the pen."""
        pressure = 0.4 + 0.8 * event.pressure()
        kind = event.type()
        if kind == QEvent.Type.TabletPress:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            erases = event.pointerType() == QPointingDevice.PointerType.Eraser
            self.begin(event.position(), pressure, erases)
        elif kind == QEvent.Type.TabletMove and event.buttons():
            self._extend(event.position(), pressure)
        elif kind == QEvent.Type.TabletRelease:
            self._end()
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QTouchEvent):
            return self._on_touch(event)
        if event.type() == QEvent.Type.ShortcutOverride and _command(event) is not None:
            event.accept()  # the pad takes these keys while it has the focus
            return True
        return super().event(event)

    def _on_touch(self, event: QTouchEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.TouchBegin and event.points():
            self.begin(event.points()[0].position())
        elif kind == QEvent.Type.TouchUpdate and event.points():
            self._extend(event.points()[0].position())
        elif kind in (QEvent.Type.TouchEnd, QEvent.Type.TouchCancel):
            self._end()
        event.accept()
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        command = _command(event)
        if command is None:
            super().keyPressEvent(event)
        else:
            getattr(self, command)()

    # ---- dropped files ----------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasImage() or _picture_file(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self._take(event.mimeData())


def _command(event: QEvent) -> str | None:
    """Return the name of the method that a key calls, or None."""
    if not isinstance(event, QKeyEvent):
        return None
    if event.matches(QKeySequence.StandardKey.Paste):
        return "paste"
    if event.matches(QKeySequence.StandardKey.Undo):
        return "undo"
    return "clear" if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) else None


def _picture_file(data: QMimeData) -> str:
    """Return the first dragged or pasted local file with a picture's extension."""
    for url in data.urls():
        path = url.toLocalFile()
        if path and may_be_picture(Path(path)):
            return path
    return ""


def _draw_end(painter: QPainter, stroke: Stroke, index: int) -> None:
    """Draw the piece of a stroke that ends at a point."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = QPen(PAPER if stroke.erases else INK, stroke.widths[index])
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    if index:
        painter.drawLine(stroke.points[index - 1], stroke.points[index])
    else:
        painter.drawPoint(stroke.points[0])


def _draw_picture(painter: QPainter, picture: Picture) -> None:
    """Draw a picture in the centre. Its background becomes the background of the pad."""
    light = digit_preparation.light_on_dark(picture.grey, picture.inverted)
    values = np.ascontiguousarray((light * 255).round().astype(np.uint8))
    height, width = values.shape
    image = QImage(values.data, width, height, width, QImage.Format.Format_Grayscale8)
    painter.drawImage(QPointF((SIDE - width) / 2, (SIDE - height) / 2), image)

"""Paints a card: once per content, zoom and pixel ratio for the atlas, and as paths for exports."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from nodeflow.document.layout import card_size
from nodeflow.document.model.records import SUBGRAPH
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.cards import card_data, value_preview
from nodeflow.drawing.cards.card_data import CardData, PortData
from nodeflow.drawing.cards.card_looks import (
    DEVICE_STRIP,
    FAINT,
    LOUD,
    OFF,
    PORT_RADIUS,
    PROBLEM_LOOKS,
    RADIUS,
    STATUS_ICONS,
    THICK,
)
from nodeflow.drawing.geometry import Rect
from nodeflow.graph.types import INTEGERS
from nodeflow.ui.canvas.paint import op_icon_painter
from nodeflow.ui.canvas.paint.lod_titles import LINE, lines_of, set_name
from nodeflow.ui.canvas.scene.detail import FULL, NAME_PIXELS, WHOLE, Detail
from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming import theme as themes
from nodeflow.ui.core.theming.theme import Theme, mix
from nodeflow.ui.views.qt_sheet import Sheet, rect_of

MARGIN = 14.0
"""Space around a card for its shadow and its ports, in scene units."""
NAME_PAD, NAME_MARGIN = 12.0, 6.0
"""Minimum width and height kept free around the name of a zoomed-out card, in scene units."""


@dataclass(frozen=True)
class CardPainter:
    """A painter of cards. The top left corner of the card is the origin."""

    theme: Theme
    as_path: bool = False

    def draw(
        self, painter: QPainter, card: CardData, detail: Detail = WHOLE, on_body: bool = False
    ) -> None:
        """Draw a card.

        Args:
            on_body: whether the card's body is already painted.
        """
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if card.form == card_data.DOT_FORM:
            self._dot(painter, card)
            return
        if not on_body:
            self.body(painter, card, detail)
        if detail.level != FULL:
            self._far(painter, card, detail)
        else:
            self._header(painter, card, detail)
            if card.form == card_data.CARD_FORM:
                self._values(painter, card, detail)
                self._problem(painter, card, detail)
                self._labels(painter, card, detail)
                self._fold(painter, card)
        if card.status == "bypassed":
            self._passes(painter, card)
        if card.device:
            self._device(painter, card)
        self._border(painter, card)
        self._ports(painter, card)

    def value_area(self, card: CardData, detail: Detail = WHOLE) -> QRectF | None:
        """Return the rectangle of a card that `draw_value` fills with the node's value, or None if
        the card shows no value.
        """
        whole = QRectF(0, 0, card.width, card.height)
        if card.form != card_data.CARD_FORM:
            return None if detail.level == FULL else whole
        if card.severity in LOUD or card.status == "bypassed":
            return whole
        if detail.level != FULL:
            found = self._far_area(card, detail)
            return None if found is None else QRectF(*found)
        height = card.value_height
        # The area without its edges, which hold the border and the line above the value.
        inner = QRectF(10, card.value_top + 3, card.width - 20, height - 7)
        return inner if height > 0 else None

    def draw_value(self, painter: QPainter, card: CardData, detail: Detail = WHOLE) -> None:
        """Draw the contents of a card's value area, over its body. The caller clips to the area."""
        area = self.value_area(card, detail)
        if area is None or area.height() >= card.height:
            self.draw(painter, card, detail, card.form != card_data.DOT_FORM)
            return
        if detail.level != FULL:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            value_preview.draw_far(self._sheet(painter, detail), rect_of(area), card.value)
            return
        around = area.adjusted(-16, -16, 16, 16)  # more than a pixel at any zoom
        painter.fillRect(around, self.theme.color("sunken"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._value(painter, card, detail)

    # ---- parts ------------------------------------------------------------------------------

    def body(self, painter: QPainter, card: CardData, detail: Detail = WHOLE) -> None:
        """Draw the part of a card that many cards have in common: its shadow and its empty body.
        Cards of equal ``body_key`` look the same without their contents.
        """
        rect = QRectF(0, 0, card.width, card.height)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.as_path:
            self._shadow(painter, rect)
        if card.op == SUBGRAPH:
            self._second_card(painter, rect)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color("raised"))
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        if detail.level != FULL:
            tint = mix_alpha(
                self.theme.category(card.category), 0.14 if self.theme.is_dark else 0.1
            )
            self._panel(painter, rect.adjusted(0, 1, 0, 0), tint, True, True)

    @staticmethod
    def body_key(card: CardData, detail: Detail) -> tuple:
        """Return a cache key for the look of a card without its content: all properties that change
        it.
        """
        tint = None if detail.level == FULL else card.category
        return (card.width, card.height, card.op == SUBGRAPH, tint)

    def _second_card(self, painter: QPainter, rect: QRectF) -> None:
        """Draw the edge of a second card behind this one, the sign of a subgraph."""
        painter.setPen(QPen(self.theme.color("border_strong"), 1.0))
        painter.setBrush(self.theme.color("sunken"))
        behind = rect.adjusted(5.5, 5.5, 3.5, 3.5)
        painter.drawRoundedRect(behind, RADIUS, RADIUS)

    def _device(self, painter: QPainter, card: CardData) -> None:
        """Draw a strip on the left edge, in the colour of the node's device."""
        whole, strip = QPainterPath(), QPainterPath()
        whole.addRoundedRect(QRectF(0.5, 0.5, card.width - 1, card.height - 1), RADIUS, RADIUS)
        strip.addRect(QRectF(0, 0, DEVICE_STRIP, card.height))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.category(card.device))
        painter.drawPath(whole.intersected(strip))

    def _border(self, painter: QPainter, card: CardData) -> None:
        border = self.theme.color("border_strong" if card.status in OFF else "border")
        if card.severity in LOUD:
            border = self.theme.color(LOUD[card.severity])
        elif card.status in THICK:
            border = self.theme.color(THICK[card.status])
        dashed = card.status in (*OFF, "outer")
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        if card.status == "outer":
            border = self.theme.color("border_strong")
        painter.setPen(QPen(border, 2.0 if card.status in THICK else 1.0, style))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        rect = QRectF(0.5, 0.5, card.width - 1, card.height - 1)
        painter.drawRoundedRect(rect, RADIUS, RADIUS)

    def _shadow(self, painter: QPainter, rect: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        strength = 0.05 if self.theme.is_dark else 0.014
        for step in range(6):
            painter.setBrush(self.theme.color("shadow", strength))
            spread = 6.5 - step * 1.3
            grown = rect.adjusted(-spread, -spread + 2.5, spread, spread + 2.5)
            painter.drawRoundedRect(grown, RADIUS + spread, RADIUS + spread)

    def _header(self, painter: QPainter, card: CardData, detail: Detail) -> None:
        color = self.theme.category(card.category)
        box = QRectF(10, 9, 28, 28)
        op_icon_painter.tile(painter, box, color, 7)
        op_icon_painter.draw_op_icon(
            painter, card.op, card.category, box, color, self.as_path, detail.scale
        )
        room = card.width - card_data.ICON_ROOM - (30 if card.status else 12)
        large, small = map(detail.legible, (text_metrics.TITLE, text_metrics.SUBTITLE))
        title = text_metrics.elide(card.title, large, room)
        subtitle = text_metrics.elide(card.subtitle, small, room)
        x = card_data.ICON_ROOM
        ink = "ink_faint" if card.status in FAINT else "ink"
        self._text(painter, x, 21, title, large, ink)
        self._text(painter, x, 36, subtitle, small, "ink_muted")
        if card.status in STATUS_ICONS:
            name, role = STATUS_ICONS[card.status]
            place = QRectF(card.width - 26, 10, 16, 16)
            themes.draw_icon(painter, name, place, self.theme.color(role))
        elif card.form == card_data.TITLE_FORM and card.severity in LOUD:
            role, _, name = PROBLEM_LOOKS[card.severity]
            place = QRectF(card.width - 26, 10, 16, 16)
            themes.draw_icon(painter, name, place, self.theme.color(role))

    def _dot(self, painter: QPainter, card: CardData) -> None:
        """Draw a reroute dot, in the colour and shape of its dtype."""
        port = card.outputs[0]
        center = QPointF(card.width / 2, card.height / 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color("canvas"))
        painter.drawPath(port_shape(port, center, 8.0))
        fault = LOUD.get(card.severity)
        color = self.theme.color(fault) if fault else self.theme.dtype(port.dtype)
        painter.setPen(QPen(self.theme.color("raised"), 1.5))
        painter.setBrush(color)
        painter.drawPath(port_shape(port, center, 6.5))

    def _passes(self, painter: QPainter, card: CardData) -> None:
        """Draw lines through a bypassed card, from each input that is passed on to its output."""
        painter.setBrush(Qt.BrushStyle.NoBrush)
        down = 10.0 if card.form == card_data.CARD_FORM else 0.0
        for into, out in card.passes:
            start = QPointF(0, card.port_y(into, "in"))
            end = QPointF(card.width, card.port_y(out, "out"))
            first, last = start + QPointF(16, down), end + QPointF(-16, down)
            half = QPointF((last.x() - first.x()) / 2, 0)
            path = QPainterPath(start)
            path.cubicTo(start + QPointF(8, 0), first - QPointF(8, 0), first)
            path.cubicTo(first + half, last - half, last)
            path.cubicTo(last + QPointF(8, 0), end - QPointF(8, 0), end)
            painter.setPen(QPen(self.theme.dtype(card.outputs[out].dtype), 2.5))
            painter.drawPath(path)

    def _labels(self, painter: QPainter, card: CardData, detail: Detail) -> None:
        room = card.width - 2 * card_data.PORT_INSET
        name, kind = map(detail.legible, (text_metrics.PORT, text_metrics.TYPE))
        for index, port in enumerate(card.inputs):
            other = card.outputs[index] if index < len(card.outputs) else None
            reserve = _label_width(other, name, kind) + 12 if other else 0
            x, y = card_data.PORT_INSET, card_data.row_y(index) + 4
            label = text_metrics.elide(port.label, name, room - reserve)
            role = LOUD.get(port.fault, "ink_muted")
            self._text(painter, x, y, label, name, role)
            x += text_metrics.width(label, name) + 6
            left = _shown_type(port, kind, card.width - x - reserve - 8)
            self._text(painter, x, y, left, kind, "ink_faint")
        for index, port in enumerate(card.outputs):
            x, y = card.width - card_data.PORT_INSET, card_data.row_y(index) + 4
            role = "ink_faint" if port.kind == "control" else "ink_muted"
            label = text_metrics.elide(port.label, name, room * 0.6)
            self._text(painter, x, y, label, name, role, "right")
            x -= text_metrics.width(label, name) + (6 if label else 0)
            shown = _shown_type(port, kind, x - 8)
            self._text(painter, x, y, shown, kind, "ink_faint", "right")

    def _fold(self, painter: QPainter, card: CardData) -> None:
        """Draw a small arrow below the ports of a card, if some ports are folded away or could
        be.
        """
        if not card.fold:
            return
        x, y = card.width / 2, card.fold_top + card_data.FOLD / 2
        down = 2.0 if card.fold == card_data.FOLDED else -2.0
        painter.setPen(QPen(self.theme.color("ink_faint"), 1.5))
        painter.drawPolyline(
            [QPointF(x - 5, y - down), QPointF(x, y + down), QPointF(x + 5, y - down)]
        )

    def _values(self, painter: QPainter, card: CardData, detail: Detail) -> None:
        height = card.value_height
        if height <= 0:
            return
        rect = QRectF(0, card.value_top, card.width, height)
        rounded = not card.problem
        self._panel(painter, rect, self.theme.color("sunken"), rounded)
        painter.setPen(QPen(self.theme.color("border"), 1))
        painter.drawLine(QPointF(1, rect.top()), QPointF(card.width - 1, rect.top()))
        self._value(painter, card, detail)

    def _value(self, painter: QPainter, card: CardData, detail: Detail) -> None:
        rect = QRectF(0, card.value_top, card.width, card.value_height)
        painter.save()
        if card.status in ("stale", *FAINT):
            painter.setOpacity(painter.opacity() * 0.45)
        above = rect if card.slider is None else rect.adjusted(0, 0, 0, -8)
        value_preview.draw(self._sheet(painter, detail), rect_of(above), card.value)
        if card.slider is not None:
            self._slider(painter, rect, card.slider)
        painter.restore()

    def _sheet(self, painter: QPainter, detail: Detail) -> Sheet:
        return Sheet(painter, self.theme, self.as_path, scale=detail.scale)

    def _slider(self, painter: QPainter, rect: QRectF, part: float) -> None:
        """Draw a slider with its knob at the bottom of a card's value area.

        Args:
            part: the position of the knob, from 0 to 1.
        """
        track = QRectF(rect.left() + 12, rect.bottom() - 8, rect.width() - 24, 3.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color("border"))
        painter.drawRoundedRect(track, 1.5, 1.5)
        painter.setBrush(self.theme.color("accent"))
        at = track.left() + track.width() * part
        painter.drawRoundedRect(QRectF(track.left(), track.top(), at - track.left(), 3.0), 1.5, 1.5)
        painter.drawEllipse(QPointF(at, track.center().y()), 4.5, 4.5)

    def _problem(self, painter: QPainter, card: CardData, detail: Detail) -> None:
        if not card.problem:
            return
        role, ground, name = PROBLEM_LOOKS.get(card.severity, PROBLEM_LOOKS["error"])
        rect = QRectF(0, card.height - card.problem_height, card.width, card.problem_height)
        self._panel(painter, rect, self.theme.color(ground), True)
        box = QRectF(12, rect.top() + card_data.PROBLEM_PAD - 1, 14, 14)
        themes.draw_icon(painter, name, box, self.theme.color(role))
        y = rect.top() + card_data.PROBLEM_PAD + 10
        style = detail.legible(text_metrics.CAPTION)
        for line in card.legible_problem(style):
            self._text(painter, 32, y, line, style, role)
            y += value_preview.LINE

    def _far(self, painter: QPainter, card: CardData, detail: Detail) -> None:
        """Draw a zoomed-out card: its name, and its value if there is room for both."""
        shown, (lines, size) = self._far_area(card, detail), self._far_name(card, detail)
        free = card.height if shown is None else shown.top
        y = free / 2 + 1 + size * (0.36 - LINE * (len(lines) - 1) / 2)
        for line in lines:
            self._text(painter, card.width / 2, y, line, (size, 600, False), "ink", "center")
            y += size * LINE
        if shown is not None:
            value_preview.draw_far(self._sheet(painter, detail), shown, card.value)
        if card.severity in LOUD:
            role, _, name = PROBLEM_LOOKS[card.severity]
            sign = QRectF(card.width - 34, 8, 26, 26)
            themes.draw_icon(painter, name, sign, self.theme.color(role))

    @staticmethod
    def _far_area(card: CardData, detail: Detail) -> Rect | None:
        """Return the value area of a zoomed-out card; None if there is only room for the name."""
        rect, least = Rect(0, 0, card.width, card.height), texts.least_size(detail.scale)
        above = _least_name_height(card, least) + NAME_MARGIN
        return value_preview.far_area(card.value, rect, above, least)

    def _far_name(self, card: CardData, detail: Detail) -> tuple[list[str], float]:
        """Return the lines of a zoomed-out card's name and their font size."""
        shown, smallest = self._far_area(card, detail), texts.least_size(detail.scale)
        largest = max(text_metrics.FAR_TITLE[0], NAME_PIXELS / detail.scale)
        free = card.height if shown is None else shown.top
        height = max(card.height * 0.6, _least_name_height(card, smallest))
        height = min(free - NAME_MARGIN, height)
        return set_name(card.title, card.width - NAME_PAD, height, largest, smallest)

    def _ports(self, painter: QPainter, card: CardData) -> None:
        for index, port in enumerate(card.inputs):
            self.port(painter, QPointF(0, card.port_y(index, "in")), port)
        for index, port in enumerate(card.outputs):
            self.port(painter, QPointF(card.width, card.port_y(index, "out")), port)

    def port(
        self, painter: QPainter, at: QPointF, port: PortData, radius: float = PORT_RADIUS
    ) -> None:
        """Draw a port: round for float, square for integer, diamond for bool; hollow if free."""
        color = self.theme.dtype(port.dtype)
        if port.fault in LOUD:
            color = self.theme.color(LOUD[port.fault])
        ground = self.theme.color("raised")
        painter.setPen(QPen(color, 1.75))
        painter.setBrush(color if port.connected else ground)
        painter.drawPath(port_shape(port, at, radius))

    # ---- pieces -----------------------------------------------------------------------------

    def _panel(
        self, painter: QPainter, rect: QRectF, color: QColor, bottom: bool, top: bool = False
    ) -> None:
        """Fill a flat area inside the card's border, rounded at the card's corners."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        inner = rect.adjusted(1, 0, -1, -1 if bottom else 0)
        painter.drawPath(_rounded(inner, RADIUS - 0.5, top, bottom))

    def _text(
        self,
        painter: QPainter,
        x: float,
        y: float,
        line: str,
        style: text_metrics.Style,
        role: str,
        align: str = "left",
    ) -> None:
        color = self.theme.color(role)
        text_metrics.draw(painter, x, y, line, style, color, align=align, as_path=self.as_path)


def _least_name_height(card: CardData, smallest: float) -> float:
    """Return the height of a zoomed-out card's name in the smallest font size."""
    return lines_of(card.title, card.width - NAME_PAD, smallest) * smallest * LINE


def _label_width(port: PortData, name: text_metrics.Style, kind: text_metrics.Style) -> float:
    """Return the width of a port's label with its type, in the given styles."""
    parts = [text_metrics.width(port.label, name), text_metrics.width(port.type_text, kind)]
    return sum(parts) + (card_size.LABEL_GAP if all(parts) else 0)


def _shown_type(port: PortData, style: text_metrics.Style, room: float) -> str:
    """Return a port's type, shortened to its card. Return "" if enlarged text would not fit."""
    if style != text_metrics.TYPE and text_metrics.width(port.type_text, style) > room:
        return ""
    return text_metrics.elide(port.type_text, style, room)


def port_shape(port: PortData, at: QPointF, radius: float) -> QPainterPath:
    """Return the outline of a port. Its shape, like its colour, tells the dtype."""
    path = QPainterPath()
    if port.dtype == "bool":
        reach = radius * 1.2
        corners = ((0, -reach), (reach, 0), (0, reach), (-reach, 0))
        path.addPolygon(QPolygonF([at + QPointF(x, y) for x, y in corners]))
        path.closeSubpath()
    elif port.dtype in INTEGERS:
        side = radius * 0.92
        path.addRoundedRect(QRectF(at.x() - side, at.y() - side, 2 * side, 2 * side), 1.5, 1.5)
    elif port.kind == "control":
        corners = ((-radius, -radius), (radius, 0), (-radius, radius))
        path.addPolygon(QPolygonF([at + QPointF(x, y) for x, y in corners]))
        path.closeSubpath()
    else:
        path.addEllipse(at, radius, radius)
    return path


def mix_alpha(color: QColor, alpha: float) -> QColor:
    result = QColor(color)
    result.setAlphaF(alpha)
    return result


def blend(theme: Theme, category: str, part: float) -> QColor:
    """Return the background colour of a card that is too small for text: the normal background
    mixed with the colour of the op's category.

    Args:
        part: the share of the category's colour.
    """
    return mix(theme.color("raised"), theme.category(category), part)


def _rounded(rect: QRectF, radius: float, top: bool, bottom: bool) -> QPainterPath:
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.WindingFill)
    path.addRoundedRect(rect, radius, radius)
    if not top:
        path.addRect(QRectF(rect.left(), rect.top(), rect.width(), min(radius, rect.height())))
    if not bottom:
        low = max(rect.top(), rect.bottom() - radius)
        path.addRect(QRectF(rect.left(), low, rect.width(), rect.bottom() - low))
    return path

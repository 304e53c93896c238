"""Paints one card from its content. Called once per content, zoom and pixel ratio by the atlas,
and directly by exports, with text as outlines."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from nodeflow.document.model.records import SUBGRAPH
from nodeflow.ui.canvas.paint import op_icons
from nodeflow.ui.canvas.paint.lod_titles import LINE, set_name
from nodeflow.ui.canvas.scene import card_data, text_metrics, value_preview
from nodeflow.ui.canvas.scene.card_data import CardData, PortData
from nodeflow.ui.core import theme as themes
from nodeflow.ui.core.theme import Theme, mix

RADIUS = 10.0
MARGIN = 14.0
"""Room around a card for its shadow and its ports, in scene units."""
PORT_RADIUS = 5.0
SMALLEST_FAR = 18.0
"""Names seen from afar shrink to this before they are cut."""

FULL, FAR, TINY = "full", "far", "tiny"
TINY_GROWS = 1.7
"""So much larger are names on the smallest cards that have any."""

STATUS_ICONS = {
    "running": ("loader-circle", "accent"),
    "done": ("circle-check", "ok"),
    "stale": ("history", "ink_faint"),
    "muted": ("eye-off", "ink_faint"),
    "resting": ("pause", "ink_faint"),
    "bypassed": ("route", "ink_muted"),
    "outer": ("external-link", "ink_faint"),
    "breakpoint": ("circle", "error"),
    "hit": ("pause", "error"),
}

_THICK = {"running": "accent", "hit": "error"}
"""States with a thick border, and its colour."""
_OFF = ("muted", "bypassed")
_FAINT = (*_OFF, "resting")
_LOUD = ("warning", "error")
_PROBLEM_LOOKS = {
    "error": ("error", "error_soft", "circle-alert"),
    "warning": ("warning", "warning_soft", "triangle-alert"),
    "info": ("ink_muted", "accent_soft", "info"),
}


@dataclass(frozen=True)
class CardPainter:
    """Draws cards with their top left corner at the origin."""

    theme: Theme
    as_path: bool = False

    def draw(
        self, painter: QPainter, face: CardData, level: str = FULL, on_body: bool = False
    ) -> None:
        """Draw a card; ``on_body``: over a body that is there already."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if face.form == card_data.DOT_FORM:
            self._dot(painter, face)
            return
        if not on_body:
            self.body(painter, face, level)
        if level != FULL:
            self._far(painter, face, TINY_GROWS if level == TINY else 1.0)
        else:
            self._header(painter, face)
            if face.form == card_data.CARD_FORM:
                self._values(painter, face)
                self._problem(painter, face)
                self._labels(painter, face)
        if face.status == "bypassed":
            self._passes(painter, face)
        self._border(painter, face)
        self._ports(painter, face)

    def value_area(self, face: CardData, level: str = FULL) -> QRectF | None:
        """Where a card shows its value, and `draw_value` paints; None where it shows none."""
        whole = QRectF(0, 0, face.width, face.height)
        if face.form != card_data.CARD_FORM:
            return None if level == FULL else whole
        if face.severity in _LOUD or face.status == "bypassed":
            return whole
        if level != FULL:
            return value_preview.far_area(face.value, whole)
        height = face.value_height
        # without the edges, where the border and the line above are
        inner = QRectF(10, face.value_top + 3, face.width - 20, height - 7)
        return inner if height > 0 else None

    def draw_value(self, painter: QPainter, face: CardData, level: str = FULL) -> None:
        """Draw all that is in a card's value area, over its body; the caller clips to the area."""
        area = self.value_area(face, level)
        if area is None or area.height() >= face.height:
            self.draw(painter, face, level, face.form != card_data.DOT_FORM)
            return
        if level != FULL:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            value_preview.draw_far(painter, area, face.value, self.theme)
            return
        around = area.adjusted(-16, -16, 16, 16)  # more than a pixel, from however far
        painter.fillRect(around, self.theme.color("sunken"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._value(painter, face)

    # ---- parts ------------------------------------------------------------------------------

    def body(self, painter: QPainter, face: CardData, level: str = FULL) -> None:
        """An empty card with its shadow: all that cards of equal ``body_key`` share."""
        rect = QRectF(0, 0, face.width, face.height)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.as_path:
            self._shadow(painter, rect)
        if face.op == SUBGRAPH:
            self._second_card(painter, rect)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color("raised"))
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        if level != FULL:
            tint = mix_alpha(
                self.theme.category(face.category), 0.14 if self.theme.is_dark else 0.1
            )
            self._panel(painter, rect.adjusted(0, 1, 0, 0), tint, True, True)

    @staticmethod
    def body_key(face: CardData, level: str) -> tuple:
        """What the body of a card depends on."""
        tint = None if level == FULL else face.category
        return (face.width, face.height, face.op == SUBGRAPH, tint)

    def _second_card(self, painter: QPainter, rect: QRectF) -> None:
        """The edge of a card behind this one: a subgraph is more than one node."""
        painter.setPen(QPen(self.theme.color("border_strong"), 1.0))
        painter.setBrush(self.theme.color("sunken"))
        behind = rect.adjusted(5.5, 5.5, 3.5, 3.5)
        painter.drawRoundedRect(behind, RADIUS, RADIUS)

    def _border(self, painter: QPainter, face: CardData) -> None:
        border = self.theme.color("border_strong" if face.status in _OFF else "border")
        if face.severity in _LOUD:
            border = self.theme.color(face.severity)
        elif face.status in _THICK:
            border = self.theme.color(_THICK[face.status])
        dashed = face.status in (*_OFF, "outer")
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        if face.status == "outer":
            border = self.theme.color("border_strong")
        painter.setPen(QPen(border, 2.0 if face.status in _THICK else 1.0, style))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        rect = QRectF(0.5, 0.5, face.width - 1, face.height - 1)
        painter.drawRoundedRect(rect, RADIUS, RADIUS)

    def _shadow(self, painter: QPainter, rect: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        strength = 0.05 if self.theme.is_dark else 0.014
        for step in range(6):
            painter.setBrush(self.theme.color("shadow", strength))
            spread = 6.5 - step * 1.3
            grown = rect.adjusted(-spread, -spread + 2.5, spread, spread + 2.5)
            painter.drawRoundedRect(grown, RADIUS + spread, RADIUS + spread)

    def _header(self, painter: QPainter, face: CardData) -> None:
        color = self.theme.category(face.category)
        box = QRectF(10, 9, 28, 28)
        op_icons.tile(painter, box, color, 7)
        op_icons.draw_sign(painter, face.op, face.category, box, color, self.as_path)
        room = face.width - card_data.ICON_ROOM - (30 if face.status else 12)
        title = text_metrics.elide(face.title, text_metrics.TITLE, room)
        subtitle = text_metrics.elide(face.subtitle, text_metrics.SUBTITLE, room)
        x = card_data.ICON_ROOM
        ink = "ink_faint" if face.status in _FAINT else "ink"
        self._text(painter, x, 21, title, text_metrics.TITLE, ink)
        self._text(painter, x, 36, subtitle, text_metrics.SUBTITLE, "ink_muted")
        if face.status in STATUS_ICONS:
            name, role = STATUS_ICONS[face.status]
            place = QRectF(face.width - 26, 10, 16, 16)
            if face.status == "breakpoint":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self.theme.color(role))
                painter.drawEllipse(place.adjusted(1, 1, -1, -1))
            themes.draw_icon(painter, name, place, self.theme.color(role))
        elif face.form == card_data.TITLE_FORM and face.severity in _LOUD:
            role, _, name = _PROBLEM_LOOKS[face.severity]
            place = QRectF(face.width - 26, 10, 16, 16)
            themes.draw_icon(painter, name, place, self.theme.color(role))

    def _dot(self, painter: QPainter, face: CardData) -> None:
        """A reroute dot, in the colour and shape of what passes."""
        port = face.outputs[0]
        center = QPointF(face.width / 2, face.height / 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.theme.color("canvas"))
        painter.drawPath(port_shape(port, center, 8.0))
        fault = face.severity if face.severity in _LOUD else ""
        color = self.theme.color(fault) if fault else self.theme.dtype(port.dtype)
        painter.setPen(QPen(self.theme.color("raised"), 1.5))
        painter.setBrush(color)
        painter.drawPath(port_shape(port, center, 6.5))

    def _passes(self, painter: QPainter, face: CardData) -> None:
        """The way values take through a bypassed card, below the names of its ports."""
        painter.setBrush(Qt.BrushStyle.NoBrush)
        down = 10.0 if face.form == card_data.CARD_FORM else 0.0
        for into, out in face.passes:
            start = QPointF(0, face.port_y(into, "in"))
            end = QPointF(face.width, face.port_y(out, "out"))
            first, last = start + QPointF(16, down), end + QPointF(-16, down)
            half = QPointF((last.x() - first.x()) / 2, 0)
            path = QPainterPath(start)
            path.cubicTo(start + QPointF(8, 0), first - QPointF(8, 0), first)
            path.cubicTo(first + half, last - half, last)
            path.cubicTo(last + QPointF(8, 0), end - QPointF(8, 0), end)
            painter.setPen(QPen(self.theme.dtype(face.outputs[out].dtype), 2.5))
            painter.drawPath(path)

    def _labels(self, painter: QPainter, face: CardData) -> None:
        room = face.width - 2 * card_data.PORT_INSET
        for index, port in enumerate(face.inputs):
            other = face.outputs[index] if index < len(face.outputs) else None
            reserve = card_data.label_width(other) + 12 if other else 0
            x, y = card_data.PORT_INSET, card_data.row_y(index) + 4
            label = text_metrics.elide(port.label, text_metrics.PORT, room - reserve)
            role = port.fault if port.fault in _LOUD else "ink_muted"
            self._text(painter, x, y, label, text_metrics.PORT, role)
            x += text_metrics.width(label, text_metrics.PORT) + 6
            left = text_metrics.elide(
                port.type_text, text_metrics.TYPE, face.width - x - reserve - 8
            )
            self._text(painter, x, y, left, text_metrics.TYPE, "ink_faint")
        for index, port in enumerate(face.outputs):
            x, y = face.width - card_data.PORT_INSET, card_data.row_y(index) + 4
            role = "ink_faint" if port.kind == "control" else "ink_muted"
            label = text_metrics.elide(port.label, text_metrics.PORT, room * 0.6)
            self._text(painter, x, y, label, text_metrics.PORT, role, "right")
            x -= text_metrics.width(label, text_metrics.PORT) + (6 if label else 0)
            shown = text_metrics.elide(port.type_text, text_metrics.TYPE, x - 8)
            self._text(painter, x, y, shown, text_metrics.TYPE, "ink_faint", "right")

    def _values(self, painter: QPainter, face: CardData) -> None:
        height = face.value_height
        if height <= 0:
            return
        rect = QRectF(0, face.value_top, face.width, height)
        rounded = not face.problem
        self._panel(painter, rect, self.theme.color("sunken"), rounded)
        painter.setPen(QPen(self.theme.color("border"), 1))
        painter.drawLine(QPointF(1, rect.top()), QPointF(face.width - 1, rect.top()))
        self._value(painter, face)

    def _value(self, painter: QPainter, face: CardData) -> None:
        rect = QRectF(0, face.value_top, face.width, face.value_height)
        painter.save()
        if face.status in ("stale", *_FAINT):
            painter.setOpacity(painter.opacity() * 0.45)
        value_preview.draw(painter, rect, face.value, self.theme, self.as_path)
        painter.restore()

    def _problem(self, painter: QPainter, face: CardData) -> None:
        if not face.problem:
            return
        role, ground, name = _PROBLEM_LOOKS.get(face.severity, _PROBLEM_LOOKS["error"])
        rect = QRectF(0, face.height - face.problem_height, face.width, face.problem_height)
        self._panel(painter, rect, self.theme.color(ground), True)
        box = QRectF(12, rect.top() + card_data.PROBLEM_PAD - 1, 14, 14)
        themes.draw_icon(painter, name, box, self.theme.color(role))
        y = rect.top() + card_data.PROBLEM_PAD + 10
        for line in face.problem_lines:
            self._text(painter, 32, y, line, text_metrics.CAPTION, role)
            y += value_preview.LINE

    def _far(self, painter: QPainter, face: CardData, grow: float) -> None:
        """From afar: the sign and the name, large enough to read."""
        rect = QRectF(0, 0, face.width, face.height)
        shown = value_preview.far_area(face.value, rect)
        free = (rect.bottom() if shown is None else shown.top()) - rect.top()
        largest, smallest = text_metrics.FAR_TITLE[0] * grow, SMALLEST_FAR * grow
        room, height = face.width - 24 / grow, min(free - 6, face.height * 0.6)
        lines, size = set_name(face.title, room, height, largest, smallest)
        y = rect.top() + free / 2 + 1 + size * (0.36 - LINE * (len(lines) - 1) / 2)
        for line in lines:
            self._text(painter, rect.center().x(), y, line, (size, 600, False), "ink", "center")
            y += size * LINE
        if shown is not None:
            value_preview.draw_far(painter, shown, face.value, self.theme)
        if face.severity in _LOUD:
            role, _, name = _PROBLEM_LOOKS[face.severity]
            sign = QRectF(face.width - 34, 8, 26, 26)
            themes.draw_icon(painter, name, sign, self.theme.color(role))

    def _ports(self, painter: QPainter, face: CardData) -> None:
        for index, port in enumerate(face.inputs):
            self.port(painter, QPointF(0, face.port_y(index, "in")), port)
        for index, port in enumerate(face.outputs):
            self.port(painter, QPointF(face.width, face.port_y(index, "out")), port)

    def port(
        self, painter: QPainter, at: QPointF, port: PortData, radius: float = PORT_RADIUS
    ) -> None:
        """One port: round for floats, square for integers, a diamond for bool; hollow if free."""
        color = self.theme.dtype(port.dtype)
        if port.fault in _LOUD:
            color = self.theme.color(port.fault)
        ground = self.theme.color("raised")
        painter.setPen(QPen(color, 1.75))
        painter.setBrush(color if port.connected else ground)
        painter.drawPath(port_shape(port, at, radius))

    # ---- pieces -----------------------------------------------------------------------------

    def _panel(
        self, painter: QPainter, rect: QRectF, color: QColor, bottom: bool, top: bool = False
    ) -> None:
        """A flat area inside the card's border, with the card's rounding where it meets it."""
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


def port_shape(port: PortData, at: QPointF, radius: float) -> QPainterPath:
    """The outline of a port, by what it carries: shape says what colour says."""
    path = QPainterPath()
    if port.dtype == "bool":
        reach = radius * 1.2
        corners = ((0, -reach), (reach, 0), (0, reach), (-reach, 0))
        path.addPolygon(QPolygonF([at + QPointF(x, y) for x, y in corners]))
        path.closeSubpath()
    elif port.dtype in ("int32", "int64", "uint8"):
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
    """A card's ground tinted with its category, for cards too small for text."""
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

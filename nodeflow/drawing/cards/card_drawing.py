"""The drawing of a card as shapes, with its top left corner at the origin.

The canvas paints the same card faster with Qt (`ui.canvas.paint.card_painter`); a test compares
both.
"""

from __future__ import annotations

from nodeflow.document.model.records import SUBGRAPH
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.cards import card_data, value_preview
from nodeflow.drawing.cards.card_data import CardData, PortData
from nodeflow.drawing.cards.card_looks import (
    BESIDE,
    CRYSTAL,
    CURVE,
    DEVICE_STRIP,
    FAINT,
    LOUD,
    OFF,
    PORT_RADIUS,
    PROBLEM_LOOKS,
    RADIUS,
    SIGN_RADIUS,
    STATUS_ICONS,
    THICK,
)
from nodeflow.drawing.cards.op_icons import glyph_of, icon_of
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.shapes import Box, Icon, Path, Pen, Shape, Shapes, circle
from nodeflow.drawing.theme_colors import Ink
from nodeflow.graph.types import INTEGERS

DASHED = (4.0, 2.0)
"""Dash and gap of borders, in line widths."""


def draw_card(card: CardData) -> list[Shape]:
    """Return the shapes of a card."""
    sheet = Shapes()
    if card.form == card_data.DOT_FORM:
        _draw_dot(sheet, card)
        return sheet.found
    _draw_body(sheet, card)
    _draw_header(sheet, card)
    if card.form == card_data.CARD_FORM:
        _draw_value(sheet, card)
        _draw_problem(sheet, card)
        _draw_labels(sheet, card)
        _draw_fold(sheet, card)
    if card.status == "bypassed":
        _draw_passes(sheet, card)
    if card.device:
        strip = _inner(Rect(0, 0, DEVICE_STRIP, card.height), left=True)
        sheet.add(Path(strip, Ink(f"category:{card.device}")))
    _draw_border(sheet, card)
    for index, port in enumerate(card.inputs):
        _draw_port(sheet, 0, card.port_y(index, "in"), port)
    for index, port in enumerate(card.outputs):
        _draw_port(sheet, card.width, card.port_y(index, "out"), port)
    _draw_signs(sheet, card)
    return sheet.found


def _draw_body(sheet: Shapes, card: CardData) -> None:
    rect = Rect(0, 0, card.width, card.height)
    if card.op == SUBGRAPH:  # the edge of a card behind this one
        behind = rect.adjusted(5.5, 5.5, 3.5, 3.5)
        sheet.add(Box(behind, Ink("sunken"), Pen(Ink("border_strong")), RADIUS))
    sheet.add(Box(rect.adjusted(0.5, 0.5, -0.5, -0.5), Ink("raised"), radius=RADIUS))


def _draw_header(sheet: Shapes, card: CardData) -> None:
    color, box = f"category:{card.category}", Rect(10, 9, 28, 28)
    sheet.add(Box(box, Ink(color, 0.14), radius=7))
    glyph = glyph_of(card.op, box.width)
    if glyph is None:
        inset = box.width * 0.2
        place = box.adjusted(inset, inset, -inset, -inset)
        sheet.add(Icon(icon_of(card.op, card.category), place, Ink(color)))
    else:
        y = box.center.y + glyph[1][0] * 0.36
        sheet.line_of_text(box.center.x, y, *glyph, Ink(color), "center")
    x = card_data.ICON_ROOM
    room = card.width - x - (30 if card.status else 12)
    ink = "ink_faint" if card.status in FAINT else "ink"
    title = texts.elide(card.title, texts.TITLE, room)
    sheet.line_of_text(x, 21, title, texts.TITLE, Ink(ink))
    subtitle = texts.elide(card.subtitle, texts.SUBTITLE, room)
    sheet.line_of_text(x, 36, subtitle, texts.SUBTITLE, Ink("ink_muted"))
    place = Rect(card.width - 26, 10, 16, 16)
    if card.status in STATUS_ICONS:
        name, role = STATUS_ICONS[card.status]
        sheet.add(Icon(name, place, Ink(role)))
    elif card.form == card_data.TITLE_FORM and card.severity in LOUD:
        role, _, name = PROBLEM_LOOKS[card.severity]
        sheet.add(Icon(name, place, Ink(role)))


def _draw_value(sheet: Shapes, card: CardData) -> None:
    height = card.value_height
    if height <= 0:
        return
    rect = Rect(0, card.value_top, card.width, height)
    sheet.add(Path(_inner(rect, bottom=not card.problem), Ink("sunken")))
    line = f"M1 {rect.top:g}H{card.width - 1:g}"
    sheet.add(Path(line, pen=Pen(Ink("border"))))
    with sheet.faded(0.45 if card.status in ("stale", *FAINT) else 1.0):
        above = rect if card.slider is None else rect.adjusted(0, 0, 0, -8)
        value_preview.draw(sheet, above, card.value)
        if card.slider is not None:
            _draw_slider(sheet, rect, card.slider)


def _draw_slider(sheet: Shapes, rect: Rect, part: float) -> None:
    track = Rect(rect.left + 12, rect.bottom - 8, rect.width - 24, 3.0)
    at = track.left + track.width * part
    sheet.add(Box(track, Ink("border"), radius=1.5))
    sheet.add(Box(Rect(track.left, track.top, at - track.left, 3.0), Ink("accent"), radius=1.5))
    sheet.add(Path(circle(at, track.center.y, 4.5), Ink("accent")))


def _draw_problem(sheet: Shapes, card: CardData) -> None:
    if not card.problem:
        return
    role, ground, name = PROBLEM_LOOKS.get(card.severity, PROBLEM_LOOKS["error"])
    rect = Rect(0, card.height - card.problem_height, card.width, card.problem_height)
    sheet.add(Path(_inner(rect, bottom=True), Ink(ground)))
    box = Rect(12, rect.top + card_data.PROBLEM_PAD - 1, 14, 14)
    sheet.add(Icon(name, box, Ink(role)))
    y = rect.top + card_data.PROBLEM_PAD + 10
    for line in card.problem_lines:
        sheet.line_of_text(32, y, line, texts.CAPTION, Ink(role))
        y += value_preview.LINE


def _draw_labels(sheet: Shapes, card: CardData) -> None:
    room = card.width - 2 * card_data.PORT_INSET
    for index, port in enumerate(card.inputs):
        other = card.outputs[index] if index < len(card.outputs) else None
        reserve = card_data.label_width(other) + 12 if other else 0
        x, y = card_data.PORT_INSET, card_data.row_y(index) + 4
        label = texts.elide(port.label, texts.PORT, room - reserve)
        sheet.line_of_text(x, y, label, texts.PORT, Ink(LOUD.get(port.fault, "ink_muted")))
        x += texts.width(label, texts.PORT) + 6
        left = texts.elide(port.type_text, texts.TYPE, card.width - x - reserve - 8)
        sheet.line_of_text(x, y, left, texts.TYPE, Ink("ink_faint"))
    for index, port in enumerate(card.outputs):
        x, y = card.width - card_data.PORT_INSET, card_data.row_y(index) + 4
        role = "ink_faint" if port.kind == "control" else "ink_muted"
        label = texts.elide(port.label, texts.PORT, room * 0.6)
        sheet.line_of_text(x, y, label, texts.PORT, Ink(role), "right")
        x -= texts.width(label, texts.PORT) + (6 if label else 0)
        shown = texts.elide(port.type_text, texts.TYPE, x - 8)
        sheet.line_of_text(x, y, shown, texts.TYPE, Ink("ink_faint"), "right")


def _draw_fold(sheet: Shapes, card: CardData) -> None:
    if not card.fold:
        return
    x, y = card.width / 2, card.fold_top + card_data.FOLD / 2
    down = 2.0 if card.fold == card_data.FOLDED else -2.0
    arrow = f"M{x - 5:g} {y - down:g}L{x:g} {y + down:g}L{x + 5:g} {y - down:g}"
    sheet.add(Path(arrow, pen=Pen(Ink("ink_faint"), 1.5)))


def _draw_passes(sheet: Shapes, card: CardData) -> None:
    """Draw, on the card of a bypassed node, curves from inputs to the outputs that forward them.

    The curves are below the names of the ports.
    """
    down = 10.0 if card.form == card_data.CARD_FORM else 0.0
    for into, out in card.passes:
        y0, y1 = card.port_y(into, "in"), card.port_y(out, "out")
        last = card.width - 16
        half = (last - 16) / 2
        path = f"M0 {y0:g}C8 {y0:g} 8 {y0 + down:g} 16 {y0 + down:g}"
        path += f"C{16 + half:g} {y0 + down:g} {last - half:g} {y1 + down:g} {last:g} {y1 + down:g}"
        path += f"C{last + 8:g} {y1 + down:g} {card.width - 8:g} {y1:g} {card.width:g} {y1:g}"
        pen = Pen(Ink(f"dtype:{card.outputs[out].dtype}"), 2.5)
        sheet.add(Path(path, pen=pen))


def _draw_border(sheet: Shapes, card: CardData) -> None:
    role = "border_strong" if card.status in (*OFF, "outer") else "border"
    if card.status != "outer":
        role = THICK.get(card.status, role)
        role = LOUD.get(card.severity, role)
    width = 2.0 if card.status in THICK else 1.0
    dashed = card.status in (*OFF, "outer")
    dash = tuple(part * width for part in DASHED) if dashed else ()
    rect = Rect(0.5, 0.5, card.width - 1, card.height - 1)
    sheet.add(Box(rect, None, Pen(Ink(role), width, dash), RADIUS))


def _draw_port(sheet: Shapes, x: float, y: float, port: PortData) -> None:
    ink = Ink(LOUD.get(port.fault, f"dtype:{port.dtype}"))
    fill = ink if port.connected else Ink("raised")
    sheet.add(_port_shape(port, x, y, PORT_RADIUS, fill, Pen(ink, 1.75)))


def _draw_dot(sheet: Shapes, card: CardData) -> None:
    """Draw a reroute dot, in the colour and shape of its dtype."""
    port, x, y = card.outputs[0], card.width / 2, card.height / 2
    fault = LOUD.get(card.severity)
    ink = Ink(fault or f"dtype:{port.dtype}")
    sheet.add(_port_shape(port, x, y, 8.0, Ink("canvas"), None))
    sheet.add(_port_shape(port, x, y, 6.5, ink, Pen(Ink("raised"), 1.5)))


def _port_shape(
    port: PortData, x: float, y: float, radius: float, fill: Ink, pen: Pen | None
) -> Shape:
    """Return the shape of a port at (x, y).

    Floats are circles, integers squares and booleans diamonds; a control port is a triangle.
    """
    if port.dtype == "bool":
        reach = radius * 1.2
        return Path(f"M{x:g} {y - reach:g}l{reach:g} {reach:g}l{-reach:g} {reach:g}"
                    f"l{-reach:g} {-reach:g}z", fill, pen)  # fmt: skip
    if port.dtype in INTEGERS:
        side = radius * 0.92
        return Box(Rect(x - side, y - side, 2 * side, 2 * side), fill, pen, 1.5)
    if port.kind == "control":
        return Path(f"M{x - radius:g} {y - radius:g}l{2 * radius:g} {radius:g}"
                    f"l{-2 * radius:g} {radius:g}z", fill, pen)  # fmt: skip
    return Box(Rect(x - radius, y - radius, 2 * radius, 2 * radius), fill, pen, radius)


def _draw_signs(sheet: Shapes, card: CardData) -> None:
    """Draw small symbols at the corners of a card for a breakpoint, a plot, bounds and frozen
    weights.
    """
    r = SIGN_RADIUS
    edge = Pen(Ink("canvas"), r / 4)
    if card.stops:
        sheet.add(Path(circle(r / 2, r / 2, r), Ink("error"), edge))
    if card.is_plotted:
        x, y = card.width - r / 2, r / 2
        sheet.add(Path(circle(x, y, r), Ink("accent"), edge))
        curve = "M" + "L".join(f"{x + r * a:g} {y + r * b:g}" for a, b in CURVE)
        sheet.add(Path(curve, pen=Pen(Ink("on_accent"), r / 4.5)))
    if card.bounds:
        x, y, arm, gap = r / 2, card.height - r / 2, r * 0.5, r * 0.36
        sheet.add(Path(circle(x, y, r), Ink("warning"), edge))
        bars = "".join(f"M{x - arm:g} {bar:g}h{2 * arm:g}" for bar in (y - gap, y + gap))
        sheet.add(Path(bars, pen=Pen(Ink("canvas"), r / 4.5)))
    if card.is_frozen:
        x, y = r / 2 + (BESIDE * r if card.bounds else 0), card.height - r / 2
        sheet.add(Path(circle(x, y, r), Ink("ink_muted"), edge))
        bars = "".join(f"M{x - r * a:g} {y - r * b:g}L{x + r * a:g} {y + r * b:g}"
                       for a, b in CRYSTAL)  # fmt: skip
        sheet.add(Path(bars, pen=Pen(Ink("canvas"), r / 5)))


def _inner(rect: Rect, bottom: bool = False, left: bool = False) -> str:
    """Return the SVG path of an area that fits inside a card's border, with the card's round
    corners.

    Args:
        bottom: whether the lower corners are corners of the card.
        left: whether the area is a strip along the left edge, in place of a full width.
    """
    r = RADIUS - 0.5
    if left:
        x, low = rect.right, rect.bottom - 0.5
        inset = r - (r**2 - (r - x + 0.5) ** 2) ** 0.5
        return (
            f"M{x:g} {0.5 + inset:.2f}A{r:g} {r:g} 0 0 0 0.5 {0.5 + r:g}V{low - r:g}"
            f"A{r:g} {r:g} 0 0 0 {x:g} {low - inset:.2f}z"
        )
    x0, x1, y0 = rect.left + 1, rect.right - 1, rect.top
    y1 = rect.bottom - (1 if bottom else 0)
    if not bottom:
        return f"M{x0:g} {y0:g}H{x1:g}V{y1:g}H{x0:g}z"
    return (
        f"M{x0:g} {y0:g}H{x1:g}V{y1 - r:g}A{r:g} {r:g} 0 0 1 {x1 - r:g} {y1:g}"
        f"H{x0 + r:g}A{r:g} {r:g} 0 0 1 {x0:g} {y1 - r:g}z"
    )

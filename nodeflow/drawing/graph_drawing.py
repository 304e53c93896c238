"""The drawing of a whole graph: frames, wires and cards as shapes at their positions.

The canvas paints the same with Qt; a test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import hidden_ports
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import FrameRecord, Wire
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.cards import card_data
from nodeflow.drawing.cards.card_builder import CardBuilder
from nodeflow.drawing.cards.card_data import CardData
from nodeflow.drawing.cards.card_drawing import draw_card
from nodeflow.drawing.cards.card_looks import DIM, FRAME_RADIUS, FRAME_TINT
from nodeflow.drawing.frames import frame_titles
from nodeflow.drawing.frames.frame_notes import note_lines
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.shapes import Box, Path, Pen, Shape, Shapes, polyline
from nodeflow.drawing.theme_colors import Ink, mixed
from nodeflow.drawing.wires import share_arcs, wire_places, wire_routing, wire_shape
from nodeflow.host.protocol import ViewValue

MARGIN = 48.0
"""Scene units around a drawing."""


@dataclass(frozen=True)
class DrawnNode:
    """The shapes of a card, with its position."""

    id: str
    card: CardData
    rect: Rect
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class DrawnWire:
    """The shapes of a wire, with the nodes that it connects."""

    wire: Wire
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class DrawnFrame:
    """The shapes of a frame, with its title and note."""

    frame: FrameRecord
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Drawing:
    """A drawn graph, each part from back to front. ``area`` surrounds everything, with a margin.

    ``arcs`` lead from nodes that share weights to the owners of the weights.
    """

    area: Rect
    frames: tuple[DrawnFrame, ...]
    wires: tuple[DrawnWire, ...]
    arcs: tuple[Path, ...]
    nodes: tuple[DrawnNode, ...]


def draw_graph(
    document: Document,
    analysis: Analysis | None = None,
    values: Mapping[str, Any] | None = None,
    views: Mapping[str, ViewValue] | None = None,
) -> Drawing:
    """Draw a document, or the inside of a subgraph.

    Args:
        analysis: an analysis that knows types which the document alone does not determine.
        values: previews by the names of nodes, to be shown in the cards.
        views: contents of views on nodes, by the names of nodes.
    """
    builder = CardBuilder(document, analysis or Analysis(document))
    ids = {record.name: node_id for node_id, record in document.nodes.items()}
    builder.set_values({ids[n]: value for n, value in (values or {}).items() if n in ids})
    builder.set_views({ids[n]: value for n, value in (views or {}).items() if n in ids})
    shown = [record for record in document.nodes.values() if not is_folded(document, record)]
    cards = {record.id: builder.build(record) for record in shown}
    places = {i: Rect(*document.nodes[i].pos, c.width, c.height) for i, c in cards.items()}
    wires, shifts, area = _draw_wires(document, cards, places)
    arcs, around = _draw_arcs(document, cards, places)
    for rect in (*around, *places.values(), *(Rect(*f.rect) for f in document.frames.values())):
        area = rect if area is None else area.united(rect)
    frames = frame_titles.stacked(document.frames.values())
    return Drawing(
        (area or Rect(0, 0, 0, 0)).adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN),
        tuple(DrawnFrame(f, tuple(_draw_frame(f, shifts.get(f.id, 0.0)))) for f in frames),
        wires,
        arcs,
        tuple(DrawnNode(i, c, places[i], tuple(draw_card(c))) for i, c in cards.items()),
    )


def _draw_wires(
    document: Document, cards: Mapping[str, CardData], places: Mapping[str, Rect]
) -> tuple[tuple[DrawnWire, ...], dict[str, float], Rect | None]:
    """Draw all wires. Return them, how far each frame's title moves to the right to avoid wires,
    and the bounding box of the wires.
    """
    found = [w for i in document.nodes for w in document.incoming.at(i) if w.source in cards]
    if not found:
        return (), {}, None
    number = {node_id: index for index, node_id in enumerate(cards)}
    both = [wire_places.wire_offsets(w, cards[w.source], cards[w.target]) for w in found]
    ends = np.array([offsets for offsets, _ in both], np.float64)
    ends[:, :2] += [places[w.source][:2] for w in found]
    ends[:, 2:] += [places[w.target][:2] for w in found]
    hidden = np.array([w.target_port in hidden_ports(document.nodes[w.target]) for w in found])
    boxes = [(*places[i][:2], places[i].right, places[i].top + c.tallest)
             for i, c in cards.items() if c.form != card_data.DOT_FORM]  # fmt: skip
    lanes, shifts = wire_places.route(
        ends,
        np.array([number[w.source] for w in found]),
        hidden,
        np.array(boxes, np.float64).reshape(-1, 4),
        document.frames.values(),
    )
    drawn = []
    for index, (wire, (_, dtype)) in enumerate(zip(found, both, strict=True)):
        fades = cards[wire.source].status in ("muted", "inactive")
        pen = _pen(dtype, wire.target_port == "feed", fades)
        row = slice(index, index + 1)
        if hidden[index]:
            shapes = _stubs(ends[row], pen)
        else:
            shapes = (Path(_curve(ends[row], lanes[row]), pen=pen),)
        drawn.append(DrawnWire(wire, shapes))
    area = None
    if not hidden.all():
        left, top, right, bottom = wire_shape.drawn_box(ends[~hidden], lanes[~hidden]).tolist()
        area = Rect(left, top, right - left, bottom - top)
    return tuple(drawn), shifts, area


def _draw_arcs(
    document: Document, cards: Mapping[str, CardData], places: Mapping[str, Rect]
) -> tuple[tuple[Path, ...], list[Rect]]:
    """Return the arcs that connect nodes with shared weights, and their bounding boxes."""
    pairs = share_arcs.sharing_pairs(document)
    if not pairs:
        return (), []
    corners = np.array([[places[i][:2] for i in pair] for pair in pairs], np.float64)
    curves = share_arcs.arcs(corners, np.array([[places[i].width for i in p] for p in pairs]))
    drawn = []
    for pair, curve in zip(pairs, curves.tolist(), strict=True):
        fades = any(cards[i].status in ("muted", "inactive") for i in pair)
        ink = Ink(mixed("canvas", share_arcs.ROLE, DIM) if fades else share_arcs.ROLE)
        (x, y), *inner = curve
        points = " ".join(f"{a:.1f} {b:.1f}" for a, b in inner)
        drawn.append(
            Path(f"M{x:.1f} {y:.1f}C{points}", pen=Pen(ink, share_arcs.THICKNESS, share_arcs.DASH))
        )
        x, y = curve[-1]
        drawn.append(Path(_dot(x, y, share_arcs.DOT), fill=ink))
    boxes = share_arcs.bounds(curves).tolist()
    return tuple(drawn), [Rect(a, b, c - a, d - b) for a, b, c, d in boxes]


def _dot(x: float, y: float, radius: float) -> str:
    turn = f"a{radius:g} {radius:g} 0 1 0"
    return f"M{x - radius:.1f} {y:.1f}{turn} {2 * radius:g} 0{turn} {-2 * radius:g} 0Z"


def _pen(dtype: str, is_feed: bool, fades: bool) -> Pen:
    role = f"dtype:{dtype}"
    ink = Ink(mixed("canvas", role, DIM) if fades else role)
    dash = wire_shape.dash_of(dtype, is_feed) or ()
    return Pen(ink, wire_shape.THICKNESS.get(dtype, 2.0), dash)


def _curve(end: np.ndarray, lane: np.ndarray) -> str:
    if wire_routing.takes_detour(end, 1.0, lane)[0]:
        return polyline(wire_routing.routes(end, 1.0, lane)[0])
    x0, y0, x1, y1 = end[0].tolist()
    reach = float(wire_shape.bend(end)[0])
    return (
        f"M{x0:.1f} {y0:.1f}C{x0 + reach:.1f} {y0:.1f} {x1 - reach:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    )


def _stubs(end: np.ndarray, pen: Pen) -> tuple[Shape, ...]:
    """Draw the two short ends that remain visible of a hidden wire, each with a bar at the cut."""
    parts = []
    for index, (x0, y0, x1, y1) in enumerate(wire_shape.stubs(end, wire_shape.STUB).tolist()):
        tip = x1 if index == 0 else x0
        parts.append(f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}M{tip:.1f} {y0 - 4:.1f}v8")
    return (Path("".join(parts), pen=Pen(pen.ink, pen.width)),)


def _draw_frame(frame: FrameRecord, shift: float) -> list[Shape]:
    """Draw a frame around nodes with its title and note. ``shift`` moves the title to the right."""
    sheet, rect, role = Shapes(), Rect(*frame.rect), frame_titles.frame_role(frame.color)
    ground, edge = Ink(mixed("canvas", role, FRAME_TINT)), Ink(mixed("canvas", role, 0.35))
    sheet.add(Box(rect, ground, Pen(edge, 1.25), FRAME_RADIUS))
    left, room = rect.left + frame_titles.INSET, rect.width - 2 * frame_titles.INSET
    style = texts.FRAME_TITLE
    heading = texts.elide(frame.title, style, room - shift)
    ink = Ink(mixed("ink", role, 0.55))
    sheet.line_of_text(left + shift, rect.top + 8 + style[0], heading, style, ink)
    top = rect.top + (style[0] + 22 if frame.title else 16)
    for line in note_lines(frame.note, room, rect.bottom - top - 8) if frame.note else ():
        muted = Ink("ink_muted")
        sheet.line_of_text(left + line.x, top + line.y, line.text, line.style, muted)
        sheet.line_of_text(left + line.x - 14, top + line.y, line.mark, line.style, muted)
    return sheet.found

"""Adding a formula's nodes to the document, laid out beside their inputs, as one undo step."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, cast

from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.shared_weights import share_weights
from nodeflow.document.formula.parser import Plan, Value, parse_expression
from nodeflow.document.layout.card_size import Size, node_size
from nodeflow.document.layout.layered import COLUMN_GAP, ROW_GAP, layout
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import automatic_name
from nodeflow.graph.types import TensorType

GRID = 8.0
MOST_ESTIMATED = 2000
Point = tuple[float, float]
Box = tuple[float, float, float, float]


def add_expression(
    doc: Document,
    analysis: Analysis,
    text: str,
    center: Point = (0, 0),
    sizes: Mapping[str, Size] | None = None,
    declare: str | None = None,
) -> list[str]:
    """Add the nodes of a formula (see `parser.parse_expression`) and return their ids.

    They are placed right of the nodes that they use, or around `center` if they use none, and cover
    no others. `sizes` are the drawn sizes of nodes; default: estimated.

    Raises:
        ExpressionError: the formula is invalid; nothing is added.
    """
    plan = parse_expression(doc, analysis, text, declare)
    with doc.transaction(f"Add {_shortened(text)}"):
        ids = _add_nodes(doc, plan)
        types = _Types(plan, ids)
        boxes = {i: node_size(doc, doc.nodes[i], cast(Any, types)) for i in ids}
        places = layout(doc, ids, boxes)
        known = card_boxes(doc, analysis, sizes, without=boxes)
        origin = _origin(places, boxes, [known[i] for i in plan.uses], center)
        origin = free_place(origin, _extent(places, boxes), known.values())
        moved = {i: (origin[0] + x, origin[1] + y) for i, (x, y) in places.items()}
        commands.move(doc, moved)
    return ids


def _add_nodes(doc: Document, plan: Plan) -> list[str]:
    ids: list[str] = []

    def end(value: Value) -> str:
        return value.node if isinstance(value.node, str) else ids[value.node]

    wanted = {node.name for node in plan.nodes if node.name}
    for node in plan.nodes:
        name = node.name or _automatic(doc, node.op, wanted)
        ids.append(commands.add_node(doc, node.op, (0, 0), name, node.attrs))
        for port, value in node.inputs.items():
            commands.connect(doc, end(value), value.port, ids[-1], port)
        if node.share is not None:
            share_weights(
                doc, ids[-1], node.share if isinstance(node.share, str) else ids[node.share]
            )
    return ids


def _automatic(doc: Document, op: str, wanted: Iterable[str]) -> str:
    """Return a free automatic name for a node that the formula does not use itself."""
    base = automatic_name(op)
    name = doc.fresh_name(base)
    number = 1
    while name in wanted:
        name = doc.fresh_name(f"{base}_{number}")
        number += 1
    return name


def _shortened(text: str) -> str:
    line = "; ".join(part.strip() for part in text.strip().splitlines() if part.strip())
    return line if len(line) <= 48 else f"{line[:47]}…"


class _Types:
    """The types of the new nodes from the formula's plan, in the form of an analysis."""

    problems: Mapping[str, Any] = {}

    def __init__(self, plan: Plan, ids: list[str]) -> None:
        self._out = {i: dict(node.outputs) for i, node in zip(ids, plan.nodes, strict=True)}
        self._in = {
            (i, port): value.type
            for i, node in zip(ids, plan.nodes, strict=True)
            for port, value in node.inputs.items()
        }

    def out_types(self, node_id: str) -> dict[str, TensorType | None] | None:
        return self._out.get(node_id)

    def type_of(self, node_id: str, port: str) -> TensorType | None:
        return self._out.get(node_id, {}).get(port) or self._in.get((node_id, port))


# ---- places -----------------------------------------------------------------------------------


def card_boxes(
    doc: Document,
    analysis: Analysis,
    sizes: Mapping[str, Size] | None = None,
    without: Container[str] = (),
) -> dict[str, Box]:
    """Return x, y, width and height of the nodes, with space for the values they will show.

    In large documents use `sizes`, because an estimate takes 20 us per node.
    """
    drawn = sizes or {}
    estimate = len(doc.nodes) <= MOST_ESTIMATED
    boxes: dict[str, Box] = {}
    for node_id, record in doc.nodes.items():
        if node_id in without or is_folded(doc, record):
            continue
        width, height = drawn.get(node_id, (0.0, 0.0))
        if estimate or not height:
            size = node_size(doc, record, analysis)
            width, height = max(width, size[0]), max(height, size[1])
        boxes[node_id] = (*record.pos, width, height)
    return boxes


def _extent(places: Mapping[str, Point], boxes: Mapping[str, Size]) -> Size:
    return (
        max(x + boxes[i][0] for i, (x, _) in places.items()),
        max(y + boxes[i][1] for i, (_, y) in places.items()),
    )


def _origin(
    places: Mapping[str, Point], boxes: Mapping[str, Size], used: list[Box], center: Point
) -> Point:
    """Return the position for the new nodes: right of their inputs, or around the centre."""
    width, height = _extent(places, boxes)
    if not used:
        return center[0] - width / 2, center[1] - height / 2
    right = max(x + w for x, _, w, _ in used)
    top, bottom = min(y for _, y, _, _ in used), max(y + h for _, y, _, h in used)
    return right + COLUMN_GAP, (top + bottom - height) / 2


def free_place(origin: Point, size: Size, taken: Iterable[Box], gap: float = ROW_GAP) -> Point:
    """Return the nearest position above or below `origin` where a block covers no box.

    `gap` is the minimum distance at `origin`; a moved block keeps the gap of rows.
    """
    left, right = origin[0] - gap, origin[0] + size[0] + gap
    rows = sorted((y, y + h) for x, y, w, h in taken if x < right and x + w > left)
    if all(end <= origin[1] - gap or start >= origin[1] + size[1] + gap for start, end in rows):
        return round(origin[0] / GRID) * GRID, round(origin[1] / GRID) * GRID
    down = _push(origin[1], size[1], rows)
    up = -_push(-(origin[1] + size[1]), size[1], sorted((-b, -a) for a, b in rows)) - size[1]
    y = down if down - origin[1] <= origin[1] - up else up
    return round(origin[0] / GRID) * GRID, round(y / GRID) * GRID


def _push(top: float, height: float, rows: list[tuple[float, float]]) -> float:
    """Return the top of an interval moved down past all rows (sorted by start) that it overlaps."""
    gap = ROW_GAP + GRID  # rounding to the grid reduces the gap
    for start, end in rows:
        if start < top + height + gap and end > top - gap:
            top = end + gap
    return top

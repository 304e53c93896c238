"""Automatic layout: columns by depth, sources to the left, few crossings, no overlaps.

Layered drawing after Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical
system structures" (1981): assign layers by longest path, order each by the barycentre of its
neighbours, then place. Nodes without inputs stand right before what uses them first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nodeflow.document.declarations import op_of
from nodeflow.document.model import Document
from nodeflow.document.order import topological
from nodeflow.document.ports import in_ports, out_ports
from nodeflow.document.records import NodeRecord

HEADER, ROW, FOOT = 46.0, 22.0, 8.0  # as the canvas draws cards
VALUE = 84.0  # room for a small table or picture under the ports
MIN_WIDTH, MAX_WIDTH, WIDTH_STEP = 168.0, 288.0, 24.0
LETTER = 7.4
COLUMN_GAP, ROW_GAP = 88.0, 32.0
SWEEPS = 8

Size = tuple[float, float]
Position = tuple[float, float]


def node_size(doc: Document, record: NodeRecord) -> Size:
    """Returns about how wide and high a node is drawn, with room for its value."""
    left, right = in_ports(doc, record), out_ports(doc, record)
    op = op_of(record)
    title = max(len(record.name), len(op.title if op else record.op))
    rows = max(len(left), len(right))
    labels = max((len(port.name) for port in [*left, *right]), default=0)
    need = max(74 + LETTER * title, 110 + 2 * LETTER * labels if left and right else 0)
    steps = -(-max(need - MIN_WIDTH, 0) // WIDTH_STEP)
    width = min(MIN_WIDTH + steps * WIDTH_STEP, MAX_WIDTH)
    value = VALUE if right and right[0].kind == "tensor" else 0
    return width, HEADER + ROW * rows + FOOT + value


def layout(
    doc: Document,
    ids: Iterable[str] | None = None,
    sizes: Mapping[str, Size] | None = None,
    origin: Position = (0, 0),
) -> dict[str, Position]:
    """Returns the place of the top left corner of each node, for `commands.move`.

    Args:
        ids: nodes to lay out; default: all.
        sizes: width and height of the nodes as drawn; default: estimated.
        origin: top left corner of the whole.

    All wires run to the right (but for those of loops), and no two nodes overlap.
    """
    chosen = set(doc.nodes if ids is None else ids)
    if not chosen:
        return {}
    known = sizes or {}
    boxes = {i: known.get(i) or node_size(doc, doc.nodes[i]) for i in chosen}
    order, looping = topological(doc, chosen)
    net = _Net(doc, order, looping)
    columns = _columns(net, order)
    _reduce_crossings(net, columns)
    return _place(net, columns, boxes, origin)


@dataclass(frozen=True, slots=True)
class _Link:
    """A wire as its ends see it: the other node, and how far down its ports lie (0 to 1)."""

    other: str
    here: float
    there: float


class _Net:
    """The wires among the nodes to lay out, with the heights of their ports; loops left out."""

    def __init__(self, doc: Document, order: list[str], looping: Mapping[str, str]) -> None:
        self.rank = {node: i for i, node in enumerate(order)}
        self.before: dict[str, list[_Link]] = defaultdict(list)
        self.after: dict[str, list[_Link]] = defaultdict(list)
        for target in order:
            wires = [w for w in doc.wires_into(target) if w.source in self.rank]
            if not wires:
                continue
            ports = [port.name for port in in_ports(doc, doc.nodes[target])]
            for wire in wires:
                if wire.source == target or (wire.source in looping and target in looping):
                    continue
                there = _height(ports, wire.target_port)
                here = 0.0
                self.before[target].append(_Link(wire.source, there, here))
                self.after[wire.source].append(_Link(target, here, there))


def _height(ports: list[str], port: str) -> float:
    return (ports.index(port) + 1) / (len(ports) + 1) if port in ports else 0.5


def _columns(net: _Net, order: list[str]) -> list[list[str]]:
    """Layers by longest path; then what has no inputs moves right, up to its first user."""
    layer: dict[str, int] = {}
    for node in order:
        layer[node] = max((layer[link.other] + 1 for link in net.before[node]), default=0)
    for node in reversed(order):
        users = [layer[link.other] for link in net.after[node]]
        if users and not net.before[node]:
            layer[node] = min(users) - 1
    columns: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for node in order:
        columns[layer[node]].append(node)
    return columns


def _reduce_crossings(net: _Net, columns: list[list[str]]) -> None:
    """Sorts each column by the mean place of its neighbours, from left and right in turn."""
    place: dict[str, float] = {}
    for column in columns:
        _number(column, place)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for column in columns if forward else reversed(columns):
            links = net.before if forward else net.after
            # A node without neighbours on that side keeps its place among the others.
            wish = {node: _barycentre(links[node], place, place[node]) for node in column}
            column.sort(key=lambda node: (wish[node], place[node]))
            _number(column, place)


def _number(column: list[str], place: dict[str, float]) -> None:
    """Places in a column from 0 to 1, so that columns of different length compare."""
    for i, node in enumerate(column):
        place[node] = (i + 0.5) / len(column)


def _barycentre(links: list[_Link], place: Mapping[str, float], default: float) -> float:
    if not links:
        return default
    # Port heights are a small part of a node's: they settle the order of what shares a node.
    return sum(place[link.other] + 1e-3 * link.there for link in links) / len(links)


def _place(
    net: _Net, columns: list[list[str]], boxes: Mapping[str, Size], origin: Position
) -> dict[str, Position]:
    """Turns columns into coordinates: each node near the middle of its neighbours."""
    left: list[float] = []
    x = origin[0]
    for column in columns:
        left.append(x)
        x += max(boxes[node][0] for node in column) + COLUMN_GAP
    top: dict[str, float] = {}
    for column in columns:
        wishes = [_wish(net.before[node], top, boxes, boxes[node]) for node in column]
        _pack(column, wishes, boxes, top)
    for _ in range(3):
        for column in reversed(columns):
            wishes = [
                _wish(net.after[node] or net.before[node], top, boxes, boxes[node], top[node])
                for node in column
            ]
            _pack(column, wishes, boxes, top)
        for column in columns:
            wishes = [
                _wish(net.before[node] + net.after[node], top, boxes, boxes[node], top[node])
                for node in column
            ]
            _pack(column, wishes, boxes, top)
    lift = origin[1] - min(top.values())
    return {
        node: (float(round(left[i])), float(round(top[node] + lift)))
        for i, column in enumerate(columns)
        for node in column
    }


def _wish(
    links: list[_Link],
    top: Mapping[str, float],
    boxes: Mapping[str, Size],
    box: Size,
    default: float = 0.0,
) -> float:
    """Where a node would like its top to be: level with the middle of its neighbours."""
    middles = [top[k.other] + boxes[k.other][1] / 2 for k in links if k.other in top]
    return sum(middles) / len(middles) - box[1] / 2 if middles else default


def _pack(
    column: list[str],
    wishes: list[float],
    boxes: Mapping[str, Size],
    top: dict[str, float],
) -> None:
    """Places a column in its order, without overlaps, as near to the wishes as can be.

    Least squares with order (isotonic regression, pool adjacent violators): nodes that want the
    same place form a block around the mean of what they want.
    """
    blocks: list[tuple[float, int]] = []  # mean wish of the block's start, number of nodes
    offsets: list[float] = []
    y = 0.0
    for node in column:
        offsets.append(y)
        y += boxes[node][1] + ROW_GAP
    for wish, offset in zip(wishes, offsets, strict=True):
        mean, count = wish - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean = (before * size + mean * count) / (size + count)
            count += size
        blocks.append((mean, count))
    index = 0
    for mean, count in blocks:
        for _ in range(count):
            top[column[index]] = mean + offsets[index]
            index += 1

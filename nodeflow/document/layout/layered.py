"""Automatic layout: columns by depth, sources to the left, few crossings, no overlaps.

Layered drawing after Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical
system structures" (1981): assign layers by longest path, order each by the barycentre of its
neighbours, then place. A node without inputs is placed in the column before its first consumer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.port_names import port_order
from nodeflow.document.analysis.traversal import topological
from nodeflow.document.analysis.wiring.shown_ports import card_ports, out_ports
from nodeflow.document.layout.barycentre_sweeps import order_columns
from nodeflow.document.layout.card_size import HEADER, ROW, Size, node_size
from nodeflow.document.layout.crossing_removal import EFFORT, remove_crossings
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.records import Wire

COLUMN_GAP, ROW_GAP = 72.0, 28.0
BEND = (0.0, 12.0)  # the size of the dummy node where a wire passes a column
TIGHTENINGS = 3
PLACINGS, SMALL = 10, 600  # rounds, for graphs of fewer nodes and bends
MOST_BENDS = 4000  # in larger drawings wires pass behind cards

Position = tuple[float, float]


def layout(
    doc: Document,
    ids: Iterable[str] | None = None,
    sizes: Mapping[str, Size] | None = None,
    analysis: Analysis | None = None,
    origin: Position = (0, 0),
    effort: int = EFFORT,
) -> dict[str, Position]:
    """Return the position of the top left corner of each node, for `commands.move`.

    Args:
        ids: nodes to lay out; default: all. Folded values have no card, and are left out.
        sizes: width and height of the nodes as drawn; default: estimated.
        analysis: of this document, for better estimates.
        origin: top left corner of the drawing.
        effort: about how many moves are tried against crossings.

    All wires lead to the right (except in loops), and no two nodes overlap.
    """
    asked = doc.nodes if ids is None else ids
    chosen = {i for i in asked if not is_folded(doc, doc.nodes[i])}
    known = sizes or {}
    boxes = {i: known.get(i) or node_size(doc, doc.nodes[i], analysis) for i in chosen}
    order, looping = topological(doc, chosen)
    net = _Net()
    net.read(doc, chosen, looping)
    return _laid_out(net, order, boxes, origin, effort)


def layout_boxes(
    boxes: Mapping[str, Size],
    links: Iterable[tuple[str, float, str, float]],
    effort: int = EFFORT,
) -> dict[str, Position]:
    """Return the positions of boxes that are not nodes, such as frames, from (0, 0).

    Args:
        boxes: key -> width and height.
        links: (source, distance below its top, target, distance below its top), like wires.
            Links that close a loop are ignored.
        effort: about how many moves are tried against crossings.
    """
    net = _Net()
    for link in links:
        net.link(*link)
    order = _order_boxes(net, boxes)
    return _laid_out(net, order, dict(boxes), (0, 0), effort)


def _order_boxes(net: _Net, boxes: Mapping[str, Size]) -> list[str]:
    """Sort the boxes with sources first. Where only loops are left, cut the links into the first
    box.
    """
    order: dict[str, None] = {}
    waiting = sorted(boxes, key=natural_key)
    while waiting:
        ready = [b for b in waiting if all(k.other in order for k in net.before[b])]
        if not ready:
            ready = waiting[:1]
            for link in [k for k in net.before[ready[0]] if k.other not in order]:
                net.unlink(ready[0], link)
        order.update(dict.fromkeys(ready))
        waiting = [b for b in waiting if b not in order]
    return list(order)


def _laid_out(
    net: _Net, order: list[str], boxes: dict[str, Size], origin: Position, effort: int
) -> dict[str, Position]:
    """Return the positions of the nodes in `order` (sources first) with sizes `boxes`."""
    if not order:
        return {}
    columns = _columns(net, order)
    cards = [list(column) for column in columns]
    wires = [
        (link.other, link.there, node, link.here) for node in order for link in net.before[node]
    ]
    boxes.update(dict.fromkeys(_add_bends(net, columns), BEND))
    order_columns(columns, net.ends(net.before), net.ends(net.after))
    places = _place(net, columns, boxes)
    remove_crossings(cards, places, boxes, wires, ROW_GAP, effort)
    lift = min(places[node][1] for node in order)
    return {
        node: (
            float(round(origin[0] + places[node][0])),
            float(round(origin[1] + places[node][1] - lift)),
        )
        for node in order
    }


class _Link(NamedTuple):
    """A wire as seen from one end: the node at its other end, and the depths of both ports.

    A depth is the distance of a port below the top of its node.
    """

    other: str
    here: float
    there: float


class _Net:
    """The wires among the nodes to lay out, without loops.

    Everything is ordered by ids and ports, so that equal documents get equal layouts.
    """

    def __init__(self) -> None:
        self.before: dict[str, list[_Link]] = defaultdict(list)
        self.after: dict[str, list[_Link]] = defaultdict(list)
        self.outside: list[tuple[Wire, float]] = []
        """The inputs wired from nodes outside the layout, with the depth of their ports."""

    def read(self, doc: Document, chosen: set[str], looping: Mapping[str, str]) -> None:
        """Read the wires of a document, except those that close loops."""
        outputs: dict[str, list[str]] = {}
        for target in sorted(chosen, key=natural_key):
            wires = doc.wires_into(target)
            if not wires:
                continue
            inputs = [port.name for port in card_ports(doc, doc.nodes[target])]
            for wire in sorted(wires, key=lambda w: port_order(w.target_port)):
                here = _depth(inputs, wire.target_port)
                if wire.source not in chosen:
                    if not is_folded(doc, doc.nodes[wire.source]):
                        self.outside.append((wire, here))
                elif target not in looping or looping.get(wire.source) != looping[target]:
                    if wire.source not in outputs:
                        ports = out_ports(doc, doc.nodes[wire.source])
                        outputs[wire.source] = [port.name for port in ports]
                    there = _depth(outputs[wire.source], wire.source_port)
                    self.link(wire.source, there, target, here)

    def link(self, source: str, there: float, target: str, here: float) -> None:
        """Add a wire between two ports, each given by its distance below the top of its node."""
        self.before[target].append(_Link(source, here, there))
        self.after[source].append(_Link(target, there, here))

    @staticmethod
    def ends(links: Mapping[str, list[_Link]]) -> dict[str, list[tuple[str, float, float]]]:
        """Return the wires by node, in the form that `barycentre_sweeps` takes."""
        ends: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
        ends.update((node, [(k.other, k.here, k.there) for k in ks]) for node, ks in links.items())
        return ends

    def unlink(self, target: str, link: _Link) -> None:
        """Remove the wire `link`, which ends at `target`."""
        self.before[target].remove(link)
        self.after[link.other].remove(_Link(target, link.there, link.here))


def _depth(ports: list[str], port: str) -> float:
    return HEADER + ROW / 2 + ROW * (ports.index(port) if port in ports else 0)


def _tighten(net: _Net, layer: dict[str, int], node: str) -> None:
    """Move a node to the column, among those that its wires allow, with the shortest wires in
    total.
    """
    inputs, users = net.before[node], net.after[node]
    if users and len(users) >= len(inputs):
        # equal on both sides: to the right, so that values are next to their consumers
        layer[node] = min(layer[link.other] for link in users) - 1
    elif inputs:
        layer[node] = max(layer[link.other] for link in inputs) + 1


def _columns(net: _Net, order: list[str]) -> list[list[str]]:
    """Assign layers by longest path, then move nodes to shorten the wires."""
    layer: dict[str, int] = {}
    for node in order:
        layer[node] = max((layer[link.other] + 1 for link in net.before[node]), default=0)
    for _ in range(TIGHTENINGS):
        for node in reversed(order):
            _tighten(net, layer, node)
        for node in order:
            _tighten(net, layer, node)
    columns: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for node in sorted(order, key=natural_key):
        columns[layer[node]].append(node)
    return columns


def _add_bends(net: _Net, columns: list[list[str]]) -> list[str]:
    """Add a dummy node to each column that a wire passes, so that the wire runs beside cards.

    Wires from one output share their dummy nodes. Wires from outside enter from the left.
    """
    layer = {node: i for i, column in enumerate(columns) for node in column}
    bends: dict[tuple[str, object, int], str] = {}

    def bend(source: str, port: object, column: int) -> tuple[str, bool]:
        key = (source, port, column)
        new = key not in bends
        if new:
            bends[key] = f"~{len(bends)}"
            columns[column].append(bends[key])
        return bends[key], new

    for target in list(layer):
        for link in list(net.before[target]):
            if layer[target] - layer[link.other] < 2 or len(bends) > MOST_BENDS:
                continue
            net.unlink(target, link)
            last, depth = link.other, link.there
            for column in range(layer[link.other] + 1, layer[target]):
                place, new = bend(link.other, link.there, column)
                if new:
                    net.link(last, depth, place, BEND[1] / 2)
                last, depth = place, BEND[1] / 2
            net.link(last, depth, target, link.here)
    for wire, here in net.outside:
        last, depth = wire.target, here
        for column in reversed(range(layer[wire.target])):
            place, new = bend(wire.source, wire.source_port, column)
            net.link(place, BEND[1] / 2, last, depth)
            last, depth = place, BEND[1] / 2
            if not new:
                break
    return list(bends.values())


def _place(net: _Net, columns: list[list[str]], boxes: Mapping[str, Size]) -> dict[str, Position]:
    """Compute coordinates from columns: each node near the middle of its neighbours."""
    left: list[float] = []
    x = 0.0
    for column in columns:
        left.append(x)
        x += max(boxes[node][0] for node in column) + COLUMN_GAP
    top: dict[str, float] = {}
    for column in columns:
        _pack(column, [_preferred_top(net.before[node], top) for node in column], boxes, top)
    for _ in range(PLACINGS if len(boxes) < SMALL else 3):
        for column in reversed(columns):
            sides = [net.after[node] or net.before[node] for node in column]
            wishes = [_preferred_top(s, top, top[n]) for s, n in zip(sides, column, strict=True)]
            _pack(column, wishes, boxes, top)
        for column in columns:
            sides = [net.before[node] or net.after[node] for node in column]
            wishes = [_preferred_top(s, top, top[n]) for s, n in zip(sides, column, strict=True)]
            _pack(column, wishes, boxes, top)
    return {node: (left[i], top[node]) for i, column in enumerate(columns) for node in column}


def _preferred_top(links: list[_Link], top: Mapping[str, float], default: float = 0.0) -> float:
    """Return the top at which the node's wires would be horizontal on average."""
    tops = [top[k.other] + k.there - k.here for k in links if k.other in top]
    return sum(tops) / len(tops) if tops else default


def _pack(
    column: list[str],
    wishes: list[float],
    boxes: Mapping[str, Size],
    top: dict[str, float],
) -> None:
    """Place a column in its order, without overlaps, with each node as near as possible to its
    wish.

    Isotonic regression by pooling adjacent violators: nodes with conflicting wishes form a block
    around their mean.
    """
    blocks: list[tuple[float, int]] = []  # mean preferred start of the block, number of nodes
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


__all__ = ["layout", "node_size"]

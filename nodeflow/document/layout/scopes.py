"""Layout of nodes whose names have scopes: each scope is a compact box with a titled frame.

Inner scopes are laid out first, and then take part in the layout of the scope around them as boxes.
So data flows from left to right within each box, and from box to box. A drawing wider than a screen
is folded into rows, unless it is the drawing of a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.port_names import port_order
from nodeflow.document.analysis.wiring.shown_ports import card_ports, out_ports
from nodeflow.document.layout.card_size import HEADER, ROW, Size, node_size
from nodeflow.document.layout.crossing_removal import EFFORT
from nodeflow.document.layout.folding import folded
from nodeflow.document.layout.layered import Position, layout_boxes
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key

PAD, HEAD = 32.0, 56.0
"""Space inside a frame: on the left, right and bottom; and at the top, for the title."""
SCREEN = 1920 / 0.5
"""Width of a screen in scene units at half size, the smallest scale with readable port names."""
FULL_EFFORT = 100
"""The largest number of nodes of a model whose crossings are removed with full effort."""
FEWEST = 2
"""The smallest number of nodes in a scope that gets a frame."""

Rect = tuple[float, float, float, float]
"""Left, top, width and height."""


@dataclass
class Scope:
    """A scope: the ids of its nodes, its inner scopes by name, and its title."""

    title: str = ""
    ids: list[str] = field(default_factory=list)
    inner: dict[str, Scope] = field(default_factory=dict)

    def size(self) -> int:
        return len(self.ids) + sum(scope.size() for scope in self.inner.values())


@dataclass
class Drawing:
    """Positions of nodes, and frames (title and rectangle), outer frames first."""

    places: dict[str, Position]
    frames: list[tuple[str, Rect]]
    size: Size


def scopes_of(names: Mapping[str, str]) -> Scope:
    """Return the scopes of nodes (id -> name).

    Dissolve a scope with a single node. Join a scope that contains only another scope with it.
    """
    root = Scope()
    for node_id, name in names.items():
        scope = root
        for part in name.split("/")[:-1]:
            scope = scope.inner.setdefault(part, Scope(part))
        scope.ids.append(node_id)
    return _without_small(root)


def _without_small(scope: Scope) -> Scope:
    inner: dict[str, Scope] = {}
    for part, child in scope.inner.items():
        child = _without_small(child)
        if child.size() < FEWEST:
            scope.ids += child.ids
        elif not child.ids and len(child.inner) == 1:
            only = next(iter(child.inner.values()))
            only.title = f"{child.title}/{only.title}"
            inner[part] = only
        else:
            inner[part] = child
    scope.inner = inner
    return scope


def layout_scopes(
    doc: Document, ids: Iterable[str], analysis: Analysis, *, in_rows: bool = True
) -> Drawing:
    """Return a drawing of nodes with a frame around each scope; its top left corner is (0, 0).

    Folded values get no position.

    Args:
        in_rows: fold a drawing wider than a screen into rows. Without rows, all data flows to the
            right, and large graphs get less effort against crossings, so that they open quickly.
    """
    cards = [doc.nodes[i] for i in ids if not is_folded(doc, doc.nodes[i])]
    root = scopes_of({record.id: record.name for record in cards})
    sizes = {i: node_size(doc, doc.nodes[i], analysis) for i in _all(root)}
    return _Layout(doc, sizes, analysis, in_rows).drawn(root)


def _all(scope: Scope) -> list[str]:
    return [*scope.ids, *(i for inner in scope.inner.values() for i in _all(inner))]


@dataclass(frozen=True)
class _Layout:
    """What the layouts of all scopes of a graph share."""

    doc: Document
    sizes: Mapping[str, Size]
    analysis: Analysis
    in_rows: bool

    def drawn(self, scope: Scope) -> Drawing:
        """Return positions for the nodes of a name scope, with its inner scopes as boxes.

        The upper left corner of the drawing is (0, 0).
        """
        drawn = {f"{part}/": self.drawn(inner) for part, inner in scope.inner.items()}
        return _joined(self, scope, drawn)

    def places(
        self, boxes: Mapping[str, Size], inside: Mapping[str, Mapping[str, Position]]
    ) -> dict[str, Position]:
        """Return positions of the boxes in a scope."""
        links = _links(self.doc, inside, self.analysis)
        if self.in_rows:
            return folded(layout_boxes(boxes, links), boxes, SCREEN, 3 * SCREEN)
        few = len(self.sizes) <= FULL_EFFORT
        return layout_boxes(boxes, links, EFFORT if few else EFFORT * len(boxes) // len(self.sizes))


def _joined(layout: _Layout, scope: Scope, drawn: Mapping[str, Drawing]) -> Drawing:
    boxes = {i: layout.sizes[i] for i in scope.ids}
    inside: dict[str, dict[str, Position]] = {i: {i: (0.0, 0.0)} for i in scope.ids}
    for key, drawing in drawn.items():
        width, height = drawing.size
        boxes[key] = (width + 2 * PAD, height + HEAD + PAD)
        inside[key] = {i: (x + PAD, y + HEAD) for i, (x, y) in drawing.places.items()}
    corners = layout.places(boxes, inside)
    places, frames = {}, []
    for key, (left, top) in corners.items():
        places.update({i: (left + x, top + y) for i, (x, y) in inside[key].items()})
        if key in drawn:
            frames.append((scope.inner[key[:-1]].title, (left, top, *boxes[key])))
            for title, (x, y, *size) in drawn[key].frames:
                frames.append((title, (left + PAD + x, top + HEAD + y, *size)))
    right = max((x + boxes[key][0] for key, (x, _) in corners.items()), default=0.0)
    bottom = max((y + boxes[key][1] for key, (_, y) in corners.items()), default=0.0)
    return Drawing(places, frames, (right, bottom))


def _links(
    doc: Document, inside: Mapping[str, Mapping[str, Position]], analysis: Analysis
) -> list[tuple[str, float, str, float]]:
    """Return the wires between boxes; each end is a distance below the top of its box."""
    box = {i: key for key, members in inside.items() for i in members}
    links = []
    for target in sorted(box, key=natural_key):
        wires = [w for w in doc.wires_into(target) if box.get(w.source, box[target]) != box[target]]
        inputs = [port.name for port in card_ports(doc, doc.nodes[target])] if wires else []
        for wire in sorted(wires, key=lambda w: port_order(w.target_port)):
            outputs = [port.name for port in out_ports(doc, doc.nodes[wire.source], analysis)]
            there = inside[box[wire.source]][wire.source][1] + _depth(outputs, wire.source_port)
            here = inside[box[target]][target][1] + _depth(inputs, wire.target_port)
            links.append((box[wire.source], there, box[target], here))
    return links


def _depth(ports: list[str], port: str) -> float:
    return HEADER + ROW / 2 + ROW * (ports.index(port) if port in ports else 0)

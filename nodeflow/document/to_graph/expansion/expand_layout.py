"""Layout of derived nodes: each scope (the gradient of an op, the update of a variable) is a block.

The nodes of each block are laid out first, then the blocks, so that gradients flow from block to
block. A block of several nodes gets a frame with a title.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.shown_ports import card_ports, out_ports
from nodeflow.document.layout.card_size import HEADER, MAX_WIDTH, ROW, Size, node_size
from nodeflow.document.layout.folding import folded
from nodeflow.document.layout.layered import Position, layout, layout_boxes
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.records import FrameRecord

PAD, HEAD = 24.0, 52.0
BLOCK_GAP = 120.0
EFFORT = 150
"""Moves evaluated against crossings: more would take seconds here, and remove few crossings."""
GRADIENTS = "gradients"
GRADIENT_COLOR, UPDATE_COLOR = "", "training"  # the accent color; the color of assigns
LAYER_COLOR = "neural network"


def scopes(derived: Mapping[str, str], owner: str) -> dict[str, list[str]]:
    """Group derived nodes by the scope of their names. Return scope -> ids of the nodes, to lay out
    each group as a block.

    ``derived`` maps ids to names. A node directly in the scope `gradients` starts a gradient or
    adds gradients of several ops, so it is a block by itself.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for node_id, name in derived.items():
        scope = name.rpartition("/")[0]
        alone = not scope or _is_root(scope)
        found[name if alone and scope != owner else scope].append(node_id)
    return dict(found)


def arrange(
    doc: Document, derived: Mapping[str, str], analysis: Analysis, owner: str, others: Iterable[str]
) -> dict[str, Position]:
    """Lay out derived nodes as one block for each scope, and the nodes `others` between the blocks.

    Return the positions by node id.
    """
    blocks = scopes(derived, owner)
    blocks.update({f"{node_id}:": [node_id] for node_id in others})
    inside: dict[str, dict[str, Position]] = {}
    boxes: dict[str, Size] = {}
    for key, members in blocks.items():
        inside[key] = layout(doc, members, analysis=analysis, effort=EFFORT)
        left, top = _padding(members)
        width, height = _extent(doc, inside[key], analysis)
        boxes[key] = (width + 2 * left, height + top + left)
        inside[key] = {i: (x + left, y + top) for i, (x, y) in inside[key].items()}
    places = folded(layout_boxes(boxes, _links(doc, inside, analysis), EFFORT), boxes)
    return {
        node_id: (places[key][0] + x, places[key][1] + y)
        for key, members in inside.items()
        for node_id, (x, y) in members.items()
    }


def block_frames(
    doc: Document, derived: Mapping[str, str], analysis: Analysis, owner: str, updates: bool
) -> list[FrameRecord]:
    """Return a frame (without an id) around each block that has several nodes.

    A block has the derived nodes of one name scope.

    Args:
        updates: whether the owner is an optimizer, each of whose scopes updates a variable.
    """
    frames = []
    for scope, members in scopes(derived, owner).items():
        if len(members) > 1:
            places = {i: doc.nodes[i].pos for i in members}
            x, y = min(p[0] for p in places.values()), min(p[1] for p in places.values())
            width, height = _extent(doc, places, analysis)
            rect = (x - PAD, y - HEAD, width + 2 * PAD, height + HEAD + PAD)
            title, color = _title(scope, owner, updates)
            frames.append(FrameRecord("", title, color=color, rect=rect))
    return frames


def free_place(doc: Document, old: Iterable[str], places: Mapping[str, Position]) -> Position:
    """Return the offset (x, y) to add to `places` so that new nodes lie to the right of all
    existing nodes and frames.
    """
    areas = [(*doc.nodes[i].pos, MAX_WIDTH) for i in old]
    areas += [frame.rect[:3] for frame in doc.frames.values()]
    if not areas or not places:
        return (0.0, 0.0)
    right = max(x + width for x, _, width in areas)
    top = min(y for _, y, _ in areas)
    left = min(x for x, _ in places.values())
    return (round(right + BLOCK_GAP - left), round(top - min(y for _, y in places.values())))


def _is_root(scope: str) -> bool:
    """Return whether a name scope contains all nodes of one call of `gradients`: the scope
    `gradients` itself, or `gradients_1` and so on.
    """
    head, _, number = scope.partition("_")
    return head == GRADIENTS and (not number or number.isdigit())


def _title(scope: str, owner: str, updates: bool) -> tuple[str, str]:
    head, _, rest = scope.partition("/")
    if _is_root(head):
        return f"Gradient of {rest.removesuffix('_grad')}", GRADIENT_COLOR
    if not updates:
        return scope.removeprefix(f"{owner}/"), LAYER_COLOR
    if scope == owner:
        return "Shared by all updates", UPDATE_COLOR
    return f"Update of {scope.removeprefix(f'{owner}/')}", UPDATE_COLOR


def _padding(members: list[str]) -> Position:
    return (PAD, HEAD) if len(members) > 1 else (0.0, 0.0)


def _extent(doc: Document, places: Mapping[str, Position], analysis: Analysis) -> Size:
    sizes = {i: node_size(doc, doc.nodes[i], analysis) for i in places}
    left, top = min(x for x, _ in places.values()), min(y for _, y in places.values())
    right = max(x + sizes[i][0] for i, (x, _) in places.items())
    bottom = max(y + sizes[i][1] for i, (_, y) in places.items())
    return right - left, bottom - top


def _links(
    doc: Document, inside: Mapping[str, Mapping[str, Position]], analysis: Analysis
) -> list[tuple[str, float, str, float]]:
    """Return the wires between blocks as (source block, height, target block, height). Each height
    is a distance below the top of its block.
    """
    block = {i: key for key, members in inside.items() for i in members}
    links = []
    for node_id in sorted(block, key=natural_key):
        for wire in doc.wires_into(node_id):
            source, target = block.get(wire.source), block[node_id]
            if source is None or source == target:
                continue
            outputs = [p.name for p in out_ports(doc, doc.nodes[wire.source], analysis)]
            inputs = [p.name for p in card_ports(doc, doc.nodes[node_id])]
            there = inside[source][wire.source][1] + _depth(outputs, wire.source_port)
            here = inside[target][node_id][1] + _depth(inputs, wire.target_port)
            links.append((source, there, target, here))
    return links


def _depth(ports: list[str], port: str) -> float:
    return HEADER + ROW / 2 + ROW * (ports.index(port) if port in ports else 0)

"""Arranging selected nodes, or the whole graph frame by frame, as one undo step.

Nodes stay in their frames: the content of each frame is laid out first, then the frames and the
other nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.shown_ports import card_ports, out_ports
from nodeflow.document.edit import commands
from nodeflow.document.layout.card_size import HEADER, ROW, Size, node_size
from nodeflow.document.layout.layered import ROW_GAP, Position, layout, layout_boxes
from nodeflow.document.model.document import Document

PAD, HEAD = 32.0, 56.0


def arrange(
    doc: Document,
    ids: Iterable[str] = (),
    analysis: Analysis | None = None,
    sizes: Mapping[str, Size] | None = None,
) -> None:
    """Lay out the given nodes near their positions, or everything if there are none.

    A selection that would cover other nodes moves to the nearest free position.

    Args:
        sizes: the drawn sizes; each node gets at least the space that its values may need.
    """
    cards = [i for i, record in doc.nodes.items() if not is_folded(doc, record)]
    chosen = [i for i in dict.fromkeys(ids) if i in doc.nodes and not is_folded(doc, doc.nodes[i])]
    boxes = {i: _room(doc, i, analysis, sizes or {}) for i in chosen or cards}
    if chosen:
        corner = tuple(min(doc.nodes[i].pos[axis] for i in chosen) for axis in (0, 1))
        places = layout(doc, chosen, boxes, analysis, (corner[0], corner[1]))
        standing = [i for i in cards if i not in boxes]
        taken = [(*doc.nodes[i].pos, *_room(doc, i, analysis, sizes or {})) for i in standing]
        dx, dy = clear_step([(*places[i], *boxes[i]) for i in chosen], taken)
        places = {i: (x + dx, y + dy) for i, (x, y) in places.items()}
        what = doc.nodes[chosen[0]].name if len(chosen) == 1 else f"{len(chosen)} nodes"
        with doc.transaction(f"Arrange {what}"):
            commands.move(doc, places)
    elif cards:
        _arrange_all(doc, analysis, boxes)


Rect = tuple[float, float, float, float]
"""Left, top, width and height."""


def clear_step(block: Sequence[Rect], taken: Sequence[Rect], gap: float = ROW_GAP) -> Position:
    """Return the smallest step, horizontal or vertical, by which a block no longer covers other
    boxes.
    """
    if not taken:
        return 0.0, 0.0
    mine, theirs = np.array(block), np.array(taken)
    mine[:, 2:] += mine[:, :2]
    theirs[:, :2] -= gap
    theirs[:, 2:] += theirs[:, :2] + 2 * gap
    (left, top), (right, bottom) = mine[:, :2].min(axis=0), mine[:, 2:].max(axis=0)
    steps = [(0.0, 0.0)]
    steps += [(x, 0.0) for x in (*(theirs[:, 0] - right), *(theirs[:, 2] - left))]
    steps += [(0.0, y) for y in (*(theirs[:, 1] - bottom), *(theirs[:, 3] - top))]
    for dx, dy in sorted(steps, key=lambda step: abs(step[0]) + abs(step[1])):
        moved = mine + (dx, dy, dx, dy)
        apart = (moved[:, None, :2] >= theirs[:, 2:]) | (moved[:, None, 2:] <= theirs[:, :2])
        if apart.any(axis=-1).all():
            return _outwards(dx), _outwards(dy)
    raise AssertionError("far enough to one side there is always room")


def _outwards(step: float) -> float:
    return float(np.ceil(step) if step > 0 else np.floor(step))


def _room(
    doc: Document, node_id: str, analysis: Analysis | None, sizes: Mapping[str, Size]
) -> Size:
    width, height = node_size(doc, doc.nodes[node_id], analysis)
    wide, high = sizes.get(node_id, (0.0, 0.0))
    return max(width, wide), max(height, high)


def _arrange_all(doc: Document, analysis: Analysis | None, boxes: dict[str, Size]) -> None:
    groups: dict[str, list[str]] = defaultdict(list)
    for node_id in boxes:
        groups[_frame_of(doc, node_id) or node_id].append(node_id)
    inside: dict[str, dict[str, Position]] = {}
    outer: dict[str, Size] = {i: frame.rect[2:] for i, frame in doc.frames.items()}
    for key, members in groups.items():
        framed = key in doc.frames
        origin = (PAD, HEAD) if framed else (0.0, 0.0)
        inside[key] = layout(doc, members, boxes, analysis, origin)
        right = max(x + boxes[i][0] for i, (x, _) in inside[key].items())
        bottom = max(y + boxes[i][1] for i, (_, y) in inside[key].items())
        outer[key] = (right + PAD, bottom + PAD) if framed else (right, bottom)
    places = layout_boxes(outer, _links(doc, inside, analysis))
    with doc.transaction("Arrange everything") as t:
        moved = {
            i: (places[key][0] + x, places[key][1] + y)
            for key, members in inside.items()
            for i, (x, y) in members.items()
        }
        commands.move(doc, moved)
        for frame in list(doc.frames.values()):
            rect = (*places[frame.id], *outer[frame.id])
            if rect != frame.rect:
                t.put_frame(replace(frame, rect=rect))


def _frame_of(doc: Document, node_id: str) -> str | None:
    """Return the smallest frame that contains a node's corner, or None."""
    x, y = doc.nodes[node_id].pos
    holding = [
        (width * height, frame.id)
        for frame in doc.frames.values()
        for left, top, width, height in (frame.rect,)
        if left <= x < left + width and top <= y < top + height
    ]
    return min(holding)[1] if holding else None


def _links(
    doc: Document, inside: Mapping[str, Mapping[str, Position]], analysis: Analysis | None
) -> list[tuple[str, float, str, float]]:
    """Return the wires between groups of nodes. Each end has a group and a distance below its
    top.
    """
    group = {i: key for key, members in inside.items() for i in members}
    links = []
    for wire in doc.wires.values():
        if wire.source not in group or wire.target not in group:
            continue
        source, target = group[wire.source], group[wire.target]
        if source == target:
            continue
        outputs = [p.name for p in out_ports(doc, doc.nodes[wire.source], analysis)]
        inputs = [p.name for p in card_ports(doc, doc.nodes[wire.target])]
        there = inside[source][wire.source][1] + _depth(outputs, wire.source_port)
        here = inside[target][wire.target][1] + _depth(inputs, wire.target_port)
        links.append((source, there, target, here))
    return links


def _depth(ports: list[str], port: str) -> float:
    return HEADER + ROW / 2 + ROW * (ports.index(port) if port in ports else 0)

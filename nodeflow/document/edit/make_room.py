"""Making room for a node that was inserted into a wire: the nodes after it move to the right.

A node moves only as far as it must to stay clear of the node that pushes it, so gaps get smaller.
Frames grow with their content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.layout.card_size import Size, node_size
from nodeflow.document.model.document import Document

GAP = 48.0
"""Distance between the node and the nodes that it is wired to."""
APART = 24.0
"""Minimum distance between unwired cards, and between a card and the edge of its frame."""
STEP = 8.0
"""The step of the canvas's grid, on which pushed nodes stay."""
MOST_ROUNDS = 200


@dataclass
class _Box:
    """The rectangle of a card, and how far it is pushed."""

    x: float
    y: float
    width: float
    height: float
    push: float = 0.0

    @property
    def right(self) -> float:
        return self.x + self.push + self.width

    def is_level_with(self, other: _Box) -> bool:
        return self.y < other.y + other.height and other.y < self.y + self.height


def make_room(
    doc: Document,
    node_id: str,
    analysis: Analysis | None = None,
    sizes: Mapping[str, Size] | None = None,
) -> set[str]:
    """Push the consumers of a node, and the nodes that they would cover, to the right.

    First, the node itself moves right of its sources if it covers them. Return the ids of all moved
    nodes.

    Args:
        sizes: the drawn sizes of cards, as far as known.
    """
    known = sizes or {}
    boxes = {
        i: _Box(*record.pos, *(known.get(i) or node_size(doc, record, analysis)))
        for i, record in doc.nodes.items()
    }
    upstream = _upstream(doc, node_id)
    _clear_sources(doc, node_id, boxes)
    frames = {frame.id: list(frame.rect) for frame in doc.frames.values()}
    held = {frame_id: commands.held_by(doc, frame_id)[0] for frame_id in frames}
    for _ in range(MOST_ROUNDS):
        moved = _push_nodes(doc, node_id, boxes, upstream)
        if not (_grow_frames(boxes, frames, held) or moved):
            break
    places = {
        i: (box.x + box.push, box.y)
        for i, box in boxes.items()
        if box.push or box.x != doc.nodes[i].pos[0]
    }
    with doc.transaction("Make room") as t:
        commands.move(doc, places)
        for frame in list(doc.frames.values()):
            if tuple(frames[frame.id]) != frame.rect:
                x, y, width, height = frames[frame.id]
                t.put_frame(replace(frame, rect=(*commands.point((x, y)), width, height)))
    return set(places)


def _upstream(doc: Document, node_id: str) -> set[str]:
    found, waiting = {node_id}, [node_id]
    while waiting:
        for wire in doc.wires_into(waiting.pop()):
            if wire.source not in found:
                found.add(wire.source)
                waiting.append(wire.source)
    return found


def _clear_sources(doc: Document, node_id: str, boxes: dict[str, _Box]) -> None:
    """Move the node to the right until it covers none of its sources' cards."""
    box = boxes[node_id]
    for wire in doc.wires_into(node_id):
        source = boxes[wire.source]
        if source.is_level_with(box) and source.x <= box.x < source.right + GAP:
            box.x = source.right + GAP


def _push_nodes(doc: Document, node_id: str, boxes: dict[str, _Box], upstream: set[str]) -> bool:
    """Push nodes to the right, in one sweep that starts at the node; return whether anything
    moved.
    """
    pushed = False
    waiting = [node_id, *(i for i, box in boxes.items() if box.push)]
    seen = set(waiting)
    while waiting:
        current = waiting.pop()
        box = boxes[current]
        follows = {w.target for w in doc.wires_out_of(current)} - upstream
        for other_id, other in boxes.items():
            if other_id == current or other_id in upstream:
                continue
            wired = other_id in follows and other.x + other.width > box.x
            in_the_way = other.is_level_with(box) and other.x + other.push >= box.x
            if not wired and not (in_the_way and (box.push or current == node_id)):
                continue
            before = other.x - box.x - box.width  # the original gap
            gap = GAP if current == node_id else min(GAP, max(before, APART))
            if not wired:
                gap = APART
            need = box.right + gap - (other.x + other.push)
            if need > 0.5:
                other.push += -(-need // STEP) * STEP
                pushed = True
                if other_id not in seen:
                    seen.add(other_id)
                    waiting.append(other_id)
    return pushed


def _grow_frames(
    boxes: dict[str, _Box],
    frames: dict[str, list[float]],
    held: Mapping[str, list[str]],
) -> bool:
    """Widen frames around cards that were pushed, and push the frames beside them.

    Return whether a frame was widened.
    """
    changed = False
    for frame_id, rect in frames.items():
        right = max((boxes[i].right for i in held[frame_id] if boxes[i].push), default=0.0)
        if right + APART > rect[0] + rect[2]:
            grown = right + APART - rect[0] - rect[2]
            old = rect[0] + rect[2]
            rect[2] += grown
            changed = True
            for other_id, other in frames.items():
                level = other[1] < rect[1] + rect[3] and rect[1] < other[1] + other[3]
                if other_id == frame_id or not level or other[0] < old - 1:
                    continue
                need = rect[0] + rect[2] + APART - other[0]
                if need > 0.5:
                    _shift_frame(other_id, need, boxes, frames, held)
    return changed


def _shift_frame(
    frame_id: str,
    by: float,
    boxes: dict[str, _Box],
    frames: dict[str, list[float]],
    held: Mapping[str, list[str]],
) -> None:
    frames[frame_id][0] += by
    for node_id in held[frame_id]:
        boxes[node_id].push += by

"""The ends of wires on their cards, and the routes of wires between cards and frame titles."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from nodeflow.document.model.records import FrameRecord, Wire
from nodeflow.drawing.cards import card_data
from nodeflow.drawing.cards.card_data import CardData, PortData
from nodeflow.drawing.frames import frame_titles
from nodeflow.drawing.wires import free_lanes, wire_shape


def port_place(card: CardData, side: str, name: str) -> tuple[float, PortData | None]:
    """Return a port's distance from the top of its card, and the port.

    If the card has no such port, return the middle of its header, and None.
    """
    for index, port in enumerate(card.inputs if side == "in" else card.outputs):
        if port.name == name:
            return card.port_y(index, side), port
    return min(card_data.HEADER, card.height) / 2, None


def wire_offsets(
    wire: Wire, source: CardData, target: CardData
) -> tuple[tuple[float, float, float, float], str]:
    """Return the ends of a wire from the corners of its cards, and the dtype of its tensor."""
    out_y, port = port_place(source, "out", wire.source_port)
    in_y, _ = port_place(target, "in", wire.target_port)
    out_x = card_data.DOT / 2 if source.form == card_data.DOT_FORM else source.width
    in_x = card_data.DOT / 2 if target.form == card_data.DOT_FORM else 0.0
    return (out_x, out_y, in_x, in_y), port.dtype if port else ""


def route(
    ends: np.ndarray,
    sources: np.ndarray,
    hidden: np.ndarray,
    cards: np.ndarray,
    frames: Collection[FrameRecord],
) -> tuple[np.ndarray, dict[str, float]]:
    """Route wires around cards. Return the height of each wire's horizontal part, (n,), NaN for a
    plain curve, and how far to the right to move each frame's title.

    Args:
        ends: (n, 4) in scene units.
        sources: (n,) equal numbers for wires from one node.
        hidden: (n,) whether a wire is drawn as two stubs.
        cards: (m, 4) left, top, right, bottom of cards at their maximum height, so that lanes stay
            when values arrive.
    """
    if len(ends) * len(cards) > free_lanes.MOST:
        return np.full(len(ends), np.nan), {}
    around = np.concatenate([cards, frame_titles.obstacles(frames, cards)])
    lanes = free_lanes.find(ends, sources, around)
    if not frames:
        return lanes, {}
    shown = ~hidden
    points = wire_shape.curve_points(ends[shown], free_lanes.SAMPLES, 1.0, lanes[shown])
    return lanes, frame_titles.shifts(frames, points)

"""Arcs between nodes with the same weights: from each node that shares to the owner.

The ends depend on position and width of the cards, but not on their height, which changes with the
values in them.
"""

from __future__ import annotations

import numpy as np

from nodeflow.document.analysis.subgraphs.shared_weights import owner_of
from nodeflow.document.model.document import Document

ROLE = "ink_faint"
THICKNESS = 1.5
"""Thickness of an arc in view pixels."""
DASH = (4.0, 5.0)
"""Dash and gap in view pixels."""
DOT = 3.0
"""Radius of the dot at the owner in view pixels."""
SIDE = 20.0
"""Distance of an end on the left edge of a card from its top, in scene units."""
LEAST_BEND, MOST_BEND = 36.0, 140.0
"""Distance between an arc's control points and the cards, in scene units."""


def sharing_pairs(document: Document) -> list[tuple[str, str]]:
    """Return (node, owner) for each node that shares the weights of another node, if the owner
    exists.
    """
    nodes = document.nodes
    found = [(i, owner_of(document, nodes[i])) for i in document.sharers]
    return [(i, owner.id) for i, owner in found if owner is not None]


def arcs(corners: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return the curves between pairs of nodes that share weights: (n, 4, 2) control points of
    cubic curves, each beginning at the sharer.

    An arc connects the top edges of cards that stand beside each other, and the left edges of cards
    below each other.

    Args:
        corners: (n, 2, 2) top left corners of sharer and owner.
        widths: (n, 2) widths of their cards.
    """
    gap = np.abs(corners[:, 1] - corners[:, 0])
    is_side = gap[:, 1] > gap[:, 0]
    shift = np.where(
        is_side[:, None, None],
        np.stack([np.zeros_like(widths), np.minimum(SIDE, widths / 2)], axis=2),
        np.stack([widths / 2, np.zeros_like(widths)], axis=2),
    )
    ends = corners + shift
    bend = np.clip(0.3 * gap.max(axis=1), LEAST_BEND, MOST_BEND)
    inner = ends.copy()
    axis = np.where(is_side, 0, 1)
    rows = np.arange(len(ends))
    inner[rows, :, axis] = (ends.min(axis=1)[rows, axis] - bend)[:, None]
    return np.stack([ends[:, 0], inner[:, 0], inner[:, 1], ends[:, 1]], axis=1)


def bounds(curves: np.ndarray) -> np.ndarray:
    """Return the bounding boxes (n, 4) of arcs: left, top, right, bottom.

    They include the control points.
    """
    return np.concatenate([curves.min(axis=1) - DOT, curves.max(axis=1) + DOT], axis=1)

"""The marks of a comparison on a canvas, as arrays by slot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nodeflow.document.diff.comparison_view import INSIDE
from nodeflow.document.diff.differences import ADDED, CHANGED, REMOVED
from nodeflow.document.model.records import Wire

KINDS = ("", ADDED, REMOVED, CHANGED, INSIDE)
"""The kinds of marks, indexed by their codes; 0 is none."""
CODES = {kind: code for code, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class DrawnMarks:
    """The mark codes of nodes and wires by slot, and the marks of frames and removed wires.

    Attributes:
        gone: removed wires, and ``gone_ends`` their (n, 4) ends in scene coordinates.
        frames: the mark code by frame id.
    """

    nodes: np.ndarray
    wires: np.ndarray
    gone: list[Wire] = field(default_factory=list)
    gone_ends: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    frames: dict[str, int] = field(default_factory=dict)

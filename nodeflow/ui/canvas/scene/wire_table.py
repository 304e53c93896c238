"""The wires of a scene as arrays, by slot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nodeflow.ui.canvas.scene.slot_map import SlotMap

_COLUMNS = ("source", "target", "offsets", "style", "lane", "hidden")


class WireRow(NamedTuple):
    """A wire between the cards in two slots. Offsets are from each card's corner to the wire's end.

    A ``hidden`` wire is drawn as two stubs.
    """

    key: tuple[str, str]
    source: int
    target: int
    offsets: tuple[float, float, float, float]
    style: int
    hidden: bool


class WireTable:
    """Wires as arrays: the slots of the nodes at both ends, and the ends relative to the cards."""

    def __init__(self) -> None:
        self.slots: SlotMap[tuple[str, str]] = SlotMap()
        self.source = np.zeros(0, np.int32)
        self.target = np.zeros(0, np.int32)
        self.offsets = np.zeros((0, 4))
        self.style = np.zeros(0, np.int16)
        self.hidden = np.zeros(0, bool)
        self.lane = np.zeros(0)
        """The height at which each wire passes around cards; NaN for a direct wire."""

    def copy(self) -> WireTable:
        """Return an independent table with the same wires in the same rows."""
        other = WireTable()
        other.slots = self.slots.copy()
        for name in _COLUMNS:
            setattr(other, name, getattr(self, name).copy())
        return other

    def put(self, rows: list[WireRow]) -> None:
        """Add or change wires with distinct keys."""
        if not rows:
            return
        keys, source, target, offsets, style, hidden = zip(*rows, strict=True)
        slots = [self.slots.take(key) for key in keys]
        self._grow(max(slots) + 1)
        self.source[slots], self.target[slots] = source, target
        self.offsets[slots] = offsets
        self.style[slots] = style
        self.hidden[slots] = hidden
        self.lane[slots] = np.nan

    def drop(self, key: tuple[str, str]) -> int | None:
        return self.slots.release(key)

    def ends(self, which: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Return (n, 4) scene coordinates of both ends of the wires in ``which`` (slots)."""
        ends = self.offsets[which].copy()
        ends[:, :2] += positions[self.source[which]]
        ends[:, 2:] += positions[self.target[which]]
        return ends

    def _grow(self, size: int) -> None:
        if size <= len(self.source):
            return
        more = max(size, 2 * len(self.source), 64)
        for name in _COLUMNS:
            old = getattr(self, name)
            new = np.zeros((more, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

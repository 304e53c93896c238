"""A uniform grid over the corners of nodes that finds the nodes in a rectangle."""

from __future__ import annotations

import numpy as np

CELL = 512.0
_ROW = 1 << 24
_BRUTE = 4096
"""Number of nodes up to which comparing all of them is as fast as looking up cells."""


class SpatialGrid:
    """An index of slots by rectangle. A node is stored once, in the cell of its top left corner."""

    def __init__(self) -> None:
        self._slots = np.zeros(0, np.int64)
        self._keys = np.zeros(0, np.int64)
        self._order = np.zeros(0, np.int64)
        self._reach = np.zeros(2)

    def build(self, slots: np.ndarray, positions: np.ndarray, sizes: np.ndarray) -> None:
        """Build the index of the grid cells from the positions of nodes.

        Args:
            slots: the array indices of the nodes.
            positions, sizes: the corner and the size of all nodes, by slot.
        """
        self._slots = slots
        corners = positions[slots]
        self._reach = sizes[slots].max(axis=0) if len(slots) else np.zeros(2)
        cells = np.floor(corners / CELL).astype(np.int64)
        keys = cells[:, 1] * _ROW + cells[:, 0]
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._order = slots[order]

    def query(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        positions: np.ndarray,
        sizes: np.ndarray,
    ) -> np.ndarray:
        """Return the array indices (slots) of the nodes that touch a rectangle, in ascending order.

        Args:
            left, top, right, bottom: the rectangle in scene units.
            positions, sizes: the corner and the size of all nodes, by slot.
        """
        found = self._candidates(left, top, right, bottom)
        corner, size = positions[found], sizes[found]
        inside = (
            (corner[:, 0] <= right)
            & (corner[:, 1] <= bottom)
            & (corner[:, 0] + size[:, 0] >= left)
            & (corner[:, 1] + size[:, 1] >= top)
        )
        return found[inside]

    def _candidates(self, left: float, top: float, right: float, bottom: float) -> np.ndarray:
        first = int(np.floor((top - self._reach[1]) / CELL))
        last = int(np.floor(bottom / CELL))
        if len(self._slots) <= _BRUTE or last - first > 256:
            return self._slots
        low = int(np.floor((left - self._reach[0]) / CELL))
        high = int(np.floor(right / CELL))
        rows = np.arange(first, last + 1, dtype=np.int64) * _ROW
        starts = np.searchsorted(self._keys, rows + low, "left")
        ends = np.searchsorted(self._keys, rows + high, "right")
        pieces = [self._order[a:b] for a, b in zip(starts, ends, strict=True) if b > a]
        return np.sort(np.concatenate(pieces)) if pieces else np.zeros(0, np.int64)

"""Assigns array rows to keys. A key keeps its row until it is released."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

import numpy as np

K = TypeVar("K", bound=Hashable)


class SlotMap(Generic[K]):
    """A map from keys to rows (slots). It reuses released rows and lists the rows in use."""

    def __init__(self) -> None:
        self._slot: dict[K, int] = {}
        self._keys: list[K | None] = []
        self._free: list[int] = []
        self._used: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._slot)

    def __contains__(self, key: object) -> bool:
        return key in self._slot

    def __iter__(self) -> Iterator[K]:
        return iter(self._slot)

    def copy(self) -> SlotMap[K]:
        """Return an independent copy of this map from keys to array indices (slots)."""
        other: SlotMap[K] = SlotMap()
        other._slot, other._keys = dict(self._slot), list(self._keys)
        other._free, other._used = list(self._free), self._used
        return other

    def take(self, key: K) -> int:
        """Return the array index (slot) of ``key``. Assign a free one if it has none."""
        slot = self._slot.get(key)
        if slot is None:
            slot = self._free.pop() if self._free else len(self._keys)
            if slot == len(self._keys):
                self._keys.append(None)
            self._slot[key] = slot
            self._keys[slot] = key
            self._used = None
        return slot

    def release(self, key: K) -> int | None:
        """Free the array index (slot) of ``key``, and return it. Return None if there was none."""
        slot = self._slot.pop(key, None)
        if slot is not None:
            self._keys[slot] = None
            self._free.append(slot)
            self._used = None
        return slot

    def __getitem__(self, key: K) -> int:
        return self._slot[key]

    def get(self, key: K) -> int | None:
        return self._slot.get(key)

    def key(self, slot: int) -> K:
        """Return the key that is stored at an array index (slot).

        Raises:
            KeyError: there is no key at this index.
        """
        key = self._keys[slot]
        if key is None:
            raise KeyError(slot)
        return key

    def used(self) -> np.ndarray:
        """Return the array indices (slots) of all existing keys as int64, in ascending order. The
        result is cached until the next change.
        """
        if self._used is None:
            self._used = np.sort(np.fromiter(self._slot.values(), np.int64, len(self._slot)))
        return self._used

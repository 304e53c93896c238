"""Variables of which each run writes one set of arrays while it may read another: both stay known.

A run may assign a hundred variables. To ask for an array's address and to set each word that holds
it takes 0.7 us a variable, more than the kernel of a small one; for two alternating sets it is done
once each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np

from nodeflow.graph.graph import Node

Arrays = dict[Node, np.ndarray]


@dataclass(frozen=True)
class Placed:
    """Where the arrays of some storages are, and the words of programs that say so.

    Attributes:
        arrays: by storage.
        words: (words of a program, which of them, what they hold): buffers and single words where
            there are few of them, else arrays.
    """

    arrays: Mapping[int, np.ndarray]
    words: list[tuple[Any, Any, Any]]


class Turns:
    """The last two sets of arrays, which alternate until a variable is set between runs."""

    def __init__(self) -> None:
        self._newest: tuple[Arrays, list[np.ndarray], Placed | None] = ({}, [], None)
        self._older = self._newest

    def again(
        self, arrays: Sequence[np.ndarray | None], place: Callable[[Arrays], Placed]
    ) -> tuple[Arrays, Placed] | None:
        """The older set, if these are its arrays in its order: it is then the newest."""
        values = self._older[1]
        if len(values) != len(arrays) or not all(map(is_, arrays, values)):
            return None
        return self.turn(place)

    def turn(self, place: Callable[[Arrays], Placed]) -> tuple[Arrays, Placed]:
        """The older set, which is then the newest."""
        older = self._older
        before, values, placed = older
        if placed is None:
            placed = place(before)
            older = before, values, placed
        self._older, self._newest = self._newest, older
        return before, placed

    def note(self, arrays: Arrays) -> None:
        """Another set: it is the newest. Its variables stand in the order of all others."""
        self._older, self._newest = self._newest, (arrays, [*arrays.values()], None)

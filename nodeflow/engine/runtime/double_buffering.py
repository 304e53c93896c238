"""Two alternating sets of arrays for variables (double buffering), with their addresses.

Each run writes one set while it may read the other. Finding an array's address, and setting
each word that contains it, takes 0.7 us per variable, which is longer than the kernel of a
small variable. For two alternating sets this is done only once each, because a run may assign a
hundred variables.
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
    """The arrays of some storages, and the words of programs that contain their addresses.

    Attributes:
        arrays: the arrays by storage.
        words: triples (words of a program, indices, values). If there are few words, they are
            buffers and single words, else arrays.
    """

    arrays: Mapping[int, np.ndarray]
    words: list[tuple[Any, Any, Any]]


class DoubleBuffers:
    """The last two sets of arrays, which alternate until a variable is set between runs."""

    def __init__(self) -> None:
        self._newest: tuple[Arrays, list[np.ndarray], Placed | None] = ({}, [], None)
        self._older = self._newest

    def again(
        self, arrays: Sequence[np.ndarray | None], place: Callable[[Arrays], Placed]
    ) -> tuple[Arrays, Placed] | None:
        """Of two sets of arrays for variables, check whether a run passes exactly the older one. If
        it does, make this set the newest and return it with its prepared addresses. Otherwise
        return None.
        """
        values = self._older[1]
        if len(values) != len(arrays) or not all(map(is_, arrays, values)):
            return None
        return self.turn(place)

    def turn(self, place: Callable[[Arrays], Placed]) -> tuple[Arrays, Placed]:
        """Switch between the two sets of arrays for variables: return the older one and make it the
        newest. Also return its prepared addresses.
        """
        older = self._older
        before, values, placed = older
        if placed is None:
            placed = place(before)
            older = before, values, placed
        self._older, self._newest = self._newest, older
        return before, placed

    def note(self, arrays: Arrays) -> None:
        """Add a set of arrays, one for each variable, as the newest. The newest set before becomes
        the older one.
        """
        self._older, self._newest = self._newest, (arrays, [*arrays.values()], None)

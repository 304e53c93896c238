"""What a value has to do with the rows of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Literal

JoinKind = Literal["sum", "mean", "prod", "max", "min", "any"]


class Whole(IntEnum):
    """A value that has no rows; ordered by how much of the batch it depends on."""

    SAME = 0
    """It does not depend on the batch."""
    COUNTED = 1
    """It depends on how many rows there are, and not on what is in them."""
    JOINED = 2
    """It is made of all rows, by joins."""
    MIXED = 3
    """It is made of rows in a way that is no join."""


SAME, COUNTED, JOINED, MIXED = Whole


@dataclass(frozen=True, slots=True)
class Rows:
    """A value with a slice for each row, which depends on that row alone, and on what is joined.

    Along ``axis`` element ``(o * number + row) * inner + i`` belongs to ``row``, for ``o`` below
    ``outer`` and ``i`` below ``inner``: both are 1 where the axis is the rows and nothing else,
    ``inner`` is 20 where 20 words of each row became one axis with the rows.
    """

    axis: int = 0
    outer: int = 1
    inner: int = 1

    @property
    def plain(self) -> bool:
        """Whether rows that follow each other take one range of the axis."""
        return self.outer == 1

    def size(self, number: int) -> int:
        """The size of the axis for a number of rows."""
        return self.outer * number * self.inner

    def at(self, axis: int) -> Rows:
        """The same along another axis."""
        return replace(self, axis=axis)


State = Whole | Rows


@dataclass(frozen=True, slots=True)
class Join:
    """A reduction over all rows, in a node.

    Attributes:
        kind: how the results of parts make that of the whole. A mean counts all elements.
        final: whether the node's output is the join itself; otherwise the node goes on with it.
    """

    kind: JoinKind
    final: bool = True


@dataclass(frozen=True)
class Taken:
    """Some of the rows, in an order of their own, and each as it would be alone.

    Attributes:
        which: their numbers.
        axis: of theirs in the output.
        attrs: of the op, with which it leaves out none of the rows.
    """

    which: range
    axis: int
    attrs: Mapping[str, Any]


class MixesRows(Exception):
    """An op makes one row of several, in a way that is no join; says how, after "it".

    Attributes:
        taken: the rows that it takes, where that is all.
    """

    def __init__(self, reason: str, taken: Taken | None = None) -> None:
        super().__init__(reason)
        self.taken = taken


def strongest(states: Iterable[State]) -> Whole:
    """Of values without rows, what depends on all of them is."""
    return max((s for s in states if isinstance(s, Whole)), default=SAME)

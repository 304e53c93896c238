"""The states of a value with respect to the rows of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Literal

JoinKind = Literal["sum", "mean", "prod", "max", "min", "any"]


class Whole(IntEnum):
    """The states of a value without rows, ordered by how much of the batch the value depends on."""

    SAME = 0
    """The value does not depend on the batch."""
    COUNTED = 1
    """The value depends on the number of rows, but not on their values."""
    JOINED = 2
    """The value is computed from all rows by batch reductions."""
    MIXED = 3
    """The value is computed from several rows in a way that is not a batch reduction."""


SAME, COUNTED, JOINED, MIXED = Whole


@dataclass(frozen=True, slots=True)
class Rows:
    """The state of a value with a slice for each row, which depends only on that row and on batch
    reductions.

    Along ``axis``, element ``(o * number + row) * inner + i`` belongs to ``row``, for ``o``
    below ``outer`` and ``i`` below ``inner``. Both are 1 if the axis consists only of the rows.
    If 20 words of each row were merged with the rows into one axis, ``inner`` is 20.
    """

    axis: int = 0
    outer: int = 1
    inner: int = 1

    @property
    def plain(self) -> bool:
        """Whether the elements of each row are contiguous along the axis that holds the rows of the
        batch.
        """
        return self.outer == 1

    def size(self, number: int) -> int:
        """Return the size of the axis that holds the rows of the batch, if the batch has ``number``
        rows.
        """
        return self.outer * number * self.inner

    def at(self, axis: int) -> Rows:
        """Return the same rows along another axis."""
        return replace(self, axis=axis)


State = Whole | Rows


@dataclass(frozen=True, slots=True)
class Join:
    """A batch reduction: a reduction over all rows, inside a node.

    Attributes:
        kind: how the results of parts are combined into the result of the whole. A mean counts
            all elements.
        final: whether the reduction is the node's output; otherwise the node computes with it.
    """

    kind: JoinKind
    final: bool = True


@dataclass(frozen=True)
class Taken:
    """A selection of rows in some order, each unchanged.

    Attributes:
        which: numbers of the selected rows.
        axis: axis of the rows in the output.
        attrs: attributes of the op that select all rows instead.
    """

    which: range
    axis: int
    attrs: Mapping[str, Any]


class MixesRows(Exception):
    """An error: an op combines rows, but not by a batch reduction. The message continues the word
    "it".

    Attributes:
        taken: the selected rows, if the op only selects rows.
    """

    def __init__(self, reason: str, taken: Taken | None = None) -> None:
        super().__init__(reason)
        self.taken = taken


def strongest(states: Iterable[State]) -> Whole:
    """Return how strongly a value that does not hold the rows of the batch depends on the batch:
    the strongest dependence among its inputs.
    """
    return max((s for s in states if isinstance(s, Whole)), default=SAME)

"""A value that left the bounds of its node, as data and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nodeflow.number_text import number


@dataclass(frozen=True)
class Crossing:
    """A value that left the bounds of its node.

    Attributes:
        node: name of the tensor. For a variable, the value after the step's update counts.
        value: the element that is farthest outside the bounds.
        low, high: the bounds.
        is_high: whether it left the upper bound.
        at: the index of the element; None if the step cannot be computed again.
    """

    node: str
    value: float
    low: float | None
    high: float | None
    is_high: bool
    at: tuple[int, ...] | None = None

    @property
    def side(self) -> str:
        """The words for the bound that the value left.

        >>> Crossing("h", 12.5, None, 10.0, True, (3, 0)).side
        'above its upper bound 10'
        """
        if math.isnan(self.value):
            return "not within its bounds"
        if self.is_high:
            return f"above its upper bound {number(self.high or 0.0)}"
        return f"below its lower bound {number(self.low or 0.0)}"

    def __str__(self) -> str:
        """Return the node, value, index and bound in words.

        >>> str(Crossing("h", 12.5, None, 10.0, True, (3, 0)))
        'h is 12.5 at [3, 0], above its upper bound 10'
        """
        return f"{self.node} is {self._where}, {self.side}"

    @property
    def finding(self) -> str:
        """The description of a value that left its bounds, without the name of the node: ``12.5 at
        [3, 0] is above its upper bound 10``.
        """
        return f"{self._where} is {self.side}"

    @property
    def _where(self) -> str:
        place = f" at [{', '.join(map(str, self.at))}]" if self.at else ""
        return f"{number(self.value)}{place}"

"""A slider for a number: equal steps between declared bounds, otherwise equal ratios around the
value.
"""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QSlider

from nodeflow.graph.declaration import Attr

POSITIONS = 200
REACH = 100.0
"""A number without bounds can become this many times larger or smaller than its first value."""


class NumberSlider(QSlider):
    """The slider of one attribute.

    Signals:
        moved(value): the user chose this number.
    """

    moved = Signal(object)

    def __init__(self, attr: Attr) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.attr = attr
        self._low, self._high, self._is_even = 0.0, 1.0, True
        self.setRange(0, POSITIONS)
        self.setPageStep(POSITIONS // 10)
        self.setMinimumWidth(60)
        self.valueChanged.connect(self._on_moved)

    def set_value(self, value: Any) -> None:
        """Show a number. If it is out of reach, the range moves."""
        number = float(value) if isinstance(value, (int, float)) else self._low
        if not math.isfinite(number):
            return
        if not self._low <= number <= self._high or (self._low, self._high) == (0.0, 1.0):
            self._low, self._high, self._is_even = span(self.attr, number)
        self.blockSignals(True)
        self.setValue(round(POSITIONS * self._share(number)))
        self.blockSignals(False)

    def number_at(self, position: int) -> int | float:
        """Return the number at a position, rounded to two digits, or to a whole number for an
        int attribute.
        """
        share = position / POSITIONS
        if self._is_even:
            found = self._low + share * (self._high - self._low)
        else:
            found = self._low * (self._high / self._low) ** share
        if self.attr.kind == "int":
            return round(found)
        return float(f"{found:.{3 if self._is_even else 2}g}") if position else self._low

    def _share(self, number: float) -> float:
        if self._is_even:
            return (number - self._low) / (self._high - self._low)
        return math.log(number / self._low) / math.log(self._high / self._low)

    @Slot(int)
    def _on_moved(self, position: int) -> None:
        self.moved.emit(self.number_at(position))


def span(attr: Attr, value: float) -> tuple[float, float, bool]:
    """Return the smallest and largest number of a slider, and whether its steps are equal.

    >>> span(Attr("rate", "float", 0.1, ""), 0.1), span(Attr("p", "float", 0.5, "",
    ...      minimum=0, maximum=1), 0.5)
    ((0.001, 10.0, False), (0.0, 1.0, True))
    """
    low, high = attr.minimum, attr.maximum
    if low is not None and high is not None:
        return float(low), float(high), True
    if value > 0:
        least = max(value / REACH, 1.0 if attr.kind == "int" else 0.0)
        most = value * REACH if attr.kind != "int" else max(value * 10, 10.0)
        return _two_digits(least), _two_digits(most), False
    size = max(1.0, abs(value) * 2)
    return (0.0 if low == 0 else -size), size, True


def _two_digits(value: float) -> float:
    return round(value, 1 - math.floor(math.log10(value))) if value > 0 else value

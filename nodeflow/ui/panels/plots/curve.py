"""A curve of a training: values with their step, epoch and seconds. This module does not use Qt.

All plotted data have this form: losses of the current training, metrics after its epochs,
plotted nodes, and curves of kept runs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nodeflow.ui.panels.plots.exponential_mean import Smoothing
from nodeflow.ui.panels.plots.extremes import Extremes

LOSS = "training loss"
"""The curve of each step's loss; ``training loss/OPTIMIZER`` for optimizers that take turns.
No node can have such a name."""
AXES = ("step", "epoch", "seconds")
"""The possible x axes of a plot."""


def is_loss(name: str) -> bool:
    """Return whether a curve has the loss of each step, of all optimizers or of one.

    >>> is_loss(LOSS), is_loss(f"{LOSS}/d"), is_loss("loss/d")
    (True, True, False)
    """
    return name == LOSS or name.startswith(f"{LOSS}/")


class Columns(NamedTuple):
    """The points to draw of a curve: at most one entry for each pixel column, or all values.

    Attributes:
        x: float64 (n,), the x of the last value in each column.
        low, high: float64 (n,), minimum and maximum of the column's values.
        smooth: float64 (n,), the smoothed value at ``x``.
    """

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    smooth: np.ndarray

    @property
    def is_plain(self) -> bool:
        """Whether each column holds a single value."""
        return bool((self.low == self.high).all())


class Curve:
    """A named sequence of values, to which new values are appended.

    Args:
        name: ``loss``, a metric's key or a node's name. Curves with the same name share a plot.
        run: name of the kept run; empty for the training of this window.
        color: a colour such as ``#0072b2``; if empty, the plot chooses one.
        smoothing: weight of earlier values, 0 to below 1.
        is_share: whether the values lie between 0 and 1, so that the axis has this range.
    """

    def __init__(
        self,
        name: str,
        *,
        run: str = "",
        color: str = "",
        smoothing: float = 0.0,
        is_share: bool = False,
    ) -> None:
        self.name, self.run, self.color, self.is_share = name, run, color, is_share
        self.count = 0
        self._smoothing = Smoothing(smoothing)
        self._extremes = Extremes()
        self._rows = np.empty((5, 256))  # step, epoch, seconds, value, smoothed

    # ---- contents ---------------------------------------------------------------------------

    @property
    def steps(self) -> np.ndarray:
        """The step of each value, float64 (count,), never decreasing.

        Nor do epochs and seconds decrease.
        """
        return self._rows[0, : self.count]

    @property
    def epochs(self) -> np.ndarray:
        return self._rows[1, : self.count]

    @property
    def seconds(self) -> np.ndarray:
        return self._rows[2, : self.count]

    @property
    def values(self) -> np.ndarray:
        """The values, float64 (count,). They may be infinite or NaN."""
        return self._rows[3, : self.count]

    @property
    def smooth(self) -> np.ndarray:
        """Bias-corrected exponential means of the finite values, float64 (count,)."""
        return self._rows[4, : self.count]

    @property
    def smoothing(self) -> float:
        return self._smoothing.keep

    def x(self, axis: str) -> np.ndarray:
        """Return the positions of the values along one of `AXES`."""
        return self._rows[AXES.index(axis), : self.count]

    @property
    def title(self) -> str:
        """The name, followed by the name of the run if there is one."""
        return f"{self.name} · {self.run}" if self.run else self.name

    # ---- appending --------------------------------------------------------------------------

    def extend(
        self, steps: np.ndarray, epochs: np.ndarray, seconds: np.ndarray, values: np.ndarray
    ) -> None:
        """Append values; all four arrays are (n,). Unknown epochs or seconds are NaN."""
        values = np.asarray(values, np.float64).reshape(-1)
        first, end = self.count, self.count + len(values)
        if end > self._rows.shape[1]:
            grown = np.empty((5, max(end, 2 * self._rows.shape[1])))
            grown[:, :first] = self._rows[:, :first]
            self._rows = grown
        rows = (steps, epochs, seconds, values, self._smoothing.smooth(values))
        for row, part in zip(self._rows, rows, strict=True):
            row[first:end] = part
        self._extremes.extend(values)
        self.count = end

    def set_smoothing(self, smoothing: float) -> None:
        """Change the smoothing of existing and future values."""
        self._smoothing = Smoothing(smoothing)
        self._rows[4, : self.count] = self._smoothing.smooth(self.values)

    def cut(self, count: int) -> None:
        """Keep only the first values, because the training continues from an earlier step."""
        if count >= self.count:
            return
        kept = self._rows[:4, :count].copy()
        self.count = 0
        self._extremes, self._smoothing = Extremes(), Smoothing(self.smoothing)
        self.extend(*kept)

    # ---- reading ----------------------------------------------------------------------------

    def index_at(self, axis: str, x: float) -> int | None:
        """Return the index of the value nearest to a position; None outside the curve."""
        places = self.x(axis)
        if not self.count or not places[0] <= x <= places[-1]:
            return None
        right = int(np.searchsorted(places, x))
        if right and x - places[right - 1] <= places[right] - x:
            return right - 1
        return right

    def columns(self, axis: str, edges: np.ndarray) -> Columns:
        """Return the points to draw between the first and the last edge.

        With at most two values per column, these are the values themselves and one neighbour on
        each side. With more values, they are the minimum and maximum of each column. Both keep
        all peaks.

        Args:
            edges: float64 (columns + 1,), ascending.
        """
        places = self.x(axis)
        first, last = np.searchsorted(places, edges[[0, -1]])
        first, last = max(0, int(first) - 1), min(self.count, int(last) + 1)
        if last - first <= 2 * len(edges):
            part = slice(first, last)
            y, smooth = self.values[part], self.smooth[part]
            good = np.isfinite(y)
            return Columns(places[part][good], y[good], y[good], smooth[good])
        bounds = np.searchsorted(places, edges)
        bounds[-1] = np.searchsorted(places, edges[-1], side="right")
        low, high = self._extremes.of(bounds[:-1], bounds[1:])
        used = np.flatnonzero(~np.isnan(low))
        ends = bounds[1:][used] - 1
        smooth = self.smooth[ends]
        smooth = np.where(np.isfinite(smooth), smooth, (low[used] + high[used]) / 2)
        return Columns(places[ends], low[used], high[used], smooth)

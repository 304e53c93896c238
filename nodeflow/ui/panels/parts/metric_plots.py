"""The metrics of a training, each on an axis that suits it: shares from 0 to 1, others apart.

Imports pyqtgraph, so import this module only when it is needed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QWidget

from nodeflow.ui.core.theme import SPACE
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.panels.parts.plots import MetricPlot

MOST = 3
"""More plots beside each other would be slivers; what is left shares the last one."""
SPLITS = ("train", "validation", "test")


class MetricPlots(QWidget):
    """One plot for all shares, and one for each other metric on whatever splits it is measured."""

    def __init__(self, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._themes = themes
        self.plots = [MetricPlot(themes)]
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(SPACE[3])
        self._row.addWidget(self.plots[0])
        self._order: list[str] = []

    @property
    def curves(self) -> dict[str, Any]:
        """The curves of all plots, by metric."""
        return {name: curve for plot in self.plots for name, curve in plot.curves.items()}

    @property
    def count(self) -> int:
        """How many plots are in use."""
        return sum(not plot.isHidden() for plot in self.plots)

    def show_metrics(
        self,
        metrics: dict[str, list[tuple[int, float]]],
        epochs: int,
        shares: Collection[str] = (),
    ) -> None:
        """Draw the metrics over so many epochs; ``shares`` lie between 0 and 1."""
        self._order = list(metrics)
        groups = grouped(metrics, shares)
        while len(self.plots) < len(groups):
            self.plots.append(MetricPlot(self._themes))
            self._row.addWidget(self.plots[-1])
        for index, plot in enumerate(self.plots):
            names = groups[index] if index < len(groups) else []
            plot.setVisible(bool(names) or index == 0)
            plot.colors = {name: self._order.index(name) for name in names}
            is_unit = bool(names) and names[0] in shares
            plot.show_metrics({name: metrics[name] for name in names}, epochs, is_unit)

    def clear_metrics(self) -> None:
        """Forget the curves, and the axes that were made for them."""
        self.show_metrics({}, 0)
        for plot in self.plots:
            plot.clear_metrics()

    def color(self, name: str) -> str:
        """The colour of a metric, also of its label."""
        plot = next((plot for plot in self.plots if name in plot.curves), self.plots[0])
        return plot.color(name)


def grouped(names: Collection[str], shares: Collection[str]) -> list[list[str]]:
    """The metrics of each plot: shares first, then by node.

    >>> grouped(["loss", "test/accuracy", "train/loss"], ["test/accuracy"])
    [['test/accuracy'], ['loss', 'train/loss']]
    """
    found: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: name not in shares):
        split, _, rest = name.partition("/")
        key = "" if name in shares else rest if split in SPLITS and rest else name
        found.setdefault(key, []).append(name)
    groups = list(found.values())
    rest = [name for group in groups[MOST - 1 :] for name in group]
    return [*groups[: MOST - 1], rest] if len(groups) > MOST else groups

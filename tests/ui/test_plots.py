"""The axes of the plots: whole epochs, and few ticks however many there are."""

from __future__ import annotations

import pytest

from nodeflow.ui.theme import LIGHT


@pytest.mark.parametrize("epochs", [1, 3, 10, 60, 100_000, 50_000_000])
def test_ticks_are_whole_and_few(qtbot, epochs):
    from nodeflow.ui.panels.plots import MetricPlot

    plot = MetricPlot(LIGHT)
    qtbot.addWidget(plot)
    plot.resize(480, 200)
    plot.show_metrics({"accuracy": [(1, 0.5)]}, epochs)
    axis = plot.plot.getAxis("bottom")
    low, high = plot.plot.viewRange()[0]
    ticks = [v for _, values in axis.tickValues(low, high, 440) for v in values]
    assert all(value == round(value) for value in ticks)
    assert 1 <= len(ticks) <= 100

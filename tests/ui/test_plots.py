"""The plots: axes with few ticks that rarely move, and nothing painted where nothing is new."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QFontMetricsF, QPainter, QPicture

from nodeflow.train.events import Done, Epoch, Started
from nodeflow.ui.core.theme import LIGHT, TYPE, font
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.panels.parts.training_history import Losses, TrainingRecord


class Paints(QObject):
    """Counts the paints of a widget."""

    count = 0

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


def shown(qtbot, plot):
    """A plot on the screen, and its paints."""
    qtbot.addWidget(plot)
    plot.resize(480, 200)
    plot.show()
    qtbot.waitExposed(plot)
    qtbot.wait(50)
    paints = Paints(plot)
    plot.viewport().installEventFilter(paints)
    return paints


@pytest.mark.parametrize("epochs", [1, 3, 10, 60, 100_000, 50_000_000])
def test_ticks_are_whole_and_few(qtbot, epochs):
    from nodeflow.ui.panels.parts.plots import MetricPlot

    plot = MetricPlot(ThemeManager(LIGHT))
    qtbot.addWidget(plot)
    plot.resize(480, 200)
    plot.show_metrics({"accuracy": [(1, 0.5)]}, epochs)
    axis = plot.plot.getAxis("bottom")
    low, high = plot.plot.viewRange()[0]
    ticks = [v for _, values in axis.tickValues(low, high, 440) for v in values]
    assert all(value == round(value) for value in ticks)
    assert 1 <= len(ticks) <= 100


@pytest.mark.parametrize("width", [90, 120, 200, 480])
@pytest.mark.parametrize("epochs", [10, 100, 30_000, 2_000_000])
def test_numbers_along_an_axis_never_touch(qtbot, epochs, width):
    from nodeflow.ui.panels.parts.plots import MetricPlot

    plot = MetricPlot(ThemeManager(LIGHT))
    shown(qtbot, plot)
    plot.resize(width, 160)
    plot.show_metrics({"accuracy": [(1, 0.5)]}, epochs)
    qtbot.wait(20)
    axis, picture = plot.plot.getAxis("bottom"), QPicture()
    painter = QPainter(picture)
    _, _, texts = axis.generateDrawSpecs(painter)
    painter.end()
    metrics = QFontMetricsF(font(TYPE["caption"]))
    spans = sorted(
        (place.center().x(), metrics.horizontalAdvance(text)) for place, _, text in texts
    )
    for (left, before), (right, after) in pairwise(spans):
        assert right - left >= (before + after) / 2 + 4, [text for *_, text in texts]
    assert texts or width < 200


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_the_whole_course_is_in_sight_and_the_axes_rarely_move(qtbot, scale):
    from nodeflow.ui.panels.parts.plots import LossPlot

    plot = LossPlot(ThemeManager(LIGHT))
    shown(qtbot, plot)
    moved = []
    plot.plot.vb.sigRangeChanged.connect(lambda *_: moved.append(1))
    random, losses = np.random.default_rng(1), Losses()
    for _ in range(300):
        steps = np.arange(losses.count, losses.count + 97)
        losses.extend(scale * (1 / (1 + steps / 500) + random.uniform(0, 0.05, size=97)))
        plot.show_losses(losses)
        (left, right), (bottom, top) = plot.plot.viewRange()
        assert left <= 1 and losses.count <= right <= 1.12 * losses.count
        _, y = losses.course.points()
        assert bottom <= y.min() and (y > top).mean() <= 0.005
        assert top - bottom < 1.5 * (y.max() - min(0, y.min()))
    assert len(moved) < 200, "of 300 drawings"
    plot.show_losses(losses, ended=True)
    assert plot.plot.viewRange()[0][1] == pytest.approx(losses.count, rel=0.011)


def test_another_training_is_seen_whole(qtbot):
    from nodeflow.ui.panels.parts.plots import LossPlot

    plot = LossPlot(ThemeManager(LIGHT))
    shown(qtbot, plot)
    for count, level in ((5000, 2.0), (10, 300.0), (400, 0.001)):
        losses = Losses()
        losses.extend(level * np.linspace(1, 0.5, count))
        plot.show_losses(losses)
        (_, right), (bottom, top) = plot.plot.viewRange()
        assert count <= right <= 1.1 * count + 1
        assert level <= top <= 1.2 * level and -0.1 * level <= bottom <= 0.5 * level


def test_metrics_are_painted_only_when_an_epoch_has_ended(qtbot):
    from nodeflow.ui.panels.parts.plots import MetricPlot

    plot = MetricPlot(ThemeManager(LIGHT))
    paints = shown(qtbot, plot)
    metrics = {"accuracy": [(1, 0.5)]}
    plot.show_metrics(metrics, 10)
    qtbot.waitUntil(lambda: paints.count > 0)
    qtbot.wait(50)
    painted = paints.count
    for _ in range(5):
        plot.show_metrics(metrics, 10)
        qtbot.wait(10)
    assert paints.count == painted
    metrics["accuracy"].append((2, 0.75))
    plot.show_metrics(metrics, 10)
    qtbot.waitUntil(lambda: paints.count > painted)
    assert [list(v) for v in plot.curves["accuracy"].getData()] == [[1, 2], [0.5, 0.75]]


def test_thousands_of_epochs_are_few_points_with_the_last_among_them(qtbot):
    from nodeflow.ui.panels.parts.plots import MOST_EPOCHS, MetricPlot

    plot = MetricPlot(ThemeManager(LIGHT))
    qtbot.addWidget(plot)
    plot.show_metrics({"accuracy": [(n, n / 10_000) for n in range(1, 8193)]}, 10_000)
    x, y = plot.curves["accuracy"].getData()
    assert len(x) <= MOST_EPOCHS and x[-1] == 8192 and np.all(np.diff(x) > 0)
    np.testing.assert_allclose(y, x / 10_000)
    assert plot.curves["accuracy"].opts["symbol"] is None
    plot.show_metrics({"accuracy": [(1, 0.5), (2, 0.25)]}, 10)
    assert plot.curves["accuracy"].opts["symbol"] == "o", "another training"


def test_each_metric_has_an_axis_that_suits_it(qtbot):
    from nodeflow.ui.panels.parts.metric_plots import MetricPlots, grouped

    plots = MetricPlots(ThemeManager(LIGHT))
    qtbot.addWidget(plots)
    plots.resize(600, 200)
    plots.show()
    metrics = {
        "loss": [(1, 40.0), (2, 30.0)],
        "test/accuracy": [(1, 0.9), (2, 0.95)],
        "train/loss": [(1, 20.0), (2, 10.0)],
    }
    plots.show_metrics(metrics, 2, ["test/accuracy"])
    shares, losses = plots.plots
    assert list(shares.curves) == ["test/accuracy"] and list(losses.curves) == [
        "loss",
        "train/loss",
    ]
    np.testing.assert_allclose(shares.plot.viewRange()[1], [0, 1], atol=0.07)
    low, high = losses.plot.viewRange()[1]
    assert 0 < low < 10 and 40 < high < 50
    assert len({plots.color(name) for name in metrics}) == 3
    assert len(grouped("abcdefg", "ab")) == 3, "more would be slivers"
    plots.clear_metrics()
    assert not plots.curves and plots.count == 1


def test_after_an_early_stop_the_axis_spans_what_was_trained():
    record = TrainingRecord()
    record.take(Started(100, 10, shares=("accuracy",)))
    for epoch in range(1, 8):
        record.take(Epoch(epoch, 0.5, {"accuracy": 0.9}, 10 * epoch, 0.1))
    assert record.shown_epochs == 100 and record.shares == ("accuracy",)
    record.take(Done(7, last_epoch=7, reason="it has not improved", best_epoch=4))
    assert record.shown_epochs == 7

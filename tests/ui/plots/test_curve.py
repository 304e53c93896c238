"""Curves: what is drawn of them holds every extreme, however many values there are."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from nodeflow.ui.panels.plots.curve import Curve
from nodeflow.ui.panels.plots.extremes import Extremes


def curve_of(values: np.ndarray, smoothing: float = 0.0) -> Curve:
    """Values that came in chunks of all sizes, 10 steps an epoch, 4 steps a second."""
    curve, first, size = Curve("loss", smoothing=smoothing), 0, 1
    while first < len(values):
        part = values[first : first + size]
        steps = np.arange(first + 1, first + len(part) + 1)
        curve.extend(steps, steps / 10, steps / 4, part)
        first, size = first + size, size * 3 % 997
    return curve


@pytest.mark.parametrize("count", [1, 2, 3, 64, 1000, 4097])
def test_extremes_of_any_stretch_are_those_of_its_values(count):
    random = np.random.default_rng(count)
    values = random.normal(size=count)
    values[random.random(count) < 0.2] = random.choice([math.nan, math.inf, -math.inf])
    extremes, first = Extremes(), 0
    while first < count:
        size = int(random.integers(0, 40))
        extremes.extend(values[first : first + size])
        first += size
    starts = random.integers(0, count + 1, size=300)
    ends = random.integers(0, count + 1, size=300)
    low, high = extremes.of(starts, ends)
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        part = values[start:end]
        part = part[np.isfinite(part)]
        expected = (part.min(), part.max()) if len(part) else (math.nan, math.nan)
        np.testing.assert_array_equal((low[index], high[index]), expected)


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_few_values_are_drawn_as_they_are(count):
    values = np.random.default_rng(1).normal(size=count)
    columns = curve_of(values).columns("step", np.linspace(0, count + 1, 801))
    np.testing.assert_array_equal(columns.x, np.arange(1, count + 1))
    for part in (columns.low, columns.high, columns.smooth):
        np.testing.assert_array_equal(part, values)
    assert columns.is_plain


@pytest.mark.parametrize("axis, scale", [("step", 1.0), ("epoch", 0.1), ("seconds", 0.25)])
@pytest.mark.parametrize("is_log", [False, True])
def test_each_column_holds_the_extremes_of_its_values(axis, scale, is_log):
    count = 50_000
    values = np.random.default_rng(2).normal(size=count)
    values[count // 3], values[count // 2] = 50.0, math.nan
    edges = scale * (np.geomspace(1, 45_000, 301) if is_log else np.linspace(1000, 45_000, 301))
    curve = curve_of(values)
    columns, places, expected = curve.columns(axis, edges), curve.x(axis), []
    for start, end in pairwise(edges):
        part = values[(places >= start) & ((places < end) | (end == edges[-1] == places))]
        part = part[np.isfinite(part)]
        if len(part):
            expected.append((part.min(), part.max()))
    np.testing.assert_array_equal(np.stack([columns.low, columns.high], axis=1), expected)
    assert columns.high.max() == 50.0 and len(expected) > 200


def test_a_peak_of_one_step_among_a_million_is_drawn_at_every_zoom():
    values = np.zeros(1_000_000)
    values[700_123] = 9.0
    curve = Curve("loss", smoothing=0.9)
    steps = np.arange(1.0, 1_000_001.0)
    curve.extend(steps, steps, steps, values)
    for low, high in ((1, 1e6), (6e5, 8e5), (700_000, 700_400), (700_123.5, 700_124.5)):
        columns = curve.columns("step", np.linspace(low, high, 1001))
        assert columns.high.max() == 9.0
        assert 2 * len(columns.x) <= max(2 * 1000, 2 * (high - low) + 6)


def test_smoothing_is_the_corrected_exponential_mean():
    values = np.random.default_rng(0).normal(size=3000)
    curve = curve_of(values, 0.9)
    mean, expected = 0.0, []
    for count, value in enumerate(values, 1):
        mean = 0.9 * mean + 0.1 * value
        expected.append(mean / (1 - 0.9**count))
    np.testing.assert_allclose(curve.smooth, expected, rtol=1e-12, atol=1e-12)
    curve.set_smoothing(0.0)
    np.testing.assert_array_equal(curve.smooth, values)
    curve.set_smoothing(0.9)
    np.testing.assert_allclose(curve.smooth, expected, rtol=1e-12, atol=1e-12)


def test_smoothing_passes_over_what_is_not_finite():
    curve = curve_of(np.array([1.0, math.nan, math.inf, 1.0]), 0.5)
    np.testing.assert_allclose(curve.smooth, [1.0, math.nan, math.inf, 1.0])


def test_a_curve_that_was_cut_goes_on_as_if_nothing_had_been_there():
    values = np.random.default_rng(3).normal(size=900)
    cut, whole = curve_of(np.concatenate([values[:500], np.full(300, 77.0)]), 0.8), Curve("x")
    cut.cut(500)
    steps = np.arange(501, 901)
    cut.extend(steps, steps / 10, steps / 4, values[500:])
    whole = curve_of(values, 0.8)
    edges = np.linspace(1, 900, 41)
    for a, b in zip(cut.columns("epoch", edges), whole.columns("epoch", edges), strict=True):
        np.testing.assert_allclose(a, b)


def test_the_nearest_value_answers_for_a_place():
    curve = curve_of(np.arange(100.0))
    assert curve.index_at("step", 1) == 0 and curve.index_at("step", 100) == 99
    assert curve.index_at("step", 41.4) == 40 and curve.index_at("step", 41.6) == 41
    assert curve.index_at("epoch", 0.34) == 2 and curve.index_at("seconds", 25.0) == 99
    assert curve.index_at("step", 0.5) is None and curve.index_at("step", 101) is None
    assert Curve("x").index_at("step", 1) is None

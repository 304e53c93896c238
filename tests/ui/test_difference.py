"""The difference of two values, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.ui.core.value_difference import difference


def test_the_largest_difference_and_where_it_is():
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 5, 7)).astype(np.float32)
    found = difference(first, second)
    gap = second.astype(np.float64) - first
    assert found.at == np.unravel_index(np.abs(gap).argmax(), gap.shape)
    assert found.largest == np.abs(gap).max() and found.changed == 35
    np.testing.assert_array_equal(found.values, gap)


def test_equal_values_do_not_differ_with_nan_and_infinities():
    value = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0])
    found = difference(value, value.copy())
    assert found.text == "No element differs." and not found.values.any()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_on_one_side_is_the_largest(odd):
    found = difference(np.array([1.0, 2.0, 3.0]), np.array([9.0, odd, 3.0]))
    assert found.at == (1,) and found.largest == np.inf and found.changed == 2


def test_shapes_and_dtypes_that_differ_are_said():
    found = difference(np.zeros((2, 3)), np.zeros((3, 2)))
    assert found.values is None and "(2, 3)" in found.text and "(3, 2)" in found.text
    found = difference(np.zeros(2, np.float32), np.zeros(2, np.float64))
    assert "float32 and float64" in found.text


def test_scalars_bools_integers_and_nothing():
    assert "0.25 → 0.5" in difference(np.float32(0.25), np.float32(0.5)).text
    found = difference(np.array([True, False]), np.array([True, True]))
    assert (found.changed, found.at) == (1, (1,))
    assert difference(np.array([2**62]), np.array([0])).changed == 1
    assert "no elements" in difference(np.zeros((0, 3)), np.zeros((0, 3))).text
    assert difference(np.array(["a"]), np.array(["b"])).text == "They differ."

"""Sorting, the largest elements, distinct values and sums by group, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import RunError, ShapeError
from nodeflow.ops.samples import values
from tests.ops.evaluate import evaluate
from tests.ops.test_semantics import INF, NAN, call, slope


def test_equal_elements_keep_their_order_in_both_directions() -> None:
    x = np.array([2.0, 1.0, 2.0, 1.0, 3.0])
    assert call("argsort", x).tolist() == [1, 3, 0, 2, 4]
    assert call("argsort", x, descending=True).tolist() == [4, 0, 2, 1, 3]
    assert call("sort", x, descending=True).tolist() == [3, 2, 2, 1, 1]


def test_nan_is_the_largest() -> None:
    x = np.array([NAN, 1.0, INF, -INF])
    assert call("argsort", x).tolist() == [3, 1, 2, 0]
    assert call("argsort", x, descending=True).tolist() == [0, 2, 1, 3]
    assert call("argsort", x, descending=True)[0] == call("argmax", x)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_the_lowest_integers_sort_too(dtype: str) -> None:
    limits = np.iinfo(dtype)
    x = np.array([0, limits.min, limits.max, 1], dtype)
    assert call("sort", x, descending=True).tolist() == [limits.max, 1, 0, limits.min][:4]
    np.testing.assert_array_equal(call("sort", x), np.sort(x))


def test_top_k_with_its_gradient() -> None:
    x = np.array([[1.0, 5.0, 3.0], [2.0, 2.0, 0.0]])
    with nf.Graph():
        source = nf.constant(x)
        largest, indices = nf.top_k(source, k=2, name="best")
        assert (largest.name, indices.name) == ("best", "best:1")
        assert evaluate([largest], {})[0].tolist() == [[5, 3], [2, 2]]
        assert evaluate([indices], {})[0].tolist() == [[1, 2], [0, 1]]
        (by_x,) = nf.gradients(largest * nf.constant(np.array([10.0, 1.0])), source)
        assert evaluate([by_x], {})[0].tolist() == [[0, 10, 1], [10, 1, 0]]
        with pytest.raises(ShapeError, match="size 3 does not have 4 elements"):
            nf.top_k(source, k=4)


def test_sorting_moves_the_gradient_back() -> None:
    weights = np.array([100.0, 10.0, 1.0])
    assert slope("sort", [3.0, 1.0, 2.0], weights=weights)[0].tolist() == [1, 100, 10]


def test_taking_along_an_axis() -> None:
    x, indices = values((2, 3)), np.array([[2, 2], [0, 1]])
    np.testing.assert_array_equal(
        call("take_along_axis", x, indices), np.take_along_axis(x, indices, -1)
    )
    with pytest.raises(RunError, match="index 3 is outside"):
        call("take_along_axis", x, np.array([[3], [0]]))
    with pytest.raises(ShapeError, match="along axes other than 1"):
        call("take_along_axis", x, np.array([[0]] * 3))


def test_sums_by_segment() -> None:
    x = np.array([[1, 2], [3, 4], [5, 6]])
    got = call("segment_sum", x, np.array([2, 0, 2]), count=4)
    assert got.tolist() == [[3, 4], [0, 0], [6, 8], [0, 0]]
    (by_x,) = slope("segment_sum", x.astype(float), np.array([2, 0, 2]), count=3)
    assert by_x.tolist() == [[1, 1]] * 3
    with pytest.raises(RunError, match="segment 2 is outside") as caught:
        call("segment_sum", x, np.array([2, 0, 2]), count=2)
    assert caught.value.port == "segments"


def test_unique_pads_to_a_known_size() -> None:
    with nf.Graph():
        found = nf.unique(nf.constant([[3, 1, 3], [2, 1, 1]]), size=5, fill=-1)
        distinct, indices, count = evaluate(found, {})
        assert distinct.tolist() == [1, 2, 3, -1, -1]
        assert indices.tolist() == [[2, 0, 2], [1, 0, 0]]
        assert count == 3
        with pytest.raises(RunError, match="3 distinct elements do not fit into 2"):
            evaluate(nf.unique(nf.constant([3, 1, 2]), size=2), {})
        nan = evaluate(nf.unique(nf.constant([NAN, 1.0, NAN]), size=2), {})
        assert (nan[1].tolist(), nan[2]) == ([1, 0, 1], 2)

"""Ranges, grids and one-hot rows: the numbers that are given decide the dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import LiteralError


def run(tensors: Any) -> Any:
    with nf.Session(tier="reference") as session:
        return session.run(tensors)


@pytest.mark.parametrize(
    ("arguments", "dtype"),
    [((0.0, 1.0, 0.25), "float32"), ((0, 1, 0.25), "float32"), ((3.0,), "float32"),
     ((3,), "int32"), ((5, 0, -2), "int32")],
)  # fmt: skip
def test_a_range_has_the_dtype_of_its_numbers(arguments: Any, dtype: str) -> None:
    with nf.Graph().as_default():
        found = nf.range(*arguments)
        np.testing.assert_array_equal(run(found), np.arange(*arguments, dtype=dtype))
        assert found.dtype == dtype


def test_a_tensor_or_a_dtype_decides_for_the_range() -> None:
    with nf.Graph().as_default():
        assert nf.range(0, nf.constant(4, "int64")).dtype == "int64"
        assert nf.range(0, nf.constant(4.0)).dtype == "float32"
        assert nf.range(2, dtype="float64").dtype == "float64"
        with pytest.raises(LiteralError, match=r"0\.25 is not an int32"):
            nf.range(nf.constant(0), 1, 0.25)


@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_a_grid_is_made_of_vectors_of_any_sizes(indexing: Any) -> None:
    vectors = [1, 2, 3], [4, 5], [6, 7, 8, 9]
    with nf.Graph().as_default():
        for count in (1, 2, 3):
            expected = np.meshgrid(*vectors[:count], indexing=indexing)
            found = run(list(nf.meshgrid(*vectors[:count], indexing=indexing)))
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
        x, y = nf.constant([1.0, 2.0]), nf.constant([3.0, 4.0, 5.0])
        for grids in (nf.meshgrid(x, y), nf.meshgrid([x, y]), nf.meshgrid(x, [3, 4, 5])):
            np.testing.assert_array_equal(run(grids[1]), np.meshgrid([1, 2], [3, 4, 5])[1])


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ({}, np.array([[1, 0, 0], [0, 0, 1]], "float32")),
        ({"on_value": True}, np.array([[True, False, False], [False, False, True]])),
        ({"on_value": 7}, np.array([[7, 0, 0], [0, 0, 7]], "int32")),
        ({"off_value": 1.5}, np.array([[1, 1.5, 1.5], [1.5, 1.5, 1]], "float32")),
        ({"on_value": 7, "dtype": "float64"}, np.array([[7, 0, 0], [0, 0, 7]], "float64")),
        ({"on_value": np.int64(7), "off_value": -1}, np.array([[7, -1, -1], [-1, -1, 7]], "int64")),
        ({"on_value": 1, "axis": 0}, np.array([[1, 0], [0, 0], [0, 1]], "int32")),
    ],
)
def test_one_hot_rows_have_the_dtype_of_their_values(values: Any, rows: np.ndarray) -> None:
    with nf.Graph().as_default():
        found = run(nf.one_hot([0, 2], 3, **values))
        np.testing.assert_array_equal(found, rows)
        assert found.dtype == rows.dtype


def test_the_values_of_one_hot_rows_may_be_tensors() -> None:
    with nf.Graph().as_default():
        found = run(nf.one_hot([0], 2, nf.constant(3.5), -1.0))
        np.testing.assert_array_equal(found, [[3.5, -1.0]])
        np.testing.assert_array_equal(run(nf.one_hot([0], 2, nf.constant(True))), [[True, False]])

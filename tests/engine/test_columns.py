"""Columns give the rows that plain numpy gives, and stay as small as what they hold."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.errors import DataError, DtypeError
from nodeflow.graph.types import TensorType


def test_scaled_bytes_are_the_pixels_times_the_scale_in_float32():
    pixels = np.arange(256, dtype=np.uint8).reshape(64, 4)
    column = Column(pixels, scale=1 / 255)
    assert column.type == TensorType("float32", (None, 4))
    rows = column.rows([5, 0, 63])
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, pixels[[5, 0, 63]].astype(np.float32) * np.float32(1 / 255))
    assert rows[2, 3] == 1.0 and rows[1, 0] == 0.0
    assert column.nbytes == 256


def test_labels_become_one_hot_rows():
    column = Column(np.array([2, 0, 1, 2], np.uint8), depth=3)
    assert column.type == TensorType("float32", (None, 3))
    expected = np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(column.rows(slice(0, 4)), expected[[2, 0, 1, 2]])
    np.testing.assert_array_equal(column.rows(np.array([3, 1])), expected[[2, 0]])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool", "uint8"])
def test_a_plain_column_keeps_dtype_and_values(dtype):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    column = Column(array)
    assert column.type == TensorType(dtype, (None, 3))
    np.testing.assert_array_equal(column.rows([1, 1]), array[[1, 1]])
    assert column.rows([0]).dtype == array.dtype


def test_a_plain_column_of_scalars_has_rank_one():
    column = Column(np.array([7, 8], np.uint8), dtype="int64")
    assert column.type == TensorType("int64", (None,))
    assert column.rows([1]).tolist() == [8]
    assert column.rows([1]).dtype == np.int64


def test_rows_are_copies_and_the_column_cannot_be_changed():
    array = np.ones((3, 2), np.float32)
    column = Column(array)
    column.rows(slice(0, 3))[:] = 9
    assert array.max() == 1
    with pytest.raises(ValueError):
        column.array[0] = 5
    with pytest.raises(AttributeError, match="immutable"):
        column.scale = 2.0
    array[0, 0] = 1  # the caller's own view stays writable


def test_empty_selections_and_empty_columns_have_the_right_shape():
    column = Column(np.zeros((0, 5), np.uint8), scale=0.5)
    assert len(column) == 0 and column.rows(slice(0, 10)).shape == (0, 5)
    assert Column(np.zeros(0, np.int64), depth=4).rows([]).shape == (0, 4)


def test_an_index_outside_is_an_error():
    with pytest.raises(IndexError):
        Column(np.zeros((3, 2), np.float32)).rows([3])


def test_parts_share_memory_and_taken_rows_stay_compact():
    pixels = np.arange(40, dtype=np.uint8).reshape(10, 4)
    column = Column(pixels, scale=2.0)
    part = column.part(2, 5)
    assert np.shares_memory(part.array, pixels)
    np.testing.assert_array_equal(part.rows([0]), column.rows([2]))
    taken = column.take([9, 1])
    assert taken.array.dtype == np.uint8 and taken.scale == 2.0
    np.testing.assert_array_equal(taken.rows(slice(None)), column.rows([9, 1]))


def test_a_column_crosses_a_process_boundary():
    column = Column(np.array([1, 0], np.uint8), depth=2)
    again = pickle.loads(pickle.dumps(column))
    assert again.type == column.type
    np.testing.assert_array_equal(again.rows([0, 1]), column.rows([0, 1]))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"array": np.array([0, 5], np.uint8), "depth": 5}, "0 to 5.*0 to 4"),
        ({"array": np.array([-1, 2]), "depth": 5}, "-1 to 2"),
        ({"array": np.zeros((2, 2), np.uint8), "depth": 2}, "rank 2"),
        ({"array": np.zeros(2, np.float32), "depth": 2}, "whole numbers"),
        ({"array": np.zeros(0, np.int64), "depth": 0}, "at least one class"),
        ({"array": np.zeros(2, np.uint8), "depth": 2, "scale": 1.0}, "not both"),
        ({"array": np.zeros(2, np.uint8), "dtype": "int32", "scale": 1.0}, "float32 or float64"),
        ({"array": np.array([1.5]), "dtype": "float32"}, "without loss"),
        ({"array": np.float32(3)}, "scalar"),
    ],
)
def test_contradictions_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        Column(**arguments)


def test_an_unknown_dtype_is_refused():
    with pytest.raises(DtypeError, match="str"):
        Column(np.zeros(2, "U3"))


# ---- columns that are read when needed -------------------------------------------------------

PIXELS = np.arange(7 * 3 * 2, dtype=np.uint8).reshape(7, 3, 2)


def read_pixels(which: np.ndarray) -> np.ndarray:
    assert which.dtype == np.int64
    return PIXELS[which]


@pytest.fixture
def lazy() -> LazyColumn:
    return LazyColumn(read_pixels, range(7), (3, 2), scale=1 / 255)


def test_lazy_rows_are_those_of_a_column_in_memory(lazy):
    column = Column(PIXELS, scale=1 / 255)
    assert lazy.type == column.type and len(lazy) == 7 and lazy.lazy and not column.lazy
    for which in (slice(2, 5), [6, 0, 0], slice(None)):
        np.testing.assert_array_equal(lazy.rows(which), column.rows(which))
        np.testing.assert_array_equal(lazy.stored(which), PIXELS[which])
    np.testing.assert_array_equal(lazy.part(1, 4).rows([2]), column.rows([3]))
    np.testing.assert_array_equal(lazy.take([5, 1]).take([1]).rows([0]), column.rows([1]))


def test_lazy_columns_take_no_memory_and_travel(lazy):
    assert lazy.nbytes == 7 * 8
    again = pickle.loads(pickle.dumps(lazy.take([4, 2])))
    np.testing.assert_array_equal(again.rows(slice(None)), lazy.rows([4, 2]))
    assert again.dtype == "float32" and again.scale == 1 / 255


def test_lazy_rows_outside_are_refused(lazy):
    with pytest.raises(IndexError):
        lazy.rows([7])

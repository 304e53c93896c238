"""Dtypes, shapes with unknown sizes, and what a literal may become."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from nodeflow.errors import DtypeError, LiteralError, ShapeError
from nodeflow.graph.types import (
    DTYPES,
    TensorType,
    broadcast_shapes,
    compatible,
    default_dtype,
    dtype_name,
    literal,
    normalize_axes,
    shape_text,
    unify_shapes,
)

KNOWN = [(), (1,), (3,), (0,), (1, 3), (2, 1), (2, 3), (4, 1, 3), (2, 0)]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(KNOWN, KNOWN)))
def test_broadcasting_known_shapes_is_numpys(a: tuple, b: tuple) -> None:
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ShapeError, match="do not broadcast"):
            broadcast_shapes(a, b)
    else:
        assert broadcast_shapes(a, b) == expected


@pytest.mark.parametrize(("a", "b"), list(itertools.product(KNOWN, KNOWN)))
def test_broadcasting_unknown_sizes_covers_every_outcome(a: tuple, b: tuple) -> None:
    """What comes out with a size unknown must fit what comes out once it is known."""
    try:
        actual = broadcast_shapes(a, b)
    except ShapeError:
        return
    for axis in range(len(a)):
        hidden = tuple(None if i == axis else d for i, d in enumerate(a))
        assert compatible(broadcast_shapes(hidden, b), actual)


def test_unknown_sizes_in_broadcasting() -> None:
    assert broadcast_shapes((None, 3), (3,)) == (None, 3)
    assert broadcast_shapes((None,), (5,)) == (5,)
    assert broadcast_shapes((None,), (1,)) == (None,)
    assert broadcast_shapes((None,), (0,)) == (0,)
    assert broadcast_shapes() == ()
    with pytest.raises(ShapeError, match=r"\(\?, 3\) and \(4,\) do not broadcast: 3 is not 4"):
        broadcast_shapes((None, 3), (4,))


def test_unify() -> None:
    assert unify_shapes((None, 3), (2, None)) == (2, 3)
    with pytest.raises(ShapeError, match="must be equal"):
        unify_shapes((2,), (3,))
    with pytest.raises(ShapeError):
        unify_shapes((2,), (2, 1))


def test_text_of_types() -> None:
    assert str(TensorType("float32", (None, 784))) == "float32 (?, 784)"
    assert [shape_text(s) for s in [(), (3,), (None,)]] == ["()", "(3,)", "(?,)"]


def test_size_of_types() -> None:
    assert TensorType("int32", (2, 3)).size == 6
    assert TensorType("int32", ()).size == 1
    assert TensorType("int32", (None, 3)).size is None
    assert TensorType("int32", (None, 0)).size == 0
    assert TensorType("int32", (None, 3)).accepts(TensorType("int32", (7, 3)))
    assert not TensorType("int32", (None, 3)).accepts(TensorType("int64", (7, 3)))


def test_axes() -> None:
    assert normalize_axes(None, 3) == (0, 1, 2)
    assert normalize_axes([-1, 0], 3) == (0, 2)
    assert normalize_axes(-2, 3) == (1,)
    with pytest.raises(ShapeError, match="axis 3 does not exist in a tensor of rank 3"):
        normalize_axes(3, 3)
    with pytest.raises(ShapeError, match="twice"):
        normalize_axes([2, -1], 3)


def test_dtype_names() -> None:
    assert [dtype_name(d) for d in (np.float32, "int64", bool, np.dtype("uint8"))] == [
        "float32", "int64", "bool", "uint8",
    ]  # fmt: skip
    for bad in ("float8", np.clongdouble, "tensor", str):
        with pytest.raises(DtypeError, match="not supported") as caught:
            dtype_name(bad)
        assert "float32" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (2, "int32"), (2.0, "float32"), (True, "bool"), ([1, 2.5], "float32"), ([], "float32"),
        ([[1], [2]], "int32"), ("NaN", "float32"),
    ],
)  # fmt: skip
def test_default_dtype(value: Any, dtype: str) -> None:
    assert default_dtype(value) == dtype


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (5.5, "int32"), (2**31, "int32"), (-1, "uint8"), (256, "uint8"), (1, "bool"),
        (True, "int32"), (False, "float32"), (2**53 + 1, "float64"), (2**24 + 1, "float32"),
        (math.nan, "int32"), (math.inf, "int64"), ([1, 2.5], "int64"), (2**63, "int64"),
        ("abc", "float32"), ({"a": 1}, "float32"), ([[1], [1, 2]], "int32"), (None, "int32"),
    ],
)  # fmt: skip
def test_literals_that_are_not_exact_are_refused(value: Any, dtype: str) -> None:
    with pytest.raises(LiteralError) as caught:
        literal(value, dtype)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (5.0, "int32"), (255, "uint8"), (2**63 - 1, "int64"), (0.1, "float32"), (2, "float64"),
        (2**24, "float32"), ([], "int32"), ([[True]], "bool"), (np.int64(3), "float32"),
        (-128, "int8"), ([-(2**15), 2**15 - 1], "int16"), (65535, "uint16"), (2**32 - 1, "uint32"),
        (2**64 - 1, "uint64"), (np.array([2**53 + 1, 2**63], "uint64"), "uint64"),
    ],
)  # fmt: skip
def test_exact_literals_are_taken(value: Any, dtype: str) -> None:
    array = literal(value, dtype)
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, np.asarray(value).astype(dtype))


def test_large_integers_beside_small_ones_stay_exact() -> None:
    """numpy makes floats of such a list."""
    assert literal([2**53 + 1, 2**64 - 1], "uint64").tolist() == [2**53 + 1, 2**64 - 1]
    assert literal([0.5, 2.0**63], "float64").tolist() == [0.5, 2.0**63]


@pytest.mark.parametrize(
    ("value", "dtype", "range_"),
    [
        (128, "int8", "-128 to 127"), (70000, "int16", "-32768 to 32767"),
        (-1, "uint16", "0 to 65535"), (2**32, "uint32", "0 to 4294967295"),
        (2**64, "uint64", "0 to 18446744073709551615"),
        ([1, 2**64], "uint64", "0 to 18446744073709551615"),
        ([-1, 2**63], "int64", "-9223372036854775808 to 9223372036854775807"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused_with_the_range(
    value: Any, dtype: str, range_: str
) -> None:
    with pytest.raises(LiteralError, match=f"is not an? {dtype}") as caught:
        literal(value, dtype)
    assert f"from {range_}" in (caught.value.hint or "")


def test_special_strings() -> None:
    array = literal(["NaN", "Infinity", ["-Infinity"][0]], "float32")
    np.testing.assert_array_equal(array, np.array([np.nan, np.inf, -np.inf], "float32"))
    assert DTYPES[:6] == ("float32", "float64", "int32", "int64", "bool", "uint8")

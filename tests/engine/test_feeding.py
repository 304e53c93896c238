"""Every line of the contracts' section on feeding, in both tiers where a tier could matter."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.feeds import as_array
from nodeflow.engine.session import Session
from nodeflow.errors import FeedError

NUMBERS = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16"]


def fed(dtype: str, value: object, shape: tuple | None = (None,), tier: str = "reference"):
    with nf.Graph() as graph:
        x = nf.placeholder(dtype, shape, name="x")
        y = nf.identity(x)
    with Session(graph, tier=tier) as session:
        return session.run(y, {x: value})


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("given", [*NUMBERS, "bool"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_and_bool_becomes_a_float(dtype: str, given: str, tier: str) -> None:
    array = np.array([0, 1, 1], given)
    result = fed(dtype, array, tier=tier)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, [0.0, 1.0, 1.0])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bfloat16", "bool"])
@pytest.mark.parametrize(
    "value", [0.1, -0.0, 1e-40, 1e300, float("nan"), 3, -7, 2**31, 2**53 + 1, True]
)
def test_a_number_is_what_an_array_of_it_is(value: float, dtype: str) -> None:
    with nf.Graph():
        x = nf.placeholder(dtype, [])

    def found(given: object) -> object:
        try:
            array = as_array(x, given)
        except FeedError:
            return None
        return array.shape, array.dtype, array.tobytes()

    assert found(value) == found(np.array(value))


def test_a_float_is_rounded_and_special_values_stay() -> None:
    wide = np.array([0.1, 1e300, np.nan, -np.inf])
    np.testing.assert_array_equal(fed("float32", wide), np.float32([0.1, np.inf, np.nan, -np.inf]))
    assert fed("float32", np.array([2**24 + 1])) == np.float32(2**24 + 1)


@pytest.mark.parametrize("given", ["int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_integers_become_integers_that_hold_them(dtype: str, given: str) -> None:
    result = fed(dtype, np.array([0, 7, 127], given))
    assert result.dtype == dtype and result.tolist() == [0, 7, 127]


@pytest.mark.parametrize(
    ("dtype", "array", "wrong"),
    [
        ("uint8", np.array([3, 256, 300]), "256 is not a uint8"),
        ("uint8", np.array([3, -1]), "-1 is not a uint8"),
        ("int32", np.array([2**31 - 1, 2**31]), "2147483648 is not an int32"),
        ("int64", np.array([1, 2**63], "uint64"), "9223372036854775808 is not an int64"),
        ("int32", np.array([1.0, 2.5, 3.5]), "2.5 is not an int32"),
        ("int64", np.array([1.0, np.nan]), "nan is not an int64"),
        ("int64", np.array([np.inf]), "inf is not an int64"),
        ("int64", np.array([2.0**63]), r"9.223372036854776e\+18 is not an int64"),
        ("uint8", np.array([-1.0], "float32"), r"-1.0 is not a uint8"),
        ("bool", np.array([0, 1, 2]), "2 is not a bool; 0 and 1 become bools"),
        ("bool", np.array([1.0, 0.5]), "0.5 is not a bool"),
        ("int32", [1, 2.5], "2.5 is not an int32"),
        ("bool", [0, 3], "3 is not a bool"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(dtype: str, array: object, wrong: str) -> None:
    with pytest.raises(FeedError, match=wrong) as caught:
        fed(dtype, array)
    assert caught.value.node == "x"


def test_bools_become_integers_and_integral_floats_do() -> None:
    assert fed("int64", np.array([True, False])).tolist() == [1, 0]
    assert fed("uint8", [True, False]).tolist() == [1, 0]
    assert fed("int32", np.array([3.0, -4.0], "float32")).tolist() == [3, -4]
    assert fed("int64", np.array([2.0**53])).tolist() == [2**53]


def test_zero_and_one_become_bools() -> None:
    for value in ([0, 1], [0.0, 1.0], np.array([0, 1], "uint8"), np.array([0.0, 1.0])):
        result = fed("bool", value)
        assert result.dtype == bool and result.tolist() == [False, True]


def test_wires_still_do_not_cast() -> None:
    with nf.Graph(), pytest.raises(nf.errors.DtypeError, match="does not cast silently"):
        nf.placeholder("float32", []) + nf.placeholder("float64", [])


def test_what_numpy_reads_as_an_array_can_be_fed() -> None:
    class Column:  # as of a table library
        def __array__(self, dtype=None, copy=None):
            return np.array([1, 2, 3])

    assert fed("float32", Column()).tolist() == [1.0, 2.0, 3.0]
    assert fed("float32", (1, 2.5)).tolist() == [1.0, 2.5]
    assert fed("int32", range(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "value", ["text", None, {}, {1: 2}, object(), [1, [2]], [1j], ["a"], np.array(["a"]), [None]]
)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(FeedError, match="expected float32"):
        fed("float32", value)


def test_tensors_are_not_values() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="x")
        y = x * 2.0
    with Session(graph) as session:
        for value in (y, [y, 1.0], y.op):
            with pytest.raises(FeedError, match="Feed a value, not a tensor: run it first"):
                session.run(y, {x: value})
        for feeds in ([(x, 1.0)], "x", 3):
            with pytest.raises(FeedError, match=r"feed_dict is an? "):
                session.run(y, feeds)  # type: ignore[arg-type]
        with pytest.raises(FeedError, match="an int cannot be fed"):
            session.run(y, {3: 1.0})


def test_feeds_by_name_and_by_tensor() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="in-1")
        y = x * 2.0
    with Session(graph) as session:
        for key in (x, x.op, "in-1", "in-1:0", "in_1", "in_1:0"):
            assert session.run(y, feed_dict=OrderedDict([(key, [1])])).tolist() == [2.0]


def test_a_tuple_of_tensors_is_fed_by_a_tuple_of_values() -> None:
    """As TensorFlow 1's `session.run` takes the states of recurrent cells."""
    with nf.Graph() as graph:
        c, h, n = (nf.placeholder("float32", [], name=name) for name in "chn")
        total = c * 100 + h * 10 + n
    with nf.Session(graph) as session:
        assert session.run(total, {((c, h), n): ((1, 2), 3)}) == 123
        assert session.run(total, {("c", h): [1, 2], n: 3}) == 123
        with pytest.raises(FeedError, match="a tuple of 2 tensors takes as many values, not 3"):
            session.run(total, {(c, h): (1, 2, 3), n: 1})
        with pytest.raises(FeedError, match="takes as many values, not a float"):
            session.run(total, {(c, h): 1.5, n: 1})

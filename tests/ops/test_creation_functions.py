"""Constants, fills, defaults and random tensors as TensorFlow 1's functions make them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.graph import Graph


@pytest.fixture(autouse=True)
def graph() -> Any:
    with nf.Graph() as made:
        yield made


def run(fetches: Any, feed_dict: Any = None, tier: Any = "reference", **options: Any) -> Any:
    with nf.Session(tier=tier, **options) as session:
        return session.run(fetches, feed_dict)


def test_a_constant_repeats_its_last_element_to_fill_a_shape() -> None:
    """TensorFlow 1's documentation of `tf.constant`."""
    np.testing.assert_array_equal(run(nf.constant(-1.0, shape=[2, 3])), np.full((2, 3), -1.0))
    np.testing.assert_array_equal(run(nf.constant([1, 2], shape=[2, 2])), [[1, 2], [2, 2]])
    np.testing.assert_array_equal(run(nf.constant([1, 2, 3, 4], shape=(2, 2))), [[1, 2], [3, 4]])
    assert nf.constant(np.zeros(4), shape=4).dtype == "float64"


def test_a_constant_that_does_not_fit_its_shape_is_an_error() -> None:
    with pytest.raises(ShapeError, match=r"\(3,\) does not fill \(2,\)"):
        nf.constant([1, 2, 3], shape=[2])
    with pytest.raises(ShapeError, match=r"\(\) does not fill \(2,\)"):
        nf.constant(1, shape=[2], verify_shape=True)


def test_fill_has_the_dtype_of_its_value() -> None:
    assert nf.fill([2], 1).dtype == "int32"
    assert nf.fill([2], 1.5).dtype == "float32"
    assert nf.fill(dims=[2], value=True).dtype == "bool"
    assert nf.fill([2], nf.constant(1.0, "float64")).dtype == "float64"
    assert nf.fill([2], 1, dtype="int64").dtype == "int64"
    rows = nf.shape(nf.placeholder("float32", [None, 3], name="x"))[0]
    filled = run(nf.fill([rows, 2], 7), {"x": np.zeros((4, 3), np.float32)})
    np.testing.assert_array_equal(filled, np.full((4, 2), 7))
    with pytest.raises(GraphError, match="needs a shape"):
        nf.fill()


def test_a_numpy_float_is_a_literal_beside_a_tensor() -> None:
    x = nf.constant([8.0, 2.0])
    for made in (x / np.sqrt(4), np.sqrt(4) * x, np.float64(2) - x, nf.add(np.float64(1), x)):
        assert made.dtype == "float32"
    np.testing.assert_array_equal(run(x / np.sqrt(4)), [4, 1])
    assert nf.sqrt(np.float64(4)).dtype == "float64"
    assert nf.constant(np.float64(4)).dtype == "float64"
    with pytest.raises(GraphError, match="float64"):
        x + np.ones(2)  # an array keeps its dtype


def test_a_default_holds_where_nothing_is_fed() -> None:
    keep = nf.placeholder_with_default(1.0, [], name="keep")
    any_rows = nf.placeholder_with_default(np.zeros((2, 3)), [None, 3])
    assert (keep.dtype, any_rows.dtype) == ("float32", "float64")
    assert run(keep) == 1.0
    assert run(keep, {keep: 0.5}) == 0.5
    assert run(any_rows, {any_rows: np.ones((5, 3))}).shape == (5, 3)
    assert run(nf.placeholder_with_default(nf.constant([3, 4]), [2])).tolist() == [3, 4]


def test_a_computed_default_is_computed_where_nothing_is_fed() -> None:
    half = nf.placeholder_with_default(nf.constant(3.0) / 2, [])
    assert run(half * 2) == 3.0
    assert run(half * 2, {half: 5.0}) == 10.0
    with pytest.raises(GraphError, match="does not fit the shape"):
        nf.placeholder_with_default(nf.constant(3.0) / 2, [7])


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("draw", [nf.random_normal, nf.truncated_normal])
def test_means_and_deviations_may_be_tensors(draw: Any, tier: Any, graph: Graph) -> None:
    deviation = 1.0 / nf.sqrt(nf.constant([4.0, 100.0]))
    found = run(draw([20000, 2], mean=nf.constant([5.0, -5.0]), stddev=deviation), tier=tier)
    np.testing.assert_allclose(found.mean(0), [5, -5], atol=0.02)
    whole = 1.0 if draw is nf.random_normal else 0.8796
    np.testing.assert_allclose(found.std(0), [0.5 * whole, 0.1 * whole], rtol=0.03)


def test_whole_numbers_are_even_below_their_limit() -> None:
    found = run(nf.random_uniform([60000], minval=-2, maxval=4, dtype=nf.int32))
    assert found.dtype == np.int32
    counts = np.bincount(found + 2)
    assert counts.shape == (6,)
    np.testing.assert_allclose(counts, 10000, rtol=0.06)
    with pytest.raises(GraphError, match="need a limit"):
        nf.random_uniform([2], dtype="int64")


def test_limits_of_random_floats_may_be_tensors() -> None:
    found = run(nf.random_uniform([5000], nf.constant(2.0), 3.0))
    assert 2.0 <= found.min() < 2.01 and 2.99 < found.max() <= 3.0


def test_arguments_stand_in_the_order_of_tensorflow() -> None:
    np.testing.assert_array_equal(
        run(nf.random_normal([3], 1.0, 2.0, nf.float64, 5)),
        run(nf.random_normal([3], mean=1.0, stddev=2.0, dtype="float64", seed=5)),
    )
    assert nf.random_uniform([2], -1, 1, "float64", None, "drawn").name == "drawn"

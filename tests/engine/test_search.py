"""argmax and argmin in every layout, against numpy: ties, NaN, infinities, wide and narrow."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.devicelib import vector_reduce
from nodeflow.engine.kernels import reductions
from nodeflow.graph.registry import REGISTRY


@pytest.mark.parametrize("kind", ["argmax", "argmin"])
@pytest.mark.parametrize("dtype", REGISTRY.lookup("argmax").inputs[0].dtypes)
@pytest.mark.parametrize("shape", [(3, 130, 5), (2, 70, 131), (1, 1, 1), (4, 1, 200)])
def test_the_first_extreme_is_found(kind: str, dtype: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2 if dtype == "bool" else 9, shape).astype(dtype)  # many ties
    if dtype.startswith("float"):
        x[rng.random(shape) < 0.01] = np.nan
        x[rng.random(shape) < 0.01] = np.inf
        x[rng.random(shape) < 0.01] = -0.0
    with nf.Graph() as g:
        p = nf.placeholder(dtype, list(shape), name="x")
        ends = [g.apply(kind, p, axis=axis) for axis in range(3)]
    with nf.Session(g, tier="compiled") as s:
        found = s.run(ends, {p: x})
    for axis in range(3):
        np.testing.assert_array_equal(found[axis], getattr(np, kind)(x, axis=axis))
        assert found[axis].dtype == np.int64


@pytest.mark.parametrize("kind", ["max", "min"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [1, 15, 16, 17, 63, 64, 65, 150, 200])
def test_an_extreme_is_nan_wherever_a_nan_is(kind: str, dtype: str, length: int) -> None:
    """One row for each place of a NaN, one without; the other elements hold -0 and infinities."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((length + 1, length)).astype(dtype)
    x[rng.random(x.shape) < 0.05] = -np.inf if kind == "max" else np.inf
    x[rng.random(x.shape) < 0.05] = -0.0
    x[np.arange(length), np.arange(length)] = np.nan
    with nf.Graph():
        p = nf.placeholder(dtype, list(x.shape), name="x")
        ends = [getattr(nf, f"reduce_{kind}")(p, axis=1), getattr(nf, f"arg{kind}")(p, axis=1)]
    with nf.Session(p.node.graph, tier="compiled") as s:
        extreme, place = s.run(ends, {p: x})
    np.testing.assert_array_equal(extreme, getattr(x, kind)(axis=1))
    np.testing.assert_array_equal(place, getattr(np, f"arg{kind}")(x, axis=1))
    assert np.isnan(extreme[:-1]).all() and not np.isnan(extreme[-1])


def test_the_search_knows_the_lanes_of_a_vector() -> None:
    assert reductions.LANES == vector_reduce.LANES

"""argmax and argmin in every layout, against numpy: ties, NaN, infinities, wide and narrow."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
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

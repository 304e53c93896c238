"""Random ops with the engine's stream: distributions, bounds, and being a pure function."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from nodeflow.engine.rng import Stream
from nodeflow.graph.registry import REGISTRY

SHAPE = (120, 80)


def draw(op_id: str, name: str = "node", **attrs: object) -> np.ndarray:
    op = REGISTRY.lookup(op_id)
    bound = op.bind_attrs({"shape": SHAPE, "dtype": "float64", **attrs})
    return op.reference(**bound, stream=Stream(1, name))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("op", "attrs", "distribution"),
    [
        ("random_normal", {"mean": 2.0, "stddev": 0.5}, scipy.stats.norm(2.0, 0.5)),
        ("truncated_normal", {"mean": 1.0, "stddev": 3.0}, scipy.stats.truncnorm(-2, 2, 1, 3)),
        ("random_uniform", {"low": -1.0, "high": 3.0}, scipy.stats.uniform(-1, 4)),
    ],
)
def test_distributions(op: str, attrs: dict, distribution: object, dtype: str) -> None:
    drawn = draw(op, dtype=dtype, **attrs)
    assert drawn.dtype == dtype
    assert scipy.stats.kstest(drawn.ravel().astype("float64"), distribution.cdf).pvalue > 1e-3
    assert len(np.unique(drawn)) > 0.99 * drawn.size


@pytest.mark.parametrize(
    ("op", "variance"),
    [
        ("glorot_uniform", 2 / 200), ("glorot_normal", 2 / 200),
        ("he_uniform", 2 / 120), ("he_normal", 2 / 120),
    ],
)  # fmt: skip
def test_initializers_have_their_variance(op: str, variance: float) -> None:
    drawn = draw(op)
    error = 4 * math.sqrt(2 / drawn.size)
    assert drawn.var() / variance == pytest.approx(1, abs=error)
    assert abs(drawn.mean()) < 4 * math.sqrt(variance / drawn.size)
    limit = math.sqrt(variance) * (math.sqrt(3) if op.endswith("uniform") else 2 / 0.8796)
    assert np.abs(drawn).max() <= limit * 1.0001


def test_convolution_kernels_count_their_field() -> None:
    drawn = draw("he_normal", shape=(5, 5, 16, 32))
    assert drawn.var() == pytest.approx(2 / (5 * 5 * 16), rel=0.05)


def test_draws_depend_on_nothing_but_name_and_seed() -> None:
    np.testing.assert_array_equal(draw("random_normal"), draw("random_normal"))
    assert not np.array_equal(draw("random_normal"), draw("random_normal", name="other"))


def test_uniform_bounds_that_meet_or_cross() -> None:
    assert (draw("random_uniform", low=2.0, high=2.0) == 2.0).all()
    op = REGISTRY.lookup("random_uniform")
    with pytest.raises(Exception, match=r"low 3 is above high 2"):
        op.infer(**op.bind_attrs({"low": 3.0, "high": 2.0}))

"""Random ops with the engine's stream: distributions, bounds, and being a pure function."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

import nodeflow as nf
from nodeflow.engine.threefry_streams import Stream
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
        ("random_gumbel", {}, scipy.stats.gumbel_r()),
        ("random_gamma", {"alpha": 2.5, "beta": 0.5}, scipy.stats.gamma(2.5, scale=2.0)),
        ("random_gamma", {"alpha": 0.3}, scipy.stats.gamma(0.3)),
        ("random_beta", {"a": 2.0, "b": 0.7}, scipy.stats.beta(2.0, 0.7)),
    ],
)
def test_distributions(op: str, attrs: dict, distribution: object, dtype: str) -> None:
    drawn = draw(op, dtype=dtype, **attrs)
    assert drawn.dtype == dtype
    assert scipy.stats.kstest(drawn.ravel().astype("float64"), distribution.cdf).pvalue > 1e-3
    assert len(np.unique(drawn)) > 0.99 * drawn.size


@pytest.mark.parametrize("lam", [0.2, 3.0, 80.0])
def test_poisson_counts(lam: float) -> None:
    drawn = draw("random_poisson", lam=lam)
    counts = np.bincount(drawn.astype(int).ravel())
    expected = scipy.stats.poisson(lam).pmf(np.arange(len(counts))) * drawn.size
    often = expected > 5
    rest = drawn.size - counts[often].sum(), drawn.size - expected[often].sum()
    chance = scipy.stats.chisquare([*counts[often], rest[0]], [*expected[often], rest[1]]).pvalue
    assert chance > 1e-3


def run_twice(build) -> list[np.ndarray]:
    """What a graph of one random op draws in two runs, by reference and compiled."""
    with nf.Graph() as graph:
        out = build()
    sessions = [nf.Session(graph, tier=tier, seed=4) for tier in ("reference", "compiled")]
    return [np.asarray(session.run(out)) for session in sessions for _ in range(2)]


def test_choices_follow_their_probabilities() -> None:
    share = np.linspace(0, 1, 5)
    for ones in run_twice(lambda: nf.random_bernoulli(np.tile(share, (4000, 1)))):
        np.testing.assert_allclose(ones.mean(0), share, atol=4 * 0.5 / np.sqrt(4000))
    scores = np.array([[0.0, 1.0, 2.0], [3.0, -1.0, 0.0]])
    softmax = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    for classes in run_twice(lambda: nf.random_categorical(scores, 4000)):
        found = np.stack([(classes == c).mean(1) for c in range(3)], axis=1)
        np.testing.assert_allclose(found, softmax, atol=4 * 0.5 / np.sqrt(4000))


def test_shuffling_keeps_the_rows_and_changes_their_order() -> None:
    rows = np.arange(60).reshape(20, 3)
    first, second, compiled, _ = run_twice(lambda: nf.random_shuffle(rows))
    for shuffled in (first, second):
        np.testing.assert_array_equal(np.sort(shuffled, axis=0), rows)
        assert (shuffled != rows).any() and (shuffled % 3 == [0, 1, 2]).all()
    assert (first != second).any()
    np.testing.assert_array_equal(first, compiled)


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

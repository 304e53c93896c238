"""Clipping by norms and assigns that add, against TensorFlow 1's formulas in numpy."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import GraphError
from nodeflow.ops.training.clipping import clip_by_average_norm

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])
X = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])


def values(tier: str, *tensors, feeds=None):
    with nf.Session(tensors[0].graph, tier=tier) as session:
        session.initialize()
        return session.run(list(tensors), feeds)


@BOTH
def test_by_norm_of_all_or_along_axes(tier: str) -> None:
    with nf.Graph():
        x = nf.variable(X, name="x")
        limit = nf.placeholder("float64", [])
        whole, rows, fed = (
            nf.clip_by_norm(x, 2.0),
            nf.clip_by_norm(x, 1.0, axes=[1]),
            nf.clip_by_norm(x, limit),
        )
        (slope,) = nf.gradients(rows, [x])
        found = values(tier, whole, rows, fed, slope, feeds={limit: 100.0})
    length = np.sqrt(np.square(X).sum())
    np.testing.assert_allclose(found[0], X * 2 / length, rtol=1e-14)
    np.testing.assert_allclose(found[1], [[0.6, 0.8], [0.3, 0.4], [0, 0]], rtol=1e-14)
    np.testing.assert_allclose(found[2], X, rtol=1e-14)
    # of a / |a|: (1 - sum(a) a / |a|^2) / |a|; inside the limit 1
    np.testing.assert_allclose(
        found[3], [[(1 - 7 * 3 / 25) / 5, (1 - 7 * 4 / 25) / 5], [1, 1], [1, 1]], atol=1e-14
    )


@BOTH
def test_by_average_norm(tier: str) -> None:
    with nf.Graph():
        unknown = nf.placeholder("float64", [None, 2])
        clipped = clip_by_average_norm(nf.constant(X), 0.5)
        dynamic = clip_by_average_norm(unknown, 0.5)
        kept = clip_by_average_norm(nf.constant(X), 5.0)
        zero = clip_by_average_norm(nf.constant(0 * X), 5.0)
        found = values(tier, clipped, dynamic, kept, zero, feeds={unknown: X})
    average = np.sqrt(np.square(X).sum()) / X.size
    for value in found[:2]:
        np.testing.assert_allclose(value, X * 0.5 / average, rtol=1e-14)
    np.testing.assert_allclose(found[2], X, rtol=1e-14)
    np.testing.assert_array_equal(found[3], 0 * X)


@BOTH
def test_by_the_norm_of_all_together(tier: str) -> None:
    with nf.Graph():
        x, y = nf.constant(X), nf.constant(np.array([1.0, 2.0]))
        (a, none, b), norm = nf.clip_by_global_norm([x, None, y], 1.0)
        assert none is None and a is not None and b is not None
        (same, _), _ = nf.clip_by_global_norm((x, y), 50.0)
        (halved,), used = nf.clip_by_global_norm([x], 1.0, use_norm=nf.constant(2.0, "float64"))
        whole = nf.global_norm([x, None, y])
        (bad,), _ = nf.clip_by_global_norm([nf.constant(np.array([np.inf, 1.0]))], 1.0)
        assert same is not None and halved is not None and bad is not None
        found = values(tier, a, b, norm, same, halved, used, whole, bad)
    length = np.sqrt(np.square(X).sum() + 5)
    np.testing.assert_allclose(found[0], X / length, rtol=1e-14)
    np.testing.assert_allclose(found[1], np.array([1, 2]) / length, rtol=1e-14)
    np.testing.assert_allclose([found[2], found[6]], length, rtol=1e-14)
    np.testing.assert_allclose(found[3], X, rtol=1e-14)
    np.testing.assert_allclose(found[4], X / 2, rtol=1e-14)
    assert found[5] == 2 and np.isnan(found[7]).all()


@BOTH
def test_assigns_that_add_and_subtract(tier: str) -> None:
    with nf.Graph() as graph:
        v = nf.variable([1, 2], name="v")
        more, less = nf.assign_add(v, [10, 20], name="more"), nf.assign_sub(v, [1, 1])
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        np.testing.assert_array_equal(session.run("more"), [11, 22])
        np.testing.assert_array_equal(session.run(less), [10, 21])
        np.testing.assert_array_equal(session.variables["v"], [10, 21])
    with graph, pytest.raises(GraphError, match="variable"):
        nf.assign_add(more, [1, 1])
    with pytest.raises(GraphError, match="variable"):
        nf.assign_add(3, 4)  # type: ignore[arg-type]
    assert more is not None


def test_lists_of_tensors_are_wanted() -> None:
    with nf.Graph():
        x = nf.constant(X)
        for wrong in (x, [], [None], 3):
            with pytest.raises(GraphError):
                nf.clip_by_global_norm(wrong, 1.0)

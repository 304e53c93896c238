"""Random graphs of up to 200 nodes: both tiers agree, and gradients are those of differences."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import nodeflow as nf
from nodeflow.engine.session import Session

from .random_graphs import build, inputs, program


def bounded(examples: int) -> settings:
    """The same few graphs at each run; many more with ``make test-nightly``."""
    return settings(
        max_examples=examples * (20 if os.environ.get("NODEFLOW_NIGHTLY") else 1),
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# A graph's kernels are its own, so most of this test's time is compiling: few long ones by day.
LONGEST = 60 if os.environ.get("NODEFLOW_NIGHTLY") else 20
seeds = st.integers(0, 2**31)


@pytest.mark.thorough
@example(seed=12, nodes=60, kinks=False, wide=False)
@bounded(4)
@given(seed=seeds, nodes=st.integers(1, LONGEST), kinks=st.booleans(), wide=st.booleans())
def test_compiled_values_and_gradients_equal_the_reference(
    seed: int, nodes: int, kinks: bool, wide: bool
) -> None:
    dtype = "float64" if wide else "float32"
    graph, fed, values, total = build(program(seed, nodes, kinks=kinks), dtype)
    assert len(graph.nodes) >= 3 * nodes
    with graph:
        slopes = [g for g in nf.gradients(total, fed) if g is not None]
    feeds = dict(zip(fed, inputs(seed, dtype, ties=False)))
    found = []
    for tier in ("compiled", "reference"):
        with Session(graph, tier=tier) as session:
            # Values one by one and the total alone: fused, a cluster must give the same.
            found.append(session.run([values, total, slopes], feeds))
            if not kinks:
                assert np.array_equal(session.run(total, feeds), found[-1][1])
    assert found[0][1].dtype == found[1][1].dtype == np.dtype(dtype)
    for ours, theirs in zip(flat(found[0]), flat(found[1]), strict=True):
        assert ours.shape == theirs.shape
        scale = max(1.0, float(np.abs(theirs).max(initial=0)))
        tolerance = 1e-9 if wide else 2e-3 if kinks else 5e-4
        assert np.abs(ours - theirs).max(initial=0) <= tolerance * scale


def flat(results: list) -> list[np.ndarray]:
    values, total, slopes = results
    return [np.asarray(v) for v in [*values, total, *slopes]]


STEPS = (1e-4, 2e-5, 4e-6)
"""The best of some steps counts: in a wild graph a long one is crude, in a tame one a short one is
lost in rounding."""


def difference(along: Callable[[float], float], step: float) -> tuple[float, float]:
    """How crude a central difference of fourth order is, and the difference.

    Crude by as much as those of second order over one step and over two differ.
    """
    near = (along(step) - along(-step)) / (2 * step)
    far = (along(2 * step) - along(-2 * step)) / (4 * step)
    return abs(near - far), near + (near - far) / 3


@pytest.mark.thorough
@example(seed=1002197, nodes=43)
@example(seed=21, nodes=60)
@example(seed=22, nodes=60)
@example(seed=23, nodes=40)
@bounded(15)
@given(seed=seeds, nodes=st.integers(1, 60))
def test_gradients_equal_finite_differences(seed: int, nodes: int) -> None:
    graph, fed, _, total = build(program(seed, nodes, kinks=False), "float64")
    with graph:
        slopes = nf.gradients(total, fed)
    arrays = inputs(seed, "float64", ties=False)
    rng = np.random.default_rng(seed)
    ways = [rng.normal(size=a.shape) for a in arrays]
    with Session(graph, tier="reference") as session:

        def along(distance: float) -> float:
            moved = [a + distance * w for a, w in zip(arrays, ways)]
            return float(session.run(total, dict(zip(fed, moved))))

        found = session.run([s for s in slopes if s is not None], dict(zip(fed, arrays)))
        used = [w for s, w in zip(slopes, ways) if s is not None]
        slope = sum(float((g * w).sum()) for g, w in zip(found, used))
        rough, expected = min(difference(along, step) for step in STEPS)
    assert rough <= 1e-3 * max(1.0, abs(expected)), "too wild a graph to tell"
    assert abs(slope - expected) <= 1e-6 * max(1.0, abs(expected)) + 0.05 * rough

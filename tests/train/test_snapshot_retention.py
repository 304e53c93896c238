"""Copies of a training are dense near now and nowhere too far apart, and cost little time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeflow.train.rewind.snapshot_retention import AGE, SHARE, Pace, is_due, superfluous


def retained(gaps: list[int], most: int) -> list[list[int]]:
    """The steps that stay after each copy."""
    kept, states = [0], []
    for gap in gaps:
        kept.append(kept[-1] + gap)
        gone = superfluous(kept, most)
        if gone is not None:
            kept.pop(gone)
        states.append(list(kept))
    return states


@st.composite
def some_gaps(draw) -> list[int]:
    """Steps between copies: as they come, of a few sizes, or the same."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    largest, count = draw(st.sampled_from((1, 7, 500))), draw(st.integers(1, 400))
    return random.integers(1, largest + 1, count).tolist()


@pytest.mark.thorough
@given(some_gaps(), st.integers(2, 40))
@settings(max_examples=150)
def test_gaps_are_at_most_twice_those_of_even_spacing(gaps, most):
    longest = 0
    for gap, kept in zip(gaps, retained(gaps, most), strict=True):
        longest = max(longest, gap)
        assert len(kept) <= most
        even = kept[-1] / (most - 1)
        assert max(b - a for a, b in pairwise(kept)) <= max(2 * even, longest)


@pytest.mark.thorough
@given(some_gaps(), st.integers(2, 40))
def test_the_first_and_the_newest_stay(gaps, most):
    step = 0
    for gap, kept in zip(gaps, retained(gaps, most), strict=True):
        step += gap
        assert kept[0] == 0 and kept[-1] == step and kept == sorted(set(kept))


def test_one_alone_is_the_newest():
    assert retained([3, 4, 5], 1) == [[3], [7], [12]]


def test_they_are_denser_near_now():
    kept = retained([10] * 5000, 100)[-1]
    gaps = [b - a for a, b in pairwise(kept)]
    assert sum(gaps[-20:]) / 20 < sum(gaps[:20]) / 20 / 4


@pytest.mark.thorough
@given(
    cost=st.floats(1e-5, 0.5),
    step=st.floats(1e-5, 0.2),
    most=st.integers(2, 300),
    count=st.integers(10, 2000),
)
def test_copying_costs_at_most_its_share_and_the_newest_is_young(cost, step, most, count):
    spent, since, seconds = cost, 0, 0.0  # the first copy comes before the first step
    for steps in range(1, count):
        since, seconds, elapsed = since + 1, seconds + step, steps * step
        if is_due(Pace(steps, since, seconds, elapsed, spent, cost), most):
            spent, since, seconds = spent + cost, 0, 0.0
            assert spent <= SHARE * elapsed
        affordable = spent + cost <= SHARE * elapsed
        assert not affordable or seconds < AGE  # what is old waits for nothing but the share

"""Orders of rows are permutations that depend on seed and epoch only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeflow.data.shuffling import epoch_order
from tests.data.helpers import MASK, threefry


def test_the_plain_threefry_of_this_file_passes_the_published_vectors():
    assert threefry((0, 0), (0, 0)) == (0x6B200159, 0x99BA4EFE)
    assert threefry((MASK, MASK), (MASK, MASK)) == (0x1CB996FC, 0xBB002BE7)
    assert threefry((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3)) == (0xC4923A9C, 0x483DF7A0)


@pytest.mark.parametrize("seed, epoch", [(0, 0), (1, 3), (-5, 2), (2**40 + 17, 9)])
def test_the_order_sorts_threefry_keys(seed, epoch):
    stream = threefry((seed & MASK, seed >> 32 & MASK), (0x5348554C, epoch))
    expected = sorted(range(50), key=lambda row: threefry(stream, (row, 0)))
    order = epoch_order(50, seed, epoch)
    assert order.dtype == np.int64
    assert order.tolist() == expected


@pytest.mark.thorough
@settings(max_examples=40)
@given(rows=st.integers(0, 300), seed=st.integers(-(2**63), 2**63), epoch=st.integers(0, 10**6))
def test_every_order_is_a_permutation(rows, seed, epoch):
    assert sorted(epoch_order(rows, seed, epoch).tolist()) == list(range(rows))


def test_orders_differ_by_seed_and_epoch_and_repeat():
    orders = [tuple(epoch_order(100, seed, epoch)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9
    assert tuple(epoch_order(100, 1, 2)) == orders[5]


@pytest.mark.thorough
def test_shuffling_is_uniform():
    counts = np.zeros((6, 6))
    for epoch in range(3000):
        counts[np.arange(6), epoch_order(6, 4, epoch)] += 1
    # 36 cells of mean 500: the chi-square statistic with 25 degrees of freedom is below 60.
    assert ((counts - 500) ** 2 / 500).sum() < 60

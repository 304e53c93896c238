"""Orders are permutations that depend on seed and epoch only; batches follow TensorFlow's rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeflow.data.batching import Batches, epoch_order, evaluation_batches, first_rows
from nodeflow.engine.columns import Column
from nodeflow.errors import DataError
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


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 300), seed=st.integers(-(2**63), 2**63), epoch=st.integers(0, 10**6))
def test_every_order_is_a_permutation(rows, seed, epoch):
    assert sorted(epoch_order(rows, seed, epoch).tolist()) == list(range(rows))


def test_orders_differ_by_seed_and_epoch_and_repeat():
    orders = [tuple(epoch_order(100, seed, epoch)) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9
    assert tuple(epoch_order(100, 1, 2)) == orders[5]


def test_shuffling_is_uniform():
    counts = np.zeros((6, 6))
    for epoch in range(3000):
        counts[np.arange(6), epoch_order(6, 4, epoch)] += 1
    # 36 cells of mean 500: the chi-square statistic with 25 degrees of freedom is below 60.
    assert ((counts - 500) ** 2 / 500).sum() < 60


def numbers(rows: int) -> dict[str, Column]:
    values = np.arange(rows, dtype=np.float32)
    return {"x": Column(values), "y": Column(values * 10)}


def test_each_epoch_has_every_row_once_and_columns_stay_together():
    batches = Batches(numbers(12), seed=3)
    seen = []
    for _ in range(3):
        batch = batches.next_batch(4)
        np.testing.assert_array_equal(batch["y"], batch["x"] * 10)
        seen += batch["x"].tolist()
    assert sorted(seen) == list(range(12))
    assert batches.epochs_completed == 0


def test_a_batch_over_the_end_takes_the_rest_and_goes_on_with_the_next_epoch():
    batches = Batches(numbers(10), seed=3)
    first, second = batches.next_indices(7), batches.next_indices(7)
    orders = np.concatenate([epoch_order(10, 3, 0), epoch_order(10, 3, 1)])
    np.testing.assert_array_equal(np.concatenate([first, second]), orders[:14])
    assert (batches.epochs_completed, batches.index_in_epoch) == (1, 4)


def test_a_batch_longer_than_the_data_spans_epochs():
    got = Batches(numbers(3), seed=1).next_indices(8)
    expected = np.concatenate([epoch_order(3, 1, epoch) for epoch in range(3)])[:8]
    np.testing.assert_array_equal(got, expected)


def test_unshuffled_batches_keep_the_order():
    batches = Batches(numbers(4), shuffle=False)
    assert batches.next_indices(3).tolist() == [0, 1, 2]
    assert batches.next_indices(3).tolist() == [3, 0, 1]


def test_evaluation_keeps_the_last_partial_batch():
    parts = [batch["x"] for batch in evaluation_batches(numbers(7), 3)]
    assert [len(part) for part in parts] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(7))
    assert list(evaluation_batches(numbers(0), 3)) == []


def test_first_rows_are_unshuffled_and_as_many_as_there_are():
    assert first_rows(numbers(5), 3)["x"].tolist() == [0, 1, 2]
    assert len(first_rows(numbers(5), 30)["y"]) == 5


def test_impossible_batches_are_errors():
    with pytest.raises(DataError, match=r"no rows"):
        Batches(numbers(0))
    with pytest.raises(DataError, match=r"x has 2, y has 3"):
        Batches({"x": Column(np.zeros(2)), "y": Column(np.zeros(3))})
    with pytest.raises(DataError, match=r"at least 1 row, not 0"):
        Batches(numbers(3)).next_batch(0)
    with pytest.raises(DataError, match=r"at least 1 row"):
        next(evaluation_batches(numbers(3), 0))

"""Rows of lazy columns are in memory when their steps run, and those of the next block soon."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.engine.runtime import staging as module
from nodeflow.engine.runtime.staging import Staging, staging_of
from nodeflow.errors import DataError

ROWS = np.random.default_rng(0).integers(0, 256, (50, 3), dtype=np.uint8)
BATCH = 4


@pytest.fixture
def asked() -> list[list[int]]:
    return []


@pytest.fixture
def columns(asked) -> dict:
    def read(which: np.ndarray) -> np.ndarray:
        asked.append(which.tolist())
        if 13 in which and getattr(read, "broken", False):
            raise DataError("row 13 is broken")
        return ROWS[which]

    lazy = LazyColumn(read, range(50), (3,), scale=1 / 255)
    return {"x": lazy, "y": Column(np.arange(50) % 7, depth=7), "read": read}


@pytest.fixture
def staging(columns, monkeypatch) -> Staging:
    monkeypatch.setattr(module, "MOST_STEPS", 3)
    return Staging({n: columns[n] for n in "xy"}, BATCH)


def test_columns_in_memory_need_none(columns):
    assert staging_of({"y": columns["y"]}, BATCH) is None
    assert staging_of({"x": columns["x"], "y": columns["y"]}, BATCH) is not None


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_every_step_finds_the_rows_of_its_batch(staging, columns, asked, at_once):
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(50)
        staging.begin(order)
        step = 0
        while step < 50 // BATCH:
            where, count = staging.ready(step, at_once)
            assert 1 <= count <= at_once
            for k in range(count):
                places = where[k * BATCH : (k + 1) * BATCH]
                rows = order[(step + k) * BATCH : (step + k + 1) * BATCH]
                for name in "xy":
                    got = staging.columns[name].rows(places)
                    np.testing.assert_array_equal(got, columns[name].rows(rows))
            step += count
        assert step == 12
    read = [rows for rows in asked if len(rows) == 3 * BATCH]
    assert len(read) == 2 * 4, "each block once: 12 steps by 3, twice"


def test_the_next_block_is_read_while_steps_run(columns, monkeypatch):
    monkeypatch.setattr(module, "MOST_STEPS", 3)
    began = threading.Event()

    def read(which: np.ndarray) -> np.ndarray:
        if which[0] == 12:
            began.set()
        return ROWS[which]

    staging = Staging({"x": LazyColumn(read, range(50), (3,))}, BATCH)
    staging.begin(np.arange(50))
    staging.ready(0, 1)
    assert began.wait(30)


def test_steps_may_begin_anywhere(staging, columns):
    order = np.arange(50)[::-1].copy()
    staging.begin(order)
    for step in (7, 2, 11, 0):
        where, _ = staging.ready(step, 1)
        rows = order[step * BATCH : (step + 1) * BATCH]
        np.testing.assert_array_equal(
            staging.columns["x"].rows(where[:BATCH]), columns["x"].rows(rows)
        )


def test_an_error_comes_with_the_block_that_has_it_and_again(staging, columns):
    columns["read"].broken = True
    staging.begin(np.arange(50))
    staging.ready(0, 3)  # rows 0 to 11
    for _ in range(2):
        with pytest.raises(DataError, match="row 13"):
            staging.ready(3, 1)
    columns["read"].broken = False
    where, _ = staging.ready(3, 1)
    np.testing.assert_array_equal(
        staging.columns["x"].rows(where[:4]), columns["x"].rows(range(12, 16))
    )


def test_an_order_shorter_than_a_batch_has_no_step(staging):
    staging.begin(np.arange(3))

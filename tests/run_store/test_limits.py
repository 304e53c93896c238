"""The store stays below its limit: the oldest runs go, starred and running ones stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from nodeflow.run_store import size_limit
from nodeflow.run_store.curves import Piece
from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.run_records import DONE, Run
from nodeflow.run_store.size_limit import bytes_of, set_limit, tidy, used_bytes
from nodeflow.run_store.store import Batch, RunStore

MEGABYTE = 10**6


def keep(
    store: RunStore, number: int, file: str = "", seconds: float = 10, megabytes: int = 0, **fields
):
    run = Run(f"raaaaaaa{chr(97 + number)}", f"run {number}", file=file, created=number,
              updated=time.time(), **fields)  # fmt: skip
    run = store.begin(run)
    if megabytes:
        (store.folder / run.id).mkdir()
        (store.folder / run.id / "final.safetensors").write_bytes(bytes(megabytes * MEGABYTE))
    done = Run(**{**vars(run), "status": DONE, "seconds": seconds, "bytes": megabytes * MEGABYTE})
    store.add(Batch(done))
    return done


def names(store: RunStore) -> list[str]:
    return [run.name for run in reversed(store.runs())]


@pytest.mark.thorough
def test_the_oldest_go_first_and_starred_ones_stay(tmp_path: Path):
    with RunStore(tmp_path) as store:
        runs = [keep(store, n, megabytes=10, star=n == 1) for n in range(5)]
        set_limit(store, 31 * MEGABYTE)
        assert names(store) == ["run 1", "run 3", "run 4"]
        assert {p.name for p in tmp_path.iterdir() if p.is_dir()} == {runs[n].id for n in (1, 3, 4)}
        assert used_bytes(store, store.runs()) <= 31 * MEGABYTE
        set_limit(store, 1)
        assert names(store) == ["run 1"]  # over the limit, and the user's wish


def test_the_run_that_has_just_ended_stays(tmp_path: Path):
    with RunStore(tmp_path) as store:
        runs = [keep(store, n, megabytes=10) for n in range(2)]
        store.set_setting(size_limit.SETTING, "1")
        tidy(store, keep=runs[1].id)
        assert names(store) == ["run 1"]


def test_the_limit_is_two_gigabytes_until_the_user_sets_another(tmp_path: Path):
    with RunStore(tmp_path) as store:
        assert size_limit.limit(store) == 2_000_000_000
        set_limit(store, 5)
    with RunStore(tmp_path, write=False) as store:
        assert size_limit.limit(store) == 5


def test_curves_count_too_and_give_their_room_back(tmp_path: Path):
    with RunStore(tmp_path) as store:
        for number in range(3):
            run = keep(store, number)
            losses = np.random.default_rng(number).random(200_000)
            store.add(Batch(run, [Piece(1, losses, np.zeros((0, 2)))]))
        before = used_bytes(store, store.runs())
        assert before > 3 * 1.5 * MEGABYTE
        set_limit(store, 2 * MEGABYTE)
        assert names(store) == ["run 2"] and used_bytes(store, store.runs()) < 2 * MEGABYTE
    assert os.path.getsize(tmp_path / "runs.sqlite") < before


def test_of_short_trainings_the_last_twenty_of_a_file_stay(tmp_path: Path):
    with RunStore(tmp_path) as store:
        for number in range(24):
            keep(store, number, "a", 1.9, star=number == 0)
        keep(store, 24, "b", 0.1)
        tidy(store)
        assert names(store) == ["run 0", *(f"run {n}" for n in range(4, 25))]
        keep(store, 25, "a", 2.0)  # long enough to stay beside them
        tidy(store)
        assert len(names(store)) == 23


@pytest.mark.parametrize(
    "text, size", [("2GB", 2e9), ("1.5 gb", 1.5e9), ("500M", 5e8), ("10", 10), ("3k", 3000)]
)
def test_sizes_as_people_write_them(text: str, size: float):
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "1 PB", "GB"])
def test_what_is_no_size_is_an_error(text: str):
    with pytest.raises(RunStoreProblem, match="is not a size"):
        bytes_of(text)

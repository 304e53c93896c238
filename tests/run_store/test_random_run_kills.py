"""Two processes write runs and are killed at random: what was written is there, without a gap, and
the database is never damaged. In the nightly setting they are killed 100 times.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.run_store.database.connection import FILE, Database
from nodeflow.run_store.recording import writer_thread
from nodeflow.run_store.run_records import INTERRUPTED
from nodeflow.run_store.store import RunStore
from tests.volumes import is_nightly, volume

KILLS = volume("kills of a store of runs")
PATIENCE_S = 60
USUAL, OFTEN = writer_thread.FLUSH_SECONDS, 0.02
"""Seconds between writes: as users have them, and so that kills hit many."""
CHILD = Path(__file__).with_name("killed_writer.py")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by a Unix signal")


@pytest.mark.thorough
@pytest.mark.parametrize("flush", [OFTEN, USUAL] if is_nightly() else [OFTEN])
def test_less_than_a_second_is_lost_and_nothing_is_damaged(tmp_path: Path, flush: float) -> None:
    folder = tmp_path / "runs"
    for kill in range(KILLS if flush == OFTEN else KILLS // 4):
        draw = random.Random(kill)
        progress = [tmp_path / f"{kill}-{n}.progress" for n in range(2)]
        processes = [started(folder, f"{kill}-{n}", progress[n], flush) for n in range(2)]
        try:
            for process, file in zip(processes, progress, strict=True):
                wait_for_writes(process, file, draw.randint(2, 40) if flush == OFTEN else 2)
            time.sleep(draw.random() * 2 * flush)
            killed = time.monotonic()
        finally:
            for process in draw.sample(processes, 2):
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)
                process.wait()
                assert process.stderr is not None
                process.stderr.close()
        check(folder, progress, killed)


def started(folder: Path, seed: str, progress: Path, flush: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, CHILD, folder, seed, progress, flush]
    environment = {**os.environ, "PYTHONPATH": str(Path(nf.__file__).parents[1])}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return subprocess.Popen([str(p) for p in command], stderr=subprocess.PIPE, env=environment)


def wait_for_writes(process: subprocess.Popen[bytes], file: Path, count: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while not file.exists() or file.read_bytes().count(b"written") < count:
        assert process.poll() is None and process.stderr is not None, process.stderr.read()
        assert time.monotonic() < end, f"{file.name} has no {count} writes"
        time.sleep(0.005)


def check(folder: Path, progress: list[Path], killed: float) -> None:
    written: dict[str, int] = {}
    for file in progress:
        for line in file.read_text().split("\n")[:-1]:
            what, run, step, *when = line.split(" ")
            if what == "written" or (is_nightly() and float(when[0]) < killed - 1):
                written[run] = max(written.get(run, 0), int(step))
    database = Database(folder)
    assert database.rows("PRAGMA integrity_check")[0][0] == "ok"
    assert database.rows("PRAGMA foreign_key_check") == []
    database.close()
    assert (folder / FILE).exists()
    with RunStore(folder) as store:  # writes again after the kill
        kept = {run.id: run for run in store.runs()}
        for run in kept.values():
            curves = store.curves(run)
            losses = curves["training loss"].values
            assert losses.tolist() == list(range(1, len(losses) + 1))
            assert len(losses) >= written.get(run.id, 0)
            assert store.graph_text(run).startswith("graph ")
            if (epochs := curves.get("epoch loss")) is not None:
                np.testing.assert_array_equal(epochs.values, np.arange(1, len(epochs) + 1))
                np.testing.assert_array_equal(curves["m"].values, -epochs.values)
                np.testing.assert_array_equal(epochs.step, 10 * epochs.values)
                assert 10 * len(epochs) <= len(losses)
            assert run.status in (INTERRUPTED, "done")
        recent = [run for run, step in written.items() if step]
        assert recent and (set(recent) & kept.keys())

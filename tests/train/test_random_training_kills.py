"""Trainings are killed at random steps; what goes on has the bits of one that never was.

Three examples once each in ``make test``; in ``make test-nightly`` 1 000 kills of all examples, in
two tiers (`tests/volumes.py`).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import takewhile
from math import ceil
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.resources import examples
from nodeflow.train.events import Event, Resumed, Steps
from nodeflow.train.loop import event_stream
from nodeflow.train.resume.checkpoints import existing, read_tiers
from nodeflow.train.training import Training
from nodeflow.train.training_state import load_state
from tests.volumes import is_nightly, seeds, volume

CHILD = Path(__file__).with_name("killed_training.py")
TRAINED = {path.stem: path for path in examples() if nf.load(path).task.trains}
TIERS = ["compiled", "auto"]
FIRST = seeds("kills of a training").start
if is_nightly():
    CHOSEN = sorted(TRAINED)
    KILLS = range(FIRST, FIRST + ceil(volume("kills of a training") / (len(CHOSEN) * len(TIERS))))
    LAST_KILL, COMPARED, PATIENCE_S = 2000, 1000, 600
else:
    CHOSEN = ["linear_regression", "mnist_layers", "spirals"]
    KILLS = range(FIRST, FIRST + 1)
    LAST_KILL, COMPARED, PATIENCE_S = 60, 60, 120
Tiers = dict[str, int]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by a Unix signal")


@pytest.mark.thorough
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", CHOSEN)
def test_a_killed_training_goes_on_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, tier: str
) -> None:
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)  # the embedded images are enough
    known: list[tuple[Tiers, np.ndarray]] = []
    for kill in KILLS:
        draw = random.Random(f"{name} {tier} {kill}")
        folder = tmp_path / f"{tier}-{kill}"
        step, every = draw.randint(1, LAST_KILL), draw.choice([1, 3, 10, 50])
        before = killed(TRAINED[name], tier, folder, every, step)
        rest, resumed, tiers = gone_on(TRAINED[name], tier, folder)
        assert len(rest) > resumed or not existing(folder)
        truth = uninterrupted(TRAINED[name], tier, len(rest), tiers, known)
        assert rest.tobytes() == truth.tobytes(), f"kill at {step}, every {every}"
        count = min(len(before), len(truth))
        assert before[:count].tobytes() == truth[:count].tobytes()


def killed(file: Path, tier: str, folder: Path, every: int, step: int) -> np.ndarray:
    """The losses of a training that is killed at a step, or soon after."""
    losses = folder.with_suffix(".losses")
    command = [sys.executable, CHILD, file, tier, "1000", folder, every, losses]
    environment = {**os.environ, "PYTHONPATH": str(Path(nf.__file__).parents[1])}
    process = subprocess.Popen(
        [str(part) for part in command], stderr=subprocess.PIPE, env=environment
    )
    end = time.monotonic() + PATIENCE_S
    try:
        while not losses.exists() or losses.stat().st_size < 8 * step:
            assert process.poll() is None and process.stderr is not None, process.stderr.read()
            assert time.monotonic() < end, f"step {step} did not come"
            time.sleep(0.002)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
    data = losses.read_bytes()
    return np.frombuffer(data[: len(data) // 8 * 8])


def gone_on(file: Path, tier: str, folder: Path) -> tuple[np.ndarray, int, Tiers]:
    """The losses from the beginning to some steps after a checkpoint, its step, and the switches
    of tier."""
    events = nf.train.train(
        nf.load(file), tier=tier, epochs=1000, checkpoint=folder, resume=folder, threads=1
    )  # type: ignore[arg-type]
    step, parts = 0, [np.zeros(0)]
    for event in events:
        if isinstance(event, Resumed):
            step, parts = event.step, [event.losses]
        if isinstance(event, Steps):
            parts.append(event.losses)
            if event.last >= step + COMPARED:
                break
    del events
    newest = load_state(existing(folder)[-1])
    return np.concatenate(parts), step, {**read_tiers(folder), **newest.tiers}


def uninterrupted(
    file: Path, tier: str, steps: int, tiers: Tiers, known: list[tuple[Tiers, np.ndarray]]
) -> np.ndarray:
    """The losses of a training with these switches; `known` ones are not computed again."""
    for switches, losses in known:
        if switches == tiers and len(losses) >= steps:
            return losses[:steps]
    graph = nf.load(file)
    training: Training = graph.task.training()
    training = replace(training, epochs=1000)
    with nf.Session(graph, tier=tier, seed=training.seed) as session:  # type: ignore[arg-type]
        session.initialize()
        parts: list[np.ndarray] = []

        def goes_on(event: Event) -> bool:
            return sum(map(len, parts)) < max(steps, LAST_KILL + COMPARED)

        for event in takewhile(goes_on, event_stream.train(session, training, tiers=tiers)):
            if isinstance(event, Steps):
                parts.append(event.losses)
    known.append((tiers, np.concatenate(parts)))
    return known[-1][1][:steps]

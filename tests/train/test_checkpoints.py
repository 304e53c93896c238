"""The folder of a training's checkpoints: what is in it, and when."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from nodeflow.train.resume.checkpoints import Checkpoints, read_tiers
from nodeflow.train.saving.checkpoint import (
    LoopParts,
    read_checkpoint,
    read_loop,
    read_manifest,
    write_checkpoint,
)


def test_a_checkpoint_that_is_written_over_is_the_latest_and_whole(tmp_path: Path) -> None:
    """Three times: the new files come under the names that the ones before do not have."""
    path = tmp_path / "step-5"
    for number in range(3):
        loop = LoopParts({"number": number}, {"order": np.arange(4) + number})
        write_checkpoint(path, {"w": np.full(2, number, "float32")}, 5, loop)
        manifest = read_manifest(path)
        assert manifest.training == {"number": number}
        assert read_checkpoint(path)["w"].tolist() == [number, number]
        assert read_loop(path, manifest)["order"].tolist() == [number + n for n in range(4)]
        assert len(list(path.iterdir())) == 3


def test_a_switch_of_tier_is_recorded_while_a_checkpoint_is_being_written(tmp_path: Path) -> None:
    """A kill may come before the checkpoint is there, and after the step that ran compiled."""
    begun, written = threading.Event(), threading.Event()

    def write(state: object, last: bool = False) -> None:
        begun.set()
        assert written.wait(60)

    checkpoints = Checkpoints(tmp_path)
    checkpoints._write = write
    checkpoints.take(SimpleNamespace(step=3))
    try:
        assert begun.wait(60)
        checkpoints.note_tiers({"plan": 4})
        assert read_tiers(tmp_path) == {"plan": 4}
    finally:
        written.set()
        checkpoints.close()

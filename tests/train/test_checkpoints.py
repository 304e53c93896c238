"""The folder of a training's checkpoints: what is in it, and when."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

from nodeflow.train.resume.checkpoints import Checkpoints, read_tiers


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

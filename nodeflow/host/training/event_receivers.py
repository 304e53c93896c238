"""The receivers of the events of the training in the engine process."""

from __future__ import annotations

from collections.abc import Callable

from nodeflow.host import protocol as p
from nodeflow.host.training.progress_batching import ProgressBatcher
from nodeflow.host.training.record_training import KeptRuns
from nodeflow.host.training.training_files import WatchedTraining


class TrainingOutputs:
    """The receivers of a training's events.

    Attributes:
        progress: the window.
        runs: the store of runs.
        files: files for other programs.
    """

    def __init__(self, send: Callable[[p.Message], None]) -> None:
        self.progress = ProgressBatcher(send)
        self.runs = KeptRuns()
        self.files = WatchedTraining(send)

    def end(self) -> None:
        """Close files and run, however the training ended, and send waiting events."""
        self.files.end()
        self.runs.end()
        self.progress.flush()

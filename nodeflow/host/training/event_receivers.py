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
        """Close the files and the recorded run at the end of a training, however it ended. Send the
        events that still wait.
        """
        self.files.end()
        self.runs.end()
        self.progress.flush()

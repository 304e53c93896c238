"""A training that is killed after a checkpoint is listed and before the oldest one is deleted:
``FOLDER DELETIONS``, the number of deletions that come before.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from nodeflow.train.resume import checkpoints
from nodeflow.train.resume.checkpoints import Checkpoints
from nodeflow.train.training_state import TrainingState
from tests.train.test_resume import trained


def main(folder: str, deletions: str) -> None:
    left, real = [int(deletions)], checkpoints.delete_checkpoint

    def delete(*args: Any) -> bool:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return real(*args)

    def take(self: Checkpoints, state: TrainingState) -> None:
        real_take(self, state)
        self._writing.result()  # the steps of the checkpoints do not depend on the disk

    real_take = Checkpoints.take
    Checkpoints.take = take
    checkpoints.delete_checkpoint = delete
    trained(checkpoint=Path(folder), every=4, keep=2)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A training in a process of its own, to be killed: ``FILE TIER EPOCHS FOLDER EVERY LOSSES``.

Writes the loss of each step to the file LOSSES as float64, as soon as it is known. It goes on from
the checkpoints of FOLDER, if it has any.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nodeflow as nf
from nodeflow.train.events import Resumed, Steps


def main(file: str, tier: str, epochs: str, folder: str, every: str, losses: str) -> None:
    with Path(losses).open("wb", buffering=0) as out:
        for event in nf.train.train(
            nf.load(file),
            tier=tier,  # type: ignore[arg-type]
            epochs=int(epochs),
            checkpoint=folder,
            resume=folder,
            every=every,
        ):
            if isinstance(event, (Resumed, Steps)):
                out.write(event.losses.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])

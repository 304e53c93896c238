"""A process that decodes pictures for another process: ``python -m
nodeflow.data.pictures.decoder``.

It reads jobs from its input, each pickled and preceded by its length. It answers each with a byte:
1, followed by the pixels of all pictures; or 0 if a picture cannot be read. In that case, the other
process finds and reports the error. The process ends when its input ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from nodeflow.data.pictures.pixels import Look, read_pixels
from nodeflow.file_reading import ReadLimit, set_limit

LENGTH = struct.Struct("<I")
READY, DONE, FAILED = b"\2", b"\1", b"\0"


@dataclass(frozen=True)
class Job:
    """Pictures to decode, one after another."""

    files: Sequence[str]
    look: Look
    limit: ReadLimit


def main() -> None:
    """Serve jobs until the input ends."""
    from pathlib import Path

    from PIL import Image  # noqa: F401 loaded before the first job

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # printed text must not mix with the answers
    answers.write(READY)
    answers.flush()
    while len(head := sys.stdin.buffer.read(LENGTH.size)) == LENGTH.size:
        job: Job = pickle.loads(sys.stdin.buffer.read(LENGTH.unpack(head)[0]))
        set_limit(job.limit)
        try:
            pixels = [read_pixels(Path(file), job.look) for file in job.files]
        except Exception:
            answers.write(FAILED)
        else:
            answers.write(DONE)
            for picture in pixels:
                answers.write(picture.data)
        answers.flush()


if __name__ == "__main__":
    main()

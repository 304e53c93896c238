"""Writes runs one after another, to be killed: ``FOLDER SEED PROGRESS FLUSH_SECONDS``.

Step n of a run has the loss n; every tenth step ends an epoch. The file PROGRESS has lines of
``written RUN STEP`` after each write, and ``made RUN STEP TIME`` when a training has made steps.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.engine.session import Session
from nodeflow.run_store.recording import writer_thread
from nodeflow.run_store.recording.recorded_facts import About
from nodeflow.run_store.recording.recorder import Recording
from nodeflow.run_store.store import RunStore
from nodeflow.train.events import Done, Epoch, Event, Started, Steps
from nodeflow.train.training import Training
from tests.run_store.lines import fitted_line


def steps(draw: random.Random) -> Iterator[Event]:
    """A training of any length, with chunks of any length."""
    yield Started(10**6, 10)
    step, started = 0, time.monotonic()
    for _ in range(draw.randint(1, 400)):
        count = draw.randint(1, 40)
        losses = np.arange(step + 1, step + count + 1, dtype=np.float64)
        for end in range(step // 10 + 1, (step + count) // 10 + 1):
            yield Steps(step + 1, losses[: end * 10 - step], time.monotonic() - started)
            losses, step = losses[end * 10 - step :], end * 10
            yield Epoch(end, float(end), {"m": -float(end)}, step, time.monotonic() - started)
        if len(losses):
            yield Steps(step + 1, losses, time.monotonic() - started)
            step += len(losses)
        time.sleep(draw.random() * 0.004)
    yield Done(step // 10, last_epoch=step // 10)


def main(folder: str, seed: str, progress: str, flush: str) -> None:
    writer_thread.FLUSH_SECONDS = float(flush)
    real = RunStore.add
    with open(progress, "a", buffering=1) as said:

        def add(self: RunStore, batch: Any) -> None:
            real(self, batch)
            step = max((piece.last for piece in batch.pieces), default=0)
            said.write(f"written {batch.run.id} {step}\n")

        RunStore.add = add
        draw = random.Random(seed)
        graph, _ = fitted_line()
        training = Training(graph.node("descent"), graph.tensor("error"))
        with Session(graph, tier="reference") as session:
            session.initialize()
            while True:
                about = About(text=f"graph {draw.randint(1, 3)}", file=f"{seed}.flow")
                keep = Recording(Path(folder), about)
                for event in keep.watch(session, training, steps(draw)):
                    if isinstance(event, Steps):
                        said.write(f"made {keep.run.id} {event.last} {time.monotonic()}\n")
                if draw.random() < 0.2:
                    with RunStore(Path(folder)) as store:
                        store.delete([draw.choice(store.runs()).id])


if __name__ == "__main__":
    assert nf.__version__
    main(*sys.argv[1:])

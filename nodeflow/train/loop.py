"""The training loop: epochs of shuffled batches, told as a stream of events.

The loop owns no clockwork of its own: a Stepper of the session runs many steps per call inside the
engine, the Control lets them through, and whoever consumes the events decides what to show.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from nodeflow.data.batching import epoch_order
from nodeflow.engine.session import Session
from nodeflow.errors import DataError
from nodeflow.ops.phase import training_feeds
from nodeflow.train.control import Control
from nodeflow.train.evaluate import evaluate
from nodeflow.train.events import Done, Epoch, Event, Started, Steps
from nodeflow.train.settings import Metric, Training

CHUNK_SECONDS = 0.03
"""Time between two looks at the control; short enough for a button to feel immediate."""


def train(
    session: Session,
    training: Training,
    control: Control | None = None,
    *,
    first_epoch: int = 1,
) -> Iterator[Event]:
    """Train, yielding Started, Steps (many), Epoch (each) and Done.

    The session's variables must be initialized; they hold the trained values as soon as an event
    is yielded. ``first_epoch`` continues an earlier training with that epoch's own shuffling.

    Raises:
        DataError: no data, or fewer rows than one batch.
        RunError: a step failed; the variables keep the values from before it.
    """
    return _Loop(session, training, control or Control(), first_epoch).events()


class _Loop:
    def __init__(
        self, session: Session, training: Training, control: Control, first_epoch: int
    ) -> None:
        self.session = session
        self.training = training
        self.control = control
        self.first_epoch = first_epoch
        self.bindings = training.used_bindings([training.optimizer, training.loss.node])
        self.rows = training.rows(self.bindings, "train")
        self.steps_per_epoch = self._count_steps()
        self.steps_before = (first_epoch - 1) * self.steps_per_epoch
        self.steps = 0
        self.seconds = 0.0
        self.metrics: dict[str, float] = {}
        self.chunk = 1

    def _count_steps(self) -> int:
        if self.rows is None:
            return 1
        steps = self.rows // self.training.batch_size
        if steps == 0:
            raise DataError(
                f"a batch of {self.training.batch_size} needs more than {self.rows} training rows",
                hint="Choose a smaller batch size.",
            )
        return steps

    def events(self) -> Iterator[Event]:
        training = self.training
        notices = tuple(
            dict.fromkeys(b.dataset.notice for b in training.bindings.values() if b.dataset.notice)
        )
        yield Started(training.epochs, self.steps_per_epoch, self.first_epoch, notices)
        columns = {t: b.dataset.split("train")[b.column] for t, b in self.bindings.items()}
        feeds = {**training_feeds(self.session.graph), **training.feeds}
        stepper = self.session.stepper(
            [training.optimizer],
            [training.loss],
            columns,
            training.batch_size,
            feeds={t: v for t, v in feeds.items() if t not in columns},
            first_step=self.steps_before,
        )
        done = 0
        for epoch in range(self.first_epoch, self.first_epoch + training.epochs):
            stepper.start_epoch(self._order(epoch))
            total = 0.0
            for event in self._steps(stepper):
                total += float(np.sum(event.losses, dtype=np.float64))
                yield event
            if self.control.stopped:
                break
            done += 1
            measured = self._measure(epoch, self._due(epoch))
            yield Epoch(epoch, total / self.steps_per_epoch, measured, self.steps, self.seconds)
        rate = self.steps / self.seconds if self.seconds else 0.0
        yield Done(
            done, dict(self.metrics), self.steps, rate, self.seconds, self.control.stopped, notices
        )

    def _order(self, epoch: int) -> np.ndarray:
        rows = self.rows or 0
        if not self.training.shuffle:
            return np.arange(rows, dtype=np.int64)
        return epoch_order(rows, self.training.seed, epoch - 1)

    def _steps(self, stepper) -> Iterator[Steps]:
        left = self.steps_per_epoch
        while left:
            allowed = self.control.allow(min(self.chunk, left))
            if allowed == 0:
                return
            started = time.perf_counter()
            done, scalars = stepper.drive(allowed)
            elapsed = time.perf_counter() - started
            self.seconds += elapsed
            self._adapt(done, elapsed)
            first = self.steps_before + self.steps + 1
            self.steps += done
            left -= done
            yield Steps(first, np.asarray(scalars)[:, 0], self.seconds, self.session.tier_in_use)

    def _adapt(self, done: int, elapsed: float) -> None:
        """Size the next chunk by the last one; it never affects the numbers."""
        fitting = int(done * CHUNK_SECONDS / max(elapsed, 1e-6))
        self.chunk = max(1, min(fitting, 4 * self.chunk, 10_000))

    def _due(self, epoch: int) -> Sequence[Metric]:
        last = self.first_epoch + self.training.epochs - 1
        return [m for m in self.training.metrics if epoch % m.every == 0 or epoch == last]

    def _measure(self, epoch: int, metrics: Sequence[Metric]) -> dict[str, float]:
        measured: dict[str, float] = {}
        for split in dict.fromkeys(m.split for m in metrics):
            chosen = [m for m in metrics if m.split == split]
            values = evaluate(self.session, self.training, [m.tensor for m in chosen], split)
            measured.update({m.key: v for m, v in zip(chosen, values, strict=True)})
        self.metrics.update(measured)
        return measured

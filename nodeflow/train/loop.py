"""The training loop: epochs of shuffled batches, as a stream of events.

A Stepper of the session runs many steps per call inside the engine; the Control limits how many.
The loop advances only while its caller consumes the events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from nodeflow.data.shuffling import epoch_order
from nodeflow.engine.session import Session
from nodeflow.engine.stepper import Stepper
from nodeflow.errors import DataError
from nodeflow.ops.training_mode import training_feeds
from nodeflow.train.breakpoints import Breakpoints
from nodeflow.train.control import Control
from nodeflow.train.early_stopping import Watch
from nodeflow.train.evaluate import evaluate
from nodeflow.train.events import Done, Epoch, Event, Hit, Started, Steps
from nodeflow.train.finite import FiniteGuard, Found, diverged, error_of
from nodeflow.train.stream_stepper import StreamStepper
from nodeflow.train.training import Metric, Training
from nodeflow.train.weight_averaging import Averages

WITHOUT_END = 2**62
"""Steps of an epoch whose end the data set decides."""


def train(
    session: Session,
    training: Training,
    control: Control | None = None,
    *,
    first_epoch: int = 1,
) -> Iterator[Event]:
    """Train, yielding Started, then Steps, Hit (at breakpoints) and Epoch, and Done at the end.

    The variables of the session must be initialized. Whenever an event is yielded, they hold the
    values after the last step. ``first_epoch`` continues an earlier training: the rows are shuffled
    as in that epoch.

    Raises:
        DataError: there is no data, or fewer rows than one batch.
        RunError: a step failed; the variables keep the values from before it.
        NonFiniteError: the loss or a variable is not finite any more; the variables have the
            values of the last epoch that was finite. It does not come if the setting
            ``allow_nonfinite`` is on.
    """
    return _Loop(session, training, control or Control(), first_epoch).events()


def profile(session: Session, training: Training, steps: int = 3) -> dict[str, Any]:
    """Time every kernel in the first steps of a training, and restore the variables.

    Returns:
        A trace in Chrome's format.

    Raises:
        DataError, RunError: as `train`.
    """
    return _Loop(session, training, Control(), 1).profile(steps)


def explain(session: Session, training: Training) -> str:
    """The optimized plan of a training step and its code, as text."""
    return _Loop(session, training, Control(), 1)._stepper().explain()


class _Loop:
    def __init__(
        self, session: Session, training: Training, control: Control, first_epoch: int
    ) -> None:
        self.session = session
        self.training = training
        self.control = control
        self.first_epoch = first_epoch
        used = training.used_bindings([training.optimizer, training.loss.node])
        self.bindings = {} if training.stream else used
        self.rows = training.rows(self.bindings, "train")
        self.steps_per_epoch = self._count_steps()
        self.steps_before = (first_epoch - 1) * self.steps_per_epoch
        self.steps = 0
        self.seconds = 0.0
        self.measured: dict[str, np.ndarray] = {}
        self.best_measured: dict[str, np.ndarray] = {}
        self.averages = Averages(session, training.optimizer) if training.use_averages else None
        self.breakpoints = Breakpoints(training.breakpoints)
        self.found: Found | None = None
        before = first_epoch - 1
        self.guard = (
            None if training.allow_nonfinite else FiniteGuard(session.variables, training, before)
        )
        stops_early = training.patience is not None
        self.watch = Watch(training, training.monitor) if stops_early else None
        for metric in training.measured():  # raises here for a missing split, not after an epoch
            training.rows(training.used_bindings([metric.tensor.node]), metric.split)

    def _count_steps(self) -> int:
        if self.training.stream:
            return self.training.stream.steps or 0  # known after the first epoch
        if self.rows is None:
            return 1
        steps = self.rows // self.training.batch_size
        if steps == 0:
            raise DataError(
                f"the batch size {self.training.batch_size} exceeds the {self.rows} training rows",
                hint="Choose a smaller batch size.",
            )
        return steps

    def _measured_rows(self, metric: Metric) -> int:
        bindings = self.training.used_bindings([metric.tensor.node])
        return self.training.rows(bindings, metric.split) or 0

    def events(self) -> Iterator[Event]:
        training = self.training
        notices = tuple(
            dict.fromkeys(b.dataset.notice for b in training.bindings.values() if b.dataset.notice)
        )
        shares = tuple(m.key for m in training.measured() if m.is_share)
        measured = tuple((m.key, m.split, self._measured_rows(m)) for m in training.measured())
        yield Started(
            training.epochs, self.steps_per_epoch, self.first_epoch, notices, shares, measured
        )
        stepper = self._stream_stepper() if training.stream else self._stepper()
        last = self.first_epoch - 1
        if self.watch:
            self.watch.start(self.first_epoch)
        end = self.first_epoch + training.epochs
        for epoch in range(self.first_epoch, end):
            stepper.start_epoch(self._order(epoch))
            total, before = 0.0, self.steps
            for event in self._steps(stepper):
                if isinstance(event, Steps):
                    total += float(np.sum(event.losses, dtype=np.float64))
                yield event
            if self.control.stopped:
                break
            if self.guard and self.found is None:
                self.found = self.guard.end_epoch(epoch, epoch == end - 1)
            if self.guard and self.found:
                step, kept = self.steps_before + self.steps, self.guard.restore()
                event = diverged(self.found, step, epoch, kept, self.first_epoch)
                yield event
                raise error_of(event)
            if self.steps == before:
                raise DataError("the data set has no elements for an epoch")
            last, loss = epoch, total / (self.steps - before)
            measured = self._measure(epoch, loss)
            metrics, tables = _parted(measured)
            yield Epoch(epoch, loss, metrics, self.steps, self.seconds, tables)
            if self.watch and self.watch.exhausted:
                break
        yield self._finish(last, notices)

    def profile(self, steps: int) -> dict[str, Any]:
        """A trace of the first steps; restores the variables."""
        before = dict(self.session.variables.items())
        stepper = self._stepper()
        stepper.start_epoch(self._order(self.first_epoch))
        try:
            return stepper.profile(steps)
        finally:
            self.session.variables.update(before)

    def _stepper(self) -> Stepper:
        training = self.training
        columns = {t: b.dataset.split("train")[b.column] for t, b in self.bindings.items()}
        feeds = {**training_feeds(self.session.graph), **training.feeds}
        return self.session.stepper(
            [training.optimizer],
            [training.loss, *self.breakpoints.probes],
            columns,
            training.batch_size,
            feeds={t: v for t, v in feeds.items() if t not in columns},
            first_step=self.steps_before,
        )

    def _stream_stepper(self) -> StreamStepper:
        training = self.training
        assert training.stream is not None
        scalars = [training.loss, *self.breakpoints.probes]
        return StreamStepper(
            self.session, training.optimizer, scalars, training.stream, training.feeds
        )

    def _finish(self, last: int, notices: tuple[str, ...]) -> Done:
        """Set the variables to their final values, and say how the training ended."""
        stopped, watch, best_epoch = self.control.stopped, self.watch, 0
        if watch and watch.best is not None and not stopped and watch.best_epoch != last:
            self.session.variables.update(watch.best)
            best_epoch = watch.best_epoch
            self.measured = self.best_measured
        if self.averages and not stopped:
            self.averages.keep()
        early = watch is not None and watch.exhausted and not stopped
        metrics, tables = _parted(self.measured)
        return Done(
            last - self.first_epoch + 1,
            metrics,
            self.steps,
            self.steps / self.seconds if self.seconds else 0.0,
            self.seconds,
            stopped,
            notices,
            tables,
            last,
            watch.reason if watch and early else "",
            best_epoch,
        )

    def _order(self, epoch: int) -> np.ndarray:
        rows = self.rows or 0
        if not self.training.shuffle:
            return np.arange(rows, dtype=np.int64)
        seed = self.training.seed if self.training.row_seed is None else self.training.row_seed
        return epoch_order(rows, seed, epoch - 1)

    def _steps(self, stepper: Stepper | StreamStepper) -> Iterator[Steps | Hit]:
        left = self.steps_per_epoch or WITHOUT_END
        while left:
            allowed = self.control.allow(min(stepper.chunker.size, left))
            if allowed == 0:
                return
            started = time.perf_counter()
            done, scalars = self._run(stepper, allowed)
            ended = done < allowed and self.training.stream is not None
            elapsed = time.perf_counter() - started
            self.seconds += elapsed
            first = self.steps_before + self.steps + 1
            if self.guard and (found := self.guard.look(scalars[:, 0], elapsed)):
                self.found, done = found, found.count  # the steps after it are taken back
            self.steps += done
            left -= done
            hit = self.breakpoints.hits(scalars[done - 1, 1:]) if done else ()
            if hit:
                self.control.pause()
            if done:
                yield Steps(first, scalars[:done, 0], self.seconds, self.session.tier)
            if hit:
                yield Hit(first + done - 1, hit, self.breakpoints.reason(hit))
                if self.found:
                    self.control.allow(1)  # what is not finite can be looked at first
            if self.found or (ended and not hit):
                return

    def _run(self, stepper: Stepper | StreamStepper, count: int) -> tuple[int, np.ndarray]:
        """As `Stepper.run`, but with breakpoints step by step, up to the first hit."""
        if not self.breakpoints:
            return stepper.run(count)
        parts: list[np.ndarray] = []
        while len(parts) < count:
            done, scalars = stepper.run(1)
            if not done:
                break
            parts.append(scalars)
            if self.breakpoints.hits(scalars[0, 1:]):
                break
        return len(parts), np.concatenate(
            parts or [np.zeros((0, 1 + len(self.breakpoints.probes)))]
        )

    def _due(self, epoch: int) -> Sequence[Metric]:
        training = self.training
        last = self.first_epoch + training.epochs - 1
        watched = training.watched
        return [
            m for m in training.measured() if epoch % m.every == 0 or epoch == last or m is watched
        ]

    def _measure(self, epoch: int, loss: float) -> dict[str, np.ndarray]:
        """The metrics that are due after an epoch, by key; the watch takes the monitored one."""
        measured: dict[str, np.ndarray] = {}
        due = self._due(epoch)
        with self.averages.used() if self.averages and due else nullcontext():
            for split in dict.fromkeys(m.split for m in due):
                chosen = [m for m in due if m.split == split]
                values = evaluate(self.session, self.training, [m.tensor for m in chosen], split)
                measured.update({m.key: v for m, v in zip(chosen, values, strict=True)})
        self.measured = {**self.measured, **measured}
        if self.watch:
            metric = self.watch.monitor.metric
            self._see(self.watch, epoch, float(measured[metric.key]) if metric else loss)
        return measured

    def _see(self, watch: Watch, epoch: int, value: float) -> None:
        if watch.improves(epoch, value) and self.training.restore_best:
            watch.best = dict(self.session.variables.items())
            self.best_measured = self.measured


def _parted(measured: dict[str, np.ndarray]) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The scalars, and the metrics that are tables."""
    numbers = {key: float(value) for key, value in measured.items() if value.ndim == 0}
    return numbers, {key: value for key, value in measured.items() if value.ndim}

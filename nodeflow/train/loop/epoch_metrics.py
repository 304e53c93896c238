"""The metrics of a training after each epoch, and early stopping by one of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.errors import GraphError
from nodeflow.train.evaluation.early_stopping import Watch
from nodeflow.train.evaluation.evaluate_split import evaluate
from nodeflow.train.evaluation.weight_averaging import Averages
from nodeflow.train.loop.epochs import Epochs
from nodeflow.train.loop_progress import Progress
from nodeflow.train.training import Metric, Training
from nodeflow.train.training_state import TrainingState
from nodeflow.train.tunable_numbers import Numbers


class EpochMetrics:
    """The metrics of a training, its running means of weights, and its early stopping.

    Attributes:
        stops_early: whether the training may end before its last epoch.
        watch: the record of early stopping; None if it is off.
    """

    def __init__(
        self,
        session: Session,
        training: Training,
        at: Progress,
        epochs: Epochs,
        numbers: Numbers,
        optimizers: Sequence[str],
    ) -> None:
        self._session, self._training, self._at = session, training, at
        self._epochs, self._numbers, self._optimizers = epochs, numbers, optimizers
        phases = [phase.optimizer for phase in training.phases]
        self._averages = Averages(session, phases) if training.use_averages else None
        self.stops_early = training.patience is not None
        if self.stops_early and training.schedule and training.monitor.metric is None:
            raise GraphError(
                "a schedule has several losses, so early stopping needs to know which to watch",
                port="training.monitor",
                hint="Choose a value to monitor, or train without patience.",
            )
        self.watch = Watch(training, training.monitor) if self.stops_early else None

    def begin(self, first_epoch: int, state: TrainingState | None) -> None:
        """Start early stopping at an epoch: reset the record of the best value, or continue with
        the record of an earlier training.

        Args:
            state: the state of the earlier training; None for a new one.
        """
        if self.watch:
            self.watch.start(first_epoch)
        if self.watch and state is not None and state.watch is not None:
            self.watch.go_on(state.watch, state.best)

    def rows(self) -> tuple[tuple[str, str, int], ...]:
        """Return the key, the split and the number of rows of each metric that is measured.

        Raises:
            DataError: a metric's split is missing.
        """
        return tuple((m.key, m.split, self._rows(m)) for m in self._training.measured())

    def _rows(self, metric: Metric) -> int:
        bindings = self._training.used_bindings([metric.tensor.node])
        return self._training.rows(bindings, metric.split) or 0

    def shares(self) -> tuple[str, ...]:
        """Return the keys of the metrics that are a share of rows between 0 and 1, such as
        accuracy.
        """
        return tuple(m.key for m in self._training.measured() if m.is_share)

    @property
    def is_exhausted(self) -> bool:
        """True if early stopping ends the training."""
        return self.watch is not None and self.watch.exhausted

    def _due(self, epoch: int) -> Sequence[Metric]:
        last, watched = self._epochs.end - 1, self._training.watched
        measured = self._training.measured()
        return [
            m
            for m in measured
            if m is watched or (not m.is_once and (epoch % m.every == 0 or epoch == last))
        ]

    def measure(self, epoch: int, loss: float) -> dict[str, np.ndarray]:
        """Return the metrics that are due after an epoch, by key; record the monitored one.

        Raises:
            Cancelled: the training was stopped during the measurement. Its state is unchanged.
        """
        due, later = self._due(epoch), self._epochs.end - 1 - epoch
        times = 1 + (min(1, later) if self.stops_early else later)  # evaluations sure to come
        with self._averages.used() if self._averages and due else nullcontext():
            measured = self._values(due, times)
        if self.watch:
            metric = self.watch.monitor.metric
            self._see(self.watch, epoch, float(measured[metric.key]) if metric else loss)
        return measured

    def measure_once(self) -> None:
        """Measure the metrics that are measured after the last epoch only, with the final weights.

        Raises:
            Cancelled: the training was stopped during the measurement.
        """
        if due := self._training.measured_once():
            self._values(due, 1)

    def _values(self, due: Sequence[Metric], times: int) -> dict[str, np.ndarray]:
        """Measure the metrics that are due, and return their values by key. Also store them in the
        progress of the training.

        Args:
            times: the expected number of measurements like this one.
        """
        session, at = self._session, self._at
        measured: dict[str, np.ndarray] = {}
        others, session.runs = session.runs, at.runs
        if session.tiers is not None:
            session.tiers.step = session.steps_of(self._optimizers)
        numbers = self._numbers.feeds_measuring(at.step, [m.tensor for m in due])
        training = replace(self._training, feeds={**numbers, **self._training.feeds})
        try:
            for split in dict.fromkeys(m.split for m in due):
                chosen = [m for m in due if m.split == split]
                tensors = [m.tensor for m in chosen]
                values = evaluate(session, training, tensors, split, times=times)
                measured.update({m.key: v for m, v in zip(chosen, values, strict=True)})
            at.runs = session.runs
        finally:
            session.runs = max(others, at.runs)
        at.measured = {**at.measured, **measured}
        return measured

    def _see(self, watch: Watch, epoch: int, value: float) -> None:
        if watch.improves(epoch, value) and self._training.restore_best:
            watch.best = dict(self._session.variables.items())
            self._at.best_measured = self._at.measured

    def choose_variables(self, last: int, stopped: bool) -> tuple[int, str]:
        """Set the variables to their final values: the best epoch's values, or the running means.

        Returns:
            The restored epoch or 0, and the reason if the training stopped early, else "".
        """
        watch, best_epoch = self.watch, 0
        if watch and watch.best is not None and not stopped and watch.best_epoch != last:
            self._session.variables.update(watch.best)
            best_epoch = watch.best_epoch
            self._at.measured = self._at.best_measured
        if self._averages and not stopped:
            self._averages.keep()
        early = self.is_exhausted and not stopped
        return best_epoch, watch.reason if watch and early else ""

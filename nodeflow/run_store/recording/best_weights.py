"""The weights of the best epoch of a training, even without early stopping."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.run_store.curves import EPOCH_LOSS
from nodeflow.run_store.run_records import Run
from nodeflow.train.events import Epoch
from nodeflow.train.schedule import loss_name
from nodeflow.train.training import Training

SHARE, FREE_SECONDS = 0.005, 0.02
"""Limit on the time of copies: a fraction of the training's time, plus some seconds."""


def deciding(training: Training) -> tuple[str, float]:
    """Return the key of the value that decides the best epoch, and 1 if lower is better, else -1.

    The key is the value that early stopping watches, or the first metric on rows outside the
    training split: higher is better for accuracies and similar metrics, lower for others. Without
    such a metric, the training loss decides; with a schedule, the loss of its first optimizer.
    """
    measured = [
        m
        for m in training.measured()
        if m.split != "train" and m.tensor.shape == () and not m.is_once
    ]
    watched = training.watched
    if watched:
        return watched.key, -1.0 if training.monitor.goal == "max" else 1.0
    chosen = next(iter(measured), None)
    if chosen:
        return chosen.key, -1.0 if chosen.is_share else 1.0
    return (loss_name(training.phases[0].optimizer.name) if training.schedule else EPOCH_LOSS), 1.0


class BestWeights:
    """A copy of the variables after the best epoch so far (`deciding`).

    If copies would take too much time, some epochs are skipped.

    Attributes:
        variables: the variables of the best epoch; empty before the first epoch.
        epoch, value: the number of that epoch, and its value.
        step: the last step of that epoch.
        key: the metric that decides.
    """

    def __init__(self, training: Training) -> None:
        self.key, self._sign = deciding(training)
        self.variables: dict[str, np.ndarray] = {}
        self.epoch, self.step, self.value = 0, 0, np.nan
        self._taken = 0.0

    def see(self, epoch: Epoch, session: Session, step: int) -> None:
        """Keep a copy of the variables if this epoch is the best so far.

        Args:
            epoch: the finished epoch, with its loss and metrics.
            step: its last step.
        """
        value = epoch.loss if self.key == EPOCH_LOSS else epoch.metrics.get(self.key)
        if value is None or not np.isfinite(value):
            return
        if self.epoch and self._sign * value >= self._sign * self.value:
            return
        if self._taken > FREE_SECONDS + SHARE * epoch.seconds:
            return
        started = time.perf_counter()
        self.variables = dict(session.variables.items())
        self._taken += time.perf_counter() - started
        self.epoch, self.step, self.value = epoch.epoch, step, float(value)

    def go_on(self, run: Run | None) -> None:
        """Continue the search for the best epoch of a resumed run: start with the best epoch and
        value so far.

        Args:
            run: the earlier run, whose best weights are already stored; None for a new run.
        """
        if run is not None and run.best.get("by") == self.key:
            self.epoch, self.value = run.best["epoch"], run.best["value"]

    @property
    def facts(self) -> Mapping[str, Any]:
        """The best epoch, the deciding key and the value."""
        if not self.epoch:
            return {}
        return {"epoch": self.epoch, "by": self.key, "value": self.value}

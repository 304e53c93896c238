"""The weights of the best epoch of a training that does not look for it itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.run_store.curves import EPOCH_LOSS
from nodeflow.run_store.records import Run
from nodeflow.train.events import Epoch
from nodeflow.train.training import Training

SHARE, FREE_SECONDS = 0.005, 0.02
"""Part of the training's time that copies may take, beside so many seconds."""


def deciding(training: Training) -> tuple[str, float]:
    """What says which epoch is the best: its key, and 1 where the lower is better, else -1.

    It is what early stopping watches, or the first metric on rows that are not trained on: the
    higher is better for accuracies and their like, the lower for all else. Without one, the
    training loss decides.
    """
    measured = [m for m in training.measured() if m.split != "train" and m.tensor.shape == ()]
    watched = training.watched
    if watched:
        return watched.key, -1.0 if training.monitor.goal == "max" else 1.0
    chosen = next(iter(measured), None)
    return (chosen.key, -1.0 if chosen.is_share else 1.0) if chosen else (EPOCH_LOSS, 1.0)


class BestWeights:
    """Copies the variables after epochs that are better than all before (`deciding`).

    If copies would take too much time, it looks at fewer epochs.

    Attributes:
        variables: the variables of the best epoch seen; empty before the first.
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
        """Look at an epoch that has just ended with this step."""
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
        """Only what is better than the best epoch of a run counts, which keeps its weights."""
        if run is not None and run.best.get("by") == self.key:
            self.epoch, self.value = run.best["epoch"], run.best["value"]

    @property
    def facts(self) -> Mapping[str, Any]:
        """Which epoch it is, and why."""
        if not self.epoch:
            return {}
        return {"epoch": self.epoch, "by": self.key, "value": self.value}

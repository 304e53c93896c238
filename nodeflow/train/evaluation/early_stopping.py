"""Early stopping: training ends when the monitored value has not improved for some epochs.

The criterion is patience, the simplest one in Prechelt, "Early Stopping - But When?", 1998.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nodeflow.train.settings import PlainSettings
from nodeflow.train.training import Monitor
from nodeflow.train.training_state import WatchState


@dataclass
class Watch:
    """The record of the monitored value of each epoch, which decides when to stop.

    ``best`` holds the variables of the best epoch if they are to be restored at the end.
    """

    settings: PlainSettings
    monitor: Monitor
    best_epoch: int = 0
    best_value: float = math.nan
    last_epoch: int = 0
    best: Mapping[str, np.ndarray] | None = None
    epochs_before: int = 0

    def start(self, first_epoch: int) -> None:
        """Begin with this epoch."""
        self.last_epoch = self.epochs_before = first_epoch - 1

    @property
    def state(self) -> WatchState:
        """The record of the epochs so far."""
        return WatchState(self.best_epoch, self.best_value, self.last_epoch, self.epochs_before)

    def go_on(self, state: WatchState, best: Mapping[str, np.ndarray] | None) -> None:
        """Continue the record of an earlier training."""
        self.best_epoch, self.best_value = state.best_epoch, state.best_value
        self.last_epoch, self.epochs_before = state.last_epoch, state.epochs_before
        self.best = best

    def improves(self, epoch: int, value: float) -> bool:
        """Record an epoch's value, and return whether it is the best so far. NaN is never the
        best.
        """
        self.last_epoch = epoch
        if not self._is_better(value):
            return False
        self.best_epoch, self.best_value = epoch, value
        return True

    def _is_better(self, value: float) -> bool:
        if math.isnan(value) or not self.best_epoch:
            return not math.isnan(value)
        gain = value - self.best_value if self.monitor.goal == "max" else self.best_value - value
        return gain > self.settings.min_change

    @property
    def exhausted(self) -> bool:
        """True if none of the last ``patience`` epochs was the best so far."""
        patience, best = self.settings.patience, self.best_epoch or self.epochs_before
        return patience is not None and self.last_epoch - best >= patience

    @property
    def reason(self) -> str:
        """The reason for stopping, in words: ``validation loss has not improved for 3 epochs``."""
        count, change = self.settings.patience, self.settings.min_change
        enough = f" by more than {change:g}" if change else ""
        epochs = f"{count} epoch{'' if count == 1 else 's'}"
        return f"{self.monitor.title} has not improved{enough} for {epochs}"

"""Early stopping: training ends when what is watched has not improved for some epochs.

Prechelt, "Early Stopping - But When?", 1998: the simplest of his criteria, patience.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nodeflow.train.settings import EarlyStopping


@dataclass
class Watch:
    """Sees one value an epoch, and knows when further epochs are in vain.

    ``best`` holds the variables of the best epoch, if they are to be restored.
    """

    rule: EarlyStopping
    best_epoch: int = 0
    best_value: float = math.nan
    last_epoch: int = 0
    best: Mapping[str, np.ndarray] | None = None
    epochs_before: int = 0

    def start(self, first_epoch: int) -> None:
        """Epochs count from this one on."""
        self.last_epoch = self.epochs_before = first_epoch - 1

    def improves(self, epoch: int, value: float) -> bool:
        """Take an epoch's value, and say whether it is the best so far; NaN never is."""
        self.last_epoch = epoch
        if not self._is_better(value):
            return False
        self.best_epoch, self.best_value = epoch, value
        return True

    def _is_better(self, value: float) -> bool:
        if math.isnan(value) or not self.best_epoch:
            return not math.isnan(value)
        gain = value - self.best_value if self.rule.goal == "max" else self.best_value - value
        return gain > self.rule.min_change

    @property
    def exhausted(self) -> bool:
        """No epoch of the last ``patience`` ones was better."""
        return self.last_epoch - (self.best_epoch or self.epochs_before) >= self.rule.patience

    @property
    def reason(self) -> str:
        """``validation loss has not improved for 3 epochs``."""
        count = self.rule.patience
        enough = f" by more than {self.rule.min_change:g}" if self.rule.min_change else ""
        epochs = f"{count} epoch{'' if count == 1 else 's'}"
        return f"{self.rule.title} has not improved{enough} for {epochs}"

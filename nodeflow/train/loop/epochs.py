"""The division of a training into epochs and steps."""

from __future__ import annotations

import numpy as np

from nodeflow.errors import DataError
from nodeflow.train.stepping.steppers import order_of
from nodeflow.train.training import Training


class Epochs:
    """The epochs of a training, and the rows of their steps.

    Attributes:
        first: the first epoch, counted from 1.
        end: the number of the last epoch plus 1.
        bindings: the columns that feed a step; empty if the data set is a stream.
        rows: the rows of the training split; None without data.
        steps: the steps of an epoch; 0 for a stream, until an epoch has ended.

    Raises:
        DataError: there are fewer rows than one batch.
    """

    def __init__(self, training: Training, first: int) -> None:
        self._training = training
        used = training.used_bindings([training.optimizer, training.loss.node])
        self.bindings = {} if training.stream else used
        self.rows = training.rows(self.bindings, "train")
        self.steps = self._count_steps()
        self.first = first
        self.end = first + training.epochs

    def _count_steps(self) -> int:
        if self._training.stream:
            return self._training.stream.steps or 0  # known after the first epoch
        if self.rows is None:
            return 1
        steps = self.rows // self._training.batch_size
        if steps == 0:
            raise DataError(
                f"the batch size {self._training.batch_size} exceeds the {self.rows} training rows",
                hint="Choose a smaller batch size.",
            )
        return steps

    def order(self, epoch: int) -> np.ndarray:
        """Return the order of the rows in an epoch."""
        return order_of(self._training, self.rows or 0, epoch)

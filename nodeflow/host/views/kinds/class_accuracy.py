"""The fraction of correct predictions, by true class and by predicted class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.kinds.thresholds import judged
from nodeflow.host.views.view_kind import ViewKind

if TYPE_CHECKING:
    from nodeflow.host.views.value_source import ViewSource


@dataclass(frozen=True)
class ClassAccuracyData:
    """Counts of rows by class, int64 (classes,) each.

    Attributes:
        tensor: the name of the predicting tensor.
        split: the split of the rows, one of ``splits``.
        rows: the number of rows of the class.
        answered: the number of predictions of the class.
        right: the number of rows of the class that are predicted correctly.
    """

    tensor: str
    split: str
    splits: tuple[str, ...]
    names: tuple[str, ...]
    rows: np.ndarray
    answered: np.ndarray
    right: np.ndarray
    total: int

    @property
    def accuracy(self) -> np.ndarray:
        """The recall of each class: the fraction of its rows that are predicted correctly. NaN for
        a class without rows.
        """
        return _shares(self.right, self.rows)

    @property
    def precision(self) -> np.ndarray:
        """The precision of each class: the fraction of its predictions that are correct. NaN for a
        class that is never predicted.
        """
        return _shares(self.right, self.answered)


def compute(source: ViewSource, spec: ViewSpec) -> ClassAccuracyData:
    """Count for each class the true rows, the predicted rows, and the rows that are both, for a
    tensor that predicts classes. Option: ``split``, the part of the data.

    Raises:
        ViewProblem: the tensor does not predict classes of known rows.
    """
    found = judged(source, spec)
    count = len(found.answers.names)
    answer = found.shares.argmax(axis=1)
    right = found.truth[answer == found.truth]
    return ClassAccuracyData(
        found.answers.tensor.name,
        found.split,
        found.splits,
        found.answers.names,
        np.bincount(found.truth, minlength=count),
        np.bincount(answer, minlength=count),
        np.bincount(right, minlength=count),
        found.total,
    )


def _shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


KIND = ViewKind("class_accuracy", compute, interval=0.5)

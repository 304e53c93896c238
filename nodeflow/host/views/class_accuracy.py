"""How many rows of each class are right, and how many answers of each class are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.kind import ViewKind
from nodeflow.host.views.thresholds import judged

if TYPE_CHECKING:
    from nodeflow.host.views.source import ViewSource


@dataclass(frozen=True)
class ClassAccuracyData:
    """Counts of rows by class, int64 (classes,) each.

    Attributes:
        tensor: name of what answers.
        split: of the rows, one of ``splits``.
        rows: how many are of the class; ``answered`` how many answers say it; ``right`` both.
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
        """Share of the rows of each class that are right; NaN where there are none."""
        return _shares(self.right, self.rows)

    @property
    def precision(self) -> np.ndarray:
        """Share of the answers of each class that are right; NaN where there are none."""
        return _shares(self.right, self.answered)


def compute(source: ViewSource, spec: ViewSpec) -> ClassAccuracyData:
    """The counts of a tensor that answers; option ``split``.

    Raises:
        ViewProblem: it answers for no rows whose classes are known.
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

"""Curves of how well the probability of a class separates its rows from others, at all thresholds.

Each class is compared with the rest. A row counts as a member of the class if its score is at least
the threshold. Rows of equal score pass the threshold together, so ties give no credit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.document.to_graph.predictions.class_scores import made_by
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.class_names import classes_of
from nodeflow.host.views.label_predictor import (
    Answers,
    candidates,
    chosen_split,
    shares_of,
    values_of,
)
from nodeflow.host.views.view_kind import ViewProblem

if TYPE_CHECKING:
    from nodeflow.host.views.value_source import ViewSource

MOST_POINTS = 200
"""The points of a drawn curve. Its area uses all points."""


@dataclass(frozen=True)
class ClassCurve:
    """The curve of one class.

    Attributes:
        name: the name of the class.
        x, y: float64 (n,), between 0 and 1.
        area: the area under the whole curve; NaN if there are no rows of the class, or only those.
        rows: the number of rows of the class.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    area: float
    rows: int


@dataclass(frozen=True)
class ThresholdData:
    """The curves of all classes; with two classes, only the curve of the second.

    Attributes:
        tensor: the name of the predicting tensor.
        split: the split of the rows, one of ``splits``.
        seen, total: examined rows, and rows in the split.
        mean: the mean of the areas.
    """

    tensor: str
    split: str
    splits: tuple[str, ...]
    seen: int
    total: int
    curves: tuple[ClassCurve, ...]
    mean: float


@dataclass(frozen=True)
class Judged:
    """Predictions for rows, with the true classes.

    Attributes:
        truth: int64 (n,).
        shares: float64 (n, classes).
        says_classes: whether the prediction is a class without a probability.
    """

    answers: Answers
    split: str
    splits: tuple[str, ...]
    total: int
    truth: np.ndarray
    shares: np.ndarray
    says_classes: bool


def judged(source: ViewSource, spec: ViewSpec) -> Judged:
    """Return the predictions of a tensor; without a name, of the likeliest tensor.

    Option: ``split``.

    Raises:
        ViewProblem: the tensor does not predict classes of known rows.
    """
    found = candidates(source)
    chosen = next((a for a in found if a.tensor.name == spec.name), None)
    if chosen is None and spec.name:
        raise ViewProblem(
            "it does not predict labels of a data set",
            hint=f"{found[0].tensor.name} does.",
        )
    chosen = chosen or found[0]
    if not chosen.names:
        raise ViewProblem(
            f"{chosen.tensor.name} predicts numbers", hint="Only classes have thresholds."
        )
    split, splits = chosen_split(chosen, spec.option("split"))
    columns = chosen.dataset.split(split)
    values = values_of(source, chosen, columns)
    count = len(chosen.names)
    label = columns[chosen.label].rows(slice(0, len(values)))
    truth = np.clip(classes_of(label), 0, count - 1)
    shares = shares_of(source, chosen.tensor, values, count)
    says_classes = values.shape[1] == 1 and made_by(chosen.tensor) == "argmax"
    total = chosen.dataset.size(split)
    return Judged(chosen, split, splits, total, truth, shares, says_classes)


def curves(source: ViewSource, spec: ViewSpec, kind: str) -> ThresholdData:
    """Return the curves of a classifier's threshold: of kind ``roc`` or ``precision_recall``.

    Raises:
        ViewProblem: see `judged`, or the tensor gives no probabilities.
    """
    found = judged(source, spec)
    if found.says_classes:
        raise ViewProblem(
            "it gives classes without probabilities", hint="Choose the node with the probabilities."
        )
    make = {"roc": roc, "precision_recall": precision_recall}[kind]
    names = found.answers.names
    which = range(1, 2) if len(names) == 2 else range(len(names))
    made = []
    for index in which:
        is_class = found.truth == index
        x, y, area = make(found.shares[:, index], is_class)
        made.append(ClassCurve(names[index], *_thinned(x, y), area, int(is_class.sum())))
    areas = np.array([curve.area for curve in made])
    known = areas[np.isfinite(areas)]
    mean = float(known.mean()) if len(known) else float("nan")
    return ThresholdData(
        found.answers.tensor.name,
        found.split,
        found.splits,
        len(found.truth),
        found.total,
        tuple(made),
        mean,
    )


def counts(scores: np.ndarray, is_class: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each distinct score, from the highest to the lowest, how many rows of the class
    and how many other rows have at least this score.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1) if len(ranked) else []
    last = np.asarray(last, np.int64)
    hits = np.cumsum(is_class[order])
    return hits[last], (last + 1) - hits[last]


def roc(scores: np.ndarray, is_class: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the ROC curve of a class and the area below it.

    Each point has a threshold: x is the fraction of other rows that pass it, y the fraction of rows
    of the class. The area is the probability that a row of the class has a higher score than
    another row, where equal scores count half.
    """
    right, wrong = counts(scores, is_class)
    rows = int(is_class.sum())
    others = len(is_class) - rows
    if not rows or not others:
        return np.array([0.0, 1.0]), np.array([0.0, 1.0]), float("nan")
    x = np.concatenate([[0.0], wrong / others])
    y = np.concatenate([[0.0], right / rows])
    return x, y, float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))


def precision_recall(
    scores: np.ndarray, is_class: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return recall, precision, and the average precision.

    The average precision is the mean of precisions weighted by the recall that each threshold adds.
    """
    right, wrong = counts(scores, is_class)
    rows = int(is_class.sum())
    if not rows:
        return np.array([0.0, 1.0]), np.array([0.0, 0.0]), float("nan")
    recall, precision = right / rows, right / (right + wrong)
    area = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    x = np.concatenate([[0.0], recall])
    y = np.concatenate([[1.0], precision])
    return x, y, area


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `MOST_POINTS` points, spread evenly along the curve, including both ends."""
    if len(x) <= MOST_POINTS:
        return x, y
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    wanted = np.linspace(0, along[-1], MOST_POINTS)
    which = np.unique(np.searchsorted(along, wanted).clip(0, len(x) - 1))
    which[0], which[-1] = 0, len(x) - 1
    return x[which], y[which]

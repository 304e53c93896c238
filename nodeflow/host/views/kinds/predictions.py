"""Predictions of a graph for rows of its data, beside the true labels.

Classes come with the confusion matrix, which also filters the samples; numbers come with their
errors. The samples come a page at a time, the worst errors first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.class_names import classes_of
from nodeflow.host.views.input_display import inputs_of
from nodeflow.host.views.label_predictor import (
    Answers,
    candidates,
    chosen_split,
    shares_of,
    values_of,
)
from nodeflow.host.views.view_kind import ViewKind

if TYPE_CHECKING:
    from nodeflow.engine.columns import Column
    from nodeflow.host.views.value_source import ViewSource

PAGE = 24
ORDERS = ("wrong", "unsure", "rows")
NO_FILTER, WRONG = "", "wrong"


@dataclass(frozen=True)
class PredictionData:
    """A page of samples, and figures over all examined rows.

    Attributes:
        tensor: name of the tensor of predictions.
        candidates: names of the tensors that could be chosen instead.
        split: the split of the rows, one of ``splits``.
        seen, total: number of examined rows, and of rows in the split.
        names: names of the classes; empty if predictions are numbers.
        matrix: int64 (true classes, predicted classes); None for numbers.
        right: the number of correct rows; for numbers 0.
        error: mean absolute error of numbers; for classes 0.
        matching: rows that pass the filter.
        page: number of this page, from 0.
        rows: int64 (n,), row numbers in the split.
        truth, answer: float64 (n,): class numbers, or values.
        shares: float32 (n, classes), probabilities; for numbers (n, 0).
        pictures: uint8 (n, height, width), in colour (n, height, width, 3), or None.
        texts: the inputs in words, if they are not pictures.
    """

    tensor: str
    candidates: tuple[str, ...]
    split: str
    splits: tuple[str, ...]
    seen: int
    total: int
    names: tuple[str, ...]
    matrix: np.ndarray | None
    right: int
    error: float
    matching: int
    page: int
    rows: np.ndarray
    truth: np.ndarray
    answer: np.ndarray
    shares: np.ndarray
    pictures: np.ndarray | None
    texts: tuple[str, ...]


def compute(source: ViewSource, spec: ViewSpec) -> PredictionData:
    """Return the predictions of a tensor; without a name, of the likeliest tensor.

    Options: ``split``, ``order`` (of `ORDERS`), ``filter`` (empty, ``wrong``, or ``TRUE,PREDICTED``
    class numbers), ``page``.

    Raises:
        ViewProblem: no tensor predicts labels of a data set.
    """
    found = candidates(source)
    chosen = next((a for a in found if a.tensor.name == spec.name), found[0])
    split, splits = chosen_split(chosen, spec.option("split"))
    columns = chosen.dataset.split(split)
    values = values_of(source, chosen, columns)
    label = columns[chosen.label].rows(slice(0, len(values)))
    if chosen.names:
        return _classes(source, chosen, found, spec, split, splits, columns, values, label)
    return _numbers(chosen, found, spec, split, splits, columns, values, label)


# ---- classes --------------------------------------------------------------------------------


def _classes(
    source: ViewSource,
    chosen: Answers,
    found: list[Answers],
    spec: ViewSpec,
    split: str,
    splits: tuple[str, ...],
    columns: Mapping[str, Column],
    values: np.ndarray,
    label: np.ndarray,
) -> PredictionData:
    count = len(chosen.names)
    truth = np.clip(classes_of(label), 0, count - 1)
    shares = shares_of(source, chosen.tensor, values, count)
    answer = shares.argmax(axis=1)
    matrix = np.bincount(truth * count + answer, minlength=count * count).reshape(count, count)
    each = np.arange(len(truth))
    keep = _kept(spec.option("filter", NO_FILTER), truth, answer)
    order = spec.option("order", "wrong")
    if order == "wrong":
        keys = shares[each, truth]
    elif order == "unsure":
        keys = shares.max(axis=1)
    else:
        keys = each
    ranked = np.flatnonzero(keep)[np.argsort(keys[keep], kind="stable")]
    page, rows = _page(ranked, spec)
    pictures, texts = inputs_of(chosen.dataset, chosen.inputs, columns, rows)
    return PredictionData(
        chosen.tensor.name, _names(found), split, splits, len(truth), chosen.dataset.size(split),
        chosen.names, matrix, int((truth == answer).sum()), 0.0, len(ranked), page, rows,
        truth[rows].astype(np.float64), answer[rows].astype(np.float64),
        shares[rows].astype(np.float32), pictures, texts,
    )  # fmt: skip


def _kept(chosen: object, truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Return a mask of the rows to show: only wrong predictions, only one pair of true and
    predicted class, or all rows.
    """
    if chosen == WRONG:
        return truth != answer
    parts = str(chosen or "").split(",")
    if len(parts) == 2 and all(part.isdecimal() for part in parts):
        return (truth == int(parts[0])) & (answer == int(parts[1]))
    return np.ones(len(truth), bool)


# ---- numbers --------------------------------------------------------------------------------


def _numbers(
    chosen: Answers,
    found: list[Answers],
    spec: ViewSpec,
    split: str,
    splits: tuple[str, ...],
    columns: Mapping[str, Column],
    values: np.ndarray,
    label: np.ndarray,
) -> PredictionData:
    truth, answer = label.reshape(len(label)).astype(np.float64), values[:, 0]
    errors = np.abs(answer - truth)
    worst = np.where(np.isnan(errors), -np.inf, -errors)
    keys = np.arange(len(truth)) if spec.option("order") == "rows" else worst
    ranked = np.argsort(keys, kind="stable")
    page, rows = _page(ranked, spec)
    pictures, texts = inputs_of(chosen.dataset, chosen.inputs, columns, rows)
    return PredictionData(
        chosen.tensor.name, _names(found), split, splits, len(truth), chosen.dataset.size(split),
        (), None, 0, float(errors.mean()) if len(errors) else 0.0, len(ranked), page, rows,
        truth[rows], answer[rows], np.zeros((len(rows), 0), np.float32), pictures, texts,
    )  # fmt: skip


# ---- pages ----------------------------------------------------------------------------------


def _names(found: list[Answers]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answers.tensor.name for answers in found))


def _page(ranked: np.ndarray, spec: ViewSpec) -> tuple[int, np.ndarray]:
    """Return the number of the page to show, limited to existing pages, and the row numbers on that
    page.
    """
    last = max(0, (len(ranked) - 1) // PAGE)
    page = min(max(0, int(spec.option("page", 0) or 0)), last)
    return page, ranked[page * PAGE : (page + 1) * PAGE].astype(np.int64)


KIND = ViewKind("predictions", compute, interval=0.5)

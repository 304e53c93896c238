"""Predictions: what a graph answers for rows of its data, beside what is true.

For classes with the confusion matrix, which also filters the samples; for numbers with their
errors. The samples come a page at a time, the most wrong first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.document.build.class_scores import (
    class_shares,
    is_compared,
    made_by,
    reads_scores,
)
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.graph.types import Shape
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.kind import ViewKind, ViewProblem
from nodeflow.host.views.labels import class_labels, classes_of

if TYPE_CHECKING:
    from nodeflow.data.data_splits import DataSplits
    from nodeflow.engine.columns import Column
    from nodeflow.host.views.source import ViewSource

PAGE = 24
MOST_ROWS = 10_000
CHUNK = 500
MOST_WORK = 3e9
"""Multiplications, about half a second of them; of slow networks fewer rows are looked at."""
MOST_FEATURES = 8
ORDERS = ("wrong", "unsure", "rows")
NO_FILTER, WRONG = "", "wrong"
SPLITS = ("test", "validation", "train")


@dataclass(frozen=True)
class PredictionData:
    """A page of samples, and figures over all rows that were looked at.

    Attributes:
        tensor: name of what answers.
        candidates: names of what could be chosen instead.
        split: of the rows, one of ``splits``.
        seen, total: rows looked at, and in the split.
        names: of the classes; empty where answers are numbers.
        matrix: int64 (true classes, predicted classes); None for numbers.
        right: rows that are right; for numbers 0.
        error: mean absolute error of numbers; for classes 0.
        matching: rows that pass the filter.
        page: number of this page, from 0.
        rows: int64 (n,), row numbers in the split.
        truth, answer: float64 (n,): class numbers, or values.
        shares: float32 (n, classes), probabilities; for numbers (n, 0).
        pictures: uint8 (n, height, width), or None.
        texts: what the input is, where it is no picture.
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


@dataclass(frozen=True)
class _Answers:
    """What is compared: a tensor, and the column of what is true."""

    tensor: Tensor
    dataset: DataSplits
    label: str
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    """Columns that the tensor depends on."""


def compute(source: ViewSource, spec: ViewSpec) -> PredictionData:
    """The predictions of a tensor, or of the likeliest where no name is given.

    Options: ``split``, ``order`` (of `ORDERS`), ``filter`` (empty, ``wrong``, or ``TRUE,PREDICTED``
    class numbers), ``page``.

    Raises:
        ViewProblem: nothing answers for rows of a data set with labels.
    """
    found = source.memo("predictions", lambda: _candidates(source))
    if not found:
        raise ViewProblem(
            "no node answers for rows whose labels are known",
            hint="Predictions need a data set with labels, and a node of the labels' shape that "
            "does not depend on them.",
        )
    chosen = next((a for a in found if a.tensor.name == spec.name), found[0])
    splits = tuple(s for s in SPLITS if chosen.dataset.size(s))
    wanted = spec.option("split")
    split = wanted if wanted in splits else splits[0]
    columns = chosen.dataset.split(split)
    values = _values(source, chosen, columns)
    label = columns[chosen.label].rows(slice(0, len(values)))
    if chosen.names:
        return _classes(source, chosen, found, spec, split, splits, columns, values, label)
    return _numbers(chosen, found, spec, split, splits, columns, values, label)


# ---- what answers ---------------------------------------------------------------------------


def _candidates(source: ViewSource) -> list[_Answers]:
    """What could be shown, the likeliest first."""
    bound = source.bound()
    scored: list[tuple[int, int, _Answers]] = []
    for node in source.task.graph.nodes:
        if node.derived_from is not None or len(node.outputs) != 1 or node.op.id == "placeholder":
            continue
        tensor = node.outputs[0]
        if tensor.type.ndims not in (1, 2) or tensor.shape[0] is not None:
            continue
        needed = {p for p in source.placeholders(tensor) if p in bound}
        for dataset in {id(bound[p].dataset): bound[p].dataset for p in needed}.values():
            used = {bound[p].column for p in needed if bound[p].dataset is dataset}
            answers = _judge(source, tensor, dataset, used)
            if answers is not None:
                scored.append((-answers[0], -node.index, answers[1]))
    scored.sort(key=lambda each: each[:2])
    return [answers for *_, answers in scored]


def _judge(
    source: ViewSource, tensor: Tensor, dataset: DataSplits, used: set[str]
) -> tuple[int, _Answers] | None:
    """How likely a tensor answers what a data set knows; None if it does not."""
    inputs = tuple(name for name in dataset.columns if name in used)
    labels = class_labels(dataset, used)
    if labels is not None:
        count, width = len(labels.names), tensor.shape[1] if len(tensor.shape) == 2 else None
        op = made_by(tensor)
        answers = _Answers(tensor, dataset, labels.column, labels.names, inputs)
        if width == count and op == "softmax":
            return 4, answers
        is_chance = width == 1 and count == 2
        if is_chance and op == "sigmoid":
            return 4, answers
        if (is_chance or width == count) and reads_scores(source.users, tensor):
            return 3, answers
        if width is None and op == "argmax":
            return 2, answers
        return (1, answers) if width == count and is_compared(source.users, tensor) else None
    for name, kind in dataset.columns.items():
        single = kind.shape in ((None,), (None, 1)) and kind.is_float
        same = single and tensor.type.is_float and tensor.shape in ((None,), (None, 1))
        if name not in used and same and is_compared(source.users, tensor):
            return 1, _Answers(tensor, dataset, name, (), inputs)
    return None


def _values(source: ViewSource, chosen: _Answers, columns: Mapping[str, Column]) -> np.ndarray:
    """The answers for the first rows: float64 (n, k)."""
    bound = {
        p: b.column
        for p, b in source.bindings([chosen.tensor]).items()
        if b.dataset is chosen.dataset
    }
    rows = min(len(columns[name]) for name in (*bound.values(), chosen.label))
    total = min(rows, MOST_ROWS, max(PAGE, int(MOST_WORK / _work(chosen.tensor))))
    parts: list[np.ndarray] = []
    for start in range(0, total, CHUNK):
        which = slice(start, min(start + CHUNK, total))
        feeds = {p: columns[name].rows(which) for p, name in bound.items()}
        value = source.run([chosen.tensor], feeds)[0]
        if len(value) != which.stop - start:
            raise ViewProblem(f"{chosen.tensor.name} has no value for each row")
        parts.append(np.asarray(value, np.float64).reshape(len(value), -1))
    return np.concatenate(parts)


def _work(tensor: Tensor) -> float:
    """About the multiplications for one row, those of slow ops weighted."""
    return 1.0 + sum(map(_node_work, ancestors([tensor.node])))


def _node_work(node: Node) -> float:
    if not all(t.type.has_rank for t in (*node.inputs, *node.outputs)):
        return 0.0
    if not node.outputs or node.outputs[0].shape[:1] != (None,):
        return 0.0
    shapes = [t.shape for t in node.inputs]
    out = _elements(node.outputs[0].shape[1:])
    if node.op.id == "matmul" and shapes[0]:
        return out * (shapes[0][-1] or 1)
    if node.op.id.startswith("conv") and len(shapes) > 1:
        return 3 * out * _elements(shapes[1][:-1])
    if node.op.id in ("lstm", "gru", "rnn"):
        units = node.outputs[0].shape[-1] or 1
        return 12 * _elements(shapes[0][1:]) * units + 12 * out * units
    return 8 * out


def _elements(shape: Shape) -> float:
    return float(math.prod(size or 1 for size in shape))


# ---- classes --------------------------------------------------------------------------------


def _classes(
    source: ViewSource,
    chosen: _Answers,
    found: list[_Answers],
    spec: ViewSpec,
    split: str,
    splits: tuple[str, ...],
    columns: Mapping[str, Column],
    values: np.ndarray,
    label: np.ndarray,
) -> PredictionData:
    count = len(chosen.names)
    truth = np.clip(classes_of(label), 0, count - 1)
    shares = _shares(source, chosen.tensor, values, count)
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
    pictures, texts = _inputs(chosen, columns, rows)
    return PredictionData(
        chosen.tensor.name, _names(found), split, splits, len(truth), chosen.dataset.size(split),
        chosen.names, matrix, int((truth == answer).sum()), 0.0, len(ranked), page, rows,
        truth[rows].astype(np.float64), answer[rows].astype(np.float64),
        shares[rows].astype(np.float32), pictures, texts,
    )  # fmt: skip


def _shares(source: ViewSource, tensor: Tensor, values: np.ndarray, count: int) -> np.ndarray:
    """Float64 (n, classes) from what a tensor answers: probabilities, scores or class numbers."""
    if values.shape[1] == 1 and made_by(tensor) == "argmax":
        numbers = np.nan_to_num(values[:, 0], nan=0.0).astype(np.int64)
        return np.eye(count)[np.clip(numbers, 0, count - 1)]
    return class_shares(source.users, tensor, values)


def _kept(chosen: object, truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Which rows pass the filter."""
    if chosen == WRONG:
        return truth != answer
    parts = str(chosen or "").split(",")
    if len(parts) == 2 and all(part.isdecimal() for part in parts):
        return (truth == int(parts[0])) & (answer == int(parts[1]))
    return np.ones(len(truth), bool)


# ---- numbers --------------------------------------------------------------------------------


def _numbers(
    chosen: _Answers,
    found: list[_Answers],
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
    pictures, texts = _inputs(chosen, columns, rows)
    return PredictionData(
        chosen.tensor.name, _names(found), split, splits, len(truth), chosen.dataset.size(split),
        (), None, 0, float(errors.mean()) if len(errors) else 0.0, len(ranked), page, rows,
        truth[rows], answer[rows], np.zeros((len(rows), 0), np.float32), pictures, texts,
    )  # fmt: skip


# ---- pages ----------------------------------------------------------------------------------


def _names(found: list[_Answers]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answers.tensor.name for answers in found))


def _page(ranked: np.ndarray, spec: ViewSpec) -> tuple[int, np.ndarray]:
    """The number of the page, and its rows."""
    last = max(0, (len(ranked) - 1) // PAGE)
    page = min(max(0, int(spec.option("page", 0) or 0)), last)
    return page, ranked[page * PAGE : (page + 1) * PAGE].astype(np.int64)


def _inputs(
    chosen: _Answers, columns: Mapping[str, Column], rows: np.ndarray
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The inputs of rows: as pictures, else in words."""
    for name in chosen.inputs:
        column = columns[name]
        shape = chosen.dataset.images.get(name) or _picture_shape(column)
        if shape is not None:
            values = column.rows(rows).astype(np.float64)
            grey = values.reshape(len(rows), *shape, -1).mean(axis=-1)
            return _as_bytes(grey), ()
    texts = []
    for name in chosen.inputs:
        part = columns[name].rows(rows).reshape(len(rows), -1)
        for index, row in enumerate(part):
            words = ", ".join(f"{value:.4g}" for value in row[:MOST_FEATURES].tolist())
            more = ", …" if len(row) > MOST_FEATURES else ""
            if len(texts) <= index:
                texts.append(f"{words}{more}")
            else:
                texts[index] += f"; {words}{more}"
    return None, tuple(texts)


def _picture_shape(column: Column) -> tuple[int, int] | None:
    """(height, width) of rows that are pictures: three axes, grey or coloured."""
    shape = column.type.shape[1:]
    if len(shape) == 3 and shape[2] in (1, 3) and None not in shape:
        return shape[0] or 1, shape[1] or 1
    return None


def _as_bytes(pictures: np.ndarray) -> np.ndarray:
    """Uint8 from 0 to the largest value; pictures with negative values from their smallest."""
    low = min(0.0, float(pictures.min(initial=0.0)))
    high = float(pictures.max(initial=0.0))
    scale = 255.0 / (high - low) if high > low else 0.0
    return np.clip((pictures - low) * scale, 0, 255).astype(np.uint8)


KIND = ViewKind("predictions", compute, interval=0.5)

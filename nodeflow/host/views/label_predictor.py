"""The search for the tensor that predicts labels for rows of a data set, and its predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.document.to_graph.predictions.class_scores import (
    class_shares,
    is_compared,
    made_by,
    reads_scores,
)
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.graph.types import Shape
from nodeflow.host.views.class_names import class_labels
from nodeflow.host.views.view_kind import ViewProblem

if TYPE_CHECKING:
    from nodeflow.data.data_splits import DataSplits
    from nodeflow.engine.columns import Column
    from nodeflow.host.views.value_source import ViewSource

MOST_ROWS = 10_000
LEAST_ROWS = 24
CHUNK = 500
MOST_WORK = 3e9
"""The multiplications to spend, about half a second. Slow networks get fewer rows."""
SPLITS = ("test", "validation", "train")


@dataclass(frozen=True)
class Answers:
    """A tensor with predictions, and the column of true labels."""

    tensor: Tensor
    dataset: DataSplits
    label: str
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    """Columns that the tensor depends on."""


def candidates(source: ViewSource) -> list[Answers]:
    """Return the tensors that may be predictions, the likeliest first.

    Raises:
        ViewProblem: no tensor predicts labels of a data set.
    """
    found = source.memo("predictions", lambda: _candidates(source))
    if not found:
        raise ViewProblem(
            "no node predicts labels of a data set",
            hint="Predictions need a data set with labels, and a node of the labels' shape that "
            "does not depend on them.",
        )
    return found


def chosen_split(answers: Answers, wanted: object) -> tuple[str, tuple[str, ...]]:
    """Return the data split to show, and a tuple of all splits that have rows."""
    splits = tuple(s for s in SPLITS if answers.dataset.size(s))
    return (wanted if isinstance(wanted, str) and wanted in splits else splits[0]), splits


def _candidates(source: ViewSource) -> list[Answers]:
    """Return the tensors that may be predictions, the likeliest first."""
    bound = source.bound()
    scored: list[tuple[int, int, Answers]] = []
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
) -> tuple[int, Answers] | None:
    """Return a score for how likely a tensor is a prediction of a data set's labels, and the
    description of these labels. Return None if it is not.
    """
    inputs = tuple(name for name in dataset.columns if name in used)
    labels = class_labels(dataset, used)
    if labels is not None:
        count, width = len(labels.names), tensor.shape[1] if len(tensor.shape) == 2 else None
        op = made_by(tensor)
        answers = Answers(tensor, dataset, labels.column, labels.names, inputs)
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
            return 1, Answers(tensor, dataset, name, (), inputs)
    return None


def values_of(source: ViewSource, chosen: Answers, columns: Mapping[str, Column]) -> np.ndarray:
    """Compute the predictions for the first rows of the data. Return them as float64 (n, k). The
    number of rows is limited by the time that the computation takes.
    """
    bound = {
        p: b.column
        for p, b in source.bindings([chosen.tensor]).items()
        if b.dataset is chosen.dataset
    }
    rows = min(len(columns[name]) for name in (*bound.values(), chosen.label))
    total = min(rows, MOST_ROWS, max(LEAST_ROWS, int(MOST_WORK / _work(chosen.tensor))))
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
    """Return an estimate of the multiplications that a tensor needs per row of data. Slow ops count
    more.
    """
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


def shares_of(source: ViewSource, tensor: Tensor, values: np.ndarray, count: int) -> np.ndarray:
    """Return class probabilities, float64 (n, classes), from a tensor's predictions, which may be
    probabilities, scores or class numbers.
    """
    if values.shape[1] == 1 and made_by(tensor) == "argmax":
        numbers = np.nan_to_num(values[:, 0], nan=0.0).astype(np.int64)
        return np.eye(count)[np.clip(numbers, 0, count - 1)]
    return class_shares(source.users, tensor, values)

"""Problems that the training rows show: unscaled inputs, labels that do not fit the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nodeflow.engine.columns import Column
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.train.diagnosis.hints import Edit, Hint, percent
from nodeflow.train.doctor.examined_nodes import WEIGHTS, needed_nodes, placed
from nodeflow.train.training import Binding, Training

MOST_ROWS = 2000
LARGE = 10.0
"""A mean or deviation of an input above which it slows a training down."""
UNEVEN = 100.0
"""The largest acceptable ratio between the deviations of an input's features."""
DOMINANT, RARE = 0.8, 20.0
MOST_CLASSES = 20
"""The largest number of classes to compare. Words of a vocabulary are uneven by nature."""
SCALING = ("normalize", "batch_normalization", "layers/batch_normalization")
"""Ops that scale their input."""
MULTIPLYING = frozenset((*WEIGHTS, "multiply", "lstm", "gru"))
"""Ops that multiply their input with trained weights."""
LABEL_PORT = "labels"
CLASS_LOSSES = ("sparse_softmax_cross_entropy",)
ONE_HOT_LOSSES = ("softmax_cross_entropy_with_logits", "categorical_cross_entropy")
PROBABILITY_LOSSES = ("binary_cross_entropy",)


def check_data(training: Training) -> Iterator[Hint]:
    """Look for problems in the training data, such as labels out of range, imbalanced classes and
    inputs of very different scale. Yield a hint for each.

    At most `MOST_ROWS` rows of each column are examined, evenly spread.
    """
    bindings = training.used_bindings([training.optimizer, training.loss.node])
    needed = needed_nodes(training)
    labels = _labels([n for n in needed if n.op.category == "Loss"], bindings)
    weighed = ancestors(n for n in needed if n.op.id in MULTIPLYING)
    for placeholder, binding in bindings.items():
        column = binding.dataset.splits.get("train", {}).get(binding.column)
        if column is None or not len(column):
            continue
        if placeholder in labels:
            yield from _labels_out_of_range(labels[placeholder], placeholder, column)
            yield from _imbalanced(placeholder, binding, column)
        else:
            users = [n for n in needed if placeholder in n.inputs]
            if any(n in weighed for n in users):  # other placeholders are compared with something
                yield from _unscaled(placeholder, users, column)


def sample_rows(column: Column, most: int = MOST_ROWS) -> np.ndarray:
    """Return at most ``most`` rows, evenly over a column."""
    return column.rows(np.linspace(0, len(column) - 1, min(len(column), most)).astype(np.int64))


def _labels(losses: list[Node], bindings: Mapping[Tensor, Binding]) -> dict[Tensor, Node]:
    """Return the placeholders of labels, each with the loss that compares predictions with them."""
    found: dict[Tensor, Node] = {}
    for loss in losses:
        names = [port.name for port in loss.op.inputs]
        if LABEL_PORT in names:
            source = loss.inputs[names.index(LABEL_PORT)]
            compared = ancestors([source.node])
            found.update((p, loss) for p in bindings if p.node in compared)
    return found


def _unscaled(placeholder: Tensor, users: list[Node], column: Column) -> Iterator[Hint]:
    if column.depth is not None or not placeholder.dtype.startswith("float"):
        return
    if all(placed(node).op.id in SCALING for node in users):
        return
    rows = sample_rows(column).astype(np.float64)
    features = rows.reshape(len(rows), -1)
    if not np.isfinite(features).all():
        yield Hint(
            "missing_values",
            f"{placeholder.name} has values that are not finite",
            f"{percent(float(np.mean(~np.isfinite(features))))} of them are NaN or infinite.",
            "Clean the data.",
            placeholder.name,
        )
        return
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    spread = deviation[deviation > 0]
    if not len(spread):
        return
    uneven = float(spread.max() / spread.min())
    far = float(np.abs(mean).max())
    pictures = features.shape[1] > 64
    if spread.max() <= LARGE and far <= LARGE and (pictures or uneven <= UNEVEN):
        return
    worst = int(np.argmax(deviation))
    evidence = f"Values range from {features.min():.4g} to {features.max():.4g}."
    if not pictures and uneven > UNEVEN and features.shape[1] > 1:
        least = int(np.argmin(np.where(deviation > 0, deviation, np.inf)))
        evidence += (
            f" Feature {worst} has a standard deviation of {deviation[worst]:.4g}, feature {least} "
            f"of {deviation[least]:.4g}."
        )
    statistics = _statistics(mean, deviation, pictures)
    yield Hint(
        "unscaled",
        f"The values of {placeholder.name} are not scaled",
        evidence,
        "Networks train best on inputs with mean 0 and standard deviation 1.",
        placeholder.name,
        f"Insert Normalize after {placeholder.name}",
        (Edit("normalize", placeholder.name, "out", statistics),),
    )


def _statistics(mean: np.ndarray, deviation: np.ndarray, pictures: bool) -> dict[str, object]:
    """Return attributes of a Normalize node: one number per feature, or one for all pixels."""
    if pictures or len(mean) == 1:
        whole = float(np.sqrt((deviation**2 + mean**2).mean() - mean.mean() ** 2))
        return {"mean": _rounded(mean.mean()), "deviation": _rounded(whole)}
    return {
        "mean": [_rounded(m) for m in mean],
        "deviation": [_rounded(d) if d > 0 else 1.0 for d in deviation],
    }


def _rounded(value: float) -> float:
    return float(f"{value:.7g}")


def _labels_out_of_range(loss: Node, placeholder: Tensor, column: Column) -> Iterator[Hint]:
    if column.depth is not None:
        return
    rows = sample_rows(column)
    name, op = placeholder.name, loss.op.id
    if op in CLASS_LOSSES:
        classes = loss.inputs[1].shape[-1] if loss.inputs[1].type.ndims else None
        stored = column.array
        low, high = int(stored.min()), int(stored.max())
        if low < 0 or (classes is not None and high >= classes):
            yield Hint(
                "labels",
                f"Labels of {name} are out of range",
                f"They run from {low} to {high}, but {loss.inputs[1].name} has {classes} classes, "
                f"numbered from 0.",
                "Number the classes from 0, or give the last layer as many units as there are "
                "classes.",
                name,
            )
    elif op in ONE_HOT_LOSSES and rows.ndim > 1:
        off = float(np.mean(np.abs(rows.sum(axis=-1) - 1) > 1e-3))
        if off > 0:
            yield Hint(
                "labels",
                f"Rows of {name} do not sum to 1",
                f"{percent(off)} of the rows do not, and {op} expects probabilities or one-hot "
                "rows.",
                "Are labels and logits swapped? Else encode the labels one-hot.",
                name,
            )
    elif op in PROBABILITY_LOSSES:
        outside = float(np.mean((rows < 0) | (rows > 1)))
        if outside > 0:
            yield Hint(
                "labels",
                f"Labels of {name} are outside 0 to 1",
                f"{percent(outside)} of the values are, and {op} expects probabilities.",
                "Use 0 and 1 for the two classes.",
                name,
            )


def _imbalanced(placeholder: Tensor, binding: Binding, column: Column) -> Iterator[Hint]:
    counts = _class_counts(column)
    if counts is None or not 2 <= len(counts) <= MOST_CLASSES or counts.sum() < 50:
        return
    share = counts / counts.sum()
    top, rare = int(np.argmax(share)), int(np.argmin(share))
    names = binding.dataset.classes.get(binding.column, ())
    titled = {i: names[i] if i < len(names) else str(i) for i in (top, rare)}
    if counts[rare] == 0:
        text = f"No training row has the class {titled[rare]}."
    elif share[top] >= DOMINANT or counts[top] >= RARE * counts[rare]:
        text = f"{titled[top]} has {percent(share[top])} of the rows, {titled[rare]} "
        text += f"{percent(share[rare])}: always answering {titled[top]} is right that often."
    else:
        return
    yield Hint(
        "imbalanced",
        f"The classes of {placeholder.name} are uneven",
        text,
        "Measure F1 or the confusion matrix beside accuracy; weight the classes in the loss, or "
        "collect more rows of the rare ones.",
        placeholder.name,
    )


def _class_counts(column: Column) -> np.ndarray | None:
    """Return the number of rows of each class, or None for labels that are not classes."""
    if column.depth is not None:
        return np.bincount(column.array, minlength=column.depth)
    if column.array.dtype.kind in "iu" and column.array.ndim == 1:
        low, high = int(column.array.min()), int(column.array.max())
        return np.bincount(column.array, minlength=high + 1) if low >= 0 and high < 1000 else None
    return None

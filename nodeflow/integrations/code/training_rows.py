"""The rows and batches of a training, stored in files beside its code."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.code.optimizers import problems_of
from nodeflow.number_text import bytes_text
from nodeflow.train.stepping.steppers import order_of
from nodeflow.train.training import Binding, Training

MOST_STEPS = 100_000
"""The largest number of steps whose batches are written."""
MOST_BYTES = 512 * 10**6
"""The largest size in bytes of the rows of a training."""


def training_problems(training: Training, placeholders: Collection[Node]) -> list[str]:
    """Return descriptions of the parts of a training that cannot be written as code for any
    library.

    Args:
        placeholders: the placeholders that the code takes.
    """
    found = problems_of(training)
    if training.stream is not None or training.rows(_steps_bindings(training), "train") is None:
        found.append("batches that do not come from the rows of a data set")
        return found
    bindings = used_bindings(training, placeholders)
    bound = {tensor.node for tensor in bindings}
    loose = [node.name for node in placeholders if node not in bound]
    found += [f"the placeholder {name}, which no data set feeds" for name in loose]
    size = sum(_bytes(tensor, binding) for tensor, binding in bindings.items())
    if size > MOST_BYTES:
        most = bytes_text(MOST_BYTES)
        found.append(f"{bytes_text(size)} of rows beside the code, where {most} are the most")
    return found


def batches(training: Training) -> np.ndarray:
    """Return the rows of each step, int64 (steps, batch size), in the order of the training."""
    rows = training.rows(_steps_bindings(training), "train")
    assert rows is not None
    size = training.batch_size
    found, steps = [], 0
    for epoch in range(1, training.epochs + 1):
        order = order_of(training, rows, epoch)
        whole = len(order) // size
        found.append(order[: whole * size].reshape(whole, size))
        steps += whole
        if steps > MOST_STEPS:
            break
    return np.concatenate(found)[:MOST_STEPS]


def rows_of(training: Training, placeholders: Mapping[Node, str]) -> dict[str, np.ndarray]:
    """Return all rows of the data that feed a training. The keys are the split and the
    placeholder's name in the code, such as ``train/x``.
    """
    found: dict[str, np.ndarray] = {}
    for tensor, binding in used_bindings(training, placeholders).items():
        for split in binding.dataset.splits:
            column = binding.dataset.split(split)[binding.column]
            found[f"{split}/{placeholders[tensor.node]}"] = column.rows(slice(None))
    return found


def used_bindings(training: Training, placeholders: Collection[Node]) -> dict[Tensor, Binding]:
    """Return the data set columns that feed the given placeholders in a training."""
    return {t: b for t, b in training.bindings.items() if t.node in placeholders}


def _steps_bindings(training: Training) -> dict[Tensor, Binding]:
    return training.used_bindings([training.optimizer, training.loss.node])


def _bytes(tensor: Tensor, binding: Binding) -> int:
    """Return the size in bytes of all rows of a data column, over all splits. Unknown dimensions
    count as 1.
    """
    item = math.prod(size or 1 for size in tensor.shape[1:]) * numpy_dtype(tensor.dtype).itemsize
    splits = (binding.dataset.split(split) for split in binding.dataset.splits)
    return item * sum(len(columns[binding.column]) for columns in splits)

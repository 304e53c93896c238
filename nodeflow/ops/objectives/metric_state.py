"""Metrics on a whole set that are not the mean of their values on its batches.

The precision on a test set is not the mean of the precisions of its batches. An op for such a
metric declares the contribution of a batch, how contributions are merged, and the metric of all
merged contributions. Evaluation in batches uses only these three methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

State = tuple[np.ndarray, ...]
"""The contribution of some rows; each op defines its own parts."""

METRIC = "Metric"
"""The category of ops that measure the quality of a network."""


class Accumulating:
    """A mixin for ops whose value on a set is accumulated over batches."""

    def state(self, *arrays: np.ndarray, **attrs: Any) -> State:
        """Compute the partial result of a metric for one batch. The partial results of several
        batches can be merged.

        Args:
            arrays: the values of the op's inputs, as ``reference`` takes them.
        """
        raise NotImplementedError

    def merge(self, states: Sequence[State]) -> State:
        """Combine the partial results of a metric for several batches into one. By default, add
        them.
        """
        return tuple(np.sum(part, axis=0) for part in zip(*states, strict=True))

    def result(self, state: State, **attrs: Any) -> np.ndarray:
        """Compute the value of the metric from the merged partial results of all batches, in the
        op's output dtype.
        """
        raise NotImplementedError

"""Figures of a whole set that are not means of their values on its parts.

Precision on a test set is not a mean of the precisions of its batches. An op that is such a figure
says what one batch contributes, how contributions join, and what follows from all of them;
evaluation in batches asks for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

State = tuple[np.ndarray, ...]
"""What some rows contribute; its parts mean whatever the op says."""

METRIC = "Metric"
"""The category of ops that measure how good a network is."""


class Accumulating:
    """Mixed into an op whose value on a set is accumulated over batches."""

    def state(self, *arrays: np.ndarray, **attrs: Any) -> State:
        """What a batch contributes; takes the op's inputs as ``reference`` does."""
        raise NotImplementedError

    def merge(self, states: Sequence[State]) -> State:
        """What several batches (at least one) contribute together: here, counts add up."""
        return tuple(np.sum(part, axis=0) for part in zip(*states, strict=True))

    def result(self, state: State, **attrs: Any) -> np.ndarray:
        """The figure, in the op's output dtype."""
        raise NotImplementedError

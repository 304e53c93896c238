"""The messages about values that the window puts in place of computed ones; `protocol` has them
all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Override:
    """Show these values instead of those that tensors have, with all that follows from them.

    Trainings, runs and what is written to files never have them. A later request replaces this
    one; without values, everything is shown as it is.

    Args:
        values: arrays by name of tensor. Names that the graph does not have are left out.
        rows: names of placeholders among them whose rows are none of the data, and what those are
            called: ``sketch pad``. Other placeholders that a data set feeds are then without a
            value, and what trains in another way than it predicts does the latter.
    """

    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SetVariable:
    """Give a variable of the training that goes on, or is paused, another value before its next
    step: an event of the run, `VariableChanged`. Failed says why that is not possible.

    Args:
        name: of the variable in the document as it is now.
    """

    name: str
    value: np.ndarray
    request: int

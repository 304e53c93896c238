"""The messages about values by which the window overrides computed values.

`protocol` collects all messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Override:
    """A request to replace the values of tensors, and to recompute all shown values that depend on
    them.

    Trainings, runs and written files never use them. A later request replaces this one. Without
    values, everything is shown as computed.

    Args:
        values: arrays by name of tensor. Names that the graph lacks are ignored.
        rows: names of placeholders among them whose rows come from no data set, and the name of
            these rows: ``sketch pad``. Other placeholders that a data set feeds then have no value,
            and nodes such as dropout predict instead of train.
    """

    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SetVariable:
    """A request to set a variable of the running or paused training before its next step.

    The run records the event `VariableChanged`. Failed gives the reason why that is not possible.

    Args:
        name: the name of the variable in the current document.
    """

    name: str
    value: np.ndarray
    request: int

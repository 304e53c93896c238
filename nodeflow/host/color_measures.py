"""One number for each tensor, by which the window colors nodes and wires.

Measures of values come with the previews. Measures of gradients and updates, which only a training
computes, are a view (`views.training_measures`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nodeflow.engine.schedule.schedule import resolve_alias
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Tensor
from nodeflow.host.messages.values import MEMORY, OF_VALUES, SATURATION, ZEROS, Measured
from nodeflow.host.picture_arrangement import measured

NEAR = 0.01
"""Largest distance from its limits where sigmoid or tanh counts as flat.

There, the slope of sigmoid is below 4 % of its largest slope, and the slope of tanh below 2 %.
"""


def _near(*limits: float, reach: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    def is_flat(out: np.ndarray) -> np.ndarray:
        found = np.zeros(out.shape, bool)
        for limit in limits:
            found |= np.abs(out - limit) <= reach
        return found

    return is_flat


_FLAT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": _near(0.0),
    "relu6": _near(0.0, 6.0),
    "hard_sigmoid": _near(0.0, 1.0),
    "hard_tanh": _near(-1.0, 1.0),
    "sigmoid": _near(0.0, 1.0, reach=NEAR),
    "tanh": _near(-1.0, 1.0, reach=NEAR),
}
"""For each op with flat parts, the function that marks the flat elements of its output."""


def measure(of: str, tensor: Tensor, value: np.ndarray) -> Measured | None:
    """Return a single number that measures a tensor's value, such as its fraction of zeros, or the
    reason why it has none.

    Return None if ``of`` is not one of the measures `OF_VALUES`.
    """
    if of not in OF_VALUES:
        return None
    value = np.asarray(value)
    if value.dtype.kind in "OUST":
        return Measured(of, None, "it is text")
    if of == MEMORY:
        return Measured(of, float(value.nbytes))
    if not value.size:
        return Measured(of, None, "it has no elements")
    if of == ZEROS:
        return Measured(of, 1.0 - np.count_nonzero(value) / value.size)
    if of == SATURATION:
        op = _op_of(tensor)
        if op not in _FLAT:
            known = ", ".join(sorted(_FLAT))
            return Measured(of, None, f"only {known} have flat parts")
        return Measured(of, float(_FLAT[op](measured(value)).mean()))
    size = root_mean_square(value)
    return Measured(of, size, "" if size is not None else "no element is a finite number")


def _op_of(tensor: Tensor) -> str:
    """Return the op that computes a tensor; for a layer's output, the op inside the layer."""
    try:
        return resolve_alias(tensor).node.op.id
    except NodeflowError:
        return ""


def root_mean_square(array: np.ndarray) -> float | None:
    """Return the root mean square of the finite elements, without overflow; None if there are
    none.
    """
    values = measured(np.asarray(array)).astype(np.float64, copy=False).reshape(-1)
    with np.errstate(all="ignore"):
        squares = _sum_of_squares(values)
    if not 1e-290 < squares < 1e290:  # zeros, non-finite values, or squares out of range
        values = values[np.isfinite(values)]
        if not values.size:
            return None
        most = float(np.abs(values).max())
        if most == 0:
            return 0.0
        scaled = values / most
        return most * math.sqrt(_sum_of_squares(scaled) / values.size)
    return math.sqrt(squares / values.size)


def _sum_of_squares(values: np.ndarray) -> float:
    """Return the sum of squares without BLAS, which is ten times slower here on a busy machine.

    The threads of BLAS wait for each other.
    """
    return float(np.einsum("i,i->", values, values))

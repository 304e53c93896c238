"""One number for each tensor, by which the window colours nodes and wires.

Those of values come with the previews; those that training derives are a view (`views.measures`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nodeflow.engine.schedule.schedule import resolve_alias
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Tensor
from nodeflow.host.arrangement import measured
from nodeflow.host.messages.values import MEMORY, OF_VALUES, SATURATION, ZEROS, Measured

NEAR = 0.01
"""A sigmoid so near its limits is flat: its slope is below 4 % of its largest; of tanh, 2 %."""


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
"""Which elements of an op's output lie in a flat part of the op."""


def measure(of: str, tensor: Tensor, value: np.ndarray) -> Measured | None:
    """A measure of a value, which says why where there is none; None for none of `OF_VALUES`."""
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
    """The op that computes a tensor; of a layer's output, the op inside the layer."""
    try:
        return resolve_alias(tensor).node.op.id
    except NodeflowError:
        return ""


def root_mean_square(array: np.ndarray) -> float | None:
    """The root of the mean square of the finite elements, without overflow; None without any."""
    values = measured(np.asarray(array)).astype(np.float64, copy=False).reshape(-1)
    with np.errstate(all="ignore"):
        squares = _sum_of_squares(values)
    if not 1e-290 < squares < 1e290:  # zeros, what is not finite, or squares out of range
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
    """Without BLAS, whose threads wait for each other on a busy machine: ten times as long."""
    return float(np.einsum("i,i->", values, values))

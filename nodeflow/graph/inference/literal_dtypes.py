"""The dtype of a bare literal that is an input of an op: the dtype of the op's tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nodeflow.errors import LiteralError
from nodeflow.graph.declaration import NodeDeclaration, Port
from nodeflow.graph.types import NUMBERS, default_dtype, dtype_name


def has_dtype(value: Any) -> bool:
    """Return whether a value has a dtype of its own, as tensors and arrays do.

    For ``np.float64(2)`` return False: it is also a Python float, and ``x / np.sqrt(8)`` has x's
    dtype.
    """
    return hasattr(value, "dtype") and not isinstance(value, float)


def group_dtypes(op: NodeDeclaration, given: Sequence[Any]) -> dict[str, str]:
    """Return the dtype of each group of input ports that must have equal dtypes. It is the dtype of
    the first tensor that is given for the group, else of the first array.
    """
    tensors: dict[str, str] = {}
    arrays: dict[str, str] = {}
    for index, value in enumerate(given[: len(given) if op.variadic else len(op.inputs)]):
        group = op.input_port(index).group
        if group and has_dtype(value):
            found = arrays if isinstance(value, np.ndarray) else tensors
            found.setdefault(group, dtype_name(value.dtype))
    return arrays | tensors


def port_dtype(port: Port, value: Any) -> str | None:
    """Return the dtype of a literal if no tensor decides it: its default, or the port's first
    dtype.
    """
    if hasattr(value, "dtype"):
        return None
    try:
        own = default_dtype(value)
    except LiteralError:
        return None  # `as_tensor` raises the same error
    if own in port.dtypes or own == "bool":
        return own
    return next((d for d in port.dtypes if d in NUMBERS), None)

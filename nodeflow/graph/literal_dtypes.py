"""Which dtype a bare literal takes as an input of an op: that of the tensors beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nodeflow.errors import LiteralError
from nodeflow.graph.declaration import NodeDeclaration, Port
from nodeflow.graph.types import NUMBERS, default_dtype, dtype_name


def has_dtype(value: Any) -> bool:
    """Whether a value has a dtype of its own: tensors and arrays.

    ``np.float64(2)`` has none: it is a Python float too, and ``x / np.sqrt(8)`` has x's dtype.
    """
    return hasattr(value, "dtype") and not isinstance(value, float)


def group_dtypes(op: NodeDeclaration, given: Sequence[Any]) -> dict[str, str]:
    """For each group of ports of one dtype, that of its first tensor, else array."""
    tensors: dict[str, str] = {}
    arrays: dict[str, str] = {}
    for index, value in enumerate(given[: len(given) if op.variadic else len(op.inputs)]):
        group = op.input_port(index).group
        if group and has_dtype(value):
            found = arrays if isinstance(value, np.ndarray) else tensors
            found.setdefault(group, dtype_name(value.dtype))
    return arrays | tensors


def port_dtype(port: Port, value: Any) -> str | None:
    """The dtype of a literal that no tensor decides: its own default, if the port takes it."""
    if hasattr(value, "dtype"):
        return None
    try:
        own = default_dtype(value)
    except LiteralError:
        return None  # `as_tensor` refuses it with the same error
    if own in port.dtypes or own == "bool":
        return own
    return next((d for d in port.dtypes if d in NUMBERS), None)

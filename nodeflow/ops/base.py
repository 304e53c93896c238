"""Shared parts of the op modules: registration, and the dtype of sums."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import numpy_dtype

AnyOp = TypeVar("AnyOp", bound=Op)


def register(cls: type[AnyOp]) -> type[AnyOp]:
    """Return a class decorator that registers one instance of an op."""
    REGISTRY.register(cls())
    return cls


def accumulator(dtype: str) -> np.dtype:
    """Return the dtype of sums: float64 for float32, so that long sums are exact enough."""
    return numpy_dtype("float64" if dtype == "float32" else dtype)

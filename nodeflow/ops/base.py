"""What the op modules share: the registry, and the dtype that sums are computed in."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import numpy_dtype

AnyOp = TypeVar("AnyOp", bound=Op)


def register(cls: type[AnyOp]) -> type[AnyOp]:
    """Class decorator: puts one instance of the op into the registry."""
    REGISTRY.register(cls())
    return cls


def accumulator(dtype: str) -> np.dtype:
    """float32 is added up in float64, so that the reference is right for long sums."""
    return numpy_dtype("float64" if dtype == "float32" else dtype)

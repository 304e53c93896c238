"""All ops. Importing this package fills the registry; an op lives in the file of its family."""

from nodeflow.graph.registry import REGISTRY
from nodeflow.ops import (
    activation,
    arithmetic,
    clip,
    comparison,
    creation,
    inputs,
    internal,
    matrix,
    nn,
    random,
    reduction,
    shape,
    slicing,
    state,
    training,
)

__all__ = [
    "REGISTRY",
    "activation",
    "arithmetic",
    "clip",
    "comparison",
    "creation",
    "inputs",
    "internal",
    "matrix",
    "nn",
    "random",
    "reduction",
    "shape",
    "slicing",
    "state",
    "training",
]

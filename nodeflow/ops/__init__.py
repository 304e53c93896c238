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

CATEGORIES = (
    *("Inputs", "Math", "Matrix", "Neural network", "Loss", "Training", "Reduction", "Shape"),
    *("Comparison", "Random", "Utility", "Internal"),
)
"""The ops' categories, in the order to show them; ops in the last one are hidden."""

__all__ = [
    "CATEGORIES",
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

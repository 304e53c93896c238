"""Nodes whose value a training records in each step, beside the loss, for plots."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping

from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import TensorType
from nodeflow.ops import functions as F

SCOPE = "plots"
EACH_STEP = "each step"
RECORDED = ("float32", "float64", "int32", "int64", "bool", "uint8")
"""The dtypes that the engine records without a cast."""


def can_plot(kind: TensorType) -> bool:
    """Return whether a value of this type is one number."""
    is_one = kind.has_rank and None not in kind.shape and math.prod(kind.shape) == 1  # type: ignore[arg-type]
    return is_one and not kind.dtype.startswith(("complex", "string"))


def plotted_by_key(tensors: Iterable[Tensor], taken: Collection[str]) -> dict[str, Tensor]:
    """Return the tensors that can be plotted, by the names of their curves.

    Args:
        taken: names of other curves. A tensor of that name is called ``NAME (each step)``.
    """
    found: dict[str, Tensor] = {}
    for tensor in tensors:
        if can_plot(tensor.type):
            name = tensor.name
            found[f"{name} ({EACH_STEP})" if name in taken else name] = tensor
    return found


def probes(plotted: Mapping[str, Tensor]) -> list[Tensor]:
    """Return the tensors that the engine records for the plots."""
    return [_probe(tensor) for tensor in plotted.values()]


def _probe(tensor: Tensor) -> Tensor:
    if tensor.dtype in RECORDED:
        return tensor
    graph, name = tensor.node.graph, f"{SCOPE}/{tensor.name.replace(':', '_')}"
    if name in graph:  # from an earlier training
        return graph.tensor(name)
    with graph, graph.deriving(name):
        return F.cast(tensor, "float64" if not tensor.type.is_float else "float32", name=name)

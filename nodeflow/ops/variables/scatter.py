"""Updates of variables at indices: TensorFlow 1's ``scatter_*``, which return the new value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodeflow.errors import GraphError, a_type
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import FLOATS
from nodeflow.ops import functions as F
from nodeflow.public import publish

__all__ = [
    "batch_scatter_update",
    "scatter_add",
    "scatter_div",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "scatter_nd_add",
    "scatter_nd_sub",
    "scatter_nd_update",
    "scatter_sub",
    "scatter_update",
]


def _variable(ref: Any, name: str) -> Tensor:
    if not isinstance(ref, Tensor):
        raise GraphError(f"{name} takes a variable, not {a_type(ref)}")
    return ref


def _changed(ref: Tensor, kind: str, places: Tensor, updates: Tensor) -> Tensor:
    """Return the value of a variable after a scatter update of some slices.

    Args:
        kind: the operation, such as "add", "subtract", "divide" or "update".
        places: the indices of the slices.
    """
    if kind == "subtract":
        return F.tensor_scatter(ref, places, -updates, mode="add")
    if kind == "divide":
        by = F.tensor_scatter(F.ones_like(ref), places, updates, mode="multiply")
        return ref / by if ref.dtype in FLOATS else F.truncate_divide(ref, by)
    return F.tensor_scatter(ref, places, updates, mode=kind)


def _scatter(name_here: str, kind: str, what: str, *, nd: bool) -> Callable[..., Tensor]:
    def scatter(
        ref: Tensor, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
    ) -> Tensor:
        graph = _variable(ref, name_here).graph
        with graph.name_scope(name or name_here):
            places = graph.as_tensor(indices)
            slices = graph.as_tensor(
                updates, ref.dtype if not isinstance(updates, Tensor) else None
            )
            if not nd:
                if slices.shape == () and len(places.shape) + len(ref.shape) > 1:
                    sizes = [F.shape(places), F.shape(ref)[1:]]
                    slices = F.fill(F.concat(sizes, axis=0), slices)
                places = F.expand_dims(places, axis=-1)
            return graph.apply("assign", ref, _changed(ref, kind, places, slices))

    scatter.__name__ = scatter.__qualname__ = name_here
    where = (
        "along the last axis one number for each of the first axes of the variable"
        if nd
        else "numbers of slices along the variable's first axis"
    )
    scatter.__doc__ = (
        f"Add a node that {what} the slices of a variable at the indices. Return the new value."
        f"\n\nArgs:\n    indices: {where}.\n"
        f"    updates: a slice for each of them{'' if nd else ', or one number for all'}.\n"
        "    use_locking: accepted for TensorFlow 1; it changes nothing here."
    )
    return scatter


scatter_update = _scatter("scatter_update", "update", "replaces", nd=False)
scatter_add = _scatter("scatter_add", "add", "adds to", nd=False)
scatter_sub = _scatter("scatter_sub", "subtract", "subtracts from", nd=False)
scatter_mul = _scatter("scatter_mul", "multiply", "multiplies", nd=False)
scatter_div = _scatter("scatter_div", "divide", "divides", nd=False)
scatter_max = _scatter("scatter_max", "max", "raises, where they are smaller,", nd=False)
scatter_min = _scatter("scatter_min", "min", "lowers, where they are larger,", nd=False)
scatter_nd_update = _scatter("scatter_nd_update", "update", "replaces", nd=True)
scatter_nd_add = _scatter("scatter_nd_add", "add", "adds to", nd=True)
scatter_nd_sub = _scatter("scatter_nd_sub", "subtract", "subtracts from", nd=True)


def batch_scatter_update(
    ref: Tensor, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """Replace slices of a variable in each entry of a batch, like `scatter_update`, and return the
    new value.

    All axes of the indices but the last are batch axes.
    """
    graph = _variable(ref, "batch_scatter_update").graph
    with graph.name_scope(name or "batch_scatter_update"):
        last = graph.as_tensor(indices)
        rank = len(last.shape)
        parts = []
        for axis in range(rank - 1):
            shape = [-1 if a == axis else 1 for a in range(rank)]
            own = F.reshape(F.positions(last, axis=axis), shape=shape)
            parts.append(F.broadcast_like(F.cast(own, dtype=last.dtype), last))
        places = F.stack([*parts, last], axis=-1)
        slices = graph.as_tensor(updates, ref.dtype if not isinstance(updates, Tensor) else None)
        return graph.apply("assign", ref, _changed(ref, "update", places, slices))


publish(globals(), __all__)

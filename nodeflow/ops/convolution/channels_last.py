"""Lowering of ops on images of any layout to kernels, which always take channels last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Composite, Convolve, FilterGradient, Lowering, Part, Permute, Pool
from nodeflow.ops.sliding_windows import known

Order = tuple[int, ...] | None
"""A transposition to the axis order of kernels, as for numpy's transpose; None: none is needed."""


def picture_order(layout: str) -> Order:
    """Return the axis permutation that brings images from a layout to channels last. Return None if
    the layout is already channels last.
    """
    return (0, 2, 3, 1) if layout == "NCHW" else None


def filter_order(layout: str) -> Order:
    """Return the axis permutation that brings filters from a layout to (height, width, channels,
    filters). Return None if the layout is already this one.
    """
    return (2, 3, 1, 0) if layout == "OIHW" else None


def lower_pictures(
    core: Convolve | FilterGradient | Pool,
    types: Sequence[TensorType],
    out: TensorType,
    orders: Sequence[Order],
) -> Lowering:
    """Wrap a channels-last operation, so that it takes and returns arrays in other layouts.
    Permutations of axes are added where they are needed.

    Args:
        core: the operation.
        types: types of the op's inputs; inputs that ``core`` does not take come last.
        orders: axis permutation to channels last for each input of ``core``, then for the output.
            None stands for no permutation.
    """
    names = tuple(f"x{i}" for i in range(len(types)))
    parts: list[Part] = []
    taken = list(names[: len(orders) - 1])

    def moved(type_: TensorType, order: tuple[int, ...]) -> TensorType:
        return type_.with_shape(known([type_.shape[a] for a in order]))

    for i, order in enumerate(orders[:-1]):
        if order is not None:
            parts.append(Part(f"t{i}", Permute(order), (names[i],), moved(types[i], order)))
            taken[i] = f"t{i}"
    last = orders[-1]
    if last is None:
        parts.append(Part("out", core, tuple(taken), out))
    else:
        back = tuple(int(a) for a in np.argsort(last))
        parts.append(Part("made", core, tuple(taken), moved(out, last)))
        parts.append(Part("out", Permute(back), ("made",), out))
    return Composite(names, parts, ("out",))

"""How ops on images are lowered: kernels have the channels last, whatever the caller's layout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Composite, Convolve, FilterGradient, Lowering, Part, Permute, Pool
from nodeflow.ops.sliding_windows import known

Order = tuple[int, ...] | None
"""The axes in the order that kernels have them, as numpy's transpose takes it; None: they are."""


def picture_order(layout: str) -> Order:
    """How images of a layout become channels last."""
    return (0, 2, 3, 1) if layout == "NCHW" else None


def filter_order(layout: str) -> Order:
    """How filters of a layout become (height, width, channels, filters)."""
    return (2, 3, 1, 0) if layout == "OIHW" else None


def lower_pictures(
    core: Convolve | FilterGradient | Pool,
    types: Sequence[TensorType],
    out: TensorType,
    orders: Sequence[Order],
) -> Lowering:
    """``core`` between the transpositions that layouts need.

    Args:
        types: of the op's inputs; those that core does not take come last.
        orders: of each input that core takes, then of the output.
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

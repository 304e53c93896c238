"""How ops on images are lowered: kernels have the channels last, whatever the caller's layout."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Composite, Convolve, FilterGradient, Lowering, Part, Permute, Pool
from nodeflow.ops.sliding_windows import known, shape_last

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def lower_pictures(
    core: Convolve | FilterGradient | Pool,
    types: Sequence[TensorType],
    out: TensorType,
    layout: str,
    pictures: Sequence[bool],
) -> Lowering:
    """``core`` between the transpositions that ``layout`` needs.

    Args:
        types: of the op's inputs; those that core does not take come last.
        images: of each input that core takes, then of the output: whether it is in the layout.
    """
    names = tuple(f"x{i}" for i in range(len(types)))
    parts: list[Part] = []
    taken = list(names[: len(pictures) - 1])

    def last(type_: TensorType) -> TensorType:
        return type_.with_shape(known(shape_last(type_.shape, layout)))

    if layout == "NCHW":
        for i, is_picture in enumerate(pictures[:-1]):
            if is_picture:
                parts.append(Part(f"t{i}", Permute(TO_LAST), (names[i],), last(types[i])))
                taken[i] = f"t{i}"
        if pictures[-1]:
            parts.append(Part("made", core, tuple(taken), last(out)))
            parts.append(Part("out", Permute(TO_FIRST), ("made",), out))
            return Composite(names, parts, ("out",))
    parts.append(Part("out", core, tuple(taken), out))
    return Composite(names, parts, ("out",))

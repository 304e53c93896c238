"""Overlapping frames of signals, and signals from overlapping frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import NUMBERS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values

FRAME_LENGTH = Attr("frame_length", "int", 256, "Number of samples in a frame.", minimum=1)
FRAME_STEP = Attr("frame_step", "int", 128, "Samples from one frame to the next.", minimum=1)
PAD_END = Attr("pad_end", "bool", False, "Start frames up to the end, and pad them.")


def count_frames(size: int, attrs: dict[str, Any]) -> int:
    """Return the number of frames of a signal."""
    if attrs["pad_end"]:
        return -(-size // attrs["frame_step"])
    return max(0, 1 + (size - attrs["frame_length"]) // attrs["frame_step"])


def known_size(x: TensorType, axis: int, op_id: str) -> int:
    """Return the size of an axis, which must be known.

    Raises:
        ShapeError: the size is unknown.
    """
    size = x.shape[axis]
    if size is None:
        raise ShapeError(
            f"{op_id} must know the size of axis {axis % x.rank} of {shape_text(x.shape)}",
            port="x",
            hint="Give it where the tensor is made.",
        )
    return size


@register
class Frame(Composed):
    """Overlapping frames of a signal."""

    id = "frame"
    category = "Signal"
    everyday = False
    keywords = ("window", "sliding", "overlap", "chunk", "pieces", "unfold", "stft")
    doc = (
        "Overlapping frames of the last axis: (..., n) gives (..., frames, frame_length).\n\nEach "
        "frame begins frame_step after the previous one. Samples that do not fill a frame are "
        "left out, or with pad_end padded by pad_value. Gradient: summed over the frames that "
        "contain a sample."
    )
    differentiable = True
    inputs = (Port("x", dtypes=NUMBERS),)
    attrs = (
        FRAME_LENGTH,
        FRAME_STEP,
        PAD_END,
        Attr("pad_value", "number", 0, "Value of the padding."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if not x.rank:
            raise ShapeError("frame needs an axis, not a single number", port="x")
        size = known_size(x, -1, self.id)
        return x.with_shape((*x.shape[:-1], count_frames(size, attrs), attrs["frame_length"]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, length, step = inputs[0], attrs["frame_length"], attrs["frame_step"]
        size = known_size(x.type, -1, self.id)
        count = count_frames(size, attrs)
        missing = max(0, (count - 1) * step + length - size)
        if attrs["pad_end"] and missing:
            pads = [[0, 0]] * (x.type.rank - 1) + [[0, missing]]
            x = F.pad(x, paddings=pads, value=attrs["pad_value"])
        places = np.arange(count)[:, None] * step + np.arange(length)
        return F.gather(x, places, axis=-1)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            attrs = {"frame_length": 3, "frame_step": 2}
            yield Sample((values((2, 8), dtype),), attrs, smooth=dtype == "float64")
        attrs = {"frame_length": 4, "frame_step": 3, "pad_end": True, "pad_value": 1}
        yield Sample((values((2, 3, 8)),), attrs, smooth=True)
        yield Sample((values((5,)),), {"frame_length": 2, "frame_step": 4}, smooth=True)
        yield Sample((values((0, 5)),), {"frame_length": 2, "frame_step": 1})
        yield Sample((values((1, 1)),), {"frame_length": 1, "frame_step": 1}, smooth=True)
        yield Sample((values((2,)),), {"frame_length": 3, "frame_step": 1})


@register
class OverlapAndAdd(Composed):
    """The sum of overlapping frames, a signal."""

    id = "overlap_and_add"
    category = "Signal"
    everyday = False
    keywords = ("frames", "reconstruct", "fold", "istft", "synthesis", "sum")
    doc = (
        "The sum of overlapping frames: (..., frames, frame_length) gives (..., n).\n\nEach frame "
        "begins frame_step after the previous one, so n is frame_length + (frames - 1) "
        "frame_step. Gradient: frames of the gradient."
    )
    differentiable = True
    inputs = (Port("x", "Frames.", NUMBERS),)
    attrs = (FRAME_STEP,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if x.rank < 2:
            raise ShapeError(
                f"frames are (..., frames, frame_length), not {shape_text(x.shape)}", port="x"
            )
        frames, length = (known_size(x, axis, self.id) for axis in (-2, -1))
        total = length + (frames - 1) * attrs["frame_step"] if frames else 0
        return x.with_shape((*x.shape[:-2], total))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        """Add the overlapping frames of a signal up at their positions, which are ``frame_step``
        apart, by reshaping.

        Frames are cut into parts of ``frame_step`` elements. The k-th parts of all frames form a
        contiguous signal, and these signals are shifted and added.
        """
        x, step = inputs[0], attrs["frame_step"]
        frames, length = (known_size(x.type, axis, self.id) for axis in (-2, -1))
        total = length + (frames - 1) * step if frames else 0
        if not frames or not length:
            nothing = F.reduce_sum(x, axis=-2)[..., :0]
            return F.pad(nothing, paddings=_pads(x.type.rank - 1, (0, total)))
        parts = -(-length // step)
        padded = F.pad(x, paddings=_pads(x.type.rank, (0, parts), (0, parts * step - length)))
        lead = [n if n is not None else -1 for n in x.shape[:-2]]
        rows = frames + parts
        cut = F.reshape(padded, shape=[*lead, rows, parts, step])
        axes = list(range(len(lead)))
        at = len(lead)
        turned = F.transpose(cut, perm=[*axes, at + 1, at, at + 2])
        flat = F.reshape(turned, shape=[*lead, rows * parts, step])
        moved = flat[..., : (rows - 1) * parts, :]
        shifted = F.reshape(moved, shape=[*lead, parts, rows - 1, step])
        summed = F.reduce_sum(shifted, axis=-3)
        return F.reshape(summed, shape=[*lead, (rows - 1) * step])[..., :total]

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((4, 3), dtype),), {"frame_step": 2}, smooth=dtype == "float64")
        yield Sample((values((2, 3, 5)),), {"frame_step": 2}, smooth=True)
        yield Sample((values((2, 3, 2)),), {"frame_step": 4}, smooth=True)
        yield Sample((values((1, 1)),), {"frame_step": 1}, smooth=True)
        yield Sample((values((0, 2, 3)),), {"frame_step": 1})


def _pads(rank: int, *last: tuple[int, int]) -> list[list[int]]:
    return [[0, 0]] * (rank - len(last)) + [list(pair) for pair in last]

"""Affine and projective transforms of pictures: rotated, moved, scaled, sheared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, DtypeError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, NUMBERS, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.images.pictures import (
    HEIGHT,
    WIDTH,
    Picture,
    check_picture,
    known_sizes,
    sizes_of,
)
from nodeflow.ops.samples import values

METHOD = Attr(
    "interpolation", "choice", "nearest", "The nearest pixel, or linear between pixels.",
    choices=("nearest", "bilinear"),
)  # fmt: skip
FILL = (
    Attr("fill_mode", "choice", "constant", "Values beyond the border: a constant, the picture "
         "mirrored, the opposite side, or the border.",
         choices=("constant", "reflect", "wrap", "nearest")),
    Attr("fill_value", "float", 0.0, "Value beyond the border, if constant."),
)  # fmt: skip


@register
class AffineGrid(Picture):
    """The points of a grid, transformed by matrices."""

    id = "affine_grid"
    keywords = ("spatial transformer", "theta", "rotation", "warp", "localization")
    doc = (
        "The points at which grid_sample reads a picture to transform it by a matrix.\n\ntheta "
        "(n, axes, axes + 1) and the `size` of the result give (n, size..., axes): theta @ "
        "(x, y, ..., 1) with coordinates from -1 to 1, x along the last axis. -1 and 1 are the "
        "outer edges, or with align_corners the centres of the outer elements. As in PyTorch and "
        "ONNX. Gradient: to theta. Jaderberg et al., 2015."
    )
    inputs = (Port("theta", "Matrices: (n, axes, axes + 1).", FLOATS),)
    attrs = (
        Attr("size", "ints", (28, 28), "Height and width, or depth, height and width."),
        Attr("align_corners", "bool", False, "-1 and 1 are centres of elements, not edges."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        theta, size = types[0], attrs["size"]
        if not size or min(size) < 0:
            raise AttributeProblem(f"{list(size)} is not a size", port="size")
        axes = len(size)
        if theta.rank != 3 or not compatible(theta.shape[1:], (axes, axes + 1)):
            raise ShapeError(
                f"theta {shape_text(theta.shape)} must be (n, {axes}, {axes + 1})", port="theta"
            )
        return theta.with_shape((theta.shape[0], *size, axes))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        theta, size = inputs[0], attrs["size"]
        lines = [coordinates(n, attrs["align_corners"]) for n in reversed(size)]
        mesh = [grid.T for grid in np.meshgrid(*lines, indexing="ij")]
        points = np.stack([*mesh, np.ones(size)], axis=-1).reshape(-1, len(size) + 1)
        moved = F.matmul(points.astype(theta.dtype), theta, transpose_y=True)
        return F.reshape(moved, [sizes_of(theta)[0], *size, len(size)])

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            theta = values((4, 2, 3), dtype)
            for corners in (False, True):
                attrs = {"size": (3, 5), "align_corners": corners}
                yield Sample((theta,), attrs, smooth=dtype == "float64")
        yield Sample((values((1, 3, 4)),), {"size": (2, 1, 3)}, smooth=True)
        yield Sample((values((0, 2, 3)),))
        yield Sample((values((1, 1, 2))[:, :, :2],), {"size": (2,)}, smooth=True)
        yield Sample((values((1, 2, 3)),), {"size": (0, 2)})


def coordinates(count: int, align_corners: bool) -> np.ndarray:
    """Return the places of elements between -1 and 1."""
    if align_corners:
        return np.linspace(-1, 1, count) if count > 1 else np.zeros(count)
    return (2 * np.arange(count) + 1) / max(count, 1) - 1


# ---- pictures ---------------------------------------------------------------------------------


def sampled(x: Tensor, points: Sequence[Tensor], attrs: dict[str, Any]) -> Tensor:
    """Sample pictures (n, height, width, channels) at fractional rows and columns (n, ...), with
    the interpolation and fill mode in ``attrs``.
    """
    mode, sizes = attrs["fill_mode"], [size or 0 for size in x.shape[1:3]]
    if mode != "constant":
        pairs = zip(points, sizes, strict=True)
        points = [_within(point, size, mode) for point, size in pairs]
    fill = attrs["fill_value"]
    if not x.type.is_float:  # as a cast of floats does: clipped, and truncated towards 0
        fill = F.cast(np.float64(fill), dtype=x.dtype)
    choices = [_neighbours(point, attrs["interpolation"]) for point in points]
    terms = []
    for corner in product(*choices):
        index, inside = [], []
        for (place, _), size in zip(corner, sizes, strict=True):
            inside.append(F.logical_and(place >= 0, place <= size - 1))
            if mode == "wrap":
                place = F.modulo(place, float(size))
            held = F.clip_by_value(place, min=0.0, max=size - 1.0)
            index.append(F.cast(held, dtype="int64"))
        value = F.gather_nd(x, F.stack(index, axis=-1), batch_dims=1)
        if mode == "constant":
            seen = F.expand_dims(reduce(F.logical_and, inside), axis=-1)
            value = F.where(seen, value, fill)
        weights = [weight for _, weight in corner if weight is not None]
        if weights:
            value = value * F.expand_dims(reduce(F.multiply, weights), axis=-1)
        terms.append(value)
    return reduce(F.add, terms)


def _within(point: Tensor, size: int, mode: str) -> Tensor:
    """Move a coordinate outside the image back inside: clip it to the border, reflect it, or wrap
    it to the opposite side.
    """
    if mode == "wrap":
        return F.modulo(point, float(size))
    if mode == "reflect":
        turn = F.modulo(F.abs(point + 0.5), 2.0 * size)
        point = F.minimum(turn, 2.0 * size - turn) - 0.5
    return F.clip_by_value(point, min=0.0, max=size - 1.0)


def _neighbours(point: Tensor, method: str) -> list[tuple[Tensor, Tensor | None]]:
    """Return the integer positions around a fractional position along one axis, each with its
    weight.

    With the method "nearest", return one position without a weight; a half rounds away from 0.
    """
    if method == "nearest":
        return [(F.sign(point) * F.floor(F.abs(point) + 0.5), None)]
    first = F.floor(point)
    share = point - first
    return [(first, 1 - share), (first + 1, share)]


class Warp(Picture):
    """The base class of transforms: `matrices` maps pixels of the result to places in the
    picture.
    """

    def matrices(self, x: Tensor, *given: Tensor, **attrs: Any) -> Tensor:
        """Return the transformation of each picture as the eight numbers a0, a1, a2, b0, b1, b2,
        c0, c1 that `projective_transform` takes: (rows, 8), or (1, 8) for all pictures.
        """
        raise NotImplementedError(self.id)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        check_picture(x)
        if x.rank > 4:
            raise ShapeError(f"{shape_text(x.shape)} has more axes than (rows, height, width, "
                             "channels)", port="x")  # fmt: skip
        if attrs["interpolation"] == "bilinear" and not x.is_float:
            raise DtypeError(f"bilinear needs floats, not {x.dtype}", port="x",
                             hint="Cast, or use nearest.")  # fmt: skip
        if 0 in known_sizes(x, HEIGHT, WIDTH):
            raise ShapeError(f"pictures of shape {shape_text(x.shape)} have no pixels", port="x")
        return x

    def output_size(self, x: TensorType, attrs: dict[str, Any]) -> tuple[int, ...]:
        return known_sizes(x, HEIGHT, WIDTH)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        single = len(inputs[0].shape) == 3
        x = F.expand_dims(inputs[0], axis=0) if single else F.identity(inputs[0])
        kind = x.dtype if x.type.is_float else "float32"
        height, width = self.output_size(x.type, attrs)
        parts = self.matrices(x, *inputs[1:], **attrs)
        parts = parts if parts.dtype == kind else F.cast(parts, dtype=kind)
        shaped = F.expand_dims(parts, axis=(-1, -2))  # (rows, 8, 1, 1)
        a0, a1, a2, b0, b1, b2, c0, c1 = F.unstack(shaped, num=8, axis=1)
        across = np.arange(width, dtype=kind).reshape(1, 1, width)
        down = np.arange(height, dtype=kind).reshape(1, height, 1)
        depth = c0 * across + c1 * down + 1
        columns = (a0 * across + a1 * down + a2) / depth
        rows = (b0 * across + b1 * down + b2) / depth
        each = F.cast(F.positions(x, axis=0, dtype="int64") * 0, dtype=kind)
        each = F.expand_dims(each, axis=(1, 2))  # one matrix serves all pictures
        out = sampled(x, [rows + each, columns + each], attrs)
        return F.squeeze(out, axis=0) if single else out


@register
class Transform(Warp):
    """Pictures transformed projectively."""

    id = "projective_transform"
    keywords = ("transform", "perspective", "homography", "affine", "warp", "shear", "translate")
    doc = (
        "Pictures whose pixel (x, y) is read at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / "
        "k).\n\nk = c0 x + c1 y + 1. transforms are a0, a1, a2, b0, b1, b2, c0, c1: (8,) for all "
        "pictures (rows, height, width, channels), or (rows, 8). x counts from the left, y from "
        "the top. Height and width must be known. Gradient: to the pixels that were read and, if "
        "bilinear, to transforms. As tf.contrib.image.transform."
    )
    inputs = (
        Port("x", "Pictures.", NUMBERS),
        Port("transforms", "Eight numbers for all pictures, or for each.", FLOATS),
    )
    attrs = (
        METHOD,
        *FILL,
        Attr("size", "ints", None, "Height and width of the result; none: unchanged.",
             optional=True),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, given = super().infer(*types, **attrs), types[1]
        fits = given.rank in (1, 2) and given.shape[-1] in (8, None)
        if fits and given.rank == 2 and given.shape[0] != 1:
            fits = x.rank == 4 and compatible(given.shape[:1], x.shape[:1])
        if not fits:
            raise ShapeError(
                f"transforms {shape_text(given.shape)} must be (8,) or (rows, 8)",
                port="transforms",
            )
        shape = [*x.shape]
        shape[HEIGHT:-1] = self.output_size(x, attrs)
        return x.with_shape(shape)

    def output_size(self, x: TensorType, attrs: dict[str, Any]) -> tuple[int, ...]:
        size = attrs["size"]
        if size is None:
            return super().output_size(x, attrs)
        if len(size) != 2 or min(size) < 0:
            raise AttributeProblem(f"{list(size)} is not a height and width", port="size")
        return size

    def matrices(self, x: Tensor, *given: Tensor, **attrs: Any) -> Tensor:
        return F.reshape(given[0], (-1, 8)) if len(given[0].shape) == 1 else given[0]

    def samples(self) -> Iterator[Sample]:
        one = np.array([0.83, -0.31, 0.6, 0.27, 1.1, -0.4, 0.03, -0.02])
        for dtype in NUMBERS:
            yield Sample((values((3, 4, 2), dtype), one))
        x = values((2, 4, 3, 1))
        both = np.stack([one, one[[4, 3, 2, 1, 0, 5, 6, 7]]])
        linear = {"interpolation": "bilinear"}
        for mode in FILL[0].choices:
            attrs = {"fill_mode": mode, "fill_value": 0.5}
            yield Sample((x, both), attrs)
            yield Sample((x, both), {**attrs, **linear}, smooth=True)
        yield Sample((values((2, 3, 2)), one.astype("float32")), {"size": (5, 2)})
        yield Sample((x.astype("float32"), both.astype("float32")), {**linear, "size": (1, 2)})
        yield Sample((values((0, 2, 3, 4)), np.ones((0, 8))))
        yield Sample((values((1, 1, 1)), one[None]), linear, smooth=True)


@register
class Rotate(Warp):
    """Pictures rotated by an angle."""

    id = "rotate"
    everyday = True
    keywords = ("rotation", "angle", "turn", "rotate image", "scipy.ndimage.rotate")
    doc = (
        "Pictures rotated around their centre by an angle in radians, counterclockwise.\n\nx is "
        "(rows, height, width, channels) or one picture. A connected angle is one number, or one "
        "per picture. The size does not change: corners are cut off, and empty corners are "
        "filled. Height and width must be known. Gradient: to the pixels that were read and, if "
        "bilinear, to the angle. As tf.contrib.image.rotate."
    )
    inputs = (
        Port("x", "Pictures.", NUMBERS),
        Port("angle", "In radians: one, or one per picture; overrides the attribute.", FLOATS,
             optional=True),
    )  # fmt: skip
    attrs = (Attr("angle", "float", 0.5, "In radians."), METHOD, *FILL)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = super().infer(*types, **attrs)
        for angle in types[1:]:
            per_row = angle.rank == 1 and (
                angle.shape[0] == 1 or (x.rank == 4 and compatible(angle.shape, x.shape[:1]))
            )
            if angle.rank and not per_row:
                raise ShapeError(
                    f"angle {shape_text(angle.shape)} must be one number, or one for each picture",
                    port="angle",
                )
        return x

    def matrices(self, x: Tensor, *given: Tensor, **attrs: Any) -> Tensor:
        kind = x.dtype if x.type.is_float else "float32"
        angle = given[0] if given else x.graph.as_tensor(np.array([attrs["angle"]], kind))
        angle = angle if angle.dtype == kind else F.cast(angle, dtype=kind)
        angle = F.reshape(angle, (-1,))
        return turned(angle, *known_sizes(x.type, 1, 2))

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((3, 4, 2), dtype),), {"angle": 1.2})
        x, linear = values((2, 4, 3, 1)), {"interpolation": "bilinear"}
        for mode in FILL[0].choices:
            yield Sample((x,), {"fill_mode": mode, **linear}, smooth=True)
        for dtype in FLOATS:
            angles = np.array([0.4, -1.1], dtype)
            yield Sample((x.astype(dtype), angles), linear, smooth=dtype == "float64")
        yield Sample((x, np.array(0.7)), linear, smooth=True)
        yield Sample((values((0, 2, 3, 4)), np.ones(0)))
        yield Sample((values((1, 1, 1)), np.array([0.3])), linear, smooth=True)


def turned(angle: Tensor, height: int, width: int) -> Tensor:
    """Return transforms (n, 8) that rotate pictures around their centre by angles (n,)."""
    cos, sin = F.cos(angle), F.sin(angle)
    x, y = (width - 1) / 2, (height - 1) / 2
    zero = F.zeros_like(angle)
    return F.stack(
        [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y, zero, zero], axis=1
    )

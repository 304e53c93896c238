"""Resizing along any axes, in every coordinate mode that frameworks use.

Along one axis each new element is a weighted sum of old ones, so resizing is a product with a
matrix of weights per axis. The method "nearest" gathers elements instead, of any dtype.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, DtypeError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import DTYPES, TensorType, normalize_axis, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.images.pictures import along
from nodeflow.ops.samples import values

METHODS = ("linear", "nearest", "cubic", "area")
COORDINATES = (
    "half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric",
    "crop",
)  # fmt: skip
ROUNDING = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


Span = tuple[float, float]
WHOLE = (0.0, 1.0)


def places(old: int, new: int, scale: float, coordinates: str, crop: Span = WHOLE) -> np.ndarray:
    """Return the fractional position, along one axis, of each resized element among the old
    elements, in the given coordinate mode of ONNX's Resize.
    """
    at = np.arange(new, dtype=np.float64)
    if coordinates == "crop":
        begin, end = (share * (old - 1) for share in crop)
        if new == 1:
            return np.array([(begin + end) / 2])
        return begin + at * (end - begin) / (new - 1)
    if coordinates == "align_corners":
        # Given sizes, this is the last new element; given scales, it may be a fraction.
        last = old * scale - 1
        return at * (old - 1) / last if new > 1 and last > 0 else np.zeros(new)
    if coordinates == "pytorch_half_pixel" and new == 1:
        return np.zeros(1)
    half = 0.0 if coordinates == "asymmetric" else 0.5
    shift = 0.0
    if coordinates == "half_pixel_symmetric":
        shift = old / 2 * (1 - new / (scale * old)) if old else 0.0
    is_exact = scale == new / max(old, 1)  # then whole numbers stay whole
    return shift + ((at + half) * old / new if is_exact else (at + half) / scale) - half


def kernel(method: str, distance: np.ndarray, a: float) -> np.ndarray:
    """Return interpolation weights for distances from a sample: a triangle for ``linear``,
    otherwise Keys's cubic convolution (1981) with coefficient ``a``.
    """
    d = np.abs(distance)
    if method == "linear":
        return np.maximum(1 - d, 0)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def weights(
    old: int, new: int, scale: float, attrs: dict[str, Any], crop: Span = WHOLE
) -> np.ndarray:
    """Return the interpolation weights (new, old) of a resize along one axis. Each new element is
    the sum of the old elements times its row, whose weights add up to 1.
    """
    if attrs["method"] == "area":
        return areas(old, new, attrs["coordinates"] == "align_corners")
    at = places(old, new, scale, attrs["coordinates"], crop)
    shrink = min(scale, 1.0) if attrs["antialias"] else 1.0
    reach = (1 if attrs["method"] == "linear" else 2) / shrink
    matrix = np.zeros((new, old))
    for row, centre in enumerate(at):
        seen = np.arange(math.floor(centre - reach), math.ceil(centre + reach) + 1)
        share = kernel(attrs["method"], (seen - centre) * shrink, attrs["cubic_coefficient"])
        outside = (seen < 0) | (seen >= old)
        if attrs["exclude_outside"]:
            share = np.where(outside, 0, share)
        total = share.sum()
        np.add.at(matrix[row], np.clip(seen, 0, old - 1), share / total if total else share)
    return matrix


def areas(old: int, new: int, align_corners: bool) -> np.ndarray:
    """Return the weights (new, old) of an area resize along one axis: which fraction of the
    interval of each new element each old element covers.
    """
    step = (old - 1) / (new - 1) if align_corners and new > 1 else old / max(new, 1)
    if not step:
        return np.eye(1, old).repeat(new, 0)
    begin = np.arange(new)[:, None] * step
    first = np.arange(old)
    covered = np.minimum(begin + step, first + 1) - np.maximum(begin, first)
    beyond = np.maximum(begin[:, 0] + step - old, 0)  # the last element extends beyond the end
    matrix = np.maximum(covered, 0)
    if old:
        matrix[:, -1] += beyond
    return matrix / step


def nearest(
    old: int, new: int, scale: float, attrs: dict[str, Any], crop: Span = WHOLE
) -> np.ndarray:
    """Return, for each new position along an axis, the index of the nearest old element, for
    nearest neighbour resizing.
    """
    at, rounding = places(old, new, scale, attrs["coordinates"], crop), attrs["rounding"]
    found = {
        "round_prefer_floor": np.ceil(at - 0.5),
        "round_prefer_ceil": np.floor(at + 0.5),
        "floor": np.floor(at),
        "ceil": np.ceil(at),
    }[rounding]
    return np.clip(found, 0, max(old - 1, 0)).astype("int64")


@register
class Interpolate(Composed):
    """An array resized along some axes."""

    id = "interpolate"
    everyday = False
    category = "Pictures"
    keywords = (
        "resize",
        "upsample",
        "downsample",
        "scale",
        "zoom",
        "cubic",
        "bicubic",
        "antialias",
    )
    doc = (
        "The tensor resized along axes, by interpolation.\n\n`sizes` or `scales` has one number "
        "for each of `axes`, whose sizes must be known. Without `sizes`, the sizes are multiplied "
        "by `scales` and rounded down.\n\n`coordinates` sets where new elements lie among the old "
        "ones, `rounding` which element is nearest. `antialias` averages when shrinking. "
        "`exclude_outside` leaves the border out instead of repeating it. With coordinates "
        "`crop`, the elements lie evenly in the interval of each axis that `crop` gives as "
        "fractions; those outside get the `extrapolation_value`. The method `area` averages over "
        "the interval that each new element covers. For pictures, resize is simpler."
    )
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (
        Attr("sizes", "ints", None, "New sizes; none: from scales.", optional=True),
        Attr("scales", "literal", None, "Factors of the sizes; none: from sizes.", optional=True),
        Attr("axes", "ints", (0,), "Axes to resize."),
        Attr("method", "choice", "linear", "Interpolation.", choices=METHODS),
        Attr("coordinates", "choice", "half_pixel", "Places of new elements.", choices=COORDINATES),
        Attr(
            "rounding",
            "choice",
            "round_prefer_floor",
            "Choice of the nearest element.",
            choices=ROUNDING,
        ),
        Attr("cubic_coefficient", "float", -0.75, "Keys's a; -0.5 as in Pillow."),
        Attr("antialias", "bool", False, "Average over more elements when shrinking."),
        Attr("exclude_outside", "bool", False, "Leave out elements beyond the border."),
        Attr(
            "crop",
            "literal",
            None,
            "[begin, end] for each axis: 0 is the first element, 1 the last.",
            optional=True,
        ),
        Attr("extrapolation_value", "float", 0.0, "Value outside, with coordinates crop."),
    )

    def plan(self, x: TensorType, attrs: dict[str, Any]) -> list[tuple[int, int, int, float, Span]]:
        """Return, for each axis that is resized: the axis, its old and new size, the scale, and
        the interval of the input that is kept, as fractions of the old size.
        """
        axes = [normalize_axis(a, x.rank) for a in attrs["axes"]]
        crops = self.crops(len(axes), attrs)
        sizes, scales = attrs["sizes"], attrs["scales"]
        given = [g for g in (sizes, scales) if g is not None]
        if not given or any(np.shape(g) != (len(axes),) for g in given):
            raise AttributeProblem(
                "sizes or scales must have one number for each axis", port="sizes"
            )
        steps = []
        for index, axis in enumerate(axes):
            old = x.shape[axis]
            if old is None:
                raise ShapeError(f"the size of axis {axis} of {shape_text(x.shape)} is unknown",
                                 port="x")  # fmt: skip
            wanted = None if sizes is None else sizes[index]
            scale = (wanted or 0) / max(old, 1) if scales is None else float(scales[index])
            begin, end = crops[index]
            new = math.floor(old * (end - begin) * scale) if wanted is None else wanted
            if new < 0 or (new and not old) or (new and not scale > 0):
                raise AttributeProblem(f"{old} elements cannot become {new}", port="sizes")
            steps.append((axis, old, new, scale, (begin, end)))
        return steps

    def crops(self, axes: int, attrs: dict[str, Any]) -> list[Span]:
        """Return the cropped interval of each axis."""
        if attrs["coordinates"] != "crop":
            return [WHOLE] * axes
        if attrs["crop"] is None or np.shape(attrs["crop"]) != (axes, 2):
            raise AttributeProblem(
                f"coordinates crop need a crop [begin, end] for each of {axes} axes", port="crop"
            )
        return [(float(begin), float(end)) for begin, end in attrs["crop"]]

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if attrs["method"] != "nearest" and not x.is_float:
            raise DtypeError(f"{attrs['method']} needs floats, not {x.dtype}", port="x",
                             hint="Cast, or use nearest.")  # fmt: skip
        shape = list(x.shape)
        for axis, _, new, *_ in self.plan(x, attrs):
            shape[axis] = new
        return x.with_shape(shape)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        plan = self.plan(x.type, attrs)
        for axis, old, new, scale, crop in plan:
            if attrs["method"] == "nearest":
                x = F.gather(x, nearest(old, new, scale, attrs, crop), axis=axis)
            else:
                x = along(x, weights(old, new, scale, attrs, crop), axis)
        if attrs["coordinates"] != "crop":
            return x
        for axis, old, new, scale, crop in plan:
            at = places(old, new, scale, "crop", crop)
            inside = (at >= 0) & (at <= old - 1)
            if not inside.all():
                seen = inside.reshape(-1, *[1] * (len(x.shape) - axis - 1))
                x = F.where(seen, x, attrs["extrapolation_value"])
        return x

    def samples(self) -> Iterator[Sample]:
        x = values((3, 4))
        for dtype in DTYPES:
            attrs = {"sizes": (5,), "method": "nearest", "axes": (1,)}
            yield Sample((values((3, 4), dtype),), attrs, smooth=dtype == "float64")
        both = {"axes": (0, 1), "sizes": (5, 3)}
        cube = values((2, 3, 4))
        for axis in range(3):
            yield Sample((cube,), {"sizes": (2,), "axes": (axis,)}, smooth=True)
        crop = {**both, "coordinates": "crop", "crop": [[0.2, 1.3], [1, 0]]}
        for method in METHODS[:3]:
            attrs = {**crop, "method": method, "extrapolation_value": 5.0}
            yield Sample((x,), attrs, smooth=True)
        yield Sample((x,), {**both, "coordinates": "align_corners", "method": "area"}, smooth=True)
        for method in METHODS:
            yield Sample((x,), {**both, "method": method}, smooth=True)
            yield Sample((values((2, 3, 4), "float32"),), {**both, "method": method})
        for coordinates in COORDINATES[:5]:
            for rounding in ROUNDING[: 4 if coordinates == "asymmetric" else 1]:
                attrs = {"coordinates": coordinates, "rounding": rounding, "method": "nearest"}
                yield Sample((x,), {**both, **attrs}, smooth=True)
            yield Sample((x,), {**both, "coordinates": coordinates}, smooth=True)
        for switch in ("antialias", "exclude_outside"):
            attrs = {"scales": [0.6, 1.5], "axes": (0, 1), "method": "cubic", switch: True}
            yield Sample((x,), attrs, smooth=True)
        yield Sample((values((0, 3)),), {"sizes": (4,), "axes": (1,)})
        yield Sample((values((1, 1)),), {"sizes": (3,)}, smooth=True)

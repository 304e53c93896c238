# Attributes come from a file, so their types are checked only when a node is made.
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false
"""Global pooling, resizing and sampling of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.integrations.onnx.call import Call, LeftOut, op, size


@op("GlobalAveragePool", "GlobalMaxPool")
def global_pool(call: Call) -> nf.Tensor:
    ours = nf.global_max_pool if call.op == "GlobalMaxPool" else nf.global_average_pool
    return ours(call.x(), channels="first", keepdims=True)


@op("Resize", "Upsample")
def resize(call: Call) -> nf.Tensor:
    axes = list(call.get("axes", range(call.rank)))
    shape = call.shape(0)
    old = [shape[a] for a in axes]
    simple = call.op == "Upsample" or call.version == 10
    scales = call.get("scales") if call.op == "Upsample" and call.version < 9 else None
    if scales is None:
        scales = call.value(1 if simple else 2)
    sizes = None if simple else call.ints(3)
    policy, mode = call.get("keep_aspect_ratio_policy", "stretch"), call.get("mode", "nearest")
    coordinates = call.get("coordinate_transformation_mode", "half_pixel")
    if simple:
        coordinates = "asymmetric"
    if sizes and policy != "stretch":
        whole = call.sizes(0)
        old = [whole[a] for a in axes]
        ratios = [s / o for s, o in zip(sizes, old, strict=True)]
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        scales, sizes = (
            [ratio] * len(axes),
            tuple(int(np.floor((o or 0) * ratio + 0.5)) for o in old),
        )
    if any(old[i] is None for i in range(len(axes)) if sizes or scales[i] != 1):
        pairs = [(a, n) for a, n, o in zip(axes, sizes or scales, old) if sizes or n != 1]
        return _resized(call, pairs, mode, coordinates, "floor" if simple else None)
    kept = [i for i in range(len(axes)) if (sizes[i] != old[i] if sizes else scales[i] != 1)]
    crop = None
    if coordinates == "tf_crop_and_resize":
        coordinates, kept = "crop", list(range(len(axes)))
        crop = np.reshape(call.value(1), (2, -1)).T.tolist()
    rounding = call.get("nearest_mode", "round_prefer_floor")
    return nf.interpolate(
        call.x(),
        sizes=[sizes[i] for i in kept] if sizes else None,
        scales=[float(scales[i]) for i in kept] if scales is not None and len(scales) else None,
        axes=[axes[i] for i in kept],
        method=mode,
        coordinates=coordinates,
        rounding="floor" if simple else rounding,
        cubic_coefficient=call.get("cubic_coeff_a", -0.75),
        antialias=bool(call.get("antialias", 0)),
        exclude_outside=bool(call.get("exclude_outside", 0)),
        crop=crop,
        extrapolation_value=call.get("extrapolation_value", 0.0),
    )


@op("GridSample")
def grid_sample(call: Call) -> nf.Tensor:
    return nf.grid_sample(
        *call.all(),
        method={"bilinear": "linear", "bicubic": "cubic"}.get(
            mode := call.get("mode", "linear"), mode
        ),
        padding=call.get("padding_mode", "zeros"),
        align_corners=bool(call.get("align_corners", 0)),
    )


@op("AffineGrid")
def affine_grid(call: Call) -> nf.Tensor:
    size = (call.ints(1) or ())[2:]
    return nf.affine_grid(call.x(), size=size, align_corners=bool(call.get("align_corners", 0)))


@op("RoiAlign")
def roi_align(call: Call) -> nf.Tensor:
    if call.get("mode", "avg") == "max":
        raise LeftOut("a maximum of pixels times weights, not of points between pixels")
    return nf.roi_align(
        *call.all(),
        output_size=(call.get("output_height", 1), call.get("output_width", 1)),
        sampling_ratio=call["sampling_ratio"],
        spatial_scale=call.get("spatial_scale", 1.0),
        aligned=call.get("coordinate_transformation_mode", "half_pixel") == "half_pixel",
    )


@op("NonMaxSuppression")
def non_max_suppression(call: Call) -> nf.Tensor:
    most, overlap, score = (call.value(i) for i in (2, 3, 4))
    return nf.batched_non_max_suppression(
        call.x(), call.x(1),
        max_output_boxes_per_class=0 if most is None else int(most[0]),
        iou_threshold=0.0 if overlap is None else float(overlap[0]),
        score_threshold=None if score is None else float(score[0]),
        center_point_box=bool(call.get("center_point_box", 0)),
    )  # fmt: skip


@op("Col2Im")
def fold(call: Call) -> nf.Tensor:
    pads = call.get("pads")
    return nf.fold(
        call.x(), image_shape=call.ints(1), block_shape=call.ints(2), strides=call.get("strides"),
        dilations=call.get("dilations"),
        pads=None if pads is None else np.reshape(pads, (2, -1)).T.tolist(),
    )  # fmt: skip


def _resized(
    call: Call, wanted: list[Any], mode: str, coordinates: str, rounding: str | None
) -> nf.Tensor:
    """Translate ONNX's Resize, nearest or linear, with sizes that are known only at run time.
    Resize one axis after the other, by gathering two neighbours and mixing them.
    """
    rounding = rounding or call.get("nearest_mode", "round_prefer_floor")
    if mode not in ("nearest", "linear") or call.flag("antialias"):
        raise LeftOut(f"resizing ({mode}) of sizes that only a run knows")
    if call.ints(3) if call.op == "Resize" and call.version > 10 else None:
        raise LeftOut("resizing to sizes from sizes that only a run knows")
    x = call.x()
    for axis, scale in wanted:
        x = _along(x, axis, float(scale), mode, coordinates, rounding)
    return x


def _along(
    x: nf.Tensor, axis: int, scale: float, mode: str, coordinates: str, rounding: str
) -> nf.Tensor:
    old = (
        nf.cast(size(x, axis), "float32")
        if x.type.shape[axis] is None
        else float(x.type.shape[axis])
    )
    new = nf.floor(old * scale) if isinstance(old, nf.Tensor) else float(np.floor(old * scale))
    count = nf.cast(new, "int64") if isinstance(new, nf.Tensor) else int(new)
    steps = nf.cast(nf.range(np.int64(0), count, np.int64(1), dtype="int64"), "float32")
    if coordinates in ("half_pixel", "pytorch_half_pixel"):
        places = (steps + 0.5) / scale - 0.5
    elif coordinates == "asymmetric":
        places = steps / scale
    elif coordinates == "align_corners":
        places = steps * ((old - 1.0) / (new - 1.0))
    else:
        raise LeftOut(f"resizing ({coordinates}) of sizes that only a run knows")
    last = old - 1.0
    if mode == "nearest":
        rounded = {
            "floor": lambda p: nf.floor(p),
            "ceil": lambda p: nf.ceil(p),
            "round_prefer_floor": lambda p: nf.ceil(p - 0.5),
            "round_prefer_ceil": lambda p: nf.floor(p + 0.5),
        }[rounding](places)
        return nf.gather(x, _inside(rounded, last), axis=axis)
    low = nf.floor(places)
    share = places - low
    before, after = (nf.gather(x, _inside(p, last), axis=axis) for p in (low, low + 1.0))
    shape = [-1] + [1] * (len(x.type.shape) - 1 - axis % len(x.type.shape))
    share = nf.cast(nf.reshape(share, shape=shape), x.type.dtype)
    return before + (after - before) * share


def _inside(places: nf.Tensor, last: Any) -> nf.Tensor:
    return nf.cast(nf.minimum(nf.maximum(places, 0.0), last), "int64")

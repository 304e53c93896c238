"""Global pooling, resizing and sampling of pictures."""

from __future__ import annotations

import numpy as np

import nodeflow as nf

from . import Case, LeftOut, op


@op("GlobalAveragePool", "GlobalMaxPool")
def global_pool(case: Case) -> nf.Tensor:
    ours = nf.global_max_pool if case.op == "GlobalMaxPool" else nf.global_average_pool
    return ours(case.x(), channels="first", keepdims=True)


@op("Resize", "Upsample")
def resize(case: Case) -> nf.Tensor:
    axes = list(case.get("axes", range(case.rank)))
    old = [case.value(0).shape[a] for a in axes]
    scales = case.value(1 if case.op == "Upsample" else 2)
    sizes = case.ints(3) if case.op == "Resize" else None
    policy, mode = case.get("keep_aspect_ratio_policy", "stretch"), case.get("mode", "nearest")
    coordinates = case.get("coordinate_transformation_mode", "half_pixel")
    if case.op == "Upsample":
        coordinates = "asymmetric"
    if sizes and policy != "stretch":
        ratios = [s / o for s, o in zip(sizes, old, strict=True)]
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        scales, sizes = [ratio] * len(axes), tuple(int(np.floor(o * ratio + 0.5)) for o in old)
    kept = [i for i in range(len(axes)) if (sizes[i] != old[i] if sizes else scales[i] != 1)]
    crop = None
    if coordinates == "tf_crop_and_resize":
        coordinates, kept = "crop", list(range(len(axes)))
        crop = np.reshape(case.value(1), (2, -1)).T.tolist()
    rounding = case.get("nearest_mode", "round_prefer_floor")
    return nf.interpolate(
        case.x(),
        sizes=[sizes[i] for i in kept] if sizes else None,
        scales=[float(scales[i]) for i in kept] if scales is not None and len(scales) else None,
        axes=[axes[i] for i in kept],
        method=mode,
        coordinates=coordinates,
        rounding="floor" if case.op == "Upsample" else rounding,
        cubic_coefficient=case.get("cubic_coeff_a", -0.75),
        antialias=bool(case.get("antialias", 0)),
        exclude_outside=bool(case.get("exclude_outside", 0)),
        crop=crop,
        extrapolation_value=case.get("extrapolation_value", 0.0),
    )


@op("GridSample")
def grid_sample(case: Case) -> nf.Tensor:
    return nf.grid_sample(
        *case.all(),
        method={"bilinear": "linear", "bicubic": "cubic"}.get(
            mode := case.get("mode", "linear"), mode
        ),
        padding=case.get("padding_mode", "zeros"),
        align_corners=bool(case.get("align_corners", 0)),
    )


@op("AffineGrid")
def affine_grid(case: Case) -> nf.Tensor:
    size = (case.ints(1) or ())[2:]
    return nf.affine_grid(case.x(), size=size, align_corners=bool(case.get("align_corners", 0)))


@op("RoiAlign")
def roi_align(case: Case) -> nf.Tensor:
    if case.get("mode", "avg") == "max":
        raise LeftOut("a maximum of pixels times weights, not of points between pixels")
    return nf.roi_align(
        *case.all(),
        output_size=(case.get("output_height", 1), case.get("output_width", 1)),
        sampling_ratio=case["sampling_ratio"],
        spatial_scale=case.get("spatial_scale", 1.0),
        aligned=case.get("coordinate_transformation_mode", "half_pixel") == "half_pixel",
    )


@op("NonMaxSuppression")
def non_max_suppression(case: Case) -> nf.Tensor:
    most, overlap, score = (case.value(i) for i in (2, 3, 4))
    return nf.batched_non_max_suppression(
        case.x(), case.x(1),
        max_output_boxes_per_class=0 if most is None else int(most[0]),
        iou_threshold=0.0 if overlap is None else float(overlap[0]),
        score_threshold=None if score is None else float(score[0]),
        center_point_box=bool(case.get("center_point_box", 0)),
    )  # fmt: skip


@op("Col2Im")
def fold(case: Case) -> nf.Tensor:
    pads = case.get("pads")
    return nf.fold(
        case.x(), image_shape=case.ints(1), block_shape=case.ints(2), strides=case.get("strides"),
        dilations=case.get("dilations"),
        pads=None if pads is None else np.reshape(pads, (2, -1)).T.tolist(),
    )  # fmt: skip

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
    if coordinates == "tf_crop_and_resize":
        raise LeftOut("resize of a crop")
    if case.op == "Upsample":
        coordinates = "asymmetric"
    if sizes and policy != "stretch":
        ratios = [s / o for s, o in zip(sizes, old, strict=True)]
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        scales, sizes = [ratio] * len(axes), tuple(int(np.floor(o * ratio + 0.5)) for o in old)
    kept = [i for i in range(len(axes)) if (sizes[i] != old[i] if sizes else scales[i] != 1)]
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

"""Convolution, pooling and pictures."""

from __future__ import annotations

import numpy as np

import nodeflow as nf

from . import Case, LeftOut, op


def pads_of(case: Case, sizes: tuple[int, ...], window: list[int]) -> list[list[int]]:
    """What is added before and after each spatial axis."""
    count = len(window)
    strides = case.get("strides", [1] * count)
    steps = case.get("dilations", [1] * count)
    auto = case.get("auto_pad", "NOTSET")
    seen = [(k - 1) * d + 1 for k, d in zip(window, steps, strict=True)]
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for size, stride, width in zip(sizes, strides, seen, strict=True):
            total = max((-(-size // stride) - 1) * stride + width - size, 0)
            small, large = total // 2, total - total // 2
            pairs.append([small, large] if auto == "SAME_UPPER" else [large, small])
        return pairs
    pads = case.get("pads", [0] * (2 * count))
    pairs = [[pads[i], pads[i + count]] for i in range(count)]
    if case.get("ceil_mode", 0):
        for i, (size, stride, width) in enumerate(zip(sizes, strides, seen, strict=True)):
            inner = size + sum(pairs[i])
            windows = -(-(inner - width) // stride) + 1
            if (windows - 1) * stride >= size + pairs[i][0]:
                windows -= 1
            pairs[i][1] += max((windows - 1) * stride + width - inner, 0)
    return pairs


def padded(x: nf.Tensor, pairs: list[list[int]], value: float = 0.0) -> nf.Tensor:
    if not any(map(any, pairs)):
        return x
    return nf.pad(x, paddings=[[0, 0], [0, 0], *pairs], value=value)


@op("Conv")
def conv(case: Case) -> nf.Tensor:
    filters = case.value(1)
    if filters.ndim > 4:
        raise LeftOut("three spatial axes")
    flat = filters.ndim == 3
    pairs = pads_of(case, case.value(0).shape[2:], list(filters.shape[2:]))
    moved = nf.transpose(case.x(1), perm=[2, 1, 0] if flat else [2, 3, 1, 0])
    count = filters.ndim - 2
    y = (nf.conv1d if flat else nf.conv2d)(
        padded(case.x(), pairs),
        moved,
        strides=case.get("strides", [1] * count),
        dilations=case.get("dilations", [1] * count),
        groups=case.get("group", 1),
        padding="valid",
        layout="NCW" if flat else "NCHW",
    )
    return y + nf.reshape(case.x(2), shape=[-1] + [1] * count) if case.has(2) else y


@op("ConvTranspose")
def conv_transpose(case: Case) -> nf.Tensor:
    filters = case.value(1)
    if filters.ndim > 4:
        raise LeftOut("three spatial axes")
    flat, count = filters.ndim == 3, filters.ndim - 2
    strides = case.get("strides", [1] * count)
    steps = case.get("dilations", [1] * count)
    more = case.get("output_padding", [0] * count)
    shape, groups = case.value(0).shape[2:], case.get("group", 1)
    seen = [(k - 1) * d + 1 for k, d in zip(filters.shape[2:], steps, strict=True)]
    full = [(n - 1) * s + w for n, s, w in zip(shape, strides, seen, strict=True)]
    wanted = list(case.expected[0][1].shape[2:])
    pads = case.get("pads", [0] * (2 * count))
    begin = pads[:count]
    auto = case.get("auto_pad", "NOTSET")
    if auto != "NOTSET" or "output_shape" in case.attrs:
        total = [f + m - w for f, m, w in zip(full, more, wanted, strict=True)]
        begin = [max(t, 0) // 2 for t in total]
    if groups > 1:
        raise LeftOut("groups of transposed filters in another order")
    moved = nf.transpose(case.x(1), perm=[2, 1, 0] if flat else [2, 3, 1, 0])
    y = (nf.conv1d_transpose if flat else nf.conv2d_transpose)(
        case.x(), moved, strides=strides, dilations=steps, padding="valid",
        layout="NCW" if flat else "NCHW",
    )  # fmt: skip
    grown = [max(b + w - (d or 0), 0) for b, w, d in zip(begin, wanted, y.shape[2:], strict=True)]
    y = padded(y, [[0, g] for g in grown])
    ends = [b + w for b, w in zip(begin, wanted, strict=True)]
    if [0, 0, *begin] == [0] * (count + 2) and list(y.shape[2:]) == wanted:
        y = nf.identity(y)
    else:
        y = nf.strided_slice(y, begin=[0, 0, *begin], end=[None, None, *ends])
    return y + nf.reshape(case.x(2), shape=[-1] + [1] * count) if case.has(2) else y


@op("CausalConvWithState")
def causal_conv(case: Case) -> tuple[nf.Tensor, nf.Tensor]:
    channels, _, size = case.value(1).shape
    x = case.x()
    if case.has(3):
        x = nf.concat([case.x(3), x], axis=2)
    else:
        x = nf.pad(x, paddings=[[0, 0], [0, 0], [size - 1, 0]])
    filters = nf.transpose(case.x(1), perm=[2, 1, 0])
    y = nf.conv1d(x, filters, groups=channels, padding="valid", layout="NCW")
    if case.has(2):
        y = y + nf.expand_dims(case.x(2), axis=1)
    if case.get("activation", "none") != "none":
        y = nf.silu(y)
    length = x.shape[2] or 0
    return y, nf.strided_slice(x, begin=[None, None, length - size + 1], end=[None] * 3)


def pool(case: Case, kind: str, x: nf.Tensor, pairs: list[list[int]]) -> nf.Tensor:
    """Pooling of what is padded with what does not count."""
    count = case.rank - 2
    window, strides = case["kernel_shape"], case.get("strides", [1] * (case.rank - 2))
    if count > 2:
        raise LeftOut("three spatial axes")
    if any(d != 1 for d in case.get("dilations", [1])):
        raise LeftOut("pooling with dilations")
    ours = getattr(nf, f"{kind}_pool{count}d")
    how = {"strides": strides, "padding": "valid", "layout": "NCW" if count == 1 else "NCHW"}
    if kind == "max":
        return ours(padded(x, pairs, float("-inf")), size=window, **how)
    mean = ours(padded(x, pairs), size=window, **how)
    if not any(map(any, pairs)):
        return mean
    return mean / ours(padded(nf.ones_like(x), pairs), size=window, **how)


@op("MaxPool")
def max_pool(case: Case) -> nf.Tensor:
    if case.wants(1):
        raise LeftOut("max pooling with indices")
    x = case.x()
    pairs = pads_of(case, case.value(0).shape[2:], case["kernel_shape"])
    if x.dtype.startswith("float"):
        return pool(case, "max", x, pairs)
    return nf.cast(pool(case, "max", nf.cast(x, "float32"), pairs), x.dtype)


@op("AveragePool")
def average_pool(case: Case) -> nf.Tensor:
    x = case.x()
    pairs = pads_of(case, case.value(0).shape[2:], case["kernel_shape"])
    if not case.get("count_include_pad", 0):
        return pool(case, "average", x, pairs)
    pads = case.get("pads", [0] * (2 * len(pairs)))
    own = [[pads[i], pads[i + len(pairs)]] for i in range(len(pairs))]
    rest = [[0, after[1] - before[1]] for before, after in zip(own, pairs, strict=True)]
    return pool(case, "average", padded(x, own), rest)


@op("LpPool")
def lp_pool(case: Case) -> nf.Tensor:
    """The mean of powers is that of the sum but for the size of a window."""
    p = float(case.get("p", 2))
    pairs = pads_of(case, case.value(0).shape[2:], case["kernel_shape"])
    powers = padded(nf.abs(case.x()) ** p, pairs)
    mean = pool(case, "average", powers, [[0, 0]] * (case.rank - 2))
    return (mean * float(np.prod(case["kernel_shape"]))) ** (1 / p)


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

"""Convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

import nodeflow as nf

from . import Case, op

LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
FILTERS = {1: "OIW", 2: "OIHW", 3: "OIDHW"}


def pads_of(case: Case, sizes: tuple[int, ...], window: list[int]) -> list[list[int]]:
    """What is added before and after each spatial axis."""
    count = len(window)
    strides = case.get("strides", [1] * count)
    steps = case.get("dilations", [1] * count)
    auto = case.get("auto_pad", "NOTSET")
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        pads = case.get("pads", [0] * (2 * count))
        return [[pads[i], pads[i + count]] for i in range(count)]
    pairs = []
    for size, stride, width, step in zip(sizes, strides, window, steps, strict=True):
        total = max((-(-size // stride) - 1) * stride + (width - 1) * step + 1 - size, 0)
        small, large = total // 2, total - total // 2
        pairs.append([small, large] if auto == "SAME_UPPER" else [large, small])
    return pairs


def windows(case: Case, window: list[int]) -> dict[str, Any]:
    """The attributes that convolution and pooling share."""
    count = len(window)
    return {
        "strides": case.get("strides", [1] * count),
        "dilations": case.get("dilations", [1] * count),
        "pads": pads_of(case, case.value(0).shape[2:], window),
        "layout": LAYOUTS[count],
    }


def biased(case: Case, y: nf.Tensor, index: int = 2) -> nf.Tensor:
    if not case.has(index):
        return y
    return y + nf.reshape(case.x(index), shape=[-1] + [1] * (len(y.shape) - 2))


def convolved(case: Case, x: nf.Tensor, filters: nf.Tensor, kernel: list[int]) -> nf.Tensor:
    count = len(kernel)
    return getattr(nf, f"conv{count}d")(
        x, filters, groups=case.get("group", 1), filter_layout=FILTERS[count],
        **windows(case, kernel),
    )  # fmt: skip


@op("Conv")
def conv(case: Case) -> nf.Tensor:
    kernel = list(case.value(1).shape[2:])
    return biased(case, convolved(case, case.x(), case.x(1), kernel))


@op("ConvInteger")
def conv_integer(case: Case) -> nf.Tensor:
    """Exact in float64."""
    x, filters = nf.cast(case.x(), "float64"), nf.cast(case.x(1), "float64")
    if case.has(2):
        x = x - nf.cast(case.x(2), "float64")
    if case.has(3):
        zero = nf.cast(case.x(3), "float64")
        rest = [1] * (len(case.value(1).shape) - 1)
        filters = filters - (nf.reshape(zero, shape=[-1, *rest]) if zero.shape else zero)
    kernel = list(case.value(1).shape[2:])
    return nf.cast(convolved(case, x, filters, kernel), "int32")


@op("QLinearConv")
def quantized_conv(case: Case) -> nf.Tensor:
    """Inputs: x, its scale and zero, filters, theirs, the result's scale and zero, a bias."""
    kernel = list(case.value(3).shape[2:])
    rest = [1] * (len(kernel) + 1)
    x = nf.cast(case.x(), "float64") - float(case.value(2))
    zeros = case.value(5).astype("float64").reshape(-1, *rest)
    made = convolved(case, x, nf.cast(case.x(3), "float64") - zeros, kernel)
    if case.has(8):
        made = made + case.value(8).astype("float64").reshape(-1, *rest[1:])
    scale = case.value(1).astype("float64") * case.value(4) / case.value(6)
    scaled = nf.round(made * np.reshape(scale, (-1, *rest[1:]))) + float(case.value(7))
    return nf.cast(scaled, case.expected[0][1].dtype.name)


@op("ConvTranspose")
def conv_transpose(case: Case) -> nf.Tensor:
    kernel = list(case.value(1).shape[2:])
    count = len(kernel)
    how = windows(case, kernel)
    more = case.get("output_padding", [0] * count)
    wanted = list(case.expected[0][1].shape[2:])
    if case.get("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in case.attrs:
        each = zip(
            case.value(0).shape[2:], how["strides"], kernel, how["dilations"], more, wanted,
            strict=True,
        )  # fmt: skip
        totals = [max((n - 1) * s + (k - 1) * d + 1 + m - w, 0) for n, s, k, d, m, w in each]
        how["pads"] = [[total // 2, total - total // 2] for total in totals]
    y = getattr(nf, f"conv{count}d_transpose")(
        case.x(), case.x(1), groups=case.get("group", 1), filter_layout=FILTERS[count],
        output_sizes=wanted, **how,
    )  # fmt: skip
    return biased(case, y)


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


# ---- pooling ----------------------------------------------------------------------------------


def pool(case: Case, kind: str, x: nf.Tensor, **more: Any) -> nf.Tensor:
    window = case["kernel_shape"]
    op = getattr(nf, f"{kind}_pool{len(window)}d")
    ceil = bool(case.get("ceil_mode", 0))
    return op(x, size=window, ceil_mode=ceil, **windows(case, window), **more)


@op("MaxPool")
def max_pool(case: Case) -> Any:
    x, columns_first = case.x(), bool(case.get("storage_order", 0))
    if not case.wants(1):
        made = pool(case, "max", x if x.dtype.startswith("float") else nf.cast(x, "float32"))
        return made if x.dtype.startswith("float") else nf.cast(made, x.dtype)
    window = case["kernel_shape"]
    how = {**windows(case, window), "ceil_mode": bool(case.get("ceil_mode", 0)), "size": window}
    if not columns_first:
        return nf.max_pool_with_argmax(x, counted="batch", **how)
    turned = {k: v[::-1] if k not in ("layout", "ceil_mode") else v for k, v in how.items()}
    across = nf.transpose(x, perm=[0, 1, 3, 2])
    found = nf.max_pool_with_argmax(across, counted="batch", **turned)
    return [nf.transpose(each, perm=[0, 1, 3, 2]) for each in found]


@op("MaxUnpool")
def max_unpool(case: Case) -> nf.Tensor:
    """Indices are those of the sizes that windows cover; a larger result is padded at the end."""
    window = case["kernel_shape"]
    how = windows(case, window)
    how.pop("dilations")
    made = nf.max_unpool2d(*(case.x(0), case.x(1)), size=window, counted="batch", **how)
    shape = case.ints(2) or made.shape
    ends = [[0, (new or 0) - (old or 0)] for new, old in zip(shape, made.shape, strict=True)]
    return nf.pad(made, paddings=ends) if any(map(any, ends)) else made


@op("AveragePool")
def average_pool(case: Case) -> nf.Tensor:
    border = bool(case.get("count_include_pad", 0))
    return pool(case, "average", case.x(), count_include_pad=border)


@op("LpPool")
def lp_pool(case: Case) -> nf.Tensor:
    """The mean of powers is that of the sum but for the size of a window."""
    p = float(case.get("p", 2))
    mean = pool(case, "average", nf.abs(case.x()) ** p, count_include_pad=True)
    return (mean * float(np.prod(case["kernel_shape"]))) ** (1 / p)


@op("DeformConv")
def deform_conv(case: Case) -> nf.Tensor:
    """Inputs: x, filters, offsets, a bias, a mask."""
    how = windows(case, list(case.value(1).shape[2:]))
    inputs = [case.x(0), case.x(1), case.x(2), *([case.x(4)] if case.has(4) else [])]
    groups, parts = case.get("group", 1), case.get("offset_group", 1)
    y = nf.deform_conv2d(*inputs, groups=groups, offset_groups=parts, filter_layout="OIHW", **how)
    return biased(case, y, 3)

# Attributes come from a file, so their types are checked only when a node is made.
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false
"""Convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.integrations.onnx.call import Call, Dim, LeftOut, op

LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
FILTERS = {1: "OIW", 2: "OIHW", 3: "OIDHW"}


def pads_of(call: Call, sizes: tuple[Dim, ...], window: list[int]) -> list[list[int]]:
    """Return the padding before and after each spatial axis."""
    count = len(window)
    strides = call.get("strides", [1] * count)
    steps = call.get("dilations", [1] * count)
    auto = call.get("auto_pad", "NOTSET")
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        pads = call.get("pads", [0] * (2 * count))
        if len(pads) != 2 * count:
            raise LeftOut(f"{len(pads)} pads for {count} axes")
        return [[pads[i], pads[i + count]] for i in range(count)]
    pairs = []
    for size, stride, width, step in zip(sizes, strides, window, steps, strict=True):
        if size is None and stride != 1:
            raise LeftOut(f"{auto} needs sizes that are known before a run")
        size = size or 0
        total = max((-(-size // stride) - 1) * stride + (width - 1) * step + 1 - size, 0)
        total = (width - 1) * step if stride == 1 else total
        small, large = total // 2, total - total // 2
        pairs.append([small, large] if auto == "SAME_UPPER" else [large, small])
    return pairs


def windows(call: Call, window: list[int]) -> dict[str, Any]:
    """Return the attributes that convolution and pooling share."""
    count = len(window)
    return {
        "strides": call.get("strides", [1] * count),
        "dilations": call.get("dilations", [1] * count),
        "pads": pads_of(call, call.shape(0)[2:], window),
        "layout": LAYOUTS[count],
    }


def biased(call: Call, y: nf.Tensor, index: int = 2) -> nf.Tensor:
    if not call.has(index):
        return y
    shape = [-1] + [1] * (len(y.shape) - 2)
    return y + call.weight(index, lambda a: a.reshape(shape), lambda t: nf.reshape(t, shape=shape))


def convolved(call: Call, x: nf.Tensor, filters: nf.Tensor, kernel: list[int]) -> nf.Tensor:
    count = len(kernel)
    return getattr(nf, f"conv{count}d")(
        x, filters, groups=call.get("group", 1), filter_layout=FILTERS[count],
        **windows(call, kernel),
    )  # fmt: skip


def kernel_of(call: Call, index: int) -> list[int]:
    """Return the spatial sizes of a filter."""
    return list(call.sizes(index)[2:])


@op("Conv")
def conv(call: Call) -> nf.Tensor:
    return biased(call, convolved(call, call.x(), call.x(1), kernel_of(call, 1)))


@op("ConvTranspose")
def conv_transpose(call: Call) -> nf.Tensor:
    kernel = kernel_of(call, 1)
    count = len(kernel)
    how = windows(call, kernel)
    more = call.get("output_padding", [0] * count)
    if call.get("auto_pad", "NOTSET") == "NOTSET" and "output_shape" not in call.attrs:
        y = getattr(nf, f"conv{count}d_transpose")(
            call.x(), call.x(1), groups=call.get("group", 1), filter_layout=FILTERS[count],
            output_padding=more, **how,
        )  # fmt: skip
        return biased(call, y)
    given = call.get("output_shape")
    sizes = call.sizes(0)[2:]
    if given is None:
        each = zip(sizes, how["strides"], kernel, how["dilations"], more, strict=True)
        wide = [(n - 1) * s + (k - 1) * d + 1 + m for n, s, k, d, m in each]
        same = call["auto_pad"] in ("SAME_UPPER", "SAME_LOWER")
        wanted = [n * s for n, s in zip(sizes, how["strides"], strict=True)] if same else wide
    else:
        wanted = list(given)[-count:]
    each = zip(sizes, how["strides"], kernel, how["dilations"], more, wanted, strict=True)
    totals = [max((n - 1) * s + (k - 1) * d + 1 + m - w, 0) for n, s, k, d, m, w in each]
    how["pads"] = [[total // 2, total - total // 2] for total in totals]
    y = getattr(nf, f"conv{count}d_transpose")(
        call.x(), call.x(1), groups=call.get("group", 1), filter_layout=FILTERS[count],
        output_sizes=wanted, **how,
    )  # fmt: skip
    return biased(call, y)


@op("CausalConvWithState")
def causal_conv(call: Call) -> tuple[nf.Tensor, nf.Tensor]:
    channels, _, size = call.sizes(1)
    x = call.x()
    if call.has(3):
        x = nf.concat([call.x(3), x], axis=2)
    else:
        x = nf.pad(x, paddings=[[0, 0], [0, 0], [size - 1, 0]])
    filters = nf.transpose(call.x(1), perm=[2, 1, 0])
    y = nf.conv1d(x, filters, groups=channels, padding="valid", layout="NCW")
    if call.has(2):
        y = y + nf.expand_dims(call.x(2), axis=1)
    if call.get("activation", "none") != "none":
        y = nf.silu(y)
    length = x.shape[2] or 0
    return y, nf.strided_slice(x, begin=[None, None, length - size + 1], end=[None] * 3)


# ---- pooling ----------------------------------------------------------------------------------


def pool(call: Call, kind: str, x: nf.Tensor, **more: Any) -> nf.Tensor:
    window = call["kernel_shape"]
    op = getattr(nf, f"{kind}_pool{len(window)}d")
    ceil = bool(call.get("ceil_mode", 0))
    return op(x, size=window, ceil_mode=ceil, **windows(call, window), **more)


@op("MaxPool")
def max_pool(call: Call) -> Any:
    x, columns_first = call.x(), bool(call.get("storage_order", 0))
    if not call.wants(1):
        made = pool(call, "max", x if x.dtype.startswith("float") else nf.cast(x, "float32"))
        return made if x.dtype.startswith("float") else nf.cast(made, x.dtype)
    window = call["kernel_shape"]
    how = {**windows(call, window), "ceil_mode": bool(call.get("ceil_mode", 0)), "size": window}
    if not columns_first:
        return nf.max_pool_with_argmax(x, counted="batch", **how)
    turned = {k: v[::-1] if k not in ("layout", "ceil_mode") else v for k, v in how.items()}
    across = nf.transpose(x, perm=[0, 1, 3, 2])
    found = nf.max_pool_with_argmax(across, counted="batch", **turned)
    return [nf.transpose(each, perm=[0, 1, 3, 2]) for each in found]


@op("MaxUnpool")
def max_unpool(call: Call) -> nf.Tensor:
    """Translate MaxUnpool of ONNX. The indices count elements of the output whose size follows from
    windows and strides.

    If ``output_shape`` is larger, zeros are appended.
    """
    window = call["kernel_shape"]
    how = windows(call, window)
    how.pop("dilations")
    made = nf.max_unpool2d(*(call.x(0), call.x(1)), size=window, counted="batch", **how)
    shape = call.ints(2) or made.shape
    ends = [[0, (new or 0) - (old or 0)] for new, old in zip(shape, made.shape, strict=True)]
    return nf.pad(made, paddings=ends) if any(map(any, ends)) else made


@op("AveragePool")
def average_pool(call: Call) -> nf.Tensor:
    border = bool(call.get("count_include_pad", 0))
    return pool(call, "average", call.x(), count_include_pad=border)


@op("LpPool")
def lp_pool(call: Call) -> nf.Tensor:
    """Translate ONNX's LpPool by an average pooling: the sum of powers is their mean times the
    number of elements in a window.
    """
    p = float(call.get("p", 2))
    mean = pool(call, "average", nf.abs(call.x()) ** p, count_include_pad=True)
    return (mean * float(np.prod(call["kernel_shape"]))) ** (1 / p)


@op("DeformConv")
def deform_conv(call: Call) -> nf.Tensor:
    """Translate ONNX's DeformConv, a deformable convolution. Inputs: x, filters, offsets, a bias, a
    mask.
    """
    how = windows(call, kernel_of(call, 1))
    inputs = [call.x(0), call.x(1), call.x(2), *([call.x(4)] if call.has(4) else [])]
    groups, parts = call.get("group", 1), call.get("offset_group", 1)
    y = nf.deform_conv2d(*inputs, groups=groups, offset_groups=parts, filter_layout="OIHW", **how)
    return biased(call, y, 3)

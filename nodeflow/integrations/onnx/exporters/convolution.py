"""Rules for convolution and pooling.

ONNX has channels first, and filters with the outputs first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.graph.graph import Node
from nodeflow.integrations.onnx.emit import Emitter, NotInOnnx, rule
from nodeflow.ops.sliding_windows import explicit_pads


def first(rank: int) -> list[int]:
    return [0, rank - 1, *range(1, rank - 1)]


def last(rank: int) -> list[int]:
    return [0, *range(2, rank), 1]


def turned_in(e: Emitter, node: Node, x: str, layout: str) -> str:
    """Return the input, transposed so that its channels come first."""
    if layout.startswith("NC"):
        return x
    return e.node("Transpose", [x], perm=first(len(layout)), type=node.inputs[0].type)


def turned_out(e: Emitter, y: str, layout: str) -> str:
    return y if layout.startswith("NC") else e.node("Transpose", [y], perm=last(len(layout)))


def for_all(values: Sequence[int], count: int) -> list[int]:
    """Return one number for each axis. A single number applies to all axes."""
    return [*values] * (count if len(values) == 1 else 1)


def geometry(node: Node, window: list[int]) -> dict[str, Any]:
    """Return strides, dilations and pads as ONNX's attributes.

    Omit strides and dilations of 1 and pads of 0.
    """
    attrs, count = node.attrs, len(window)
    strides = for_all(attrs["strides"] or window, count)
    steps = for_all(attrs["dilations"], count)
    found: dict[str, Any] = {"strides": strides, "dilations": steps}
    if attrs["pads"] is not None:
        pairs = [list(pair) for pair in explicit_pads(attrs["pads"], count)]
    elif attrs["padding"] == "valid":
        pairs = [[0, 0]] * count
    else:
        layout, shape = attrs["layout"], node.inputs[0].type.shape
        where = [i for i, letter in enumerate(layout) if letter not in "NC"]
        pairs = []
        for axis, stride, width, step in zip(where, strides, window, steps, strict=True):
            size, reach = shape[axis], (width - 1) * step
            if size is None and stride != 1:
                return {**found, "auto_pad": "SAME_UPPER"}
            known = max((-(-(size or 0) // stride) - 1) * stride + reach + 1 - (size or 0), 0)
            total = reach if stride == 1 else known
            pairs.append([total // 2, total - total // 2])
    found["pads"] = [before for before, _ in pairs] + [after for _, after in pairs]
    return found


@rule("conv1d", "conv2d", "conv3d")
def conv(e: Emitter, node: Node) -> str:
    layout = node.attrs["layout"]
    x, filters, window = _operands(e, node)
    made = e.node(
        "Conv", [turned_in(e, node, x, layout), filters], group=node.attrs["groups"],
        kernel_shape=window, type=node.outputs[0].type, **geometry(node, window),
    )  # fmt: skip
    return turned_out(e, made, layout)


def _operands(e: Emitter, node: Node, transposed: bool = False) -> tuple[str, str, list[int]]:
    x, filters = (e.value(t) for t in node.inputs[:2])
    shape, layout = node.inputs[1].type.shape, node.attrs["filter_layout"]
    count = len(layout) - 2
    if layout.startswith("OI"):
        window = shape[2:]
    else:
        window = shape[:count]
        order = [count + 1, count, *range(count)]
        filters = e.node("Transpose", [filters], perm=order, type=node.inputs[1].type)
    if None in window:
        raise NotInOnnx("a filter of sizes that only a run knows")
    return x, filters, [int(d or 0) for d in window]


@rule("conv1d_transpose", "conv2d_transpose", "conv3d_transpose")
def conv_transpose(e: Emitter, node: Node) -> str:
    attrs, layout = node.attrs, node.attrs["layout"]
    x, filters, window = _operands(e, node, True)
    if attrs["pads"] is None:
        how = {k: v for k, v in geometry(node, window).items() if k not in ("pads", "auto_pad")}
        if attrs["padding"] == "same":
            raise NotInOnnx("a transposed convolution with padding `same`; give pads")
        how["pads"] = [0] * (2 * len(window))
    else:
        how = geometry(node, window)
    if attrs["output_sizes"] is not None:
        raise NotInOnnx("a transposed convolution with output sizes; give output_padding")
    more = for_all(attrs["output_padding"], len(window))
    made = e.node(
        "ConvTranspose", [turned_in(e, node, x, layout), filters], group=attrs["groups"],
        kernel_shape=window, output_padding=more, type=node.outputs[0].type, **how,
    )  # fmt: skip
    return turned_out(e, made, layout)


@rule(*(f"{kind}_pool{n}d" for kind in ("max", "average") for n in (1, 2, 3)))
def pool(e: Emitter, node: Node) -> str:
    attrs, layout = node.attrs, node.attrs["layout"]
    window, x = for_all(attrs["size"], len(layout) - 2), e.value(node.inputs[0])
    is_max = node.op.id.startswith("max")
    more = {} if is_max else {"count_include_pad": int(attrs["count_include_pad"])}
    made = e.node(
        "MaxPool" if is_max else "AveragePool", [turned_in(e, node, x, layout)],
        kernel_shape=window, ceil_mode=int(attrs["ceil_mode"]), type=node.outputs[0].type,
        **more, **geometry(node, window),
    )  # fmt: skip
    return turned_out(e, made, layout)


@rule("global_average_pool", "global_max_pool")
def global_pool(e: Emitter, node: Node) -> str:
    kind = "GlobalAveragePool" if node.op.id == "global_average_pool" else "GlobalMaxPool"
    x, rank = e.value(node.inputs[0]), node.inputs[0].type.rank
    is_first, keep = node.attrs["channels"] == "first", node.attrs["keepdims"]
    if is_first and keep:
        return e.node(kind, [x])
    axes = list(range(2, rank)) if is_first else list(range(1, rank - 1))
    reduced = "ReduceMean" if kind == "GlobalAveragePool" else "ReduceMax"
    return e.node(reduced, [x, e.ints(axes, "axes")], keepdims=int(keep))

"""Rules for ops that rearrange elements, and for sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import TensorType, literal
from nodeflow.integrations.onnx.emit import NUMBERS, Emitter, NotInOnnx, rule, static
from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.exporters.numbers import axes_of

LAST = 2**63 - 1
FIRST = -(2**63) + 1


def sizes(e: Emitter, tensor: Tensor) -> str:
    """Export a tensor of sizes as int64, which ONNX requires, by a Cast if necessary. Return its
    name.
    """
    found = e.value(tensor)
    if tensor.type.dtype == "int64":
        return found
    return e.node("Cast", [found], to=NUMBERS["int64"], type=tensor.type.with_dtype("int64"))


@rule("reshape")
def reshape(e: Emitter, node: Node) -> str:
    x = e.value(node.inputs[0])
    if len(node.inputs) > 1:
        return e.node("Reshape", [x, sizes(e, node.inputs[1])], allowzero=1)
    shape = list(node.attrs["shape"])
    return e.node("Reshape", [x, e.ints(shape, "shape")], allowzero=1 if 0 in shape else None)


@rule("flatten")
def flatten(e: Emitter, node: Node) -> str:
    return e.node("Flatten", [e.value(node.inputs[0])], axis=1)


@rule("transpose")
def transpose(e: Emitter, node: Node) -> str:
    perm = node.attrs["perm"]
    return e.node("Transpose", [e.value(node.inputs[0])], perm=None if perm is None else list(perm))


@rule("squeeze", "expand_dims")
def squeeze(e: Emitter, node: Node) -> str:
    axes, x = axes_of(node), e.value(node.inputs[0])
    kind = "Squeeze" if node.op.id == "squeeze" else "Unsqueeze"
    if axes is not None and kind == "Unsqueeze":
        axes = sorted(a % node.outputs[0].type.rank for a in axes)
    return e.node(kind, [x] if axes is None else [x, e.ints(axes, "axes")])


@rule("concat")
def concat(e: Emitter, node: Node) -> str:
    return e.node("Concat", [e.value(t) for t in node.inputs], axis=node.attrs["axis"])


@rule("stack")
def stack(e: Emitter, node: Node) -> str:
    axis = node.attrs["axis"] % node.outputs[0].type.rank
    at = e.ints([axis], "axis")
    parts = [e.node("Unsqueeze", [e.value(t), at], type=t.type) for t in node.inputs]
    return e.node("Concat", parts, axis=axis)


@rule("split")
def split(e: Emitter, node: Node) -> list[str]:
    parts, axis = node.attrs["parts"], node.attrs["axis"]
    x, count = e.value(node.inputs[0]), len(node.outputs)
    whole = node.inputs[0].type.shape[axis]
    if isinstance(parts, int) and whole is None:
        made = e.node("Split", [x], axis=axis, num_outputs=parts, outputs=count)
    else:
        lengths = [(whole or 0) // parts] * parts if isinstance(parts, int) else list(parts)
        made = e.node("Split", [x, e.ints(lengths, "sizes")], axis=axis, outputs=count)
    return [made] if count == 1 else made


@rule("strided_slice", "slice")
def strided_slice(e: Emitter, node: Node) -> str:
    x, rank = e.value(node.inputs[0]), node.inputs[0].type.rank
    if len(node.inputs) > 1:
        return _sliced_by_tensors(e, node, x, rank)
    begin = list(node.attrs["begin"])
    if node.op.id == "slice":
        ends = zip(begin, node.attrs["size"], strict=True)
        end: list[Any] = [None if n == -1 else b + n for b, n in ends]
        steps = [1] * len(begin)
    else:
        end, steps = list(node.attrs["end"]), list(node.attrs["strides"] or [1] * len(begin))
    first = [(0 if s > 0 else LAST) if b is None else b for b, s in zip(begin, steps, strict=True)]
    last = [(LAST if s > 0 else FIRST) if b is None else b for b, s in zip(end, steps, strict=True)]
    kept = [
        i for i, bounds in enumerate(zip(first, last, steps, strict=True)) if bounds != (0, LAST, 1)
    ] or [0]
    chosen = [[values[i] for i in kept] for values in (first, last)]
    inputs = [e.ints(chosen[0], "starts"), e.ints(chosen[1], "ends"), e.ints(kept, "axes")]
    inputs.append(e.ints([steps[i] for i in kept], "steps"))
    return e.node("Slice", [x, *inputs])


def _sliced_by_tensors(e: Emitter, node: Node, x: str, rank: int) -> str:
    ports = [sizes(e, t) for t in node.inputs[1:]]
    if node.op.id == "slice":
        raise NotInOnnx("a slice whose size only a run knows")
    axes = e.ints(list(range(rank)), "axes")
    if len(ports) < 2:
        ports.append(e.ints([LAST if v is None else v for v in node.attrs["end"]], "ends"))
    return e.node("Slice", [x, *ports[:2], axes, *ports[2:]])


@rule("pad")
def pad(e: Emitter, node: Node) -> str:
    mode, pairs = node.attrs["mode"], node.attrs["paddings"]
    if mode == "symmetric":
        raise NotInOnnx("ONNX has no symmetric padding")
    pads = [before for before, _ in pairs] + [after for _, after in pairs]
    inputs = [e.value(node.inputs[0]), e.ints(pads, "pads")]
    if mode == "constant":
        dtype = node.inputs[0].type.dtype
        value = bool(node.attrs["value"]) if dtype == "bool" else node.attrs["value"]
        inputs.append(e.array(np.asarray(literal(value, dtype)), f"{e.node_name}_fill"))
    return e.node("Pad", inputs, mode=mode)


@rule("tile", "broadcast_to")
def tile(e: Emitter, node: Node) -> str:
    kind, attr = ("Tile", "multiples") if node.op.id == "tile" else ("Expand", "shape")
    given = node.inputs[1:]
    counts = sizes(e, given[0]) if given else e.ints(list(node.attrs[attr]), attr)
    return e.node(kind, [e.value(node.inputs[0]), counts])


@rule("gather", "embedding_lookup")
def gather(e: Emitter, node: Node) -> str:
    return e.node("Gather", [e.value(t) for t in node.inputs[:2]], axis=node.attrs.get("axis", 0))


@rule("gather_nd")
def gather_nd(e: Emitter, node: Node) -> str:
    inputs = [e.value(node.inputs[0]), sizes(e, node.inputs[1])]
    return e.node("GatherND", inputs, batch_dims=node.attrs["batch_dims"])


@rule("take_along_axis")
def take_along_axis(e: Emitter, node: Node) -> str:
    axis = node.attrs["axis"] % node.inputs[0].type.rank
    return e.node("GatherElements", [e.value(t) for t in node.inputs], axis=axis)


@rule("one_hot")
def one_hot(e: Emitter, node: Node) -> str:
    """Export ``one_hot`` to ONNX. ONNX counts negative indices from the end; nodeflow returns a row
    of zeros for them.

    Raises:
        NotInOnnx: the depth is known only in a run, or the indices are a scalar.
    """
    if node.inputs[1:]:
        raise NotInOnnx("a one_hot whose depth only a run knows")
    if node.inputs[0].type.ndims == 0:
        raise NotInOnnx("ONNX's OneHot takes no single index")
    dtype = node.attrs["dtype"]
    values = np.array([node.attrs["off_value"], node.attrs["on_value"]]).astype(dtype)
    ends = [e.ints(node.attrs["depth"], "depth"), e.array(values, f"{e.node_name}_values")]
    return e.node("OneHot", [e.value(node.inputs[0]), *ends], axis=node.attrs["axis"])


@rule("shape")
def shape(e: Emitter, node: Node) -> str:
    found = e.node("Shape", [e.value(node.inputs[0])], type=TensorType("int64", ()))
    if node.attrs["out_type"] == "int64":
        return found
    return e.node("Cast", [found], to=NUMBERS[node.attrs["out_type"]])


@rule("size")
def size(e: Emitter, node: Node) -> str:
    x, axes, kind = e.value(node.inputs[0]), axes_of(node), TensorType("int64", ())
    if axes is None:
        found = e.node("Size", [x], type=kind)
    else:
        whole = e.node("Shape", [x], type=kind)
        picked = e.node("Gather", [whole, e.ints(axes, "axes")], axis=0, type=kind)
        found = e.node("ReduceProd", [picked], keepdims=0, type=kind)
    if node.attrs["dtype"] == "int64":
        return found
    return e.node("Cast", [found], to=NUMBERS[node.attrs["dtype"]])


@rule("range")
def range_(e: Emitter, node: Node) -> str:
    dtype = node.attrs["dtype"]
    if node.inputs:
        values = [e.value(t) for t in node.inputs]
        values += [e.number(1, dtype, "delta")] if len(values) == 2 else []
        if len(values) == 1:
            values = [e.number(0, dtype, "start"), values[0], e.number(1, dtype, "delta")]
        return e.node("Range", values)
    start, limit, delta = (node.attrs[n] for n in ("start", "limit", "delta"))
    if limit is None:
        start, limit = 0, start
    ends = {"start": start, "limit": limit, "delta": delta}
    return e.node("Range", [e.number(v, dtype, name) for name, v in ends.items()])


@rule("fill")
def fill(e: Emitter, node: Node) -> str:
    if len(node.inputs) > 1:
        raise NotInOnnx("a fill with a value that only a run knows")
    shape = node.attrs["shape"]
    counts = sizes(e, node.inputs[0]) if node.inputs else e.ints(list(shape), "shape")
    value = np.array(literal(node.attrs["value"], node.attrs["dtype"])).reshape(1)
    tensor = onnx_package().numpy_helper.from_array(value)
    return e.node("ConstantOfShape", [counts], value=tensor)


@rule("zeros_like", "ones_like")
def like(e: Emitter, node: Node) -> str:
    x, dtype = e.value(node.inputs[0]), node.outputs[0].type.dtype
    found = e.node("Shape", [x], type=TensorType("int64", ()))
    one = e.number(0 if node.op.id == "zeros_like" else 1, dtype, "value")
    return e.node("Expand", [one, found])


@rule("triu", "tril")
def triangle(e: Emitter, node: Node) -> str:
    upper = int(node.op.id == "triu")
    offset = e.ints(node.attrs["offset"], "offset")
    return e.node("Trilu", [e.value(node.inputs[0]), offset], upper=upper)


@rule("reverse")
def reverse(e: Emitter, node: Node) -> str:
    axes = axes_of(node)
    axes = list(range(node.inputs[0].type.rank)) if axes is None else axes
    ends = [[LAST] * len(axes), [FIRST] * len(axes), axes, [-1] * len(axes)]
    roles = ("starts", "ends", "axes", "steps")
    inputs = [e.ints(v, role) for v, role in zip(ends, roles, strict=True)]
    return e.node("Slice", [e.value(node.inputs[0]), *inputs])


@rule("depth_to_space", "space_to_depth")
def blocks(e: Emitter, node: Node) -> str:
    if node.attrs["layout"] != "NCHW" or (
        node.op.id == "space_to_depth" and node.attrs["mode"] != "DCR"
    ):
        raise NotInOnnx(f"{node.op.id} of this layout and mode")
    kind = "DepthToSpace" if node.op.id == "depth_to_space" else "SpaceToDepth"
    mode = node.attrs["mode"] if kind == "DepthToSpace" else None
    return e.node(kind, [e.value(node.inputs[0])], blocksize=node.attrs["block_size"], mode=mode)


@rule("eye")
def eye(e: Emitter, node: Node) -> str:
    shape = static(node.outputs[0], "eye")
    rows, columns = shape[-2:]
    matrix = np.eye(rows, columns, node.attrs["offset"]).astype(node.attrs["dtype"])
    return e.array(np.broadcast_to(matrix, shape).copy(), e.node_name)


@rule("nonzero")
def nonzero(e: Emitter, node: Node) -> str:
    t = TensorType("int64", ())
    found = e.node("NonZero", [e.value(node.inputs[0])], type=t)
    return e.node("Transpose", [found], perm=[1, 0])


@rule("tensor_scatter")
def tensor_scatter(e: Emitter, node: Node) -> str:
    x, indices, updates = node.inputs
    inputs = [e.value(x), sizes(e, indices), e.value(updates)]
    return e.node("ScatterND", inputs, reduction=REDUCTIONS[node.attrs["mode"]])


@rule("put_along_axis")
def put_along_axis(e: Emitter, node: Node) -> str:
    reduction = REDUCTIONS[node.attrs["mode"]]
    axis = node.attrs["axis"] % node.inputs[0].type.rank
    inputs = [e.value(t) for t in node.inputs]
    return e.node("ScatterElements", inputs, axis=axis, reduction=reduction)


REDUCTIONS = {"update": None, "add": "add", "multiply": "mul", "max": "max", "min": "min"}


@rule("boolean_mask")
def boolean_mask(e: Emitter, node: Node) -> str:
    if node.inputs[1].type.ndims != 1 or node.attrs.get("axis", 0) != 0:
        raise NotInOnnx("a mask of several axes")
    return e.node("Compress", [e.value(t) for t in node.inputs[:2]], axis=0)


@rule("argsort", "sort")
def argsort(e: Emitter, node: Node) -> str:
    axis, tensor = node.attrs.get("axis", -1), node.inputs[0]
    count = tensor.type.shape[axis]
    if count is None:
        raise NotInOnnx("an order along an axis whose size only a run knows")
    largest = int(node.attrs["descending"])
    made = e.node("TopK", [e.value(tensor), e.ints([count], "k")], axis=axis, largest=largest,
                  outputs=2)  # fmt: skip
    e.types[made[1]] = TensorType("int64", ())
    if node.op.id == "sort":
        return made[0]
    return e.node("Cast", [made[1]], to=NUMBERS[node.outputs[0].type.dtype])


@rule("scatter_nd")
def scatter_nd(e: Emitter, node: Node) -> str:
    indices, updates = node.inputs[:2]
    shape = static(node.outputs[0], "scatter_nd")
    zero = e.node("Expand", [e.number(0, updates.type.dtype, "zero"), e.ints(shape, "shape")],
                  type=node.outputs[0].type)  # fmt: skip
    return e.node("ScatterND", [zero, sizes(e, indices), e.value(updates)], reduction="add")


@rule("positions")
def positions(e: Emitter, node: Node) -> str:
    """Export the op that returns the positions 0, 1, 2, ... along an axis to ONNX."""
    kind, dtype = TensorType("int64", ()), node.attrs["dtype"]
    whole = e.node("Shape", [e.value(node.inputs[0])], type=kind)
    axis = node.attrs["axis"] % node.inputs[0].type.rank
    count = e.node("Gather", [whole, e.ints(axis, "axis")], axis=0, type=kind)
    found = e.node("Range", [e.ints(0, "start"), count, e.ints(1, "delta")], type=kind)
    return found if dtype == "int64" else e.node("Cast", [found], to=NUMBERS[dtype])


@rule("broadcast_like", "reshape_like")
def shaped_like(e: Emitter, node: Node) -> str:
    x, like = (e.value(t) for t in node.inputs)
    whole = e.node("Shape", [like], type=TensorType("int64", ()))
    if node.op.id == "broadcast_like":
        return e.node("Expand", [x, whole])
    return e.node("Reshape", [x, whole], allowzero=1)

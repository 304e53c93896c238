"""Rules for elementwise ops, reductions and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.integrations.onnx.emit import NUMBERS, RULES, Emitter, NotInOnnx, rule
from nodeflow.ops.composed import resolve
from nodeflow.ops.training_mode import is_flag

SAME = {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "add": "Add", "asin": "Asin",
    "asinh": "Asinh", "atan": "Atan", "atanh": "Atanh", "bitwise_and": "BitwiseAnd",
    "bitwise_not": "BitwiseNot", "bitwise_or": "BitwiseOr", "bitwise_xor": "BitwiseXor",
    "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "det": "Det", "divide": "Div", "equal": "Equal",
    "erf": "Erf", "exp": "Exp", "floor": "Floor", "greater": "Greater",
    "greater_equal": "GreaterOrEqual", "hard_swish": "HardSwish", "identity": "Identity",
    "is_nan": "IsNaN", "is_inf": "IsInf", "less": "Less", "less_equal": "LessOrEqual", "log": "Log",
    "logical_and": "And", "logical_not": "Not", "logical_or": "Or", "logical_xor": "Xor",
    "matmul": "MatMul", "maximum": "Max", "minimum": "Min", "mish": "Mish", "multiply": "Mul",
    "negative": "Neg", "power": "Pow", "reciprocal": "Reciprocal",
    "relu": "Relu", "round": "Round", "selu": "Selu", "sigmoid": "Sigmoid", "sign": "Sign",
    "sin": "Sin", "sinh": "Sinh", "softplus": "Softplus", "softsign": "Softsign", "sqrt": "Sqrt",
    "stop_gradient": "Identity", "subtract": "Sub", "tan": "Tan", "tanh": "Tanh",
    "print": "Identity", "check_numerics": "Identity",
}  # fmt: skip
"""Ops with the same inputs in ONNX and no attributes that matter."""


def _same(theirs: str) -> Any:
    def write(e: Emitter, node: Node) -> str:
        return e.node(theirs, [e.value(t) for t in node.inputs], type=node.outputs[0].type)

    return write


for ours, theirs in SAME.items():
    RULES[ours] = _same(theirs)


@rule("where")
def where(e: Emitter, node: Node) -> str:
    """Export ``where`` to ONNX. If its condition is whether the run trains, export only the operand
    for inference.
    """
    if is_flag(resolve(node.inputs[0])):
        return e.value(node.inputs[2])
    return e.node("Where", [e.value(t) for t in node.inputs])


def with_attrs(ours: str, theirs: str, **names: str) -> None:
    """Register the export of op ``ours`` of nodeflow as the ONNX op ``theirs``. ``names`` maps the
    names of nodeflow's attributes to ONNX's.
    """

    def write(e: Emitter, node: Node) -> str:
        attrs: Any = {their: float(node.attrs[our]) for our, their in names.items()}
        return e.node(theirs, [e.value(t) for t in node.inputs], **attrs)

    RULES[ours] = write


with_attrs("elu", "Elu", alpha="alpha")
with_attrs("celu", "Celu", alpha="alpha")
with_attrs("leaky_relu", "LeakyRelu", alpha="alpha")
with_attrs("hard_sigmoid", "HardSigmoid", alpha="alpha", beta="beta")
with_attrs("thresholded_relu", "ThresholdedRelu", theta="alpha")
with_attrs("shrink", "Shrink", lambd="lambd", bias="bias")


@rule("matmul")
def matmul(e: Emitter, node: Node) -> str:
    sides = []
    for tensor, flag in zip(node.inputs, ("transpose_x", "transpose_y"), strict=True):
        side = e.value(tensor)
        if node.attrs[flag]:
            order = list(range(tensor.type.rank))
            order[-2:] = order[-1], order[-2]
            side = e.node("Transpose", [side], perm=order, type=tensor.type)
        sides.append(side)
    return e.node("MatMul", sides)


@rule("prelu")
def prelu(e: Emitter, node: Node) -> str:
    """Export ``prelu`` to ONNX, where the slope must not broadcast to a larger result."""
    x, slope = (e.value(t) for t in node.inputs)
    t = node.outputs[0].type
    if node.inputs[0].type.shape == t.shape:
        return e.node("PRelu", [x, slope])
    zero = e.number(0, t.dtype, "zero")
    below = e.node("Mul", [slope, e.node("Min", [x, zero], type=t)], type=t)
    return e.node("Add", [e.node("Relu", [x], type=t), below])


@rule("saturate_cast", "convert_image_dtype")
def saturating(e: Emitter, node: Node) -> str:
    raise NotInOnnx("ONNX does not say what a number out of range is cast to")


@rule("divide_no_nan", "multiply_no_nan")
def no_nan(e: Emitter, node: Node) -> str:
    """Export ``divide_no_nan`` and ``multiply_no_nan`` to ONNX: a division or product, with 0 where
    the second operand is 0.
    """
    x, y = (e.value(t) for t in node.inputs)
    t = node.outputs[0].type
    zero, bools = e.number(0, t.dtype, "zero"), TensorType("bool", ())
    found = e.node("Div" if node.op.id == "divide_no_nan" else "Mul", [x, y], type=t)
    return e.node("Where", [e.node("Equal", [y, zero], type=bools), zero, found])


@rule("hypot")
def hypot(e: Emitter, node: Node) -> str:
    t = node.outputs[0].type
    squares = [e.node("Mul", [v, v], type=t) for v in (e.value(i) for i in node.inputs)]
    return e.node("Sqrt", [e.node("Add", squares, type=t)])


@rule("left_shift", "right_shift")
def shift(e: Emitter, node: Node) -> str:
    direction = "LEFT" if node.op.id == "left_shift" else "RIGHT"
    return e.node("BitShift", [e.value(t) for t in node.inputs], direction=direction)


@rule("gelu", "gelu_tanh")
def gelu(e: Emitter, node: Node) -> str:
    x, dtype = e.value(node.inputs[0]), node.inputs[0].type.dtype
    if e.opset >= 20:
        return e.node("Gelu", [x], approximate="tanh" if node.op.id == "gelu_tanh" else None)
    if node.op.id == "gelu_tanh":
        raise NotInOnnx("gelu_tanh needs opset 20")
    t = node.inputs[0].type
    scaled = e.node("Mul", [x, e.number(np.sqrt(0.5), dtype, "scale")], type=t)
    share = e.node("Add", [e.node("Erf", [scaled], type=t), e.number(1, dtype, "one")], type=t)
    half = e.node("Mul", [x, e.number(0.5, dtype, "half")], type=t)
    return e.node("Mul", [half, share])


@rule("silu")
def silu(e: Emitter, node: Node) -> str:
    x, t = e.value(node.inputs[0]), node.inputs[0].type
    inner = x
    if node.attrs.get("beta", 1.0) != 1.0:
        inner = e.node("Mul", [x, e.number(node.attrs["beta"], t.dtype, "beta")], type=t)
    return e.node("Mul", [x, e.node("Sigmoid", [inner], type=t)])


@rule("not_equal")
def not_equal(e: Emitter, node: Node) -> str:
    same = e.node("Equal", [e.value(t) for t in node.inputs], type=TensorType("bool", ()))
    return e.node("Not", [same])


@rule("square")
def square(e: Emitter, node: Node) -> str:
    x = e.value(node.inputs[0])
    return e.node("Mul", [x, x])


@rule("squared_difference")
def squared_difference(e: Emitter, node: Node) -> str:
    gap = e.node("Sub", [e.value(t) for t in node.inputs], type=node.outputs[0].type)
    return e.node("Mul", [gap, gap])


@rule("rsqrt")
def rsqrt(e: Emitter, node: Node) -> str:
    root = e.node("Sqrt", [e.value(node.inputs[0])], type=node.inputs[0].type)
    return e.node("Reciprocal", [root])


@rule("log1p", "expm1", "exp2", "log2", "log10", "cbrt", "erfc", "log_sigmoid")
def shifted(e: Emitter, node: Node) -> str:
    """Export functions that ONNX lacks, such as ``expm1`` and ``log2``, by formulas. Some of these
    lose precision near zero.
    """
    x, t = e.value(node.inputs[0]), node.inputs[0].type
    kind = node.op.id
    if kind == "log1p":
        return e.node("Log", [e.node("Add", [x, e.number(1, t.dtype, "one")], type=t)])
    if kind == "expm1":
        return e.node("Sub", [e.node("Exp", [x], type=t), e.number(1, t.dtype, "one")])
    if kind == "erfc":
        return e.node("Sub", [e.number(1, t.dtype, "one"), e.node("Erf", [x], type=t)])
    if kind == "log_sigmoid":
        soft = e.node("Softplus", [e.node("Neg", [x], type=t)], type=t)
        return e.node("Neg", [soft])
    if kind == "exp2":
        return e.node("Pow", [e.number(2, t.dtype, "base"), x])
    if kind == "cbrt":
        size = e.node(
            "Pow", [e.node("Abs", [x], type=t), e.number(1 / 3, t.dtype, "third")], type=t
        )
        return e.node("Mul", [e.node("Sign", [x], type=t), size])
    base = np.log(2 if kind == "log2" else 10)
    return e.node("Div", [e.node("Log", [x], type=t), e.number(base, t.dtype, "base")])


@rule("relu6", "clip_by_value", "hard_tanh")
def clipped(e: Emitter, node: Node) -> str:
    dtype = node.inputs[0].type.dtype
    low, high = node.attrs.get("min", 0), node.attrs.get("max", 6)
    if node.op.id == "hard_tanh":
        low, high = -1, 1
    ends = [e.number(low, dtype, "min"), e.number(high, dtype, "max")]
    return e.node("Clip", [e.value(node.inputs[0]), *ends])


@rule("clip")
def clip(e: Emitter, node: Node) -> str:
    x, low, high = (e.value(t) for t in node.inputs)
    t = node.outputs[0].type
    return e.node("Min", [e.node("Max", [x, low], type=t), high])


@rule("floor_divide", "modulo")
def floored(e: Emitter, node: Node) -> str:
    x, y = (e.value(t) for t in node.inputs)
    t = node.outputs[0].type
    if node.op.id == "modulo" and not t.is_float:
        return e.node("Mod", [x, y])
    if t.is_float:
        whole = e.node("Floor", [e.node("Div", [x, y], type=t)], type=t)
    elif t.dtype.startswith("u"):
        return e.node("Div", [x, y])
    else:
        rest = e.node("Mod", [x, y], type=t)
        return e.node("Div", [e.node("Sub", [x, rest], type=t), y])
    if node.op.id == "floor_divide":
        return whole
    return e.node("Sub", [x, e.node("Mul", [whole, y], type=t)])


@rule("truncate_divide")
def truncate_divide(e: Emitter, node: Node) -> str:
    return e.node("Div", [e.value(t) for t in node.inputs])


@rule("is_finite")
def is_finite(e: Emitter, node: Node) -> str:
    x, bools = e.value(node.inputs[0]), TensorType("bool", ())
    odd = [e.node(op, [x], type=bools) for op in ("IsNaN", "IsInf")]
    return e.node("Not", [e.node("Or", odd, type=bools)])


@rule("cast")
def cast(e: Emitter, node: Node) -> str:
    if node.attrs["dtype"] not in NUMBERS:
        raise NotInOnnx(f"ONNX has no dtype {node.attrs['dtype']}")
    return e.node("Cast", [e.value(node.inputs[0])], to=NUMBERS[node.attrs["dtype"]])


@rule("add_n")
def add_n(e: Emitter, node: Node) -> str:
    return e.node("Sum", [e.value(t) for t in node.inputs])


# ---- reductions -----------------------------------------------------------------------------

REDUCTIONS = {
    "reduce_sum": "ReduceSum", "reduce_mean": "ReduceMean", "reduce_prod": "ReduceProd",
    "reduce_max": "ReduceMax", "reduce_min": "ReduceMin", "reduce_logsumexp": "ReduceLogSumExp",
    "reduce_all": "ReduceMin", "reduce_any": "ReduceMax",
}  # fmt: skip


def axes_of(node: Node) -> list[int] | None:
    axis = node.attrs["axis"]
    return None if axis is None else [axis] if isinstance(axis, int) else list(axis)


@rule(*REDUCTIONS)
def reduction(e: Emitter, node: Node) -> str:
    axes, x = axes_of(node), e.value(node.inputs[0])
    if axes == []:
        return e.node("Identity", [x])
    kind, dtype = REDUCTIONS[node.op.id], node.inputs[0].type.dtype
    inputs = [x] if axes is None else [x, e.ints(axes, "axes")]
    keep = int(node.attrs["keepdims"])
    if dtype == "bool" and e.opset < 20:
        number = e.node("Cast", [x], to=NUMBERS["uint8"], type=TensorType("uint8", ()))
        found = e.node(kind, [number, *inputs[1:]], keepdims=keep, type=TensorType("uint8", ()))
        return e.node("Cast", [found], to=NUMBERS["bool"])
    if node.inputs[0].type.dtype in ("int8", "uint8", "int16") and kind == "ReduceSum":
        raise NotInOnnx(f"ONNX's {kind} takes no {dtype}")
    return e.node(kind, inputs, keepdims=keep)


@rule("argmax", "argmin")
def argmax(e: Emitter, node: Node) -> str:
    kind = "ArgMax" if node.op.id == "argmax" else "ArgMin"
    keep = int(node.attrs["keepdims"])
    return e.node(kind, [e.value(node.inputs[0])], axis=node.attrs["axis"], keepdims=keep)


@rule("cumsum")
def cumsum(e: Emitter, node: Node) -> str:
    attrs: Any = {name: int(node.attrs[name]) for name in ("exclusive", "reverse")}
    return e.node("CumSum", [e.value(node.inputs[0]), e.ints(node.attrs["axis"], "axis")], **attrs)


@rule("top_k")
def top_k(e: Emitter, node: Node) -> list[str]:
    k = e.ints([node.attrs["k"]], "k")
    attrs = {"axis": node.attrs["axis"], "largest": int(node.attrs["largest"])}
    return e.node("TopK", [e.value(node.inputs[0]), k], outputs=2, **attrs)


@rule("softmax", "log_softmax", "hardmax")
def along(e: Emitter, node: Node) -> str:
    kind = {"softmax": "Softmax", "log_softmax": "LogSoftmax", "hardmax": "Hardmax"}[node.op.id]
    return e.node(kind, [e.value(node.inputs[0])], axis=node.attrs["axis"])


@rule("einsum")
def einsum(e: Emitter, node: Node) -> str:
    return e.node("Einsum", [e.value(t) for t in node.inputs], equation=node.attrs["equation"])


@rule("lerp")
def lerp(e: Emitter, node: Node) -> str:
    x, y, share = (e.value(t) for t in node.inputs)
    t = node.outputs[0].type
    gap = e.node("Sub", [y, x], type=t)
    return e.node("Add", [x, e.node("Mul", [gap, share], type=t)])


@rule("mean_squared_error")
def mean_squared_error(e: Emitter, node: Node) -> str:
    t = node.inputs[0].type
    gap = e.node("Sub", [e.value(i) for i in node.inputs[:2]], type=t)
    return e.node("ReduceMean", [e.node("Mul", [gap, gap], type=t)], keepdims=0)

"""Elementwise ops, reductions and random numbers."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

import nodeflow as nf

from . import TRANSLATIONS, Case, LeftOut, op, simple

for theirs, ours in {
    "Abs": "abs", "Acos": "acos", "Acosh": "acosh", "Add": "add", "And": "logical_and",
    "Asin": "asin", "Asinh": "asinh", "Atan": "atan", "Atanh": "atanh",
    "BitwiseAnd": "bitwise_and", "BitwiseNot": "bitwise_not", "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor", "Ceil": "ceil", "Cos": "cos", "Cosh": "cosh", "Det": "det",
    "Equal": "equal", "Erf": "erf", "Exp": "exp", "Floor": "floor", "Greater": "greater",
    "GreaterOrEqual": "greater_equal", "HardSwish": "hard_swish", "Identity": "identity",
    "IsNaN": "is_nan", "Less": "less", "LessOrEqual": "less_equal", "Log": "log", "Mul": "multiply",
    "Neg": "negative", "Not": "logical_not", "Or": "logical_or", "PRelu": "prelu", "Relu": "relu",
    "Round": "round", "Sigmoid": "sigmoid", "Sign": "sign", "Sin": "sin", "Sinh": "sinh",
    "Softplus": "softplus", "Softsign": "softsign", "Sqrt": "sqrt", "Sub": "subtract", "Tan": "tan",
    "Tanh": "tanh", "Where": "where", "Xor": "logical_xor", "Mish": "mish", "MatMul": "matmul",
}.items():  # fmt: skip
    simple(theirs, ours)


def with_attrs(theirs: str, ours: str, **defaults: Any) -> None:
    """Attributes of the same meaning, with ONNX's defaults."""

    def translation(case: Case) -> nf.Tensor:
        attrs = {name: case.get(name, default) for name, default in defaults.items()}
        return getattr(nf, ours)(*case.all(), **attrs)

    TRANSLATIONS[theirs] = translation


with_attrs("Elu", "elu", alpha=1.0)
with_attrs("Celu", "celu", alpha=1.0)
with_attrs("LeakyRelu", "leaky_relu", alpha=0.01)
with_attrs("HardSigmoid", "hard_sigmoid", alpha=0.2, beta=0.5)
with_attrs("Shrink", "shrink", lambd=0.5, bias=0.0)


@op("ThresholdedRelu")
def thresholded_relu(case: Case) -> nf.Tensor:
    return nf.thresholded_relu(case.x(), theta=case.get("alpha", 1.0))


@op("Selu")
def selu(case: Case) -> nf.Tensor:
    alpha, gamma = case.get("alpha", 1.6732632), case.get("gamma", 1.0507009)
    if "alpha" not in case.attrs and "gamma" not in case.attrs:
        return nf.selu(case.x())
    return nf.elu(case.x(), alpha=alpha) * gamma


@op("Gelu")
def gelu(case: Case) -> nf.Tensor:
    return (nf.gelu_tanh if case.get("approximate") == "tanh" else nf.gelu)(case.x())


@op("Swish")
def swish(case: Case) -> nf.Tensor:
    return nf.silu(case.x(), beta=case.get("alpha", 1.0))


@op("Div")
def div(case: Case) -> nf.Tensor:
    x, y = case.all()
    if x.dtype.startswith("float"):
        return x / y
    if np.any(case.value(0) < 0) or np.any(case.value(1) < 0):  # towards zero
        size = nf.floor_divide(nf.abs(x), nf.abs(y))
        return size * (nf.sign(x) * nf.sign(y))
    return nf.floor_divide(x, y)


@op("Mod")
def mod(case: Case) -> nf.Tensor:
    x, y = case.all()
    if not case.get("fmod", 0):
        return nf.modulo(x, y)
    return nf.sign(x) * nf.modulo(nf.abs(x), nf.abs(y))


@op("Pow")
def power(case: Case) -> nf.Tensor:
    x, y = case.all()
    if x.dtype == y.dtype and x.dtype != "uint8":
        return x**y
    if not x.dtype.startswith("float"):
        return nf.cast(nf.cast(x, "float64") ** nf.cast(y, "float64"), x.dtype)
    return x ** nf.cast(y, x.dtype)


@op("Reciprocal")
def reciprocal(case: Case) -> nf.Tensor:
    return 1 / case.x()


@op("Sum", "Mean", "Max", "Min")
def many(case: Case) -> nf.Tensor:
    ours = {"Max": nf.maximum, "Min": nf.minimum}.get(case.op, nf.add)
    total = reduce(ours, case.all())
    if case.op == "Mean":
        return total / float(len(case.names))
    return nf.identity(total) if len(case.names) == 1 else total


@op("Clip")
def clip(case: Case) -> nf.Tensor:
    low, high = case.optional(1), case.optional(2)
    if low is None and high is None:
        return nf.identity(case.x())
    return nf.clip_by_value(case.x(), low, high)


@op("BitShift")
def bit_shift(case: Case) -> nf.Tensor:
    return (nf.left_shift if case["direction"] == "LEFT" else nf.right_shift)(*case.all())


@op("IsInf")
def is_inf(case: Case) -> nf.Tensor:
    x = case.x()
    found = nf.is_inf(x)
    if not case.get("detect_negative", 1):
        found = nf.logical_and(found, x > 0)
    return nf.logical_and(found, x < 0) if not case.get("detect_positive", 1) else found


@op("Cast", "CastLike")
def cast(case: Case) -> nf.Tensor:
    return nf.cast(case.x(), case.expected[0][1].dtype.name)


@op("BitCast")
def bit_cast(case: Case) -> nf.Tensor:
    return nf.bitcast(case.x(), case.expected[0][1].dtype.name)


# ---- reductions -----------------------------------------------------------------------------


def axes_of(case: Case) -> Any:
    axes = case.get("axes", case.ints(1))
    if axes is None or len(axes) == 0:
        return () if case.get("noop_with_empty_axes", 0) else None
    return tuple(axes)


REDUCE = {
    "ReduceSum": nf.reduce_sum, "ReduceMean": nf.reduce_mean, "ReduceProd": nf.reduce_prod,
    "ReduceLogSumExp": nf.reduce_logsumexp,
}  # fmt: skip


@op("ReduceSum", "ReduceMean", "ReduceProd", "ReduceLogSumExp", "ReduceMax", "ReduceMin",
    "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum")  # fmt: skip
def reductions(case: Case) -> nf.Tensor:
    x, kind = case.x(), case.op
    how = {"axis": axes_of(case), "keepdims": bool(case.get("keepdims", 1))}
    if x.dtype == "bool":
        number = nf.cast(x, "uint8")
        largest = (nf.reduce_max if kind == "ReduceMax" else nf.reduce_min)(number, **how)
        return nf.cast(largest, "bool")
    if kind == "ReduceL1":
        return nf.reduce_sum(nf.abs(x), **how)
    if kind in ("ReduceL2", "ReduceSumSquare"):
        total = nf.reduce_sum(nf.square(x), **how)
        return nf.sqrt(total) if kind == "ReduceL2" else total
    if kind == "ReduceLogSum":
        return nf.log(nf.reduce_sum(x, **how))
    extreme = {"ReduceMax": nf.reduce_max, "ReduceMin": nf.reduce_min}
    return {**REDUCE, **extreme}[kind](x, **how)


@op("ArgMax", "ArgMin")
def argmax(case: Case) -> nf.Tensor:
    ours = nf.argmax if case.op == "ArgMax" else nf.argmin
    x, axis, keep = case.x(), case.get("axis", 0), bool(case.get("keepdims", 1))
    if not case.get("select_last_index", 0):
        return ours(x, axis=axis, keepdims=keep)
    return x.shape[axis] - 1 - ours(nf.reverse(x, axis=axis), axis=axis, keepdims=keep)


@op("CumSum", "CumProd")
def running(case: Case) -> nf.Tensor:
    ours = nf.cumsum if case.op == "CumSum" else nf.cumprod
    switches = {name: bool(case.get(name, 0)) for name in ("exclusive", "reverse")}
    return ours(case.x(), axis=int(np.ravel(case.value(1))[0]), **switches)


@op("TopK")
def top_k(case: Case) -> Any:
    (k,) = case.ints(1) or (1,)
    attrs = {"axis": case.get("axis", -1), "largest": bool(case.get("largest", 1))}
    return nf.top_k(case.x(), k=k, **attrs)


@op("Hardmax", "Softmax", "LogSoftmax")
def along(case: Case) -> nf.Tensor:
    ours = {"Hardmax": nf.hardmax, "Softmax": nf.softmax, "LogSoftmax": nf.log_softmax}[case.op]
    return ours(case.x(), axis=case.get("axis", -1))


@op("DynamicQuantizeLinear")
def dynamic_quantize(case: Case) -> Any:
    x = case.x()
    low, high = nf.minimum(nf.reduce_min(x), 0), nf.maximum(nf.reduce_max(x), 0)
    scale = (high - low) / 255.0
    zero = nf.round(-low / scale)
    return nf.cast(nf.round(x / scale) + zero, "uint8"), scale, nf.cast(zero, "uint8")


def along_axis(case: Case, index: int) -> nf.Tensor:
    """A scale or zero point of one axis in a shape that broadcasts."""
    value, axis = case.x(index), case.get("axis", 1) % max(case.rank, 1)
    if case.get("block_size", 0):
        raise LeftOut("quantization in blocks")
    if len(value.shape) == 1 and value.shape != (1,):
        return nf.expand_dims(value, axis=tuple(range(1, case.rank - axis)))
    return value


@op("DequantizeLinear")
def dequantize(case: Case) -> nf.Tensor:
    x = nf.cast(case.x(), "float32")
    if case.has(2):
        x = x - nf.cast(along_axis(case, 2), "float32")
    return x * along_axis(case, 1)


@op("QuantizeLinear")
def quantize(case: Case) -> nf.Tensor:
    y = nf.round(case.x() / along_axis(case, 1))
    if case.has(2):
        y = y + nf.cast(along_axis(case, 2), "float32")
    return nf.cast(y, case.expected[0][1].dtype.name)


@op("Bernoulli")
def bernoulli(case: Case) -> nf.Tensor:
    raise LeftOut("random numbers")

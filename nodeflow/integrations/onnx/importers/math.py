# Attributes come from a file, so their types are checked only when a node is made.
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false
"""Elementwise ops, reductions and random numbers."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.integrations.onnx.call import (
    TRANSLATIONS,
    Call,
    LeftOut,
    dtype_of,
    op,
    reshaped,
    simple,
    size,
)

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
    """Register the translation of ONNX op ``theirs`` to op ``ours`` of `nf`, which has attributes
    of the same names. ``defaults`` are ONNX's defaults of these attributes.
    """

    def translation(call: Call) -> nf.Tensor:
        attrs = {name: call.get(name, default) for name, default in defaults.items()}
        return getattr(nf, ours)(*call.all(), **attrs)

    TRANSLATIONS["", theirs] = translation


with_attrs("Elu", "elu", alpha=1.0)
with_attrs("Celu", "celu", alpha=1.0)
with_attrs("LeakyRelu", "leaky_relu", alpha=0.01)
with_attrs("HardSigmoid", "hard_sigmoid", alpha=0.2, beta=0.5)
with_attrs("Shrink", "shrink", lambd=0.5, bias=0.0)


@op("ThresholdedRelu")
def thresholded_relu(call: Call) -> nf.Tensor:
    return nf.thresholded_relu(call.x(), theta=call.get("alpha", 1.0))


@op("Selu")
def selu(call: Call) -> nf.Tensor:
    alpha, gamma = call.get("alpha", 1.6732632), call.get("gamma", 1.0507009)
    if "alpha" not in call.attrs and "gamma" not in call.attrs:
        return nf.selu(call.x())
    return nf.elu(call.x(), alpha=alpha) * gamma


@op("Gelu")
def gelu(call: Call) -> nf.Tensor:
    return (nf.gelu_tanh if call.get("approximate") == "tanh" else nf.gelu)(call.x())


@op("Swish")
def swish(call: Call) -> nf.Tensor:
    return nf.silu(call.x(), beta=call.get("alpha", 1.0))


@op("Div")
def div(call: Call) -> nf.Tensor:
    """Translate a division. Integers are rounded towards zero."""
    x, y = call.all()
    if x.type.is_float:
        return x / y
    return (nf.floor_divide if x.type.dtype.startswith("u") else nf.truncate_divide)(x, y)


@op("Mod")
def mod(call: Call) -> nf.Tensor:
    x, y = call.all()
    if not call.get("fmod", 0):
        return nf.modulo(x, y)
    if x.type.is_float:
        return nf.sign(x) * nf.modulo(nf.abs(x), nf.abs(y))
    return nf.truncate_modulo(x, y)


@op("Pow")
def power(call: Call) -> nf.Tensor:
    x, y = call.all()
    if x.dtype == y.dtype and x.dtype != "uint8":
        return x**y
    if not x.dtype.startswith("float"):
        return nf.cast(nf.cast(x, "float64") ** nf.cast(y, "float64"), x.dtype)
    return x ** nf.cast(y, x.dtype)


@op("Reciprocal")
def reciprocal(call: Call) -> nf.Tensor:
    return nf.reciprocal(call.x())


@op("Sum", "Mean", "Max", "Min")
def many(call: Call) -> nf.Tensor:
    if call.op == "Sum" and call.ours:
        return nf.add_n(call.all())
    ours = {"Max": nf.maximum, "Min": nf.minimum}.get(call.op, nf.add)
    total = reduce(ours, call.all())
    if call.op == "Mean":
        return total / float(len(call.names))
    return nf.identity(total) if len(call.names) == 1 else total


@op("Clip")
def clip(call: Call) -> nf.Tensor:
    if call.version < 11:
        low, high = call.get("min"), call.get("max")
    else:
        low, high = (call.known(i) if call.has(i) else None for i in (1, 2))
        low = call.optional(1) if low is None else low.item()
        high = call.optional(2) if high is None else high.item()
    if low is None and high is None:
        return nf.identity(call.x())
    return nf.clip_by_value(call.x(), low, high)


@op("BitShift")
def bit_shift(call: Call) -> nf.Tensor:
    return (nf.left_shift if call["direction"] == "LEFT" else nf.right_shift)(*call.all())


@op("IsInf")
def is_inf(call: Call) -> nf.Tensor:
    x = call.x()
    found = nf.is_inf(x)
    if not call.get("detect_negative", 1):
        found = nf.logical_and(found, x > 0)
    return nf.logical_and(found, x < 0) if not call.get("detect_positive", 1) else found


def wanted_dtype(call: Call) -> str:
    """Return the dtype that an attribute names, or else the dtype of another input."""
    if call.op == "CastLike" and call.odd(1):
        raise LeftOut(f"no dtype {call.odd(1)}")
    return call.dtype(1) if call.op == "CastLike" else dtype_of(call["to"])


@op("Cast", "CastLike")
def cast(call: Call) -> nf.Tensor:
    return nf.cast(call.x(), wanted_dtype(call))


@op("BitCast")
def bit_cast(call: Call) -> nf.Tensor:
    return nf.bitcast(call.x(), wanted_dtype(call))


# ---- reductions -----------------------------------------------------------------------------


def axes_of(call: Call) -> Any:
    axes = call["axes"] if "axes" in call.attrs else call.ints(1)
    if axes is None or len(axes) == 0:
        return () if call.get("noop_with_empty_axes", 0) else None
    return tuple(axes)


REDUCE = {
    "ReduceSum": nf.reduce_sum, "ReduceMean": nf.reduce_mean, "ReduceProd": nf.reduce_prod,
    "ReduceLogSumExp": nf.reduce_logsumexp,
}  # fmt: skip


@op("ReduceSum", "ReduceMean", "ReduceProd", "ReduceLogSumExp", "ReduceMax", "ReduceMin",
    "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum")  # fmt: skip
def reductions(call: Call) -> nf.Tensor:
    x, kind = call.x(), call.op
    how = {"axis": axes_of(call), "keepdims": bool(call.get("keepdims", 1))}
    if x.dtype == "bool":
        return (nf.reduce_any if kind == "ReduceMax" else nf.reduce_all)(x, **how)
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
def argmax(call: Call) -> nf.Tensor:
    ours = nf.argmax if call.op == "ArgMax" else nf.argmin
    x, axis, keep = call.x(), call.get("axis", 0), bool(call.get("keepdims", 1))
    if not call.get("select_last_index", 0):
        return ours(x, axis=axis, keepdims=keep)
    last = size(x, axis) - 1
    return last - ours(nf.reverse(x, axis=axis), axis=axis, keepdims=keep)


@op("CumSum", "CumProd")
def running(call: Call) -> nf.Tensor:
    ours = nf.cumsum if call.op == "CumSum" else nf.cumprod
    switches = {name: bool(call.get(name, 0)) for name in ("exclusive", "reverse")}
    return ours(call.x(), axis=int(np.ravel(call.value(1))[0]), **switches)


@op("TopK")
def top_k(call: Call) -> Any:
    (k,) = (call["k"],) if call.version < 10 else call.ints(1) or (1,)
    attrs = {"axis": call.get("axis", -1), "largest": bool(call.get("largest", 1))}
    return nf.top_k(call.x(), k=k, **attrs)


@op("Hardmax", "Softmax", "LogSoftmax")
def along(call: Call) -> nf.Tensor:
    ours = {"Hardmax": nf.hardmax, "Softmax": nf.softmax, "LogSoftmax": nf.log_softmax}[call.op]
    if call.version >= 13:
        return ours(call.x(), axis=call.get("axis", -1))
    x, axis = call.x(), call.get("axis", 1)
    if axis in (-1, call.rank - 1):
        return ours(x, axis=-1)
    if call.op != "Hardmax" and all(d == 1 for d in call.shape(0)[axis + 1 :]):
        return ours(x, axis=axis)
    parts = [size(x, i) for i in range(call.rank)]  # all axes from there on become one
    flat = nf.reshape(x, shape=[-1, int(np.prod(call.sizes(0)[axis:]))])
    return reshaped(ours(flat, axis=-1), parts)


@op("Bernoulli")
def bernoulli(call: Call) -> nf.Tensor:
    raise LeftOut("random numbers")

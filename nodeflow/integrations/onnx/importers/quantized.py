# Attributes come from a file, so their types are checked only when a node is made.
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false
"""Quantized ops: integers with a scale and a zero point per tensor, per axis or per block.

Integer products are exact. They are then scaled in float32, as onnxruntime scales them.
"""

from __future__ import annotations

import numpy as np

import nodeflow as nf
from nodeflow.integrations.onnx.call import CARRIERS, Call, LeftOut, dtype_of, limits, op, size
from nodeflow.integrations.onnx.importers.convolution import convolved, kernel_of

MICROSOFT = "com.microsoft"
"""The domain of onnxruntime's own ops."""
EXACT_TERMS = 2**24 // 255**2
"""Maximum number of products of two 8-bit integers whose sum is exact in float32."""


# ---- numbers to integers and back ----------------------------------------------------------------


def spread(call: Call, index: int) -> nf.Tensor:
    """Return the scale or zero point at an input of a quantization, reshaped to broadcast to the
    quantized tensor.
    """
    value, block = call.x(index), call.get("block_size", 0)
    count = len(value.shape)
    if count == 0:
        return value
    if count == 1 and value.shape == (1,) and not block:
        return nf.reshape(value, shape=[]) if call.rank == 0 else value
    axis = call.get("axis", 1)
    if not -call.rank <= axis < call.rank:
        raise LeftOut(f"its axis {axis} is not an axis of its input of {call.rank} axes")
    axis %= call.rank
    if block:
        return _blocks(call, value, axis, block)
    if count > 1:
        raise LeftOut("a scale or zero point with several axes, but without a block size")
    return nf.expand_dims(value, axis=tuple(range(1, call.rank - axis)))


def _blocks(call: Call, value: nf.Tensor, axis: int, block: int) -> nf.Tensor:
    """Return one value per element, from one value per block along an axis."""
    if len(value.shape) != call.rank:
        raise LeftOut("a scale with one value per block, but with other axes than its input")
    of_elements = nf.range(size(call.x(), axis), dtype="int64")
    return nf.gather(value, nf.floor_divide(of_elements, block), axis=axis)


@op("DequantizeLinear")
@op("DequantizeLinear", domain=MICROSOFT)
def dequantize(call: Call) -> nf.Tensor:
    """Translate ONNX's DequantizeLinear: (x - zero point) * scale, computed in float32."""
    scale, given = spread(call, 1), call.get("output_dtype", 0)
    wanted = dtype_of(given) if given else scale.dtype
    x = nf.cast(call.x(), "float32")
    if call.has(2):
        x = x - nf.cast(spread(call, 2), "float32")
    return _cast(x * _cast(scale, "float32"), wanted)


@op("QuantizeLinear")
@op("QuantizeLinear", domain=MICROSOFT)
def quantize(call: Call) -> nf.Tensor:
    """Translate ONNX's QuantizeLinear: round(x / scale) + zero point, clipped to the range of the
    result's dtype.
    """
    scale = spread(call, 1)
    kind = call.odd(2) or (call.dtype(2) if call.has(2) else "")
    given, precise = call.get("output_dtype", 0), call.get("precision", 0)
    kind = kind or CARRIERS.get(given, ("uint8",))[0]
    if given and given not in CARRIERS:
        kind = dtype_of(given)
    inner = dtype_of(precise) if precise else scale.dtype
    y = nf.round(_cast(call.x(), inner) / _cast(scale, inner))
    return _integers(y, spread(call, 2) if call.has(2) else None, kind)


def _integers(y: nf.Tensor, zero: nf.Tensor | None, kind: str) -> nf.Tensor:
    """Add a zero point to whole numbers, clip them to the range of an integer type, and convert
    them to this type.
    """
    y = _cast(y, "float32")
    if zero is not None:
        y = y + nf.cast(zero, "float32")
    range_ = limits(kind)
    if range_ is None:
        return nf.cast(y, kind)
    low, high, dtype = range_
    return nf.cast(nf.clip_by_value(y, float(low), float(high)), dtype)


def _cast(x: nf.Tensor, dtype: str) -> nf.Tensor:
    return x if x.dtype == dtype else nf.cast(x, dtype)


@op("DynamicQuantizeLinear")
def dynamic_quantize(call: Call) -> tuple[nf.Tensor, nf.Tensor, nf.Tensor]:
    """Translate ONNX's DynamicQuantizeLinear, a quantization to uint8 whose range spans 0 and all
    values.

    As in onnxruntime, the scale is 1 if all values are 0.
    """
    x = call.x()
    low, high = nf.minimum(nf.reduce_min(x), 0), nf.maximum(nf.reduce_max(x), 0)
    range_ = high - low
    scale = nf.where(nf.equal(range_, 0), nf.constant(np.float32(1)), range_ / 255.0)
    zero = nf.cast(nf.round(-low / scale), "uint8")
    return _integers(nf.round(x / scale), zero, "uint8"), scale, zero


# ---- products of integers --------------------------------------------------------------------


def _centred(x: nf.Tensor, zero: nf.Tensor | None, terms: int | None) -> nf.Tensor:
    """Return integers minus a zero point, in the narrowest float in which products are exact."""
    dtype = "float32" if terms is not None and terms <= EXACT_TERMS else "float64"
    x = nf.cast(x, dtype)
    return x if zero is None else x - nf.cast(zero, dtype)


def _product(call: Call, a: int, a_zero: int, b: int, b_zero: int) -> nf.Tensor:
    """Multiply two quantized matrices exactly in int32, after subtracting their zero points.

    Args:
        a, a_zero, b, b_zero: numbers of the ONNX inputs with the matrices and their zero points.
    """
    terms = call.shape(a)[-1]
    zero = rows(call, a_zero, a) if call.has(a_zero) else None
    x = _centred(call.x(a), zero, terms)
    y = _centred(call.x(b), call.optional(b_zero), terms)
    return nf.cast(nf.matmul(x, y), "int32")


def rows(call: Call, index: int, of: int) -> nf.Tensor:
    """Return a scale or zero point of the rows of a matrix, in a shape that broadcasts to it."""
    value = call.x(index)
    if len(value.shape) != 1:
        return value
    if value.shape == (1,) or len(call.shape(of)) < 2:
        return nf.reshape(value, shape=[])
    return nf.expand_dims(value, axis=-1)


@op("MatMulInteger")
def matmul_integer(call: Call) -> nf.Tensor:
    return _product(call, 0, 2, 1, 3)


def requantized(total: nf.Tensor, scale: nf.Tensor, zero: nf.Tensor) -> nf.Tensor:
    """Scale int32 sums of products, round them, add the zero point and clip them to the integer
    dtype of ``zero``.
    """
    return _integers(nf.round(nf.cast(total, "float32") * scale), zero, str(zero.dtype))


@op("QLinearMatMul")
def qlinear_matmul(call: Call) -> nf.Tensor:
    """Translate QLinearMatMul: multiply quantized matrices, and quantize the product.

    The inputs are a, b and the parameters of the result y, in this order: a, its scale and zero
    point, b, its scale and zero point, the scale and zero point of y.
    """
    total = _product(call, 0, 2, 3, 5)
    a_scale, b_scale = nf.cast(rows(call, 1, 0), "float32"), nf.cast(call.x(4), "float32")
    scale = a_scale * b_scale / nf.cast(rows(call, 6, 0), "float32")
    return requantized(total, scale, rows(call, 7, 0))


def _convolution(call: Call, filters: int, zero: int, filters_zero: int) -> nf.Tensor:
    """Build a convolution of quantized integers that is exact in int32.

    Args:
        filters, zero, filters_zero: numbers of the ONNX inputs with the filters, and with the zero
            points of images and filters.
    """
    kernel = kernel_of(call, filters)
    channels = call.shape(filters)[1]
    terms = None if channels is None else int(channels * np.prod(kernel))
    x = _centred(call.x(), one(call, zero), terms)
    weights = _centred(call.x(filters), channel(call, filters_zero, len(kernel) + 1), terms)
    return nf.cast(convolved(call, x, weights, kernel), "int32")


def one(call: Call, index: int) -> nf.Tensor | None:
    """Return an input of an ONNX node that holds one element, as a scalar. Return None if the input
    is omitted.
    """
    if not call.has(index):
        return None
    value = call.x(index)
    return nf.reshape(value, shape=[]) if value.shape else value


def channel(call: Call, index: int, more: int) -> nf.Tensor | None:
    """Return an input with one element per channel, reshaped to (channels, 1, ..., 1) with ``more``
    axes of size 1. A scalar stays a scalar. Return None if the input is omitted.
    """
    if not call.has(index) or not call.x(index).shape:
        return call.optional(index)
    return nf.reshape(call.x(index), shape=[-1, *[1] * more])


@op("ConvInteger")
def conv_integer(call: Call) -> nf.Tensor:
    return _convolution(call, 1, 2, 3)


@op("QLinearConv")
def qlinear_conv(call: Call) -> nf.Tensor:
    """Translate ONNX's QLinearConv, a convolution of quantized images.

    Inputs: x, its scale and zero point; filters, their scale and zero point; the result's scale and
    zero point; a bias.
    """
    total = _convolution(call, 3, 2, 5)
    axes = len(kernel_of(call, 3))
    if call.has(8):
        total = total + channel(call, 8, axes)
    scale = one(call, 1) * channel(call, 4, axes) / one(call, 6)
    return requantized(total, scale, one(call, 7))


# ---- quantized ops of onnxruntime ------------------------------------------------------------


def real(call: Call, index: int) -> nf.Tensor:
    """Dequantize an input of an ONNX node to float32. The two inputs after it are its scale and
    zero point.
    """
    x = nf.cast(call.x(index), "float32")
    zero = one(call, index + 2)
    return (x if zero is None else x - nf.cast(zero, "float32")) * one(call, index + 1)


def quantized(call: Call, y: nf.Tensor, index: int) -> nf.Tensor:
    """Quantize numbers to integers: round(y / scale) + zero point, clipped to the integer type's
    range.

    Args:
        index: number of the ONNX input with the scale. The next input is the zero point.
    """
    zero = one(call, index + 1)
    kind = str(call.x(0).dtype) if zero is None else str(zero.dtype)
    return _integers(nf.round(y / one(call, index)), zero, kind)


@op("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def qlinear_binary(call: Call) -> nf.Tensor:
    a, b = real(call, 0), real(call, 3)
    return quantized(call, a + b if call.op == "QLinearAdd" else a * b, 6)


@op("QLinearSigmoid", "QLinearLeakyRelu", domain=MICROSOFT)
def qlinear_unary(call: Call) -> nf.Tensor:
    x = real(call, 0)
    if call.op == "QLinearSigmoid":
        return quantized(call, nf.sigmoid(x), 3)
    return quantized(call, nf.leaky_relu(x, alpha=call.get("alpha", 0.01)), 3)


@op("QLinearGlobalAveragePool", domain=MICROSOFT)
def qlinear_pool(call: Call) -> nf.Tensor:
    last = bool(call.get("channels_last", 0))
    axes = tuple(range(1, call.rank - 1) if last else range(2, call.rank))
    return quantized(call, nf.reduce_mean(real(call, 0), axis=axes, keepdims=True), 3)


@op("QLinearConcat", domain=MICROSOFT)
def qlinear_concat(call: Call) -> nf.Tensor:
    """Translate QLinearConcat: dequantize the parts, concatenate them, and quantize the result.

    Inputs: the result's scale and zero point, then each part with its scale and zero point.
    """
    parts = [real(call, index) for index in range(2, len(call.names), 3)]
    return quantized(call, nf.concat(parts, axis=call["axis"]), 0)


@op("QGemm", domain=MICROSOFT)
def quantized_gemm(call: Call) -> nf.Tensor:
    """Translate QGemm of onnxruntime: alpha * A * B + C with quantized matrices.

    Inputs: a, its scale and zero point; b, its scale and zero point; C; the result's scale and zero
    point. Without the last two the result is a float.
    """
    if call.get("transA", 0):
        raise LeftOut("a transposed first matrix")
    terms = call.shape(0)[-1]
    across = bool(call.get("transB", 0))
    a = _centred(call.x(), one(call, 2), terms)
    zero, b_scale = call.optional(5), call.x(4)
    zero = nf.expand_dims(zero, axis=-1) if zero is not None and across and zero.shape else zero
    b = _centred(call.x(3), zero, terms)
    total = nf.cast(nf.matmul(a, b, transpose_y=across), "int32")
    total = total + call.x(6) if call.has(6) else total
    scale = one(call, 1) * b_scale * float(call.get("alpha", 1.0))
    if not call.has(7):
        return nf.cast(total, "float32") * scale
    return requantized(total, scale / one(call, 7), one(call, 8))


@op("MatMulIntegerToFloat", domain=MICROSOFT)
def matmul_integer_to_float(call: Call) -> nf.Tensor:
    """Translate MatMulIntegerToFloat: multiply quantized matrices, scale the int32 product to
    float32, and add a bias.

    Inputs: a, b, the scales of a and b, their zero points, the bias.
    """
    total = _product(call, 0, 4, 1, 5)
    y = nf.cast(total, "float32") * (rows(call, 2, 0) * call.x(3))
    return y + call.x(6) if call.has(6) else y

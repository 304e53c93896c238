"""Rules for Fourier transforms and complex numbers, which are pairs along a new last axis as in
ONNX's DFT.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import COMPLEX, TensorType
from nodeflow.integrations.onnx.emit import (
    NUMBERS,
    Emitter,
    NotInOnnx,
    complex_rule,
    constant_of,
    held,
)

LAST = -1


def part(e: Emitter, z: str, index: int, type_: TensorType) -> str:
    """Select the real (``index`` 0) or imaginary (1) part of complex numbers stored as pairs along
    the last axis.

    Args:
        z: the ONNX name of the pairs.
        type_: the type of the pairs.
    """
    place = e.array(np.array(index, "int64"), f"{e.node_name}_part")
    return e.node("Gather", [z, place], axis=LAST, type=type_.with_shape(type_.shape[:-1]))


def paired(e: Emitter, real: str, imag: str, type_: TensorType) -> str:
    """Return pairs of real and imaginary parts."""
    sides = [
        e.node("Unsqueeze", [side, e.ints([LAST], "last")], type=type_) for side in (real, imag)
    ]
    return e.node("Concat", sides, axis=LAST, type=type_)


def transformed(
    e: Emitter,
    z: str,
    axis: int,
    type_: TensorType,
    length: int | None = None,
    *,
    inverse: bool = False,
    half: bool = False,
) -> str:
    """Export a discrete Fourier transform along an axis as ONNX's DFT. Return the name of the
    result.

    Args:
        z: name of the input. Its last axis has size 2 for complex numbers, 1 for real ones.
        type_: type of the result.
        length: size to crop or pad the axis to; None: its own size.
        inverse: whether to compute the inverse transform.
        half: return only the non-redundant half of the spectrum of real numbers.
    """
    size = "" if length is None else e.array(np.array(length, "int64"), f"{e.node_name}_length")
    flags: Any = {"inverse": int(inverse), "onesided": int(half)}
    if e.opset < 20:
        return e.node("DFT", [z, size], axis=axis, type=type_, **flags)
    place = e.array(np.array(axis, "int64"), f"{e.node_name}_axis")
    return e.node("DFT", [z, size, place], type=type_, **flags)


def _axes(node: Node) -> list[int]:
    """Return the axes that a Fourier transform transforms, in order."""
    rank = node.inputs[0].type.rank
    return list(range(rank - node.op.axes, rank))  # type: ignore[attr-defined]


def _lengths(node: Node) -> Sequence[int | None]:
    given = node.attrs.get("fft_length")
    count = node.op.axes  # type: ignore[attr-defined]
    if given is None:
        return [None] * count
    return [given] if isinstance(given, int) else list(given)


@complex_rule("constant")
def constant(e: Emitter, node: Node) -> str:
    return e.array(constant_of(node), e.node_name)


@complex_rule("fft", "fft2d", "fft3d", "ifft", "ifft2d", "ifft3d")
def fourier(e: Emitter, node: Node) -> str:
    z, type_ = e.value(node.inputs[0]), held(node.outputs[0].type)
    for axis in _axes(node):
        z = transformed(e, z, axis, type_, inverse=node.op.id.startswith("i"))
    return z


@complex_rule("rfft", "rfft2d", "rfft3d")
def real_fourier(e: Emitter, node: Node) -> str:
    """Export a real FFT to ONNX: compute half of the spectrum along the last axis, then the full
    spectrum along the other axes.
    """
    x, type_ = node.inputs[0], held(node.outputs[0].type)
    axes, lengths = _axes(node), _lengths(node)
    z = e.node("Unsqueeze", [e.value(x), e.ints([LAST], "last")], type=x.type)
    z = transformed(e, z, axes[-1], type_, lengths[-1], half=True)
    for axis, length in zip(axes[:-1], lengths[:-1], strict=True):
        z = transformed(e, z, axis, type_, length)
    return z


@complex_rule("irfft", "irfft2d", "irfft3d")
def inverse_real_fourier(e: Emitter, node: Node) -> str:
    """Export an inverse real FFT (``irfft``, ``irfft2d``, ``irfft3d``) to ONNX.

    First restore the missing half of the spectrum from conjugates in reverse order. Then compute a
    complex inverse transform, and take its real part.
    """
    x = node.inputs[0]
    type_, axes, lengths = held(x.type), _axes(node), _lengths(node)
    z = e.value(x)
    for axis, length in zip(axes[:-1], lengths[:-1], strict=True):
        z = transformed(e, z, axis, type_, length, inverse=True)
    there, size = x.type.shape[-1], lengths[-1]
    if size is None and there is not None:
        size = 2 * (there - 1)
    if there is None or size is None:
        raise NotInOnnx("a signal whose size only a run knows")
    if not size:
        raise NotInOnnx("a signal of no elements")
    first = size // 2 + 1
    if there < first:
        pads = [0] * (2 * len(type_.shape))
        pads[-2] = first - there
        z = e.node("Pad", [z, e.ints(pads, "pads")], type=type_)
    places = [*range(first), *(size - k for k in range(first, size))]
    z = e.node("Gather", [z, e.ints(places, "places")], axis=-2, type=type_)
    signs = np.ones((size, 2), type_.dtype)
    signs[first:, 1] = -1
    z = e.node("Mul", [z, e.array(signs, f"{e.node_name}_signs")], type=type_)
    return part(e, transformed(e, z, axes[-1], type_, inverse=True), 0, type_)


@complex_rule("real", "imag")
def one_part(e: Emitter, node: Node) -> str:
    x = node.inputs[0]
    return part(e, e.value(x), 0 if node.op.id == "real" else 1, held(x.type))


@complex_rule("complex")
def complex_numbers(e: Emitter, node: Node) -> str:
    real, imag = node.inputs
    if real.type.shape != imag.type.shape:
        raise NotInOnnx("real and imaginary parts of different shapes")
    return paired(e, e.value(real), e.value(imag), real.type)


@complex_rule("cast")
def cast(e: Emitter, node: Node) -> str:
    source, target = node.inputs[0].type, held(node.outputs[0].type)
    if node.outputs[0].type.dtype not in COMPLEX:
        raise NotInOnnx("a cast of complex numbers to others")
    made = e.node("Cast", [e.value(node.inputs[0])], to=NUMBERS[target.dtype], type=target)
    if source.dtype in COMPLEX:
        return made
    zero = e.node("Mul", [made, e.number(0, target.dtype, "zero")], type=target)
    return paired(e, made, zero, target)


@complex_rule("abs")
def absolute(e: Emitter, node: Node) -> str:
    x = node.inputs[0]
    return e.node("ReduceL2", [e.value(x), e.ints([LAST], "last")], keepdims=0)


@complex_rule("conj")
def conjugate(e: Emitter, node: Node) -> str:
    type_ = held(node.inputs[0].type)
    signs = e.array(np.array([1, -1], type_.dtype), f"{e.node_name}_signs")
    return e.node("Mul", [e.value(node.inputs[0]), signs])


@complex_rule("multiply")
def multiply(e: Emitter, node: Node) -> str:
    (a, b), (c, d) = (_parts(e, t) for t in node.inputs)
    type_ = held(node.outputs[0].type)

    def times(x: str, y: str) -> str:
        return e.node("Mul", [x, y], type=type_)

    real = e.node("Sub", [times(a, c), times(b, d)], type=type_)
    return paired(e, real, e.node("Add", [times(a, d), times(b, c)], type=type_), type_)


def _parts(e: Emitter, tensor: Tensor) -> tuple[str, str]:
    z, type_ = e.value(tensor), held(tensor.type)
    return part(e, z, 0, type_), part(e, z, 1, type_)


PAIRWISE = {"add": "Add", "subtract": "Sub", "negative": "Neg", "identity": "Identity",
            "stop_gradient": "Identity"}  # fmt: skip
"""Ops that act on both parts of complex numbers in the same way."""


@complex_rule(*PAIRWISE)
def pairwise(e: Emitter, node: Node) -> str:
    return e.node(PAIRWISE[node.op.id], [e.value(t) for t in node.inputs])


@complex_rule("transpose")
def transpose(e: Emitter, node: Node) -> str:
    rank = node.inputs[0].type.rank
    perm = node.attrs["perm"] or range(rank - 1, -1, -1)
    return e.node("Transpose", [e.value(node.inputs[0])], perm=[*(p % rank for p in perm), rank])


@complex_rule("concat")
def concat(e: Emitter, node: Node) -> str:
    axis = node.attrs["axis"] % node.outputs[0].type.rank
    return e.node("Concat", [e.value(t) for t in node.inputs], axis=axis)

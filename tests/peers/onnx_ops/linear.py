"""Linear algebra, quantized products and transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

import nodeflow as nf

from . import Case, LeftOut, op


@op("Gemm")
def gemm(case: Case) -> nf.Tensor:
    a, b = case.x(), case.x(1)
    y = nf.matmul(
        a, b, transpose_x=bool(case.get("transA", 0)), transpose_y=bool(case.get("transB", 0))
    )
    if case.get("alpha", 1.0) != 1.0:
        y = y * case["alpha"]
    if not case.has(2):
        return y
    c = case.x(2)
    return y + (c * case["beta"] if case.get("beta", 1.0) != 1.0 else c)


@op("Einsum")
def einsum(case: Case) -> nf.Tensor:
    return nf.einsum(case.all(), equation=case["equation"].replace(" ", ""))


@op("MatMulInteger")
def matmul_integer(case: Case) -> nf.Tensor:
    sides = []
    for index in (0, 1):
        side = nf.cast(case.x(index), "int32")
        if case.has(index + 2):
            side = side - nf.cast(case.x(index + 2), "int32")
        sides.append(side)
    return nf.matmul(*sides)


@op("QLinearMatMul")
def qlinear_matmul(case: Case) -> nf.Tensor:
    a, a_scale, _, b, b_scale, _, y_scale, y_zero = case.all()
    zeros = [case.value(i).item() for i in (2, 5, 7)]
    product = nf.matmul(nf.cast(a, "float32") - zeros[0], nf.cast(b, "float32") - zeros[1])
    scale = nf.cast(a_scale, "float32") * nf.cast(b_scale, "float32") / nf.cast(y_scale, "float32")
    y = nf.round(product * scale) + zeros[2]
    return nf.cast(y, y_zero.dtype)


@op("LpNormalization")
def lp_normalization(case: Case) -> nf.Tensor:
    x, axis = case.x(), case.get("axis", -1)
    if case.get("p", 2) == 1:
        size = nf.reduce_sum(nf.abs(x), axis=axis, keepdims=True)
    else:
        size = nf.sqrt(nf.reduce_sum(nf.square(x), axis=axis, keepdims=True))
    return nf.where(nf.equal(size, 0), nf.constant(np.zeros((), x.dtype)), x / size)


@op("HannWindow", "HammingWindow", "BlackmanWindow")
def window(case: Case) -> nf.Tensor:
    """Sums of cosines over one period, of size N or N - 1."""
    size = int(case.value(0))
    period = size if case.get("periodic", 1) else size - 1
    turn = nf.cast(nf.range(size), "float32") * (2 * np.pi / period)
    if case.op == "BlackmanWindow":
        return 0.42 - nf.cos(turn) * 0.5 + nf.cos(turn * 2.0) * 0.08
    share = 0.5 if case.op == "HannWindow" else 25 / 46
    return share - nf.cos(turn) * (1 - share)


def joined(z: nf.Tensor) -> nf.Tensor:
    """Complex numbers as pairs along a new last axis."""
    return nf.stack([nf.real(z), nf.imag(z)], axis=-1)


@op("DFT")
def dft(case: Case) -> nf.Tensor:
    x, length = case.x(), case.value(1)
    axis = case.get("axis", 1) if case.version < 20 else int(case.value(2) if case.has(2) else -2)
    at = axis % case.rank
    size = int(case.value(0).shape[at] if length is None else length)
    order = [*(a for a in range(case.rank - 1) if a != at), at]
    back = [int(a) for a in np.argsort(order)]
    if case.value(0).shape[-1] == 1:
        z = nf.transpose(x[..., 0], perm=order)
        if case.get("onesided", 0):
            return joined(nf.transpose(nf.rfft(z, fft_length=[size]), perm=back))
        z = nf.cast(z, "complex64")
    else:
        z = nf.transpose(nf.complex(x[..., 0], x[..., 1]), perm=order)
        if case.get("inverse", 0) and case.get("onesided", 0):
            whole = nf.irfft(z, fft_length=None if length is None else [size])
            return nf.expand_dims(nf.transpose(whole, perm=back), axis=-1)
    made = (nf.ifft if case.get("inverse", 0) else nf.fft)(z)
    return joined(nf.transpose(made, perm=back))


@op("STFT")
def stft(case: Case) -> nf.Tensor:
    signal, step, window = case.x(), int(case.value(1)), case.optional(2)
    length = int(case.value(3)) if case.has(3) else case.value(2).shape[0]
    frames = nf.frame(signal[..., 0], frame_length=length, frame_step=step)
    frames = frames if window is None else frames * window
    if case.get("onesided", 1):
        return joined(nf.rfft(frames))
    return joined(nf.fft(nf.cast(frames, "complex64")))


@op("MelWeightMatrix")
def mel(case: Case) -> Any:
    raise LeftOut("mel weights from edges that are rounded to frequencies")

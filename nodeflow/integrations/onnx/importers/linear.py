# Attributes come from a file, so their types are checked only when a node is made.
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalSubscript=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false
"""Linear algebra and transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.integrations.onnx.call import Call, LeftOut, op


@op("Gemm")
def gemm(call: Call) -> nf.Tensor:
    a, b = call.x(), call.x(1)
    y = nf.matmul(
        a, b, transpose_x=bool(call.get("transA", 0)), transpose_y=bool(call.get("transB", 0))
    )
    if call.get("alpha", 1.0) != 1.0:
        y = y * call["alpha"]
    if not call.has(2):
        return y
    c = call.x(2)
    return y + (c * call["beta"] if call.get("beta", 1.0) != 1.0 else c)


@op("Einsum")
def einsum(call: Call) -> nf.Tensor:
    return nf.einsum(call.all(), equation=call["equation"].replace(" ", ""))


@op("LpNormalization")
def lp_normalization(call: Call) -> nf.Tensor:
    x, axis = call.x(), call.get("axis", -1)
    if call.get("p", 2) == 1:
        size = nf.reduce_sum(nf.abs(x), axis=axis, keepdims=True)
    else:
        size = nf.sqrt(nf.reduce_sum(nf.square(x), axis=axis, keepdims=True))
    return nf.where(nf.equal(size, 0), nf.constant(np.zeros((), x.dtype)), x / size)


@op("HannWindow", "HammingWindow", "BlackmanWindow")
def window(call: Call) -> nf.Tensor:
    """Translate ONNX's HannWindow, HammingWindow and BlackmanWindow: sums of cosines over one
    period, which has N or N - 1 elements.
    """
    size = int(call.value(0))
    period = size if call.get("periodic", 1) else size - 1
    turn = nf.cast(nf.range(size), "float32") * (2 * np.pi / period)
    if call.op == "BlackmanWindow":
        return 0.42 - nf.cos(turn) * 0.5 + nf.cos(turn * 2.0) * 0.08
    share = 0.5 if call.op == "HannWindow" else 25 / 46
    return share - nf.cos(turn) * (1 - share)


def joined(z: nf.Tensor) -> nf.Tensor:
    """Return complex numbers as pairs along a new last axis."""
    return nf.stack([nf.real(z), nf.imag(z)], axis=-1)


@op("DFT")
def dft(call: Call) -> nf.Tensor:
    x, length = call.x(), call.value(1)
    given = int(call.value(2)) if call.version >= 20 and call.has(2) else -2
    axis = call.get("axis", 1) if call.version < 20 else given
    at = axis % call.rank
    size = int(call.sizes(0)[at] if length is None else length)
    order = [*(a for a in range(call.rank - 1) if a != at), at]
    back = [int(a) for a in np.argsort(order)]
    if call.shape(0)[-1] == 1:
        z = nf.transpose(x[..., 0], perm=order)
        if call.get("onesided", 0):
            return joined(nf.transpose(nf.rfft(z, fft_length=[size]), perm=back))
        z = nf.cast(z, "complex64")
    else:
        z = nf.transpose(nf.complex(x[..., 0], x[..., 1]), perm=order)
        if call.get("inverse", 0) and call.get("onesided", 0):
            whole = nf.irfft(z, fft_length=None if length is None else [size])
            return nf.expand_dims(nf.transpose(whole, perm=back), axis=-1)
    made = (nf.ifft if call.get("inverse", 0) else nf.fft)(z)
    return joined(nf.transpose(made, perm=back))


@op("STFT")
def stft(call: Call) -> nf.Tensor:
    signal, step, window = call.x(), int(call.value(1)), call.optional(2)
    length = int(call.value(3)) if call.has(3) else call.sizes(2)[0]
    frames = nf.frame(signal[..., 0], frame_length=length, frame_step=step)
    frames = frames if window is None else frames * window
    if call.get("onesided", 1):
        return joined(nf.rfft(frames))
    return joined(nf.fft(nf.cast(frames, "complex64")))


@op("MelWeightMatrix")
def mel(call: Call) -> Any:
    raise LeftOut("mel weights from edges that are rounded to frequencies")

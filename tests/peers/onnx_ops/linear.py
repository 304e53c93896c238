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
    y = nf.round(product * (a_scale * b_scale / y_scale)) + zeros[2]
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


@op("DFT", "STFT", "MelWeightMatrix")
def transforms(case: Case) -> Any:
    raise LeftOut("no Fourier transforms yet")

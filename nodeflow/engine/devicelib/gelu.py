"""gelu and its derivative, from the probability that a normal variable is less than x, and its
density.

Both come from one exponential, because the probability of less than -t is e^(-t^2 / 2) times a
slowly varying function of t. Computed by the complement of the error function, gelu would need
one more division, and the derivative a second exponential. The slowly varying function is a
quotient of two polynomials of the fourth degree, fitted by least squares iterations whose
weights follow the errors (Lawson's algorithm). t^2 is never rounded: at t = 13 that would be
2^-18 of the result.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import math

import numpy as np

from nodeflow.engine.devicelib.arithmetic import (
    bits_f32,
    f32_bits,
    fabs,
    fma,
    poly,
    select,
    shift_left,
    wrap_add,
)
from nodeflow.engine.devicelib.float64_exponentials import (
    D_LOWERED,
    D_RAISED,
    erfc_over_exp,
    scaled_exp_f64,
)
from nodeflow.engine.devicelib.overloads import always_inlined, compiled_only, floats
from nodeflow.engine.devicelib.typed_constants import I23, ONE

_f, _d = np.float32, np.float64
_LOWERED, _I0 = 2.0**-64, np.int32(0)
_RAISED, _MINUS_HALF_LOG2E = _f(1.5 * 2**23 + 64), _f(-0.5 / math.log(2))
"""Adding ``_RAISED`` leaves a whole number plus 64 in the low bits."""
_2LN2 = _f(round(2 * math.log(2) * 2**14) / 2**14)
_2LN2_LOW = _f(2 * math.log(2) - _d(_2LN2))
"""The low part of 2 ln 2. ``_2LN2`` has so few digits that its product with a small whole
number is exact.
"""
# (e^(-s / 2) - 1) / s on |s| <= ln(2)
_EXP = tuple(
    _f(c * (-0.5) ** k)
    for k, c in enumerate((0.9999997, 0.49999143, 0.16667644, 0.04189885, 0.008290144), 1)
)
_END, _ZERO = _f(14.7), _f(0)
"""From t = 14.7 on, the probability of less than -t counts as 0."""
# 2^-64 e^(t^2 / 2) times that probability is _ABOVE by _BELOW: 1.7e-7, and a half at 0
_ABOVE = tuple(
    _f(c * _LOWERED)
    for c in (0.5, 0.3423468999412759, 0.10887737315932515, 0.014631880052733954, 1.9561438523e-07)
)
_BELOW = tuple(
    _f(c)
    for c in (1.0, 1.4825726636313392, 0.9007354164125299, 0.2724081699540008, 0.03670102904137052)
)
_DENSITY = _f(_LOWERED / math.sqrt(2 * math.pi))


@always_inlined
def _raised_f32(t):
    """Return e^(-t^2 / 2) times 2^64. For NaN, the result is any number."""
    shifted = fma(t * t, _MINUS_HALF_LOG2E, _RAISED)
    whole = shifted - _RAISED
    s = fma(whole, _2LN2_LOW, fma(t, t, whole * _2LN2))
    e = fma(s, poly(s, _EXP), ONE)
    return bits_f32(wrap_add(f32_bits(e), shift_left(f32_bits(shifted), I23)))


@always_inlined
def _tail_f32(x):
    """Return three numbers: |x|, at most 14.7; P(X < -|x|) for a standard normal X; and e^(-x^2 /
    2).

    The last two are multiplied by 2^64.
    """
    t = fabs(x)
    t = select(t > _END, _END, t)
    e = _raised_f32(t)
    return t, e * (poly(t, _ABOVE) / poly(t, _BELOW)), e


@always_inlined
def _gelu_f32(x):
    t, tail, _ = _tail_f32(x)
    return fma(-t, tail, x - select(x < _ZERO, x, _ZERO))


@always_inlined
def _slope_f32(x):
    _, tail, e = _tail_f32(x)
    return fma(x, e * _DENSITY, select(f32_bits(x) < _I0, tail, ONE - tail))


_D0, _D1, _DHALF, _DROOT = _d(0), _d(1), _d(-0.5), _d(math.sqrt(0.5))
_DTAIL = _d(0.5 * D_LOWERED)
_DEND, _DDENSITY = _d(38.6), _d(D_LOWERED / math.sqrt(2 * math.pi))


@always_inlined
def _tail_f64(x):
    """Return the same numbers as `_tail_f32`, multiplied by 2^128."""
    t = fabs(x)
    t = select(t > _DEND, _DEND, t)
    e = scaled_exp_f64(_DHALF * t * t, D_RAISED)
    return e * (_DTAIL * erfc_over_exp(t * _DROOT)), e


@always_inlined
def _gelu_f64(x):
    tail, _ = _tail_f64(x)
    return x * select(x < _D0, tail, _D1 - tail)


@always_inlined
def _slope_f64(x):
    tail, e = _tail_f64(x)
    return fma(x, e * _DDENSITY, select(x < _D0, tail, _D1 - tail))


@floats(_gelu_f32, _gelu_f64, inlined=True)
def gelu(x):
    """Return x times the probability that a standard normal variable is less than x."""
    compiled_only()


@floats(_slope_f32, _slope_f64, inlined=True)
def gelu_slope(x):
    """Return the derivative of `gelu` (x times Φ(x), the normal distribution function): Φ(x) plus x
    times the normal density.
    """
    compiled_only()

"""exp, log and their relatives: expm1, tanh, sigmoid, log1p, softplus."""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from nodeflow.engine.devicelib.arithmetic import (
    bit_and,
    bit_or,
    bits_f32,
    f32_bits,
    fabs,
    fma,
    poly,
    select,
    shift_left,
    shift_right,
    split_poly,
    wrap_add,
    wrap_sub,
)
from nodeflow.engine.devicelib.float64_exponentials import (
    exp_f64,
    exp_to_one_f64,
    expm1_f64,
    is_large_f64,
    is_unusual_f64,
    log1p_f64,
    log_f64,
    near_exp_f64,
    plain_log_f64,
    sigmoid_f64,
    softplus_f64,
    tanh_f64,
)
from nodeflow.engine.devicelib.overloads import always_inlined, compiled_only, floats
from nodeflow.engine.devicelib.typed_constants import (
    HALF,
    I1,
    I23,
    INF,
    NAN,
    ONE,
    TWO,
    ZERO,
)

_f, _i = np.float32, np.int32
# -- exp and its relatives ------------------------------------------------------------------------

_LOG2E = _f(1.4426950408889634)
_LN2_HIGH = _f(np.log(2.0))
_LN2_DOUBLE = np.float64(math.log(2.0))
_LN2_LOW = _f(np.log(2.0) - np.float64(_LN2_HIGH))
_EXP_LOWEST, _EXP_HIGHEST = _f(-104.0), _f(89.0)  # beyond: 0 and infinity
_MAGIC = _f(1.5 * 2**23)  # adding it leaves the nearest integer in the low bits
_MAGIC_BITS = _i(_MAGIC.view(np.int32))
_BIAS = _i(127)
_SIGN = _i(-(2**31))
# (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2: 1.4e-8
_EXP = (_f(0.49999997), _f(0.16666545), _f(0.041667446), _f(0.008366433), _f(0.0013869788))


@register_jitable
def _pow2(n):
    """Return 2**n for int32 n in -126 .. 127."""
    return bits_f32(shift_left(wrap_add(n, _BIAS), I23))


@register_jitable
def _reduce_exp(x):
    """Split x into n ln 2 + r with |r| <= ln(2) / 2. Return n and e^r - 1."""
    shifted = fma(x, _LOG2E, _MAGIC)
    n = wrap_sub(f32_bits(shifted), _MAGIC_BITS)
    whole = shifted - _MAGIC
    r = fma(whole, -_LN2_HIGH, x)
    r = fma(whole, -_LN2_LOW, r)
    return n, fma(r * r, poly(r, _EXP), r)


# (e^r - 1) / r on |r| <= ln(2) / 2: 3.1e-9
_WHOLE_EXP = tuple(map(_f, (1.0, 0.49999994, 0.16666521, 0.041668262, 0.008368675, 0.0013821055)))
_TWICE_BIASED = _f(1.5 * 2**23 + 2 * 127)


def _exp_f32(x):
    """Return e**x for a float32.

    The power of two is multiplied in as two factors, so that neither overflows or underflows.
    """
    x = select(x < _EXP_LOWEST, _EXP_LOWEST, x)
    x = select(x > _EXP_HIGHEST, _EXP_HIGHEST, x)
    shifted = fma(x, _LOG2E, _TWICE_BIASED)
    whole = shifted - _TWICE_BIASED
    r = fma(whole, -_LN2_LOW, fma(whole, -_LN2_HIGH, x))
    exponents = f32_bits(shifted)
    half = shift_right(exponents, I1)
    rest = wrap_sub(exponents, half)
    e = fma(r, poly(r, _WHOLE_EXP), ONE)
    return e * bits_f32(shift_left(half, I23)) * bits_f32(shift_left(rest, I23))


@floats(_exp_f32, exp_f64, inlined=True)
def exp(x):
    """Return e**x."""
    compiled_only()


_LARGE = _f(87.0)
"""Largest |x| for which e**x and e**-x are both normal numbers."""


@always_inlined
def _near_exp_f32(x):
    """Return e**x with the bits of `_exp_f32`, but only for moderate x, whose result neither
    overflows nor is denormal.

    The power of two is added to the exponent bits, which is why larger x give wrong results.
    """
    shifted = fma(x, _LOG2E, _MAGIC)
    whole = shifted - _MAGIC
    r = fma(whole, -_LN2_LOW, fma(whole, -_LN2_HIGH, x))
    e = fma(r, poly(r, _WHOLE_EXP), ONE)
    return bits_f32(wrap_add(f32_bits(e), shift_left(f32_bits(shifted), I23)))


@floats(_near_exp_f32, near_exp_f64, inlined=True)
def near_exp(x):
    """Return e**x, with the bits of `exp`, for moderate x. For an x that `is_large`, the result is
    wrong.
    """
    compiled_only()


def _is_large(x):
    return not fabs(x) <= _LARGE  # true for NaN


@floats(_is_large, is_large_f64, inlined=True)
def is_large(x):
    """Return whether |x| is too large for `near_exp`, or x is NaN."""
    compiled_only()


_RAISED, _LOWERED = _f(1.5 * 2**23 + 127 + 64), _f(2.0**-64)


@always_inlined
def _exp_to_one_f32(x):
    """Return e**x with the bits of `_exp_f32`. x must not be above 0.

    The power of two is applied as one factor. It is 2^64 too large, to avoid denormals, until the
    last multiplication.
    """
    x = select(x < _EXP_LOWEST, _EXP_LOWEST, x)
    shifted = fma(x, _LOG2E, _RAISED)
    whole = shifted - _RAISED
    r = fma(whole, -_LN2_LOW, fma(whole, -_LN2_HIGH, x))
    e = fma(r, poly(r, _WHOLE_EXP), ONE)
    return e * bits_f32(shift_left(f32_bits(shifted), I23)) * _LOWERED


@floats(_exp_to_one_f32, exp_to_one_f64, inlined=True)
def exp_to_one(x):
    """Return e**x with the bits of `exp`. x must not be above 0."""
    compiled_only()


_EXPM1_LOWEST = _f(-20.0)


def _expm1_f32(x):
    y = select(x < _EXPM1_LOWEST, _EXPM1_LOWEST, x)
    y = select(y > _EXP_HIGHEST, _EXP_HIGHEST, y)
    n, p = _reduce_exp(y)
    scale = _pow2(wrap_sub(n, I1))  # half of 2**n, which itself may overflow
    y = TWO * fma(scale, p, scale - HALF)
    return select(x == ZERO, x, y)


@floats(_expm1_f32, expm1_f64, inlined=True)
def expm1(x):
    """Return e**x - 1, accurate near 0."""
    compiled_only()


_BIASED = _f(1.5 * 2**23 + 127)  # the low bits of a sum with it, shifted left, are a power of two
_TANH_END = _f(10.0)  # beyond: 1
_MINUS_2LOG2E, _HALF_LN2 = _f(-2 / math.log(2)), _f(math.log(2) / 2)
# (1 - e^-2s) / s on |s| <= ln(2) / 4: 3.1e-9
_TANH = tuple(c * _f(-((-2) ** k)) for k, c in enumerate(_WHOLE_EXP, 1))


def _tanh_f32(x):
    """Return tanh, computed as 1 - e^t with t = -2|x|.

    This does not overflow, and 0 gets the right sign.
    """
    size = fabs(x)
    size = select(size > _TANH_END, _TANH_END, size)
    shifted = fma(size, _MINUS_2LOG2E, _BIASED)
    s = fma(shifted - _BIASED, _HALF_LN2, size)
    power = bits_f32(shift_left(f32_bits(shifted), I23))
    e = fma(power * s, poly(s, _TANH), ONE - power)
    return bits_f32(bit_or(f32_bits(e / (TWO - e)), bit_and(f32_bits(x), _SIGN)))


@floats(_tanh_f32, tanh_f64, inlined=True)
def tanh(x):
    """Return the hyperbolic tangent."""
    compiled_only()


_SIGMOID_LOWEST, _SIGMOID_HIGHEST = _f(-104.0), _f(30.0)  # beyond: 0 and 1
_TO_LOWERED = _f(1.5 * 2**23 + 127 - 64)
# (e^-r - 1) / r
_FALLING_EXP = tuple(c * _f((-1) ** k) for k, c in enumerate(_WHOLE_EXP, 1))


def _sigmoid_f32(x):
    """Return 1 / (1 + e^-x).

    Both terms of the denominator are multiplied by 2^-64. So all exponentials are normal numbers,
    and the power of two is one factor.
    """
    x = select(x < _SIGMOID_LOWEST, _SIGMOID_LOWEST, x)
    x = select(x > _SIGMOID_HIGHEST, _SIGMOID_HIGHEST, x)
    shifted = fma(x, -_LOG2E, _TO_LOWERED)
    whole = shifted - _TO_LOWERED
    r = fma(whole, _LN2_LOW, fma(whole, _LN2_HIGH, x))
    e = fma(r, poly(r, _FALLING_EXP), ONE)
    return _LOWERED / fma(e, bits_f32(shift_left(f32_bits(shifted), I23)), _LOWERED)


@floats(_sigmoid_f32, sigmoid_f64, inlined=True)
def sigmoid(x):
    """Return 1 / (1 + e**-x), without overflow."""
    compiled_only()


# -- logarithms -----------------------------------------------------------------------------------

_SMALLEST_NORMAL = _f(2.0**-126)
_TWO23, _MINUS23 = _f(2.0**23), _f(-23.0 * 2**23)
_SQRT_HALF_BITS, _EXPONENT = _i(0x3F3504F3), _i(-(2**23))
_LN2_9_BITS = 0.693359375
# scaled for an exponent that stays in its place in the bits, 2^23 times as large
_LOG_LN2_HIGH, _LOG_LN2_LOW = _f(_LN2_9_BITS / 2**23), _f((np.log(2.0) - _LN2_9_BITS) / 2**23)
# (log(1 + f) - f + f^2/2) / f^3 on sqrt(1/2) - 1 <= f <= sqrt(2) - 1: 5.8e-9
_LOG = (
    _f(0.3333333),
    _f(-0.2500082),
    _f(0.20001243),
    _f(-0.1662341),
    _f(0.1420154),
    _f(-0.1315955),
    _f(0.12762485),
    _f(-0.076369405),
)


@always_inlined
def _log_of(x, less):
    """Return the natural logarithm of a positive normal float32.

    Args:
        less: 2^23 times a number to add to its exponent.
    """
    bits = f32_bits(x)
    at = bit_and(wrap_sub(bits, _SQRT_HALF_BITS), _EXPONENT)
    exponent = _f(at) + less
    f = bits_f32(wrap_sub(bits, at)) - ONE
    s = f * f
    tail = fma(s * f, split_poly(f, s, _LOG), exponent * _LOG_LN2_LOW)
    tail = fma(-HALF, s, tail)
    return fma(exponent, _LOG_LN2_HIGH, f + tail)


def _log_f32(x):
    tiny = x < _SMALLEST_NORMAL
    y = _log_of(select(tiny, x * _TWO23, x), select(tiny, _MINUS23, ZERO))
    y = select(x < INF, y, x)  # infinity and NaN are their own logarithms
    y = select(x == ZERO, -INF, y)
    return select(x < ZERO, NAN, y)


@floats(_log_f32, log_f64, inlined=True)
def log(x):
    """Return the natural logarithm: -infinity at 0, NaN below."""
    compiled_only()


@always_inlined
def _near_log_f32(x):
    return _log_of(x, -ZERO)  # adding -0 changes nothing


@floats(_near_log_f32, plain_log_f64, inlined=True)
def near_log(x):
    """Return the natural logarithm of a positive normal number, with the bits of `log`."""
    compiled_only()


_NORMAL, _LAST_NORMAL = _i(0xFF << 23), _i(-(0x200 << 15) - 1)


def _is_unusual_f32(x):
    """Return whether x is not a positive normal number.

    The bits of positive normal numbers are consecutive integers; they are shifted to begin at
    the lowest integer.
    """
    return wrap_add(f32_bits(x), _NORMAL) > _LAST_NORMAL


@floats(_is_unusual_f32, is_unusual_f64, inlined=True)
def is_unusual(x):
    """Return whether x is not a positive normal number."""
    compiled_only()


def _log1p_f32(x):
    u = ONE + x
    y = log(u) + (x - (u - ONE)) / u
    y = select(u < INF, y, x)
    y = select(u == ZERO, -INF, y)
    return select(u == ONE, x, y)


@floats(_log1p_f32, log1p_f64, inlined=True)
def log1p(x):
    """Return log(1 + x), accurate near 0."""
    compiled_only()


@register_jitable
def log_add(x, y):
    """Return log(e**x + e**y) of float64, without overflow."""
    high = select((x >= y) | (x != x), x, y)
    low = select((x >= y) | (x != x), y, x)
    total = high + log1p_f64(exp_f64(low - high))
    return select(low == high, high + _LN2_DOUBLE, total)


_LN2 = _f(math.log(2))
# as _LOG, on -1/4 <= f <= 1/2: 5.3e-9
_LOG_TO_HALF = tuple(
    map(
        _f,
        (
            0.3333345, -0.25000107, 0.19990778, -0.16646719, 0.14478567, -0.1316773, 0.10476019,
            -0.04514947,
        ),
    )
)  # fmt: skip


@register_jitable
def _log1p_to_one(x):
    """Return log(1 + x) for 0 <= x <= 1.

    If x is above 1/2, compute log((1 + x) / 2) and add log(2), because (1 + x) / 2 is nearer to 1.
    """
    above = x > HALF
    f = select(above, (x - ONE) * HALF, x)
    s = f * f
    y = f + fma(s * f, split_poly(f, s, _LOG_TO_HALF), -HALF * s)
    return select(above, _LN2 + y, y)


def _softplus_f32(x):
    return select(x < ZERO, ZERO, x) + _log1p_to_one(exp_to_one(-fabs(x)))


@floats(_softplus_f32, softplus_f64, inlined=True)
def softplus(x):
    """Return log(1 + e**x), without overflow."""
    compiled_only()

"""Powers and the reciprocal square root."""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import register_jitable

from nodeflow.engine.devicelib.arithmetic import (
    bit_and,
    bits_f64,
    copysign,
    f64_bits,
    fabs,
    fma,
    integer_one,
    poly,
    select,
    shift_left,
    shift_right,
    sqrt,
    trunc,
    wrap_add,
    wrap_mul,
    wrap_sub,
)
from nodeflow.engine.devicelib.overloads import (
    compiled_only,
    floats,
    overloaded,
)
from nodeflow.engine.devicelib.typed_constants import (
    D_MAGIC,
    HALF,
    INF,
    NAN,
    ONE,
    TWO,
    ZERO,
)

_f, _d, _l = np.float32, np.float64, np.int64
_THREE, _FOUR = _f(3), _f(4)
_SQRT_HALF_BITS64 = _l(0x3FE6A09E667F3BCD)
_MANTISSA64 = _l((1 << 52) - 1)
_L52, _L1023 = _l(52), _l(1023)
# log2((1 + s) / (1 - s)) / s in s^2, and 2^f by the exponential series.
_LOG2 = tuple(_d(2 / math.log(2) / (2 * k + 1)) for k in range(8))
_EXP2 = tuple(_d(math.log(2) ** k / math.factorial(k)) for k in range(11))


@register_jitable
def _log2_wide(x):
    """Return log2 of a positive finite float64, to about 1e-13."""
    bits = wrap_sub(f64_bits(x), _SQRT_HALF_BITS64)
    exponent = shift_right(bits, _L52)
    m = bits_f64(wrap_add(bit_and(bits, _MANTISSA64), _SQRT_HALF_BITS64))
    s = (m - 1.0) / (m + 1.0)
    return fma(s, poly(s * s, _LOG2), _d(exponent))


@register_jitable
def _exp2_wide(x):
    """Return 2**x in float64 for |x| <= 200."""
    shifted = x + D_MAGIC
    n = wrap_sub(f64_bits(shifted), f64_bits(D_MAGIC))
    return poly(x - (shifted - D_MAGIC), _EXP2) * bits_f64(shift_left(wrap_add(n, _L1023), _L52))


def _cube_f32(x):
    wide = _d(x)
    return _f(wide * wide * wide)


def _cube_f64(x):
    return x * x * x


@floats(_cube_f32, _cube_f64, inlined=True)
def cube(x):
    """Return x**3, bit for bit equal to ``pow(x, 3)``."""
    compiled_only()


def _fourth_power_f32(x):
    square = _d(x) * _d(x)
    return _f(square * square)


def _fourth_power_f64(x):
    square = x * x
    return square * square


@floats(_fourth_power_f32, _fourth_power_f64, inlined=True)
def fourth_power(x):
    """Return x**4, bit for bit equal to ``pow(x, 4)``."""
    compiled_only()


def _half_power_f32(x):
    return select(x == -INF, INF, sqrt(x) + ZERO)  # adding 0 turns the root -0 into 0


def _half_power_f64(x):
    return select(x == -np.inf, np.inf, sqrt(x) + 0.0)


@floats(_half_power_f32, _half_power_f64, inlined=True)
def half_power(x):
    """Return x**0.5, bit for bit equal to ``pow(x, 0.5)``."""
    compiled_only()


def _power_f32(x, y):
    size = fabs(x)
    t = _log2_wide(_d(size)) * _d(y)
    t = select(t < -200.0, -200.0, select(t > 200.0, 200.0, t))
    value = _f(_exp2_wide(t))
    # The cases of the C standard: zero and infinite bases, then 1, then signs.
    value = select(size == ZERO, select(y > ZERO, ZERO, INF), value)
    value = select(size == INF, select(y > ZERO, INF, ZERO), value)
    value = select((size == ONE) & (y == y), ONE, value)
    whole = trunc(y) == y
    odd = whole & (trunc(y * HALF) != y * HALF)
    value = select(odd, copysign(value, x), value)
    value = select((x < ZERO) & (size < INF) & (size > ZERO) & (not whole), NAN, value)
    value = select((x != x) | (y != y), x + y, value)
    value = select((x == ONE) | (y == ZERO), ONE, value)
    value = select(y == HALF, half_power(x), value)
    value = select(y == TWO, x * x, select(y == ONE, x, value))
    return select(y == _THREE, cube(x), select(y == _FOUR, fourth_power(x), value))


def _power_f64(x, y):
    value = math.pow(x, y)
    value = select(y == 0.5, half_power(x), value)
    value = select(y == 2.0, x * x, select(y == 1.0, x, value))
    return select(y == 3.0, cube(x), select(y == 4.0, fourth_power(x), value))


def _power_integer(x, y):
    """Return x**y for integers, by repeated squaring. Overflow wraps around.

    A negative exponent gives 0. A kernel whose exponents can be negative reports them as an error.
    """
    result, rest = integer_one(x), y
    while rest > 0:
        if rest & 1:
            result = wrap_mul(result, x)
        x = wrap_mul(x, x)
        rest >>= 1
    return select(y < 0, wrap_sub(x, x), result)


def _power_for(x):
    if isinstance(x, types.Integer):
        return _power_integer
    return {types.float32: _power_f32, types.float64: _power_f64}.get(x)


@overloaded(_power_for, inlined=True)
def pow(x, y):
    """Return x**y, for floats as C's ``pow`` does; for integers, overflow wraps around."""
    compiled_only()


def _rsqrt_f32(x):
    return ONE / sqrt(x)


def _rsqrt_f64(x):
    return 1.0 / sqrt(x)


@floats(_rsqrt_f32, _rsqrt_f64)
def rsqrt(x):
    """Return 1 / sqrt(x)."""
    compiled_only()

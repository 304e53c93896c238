"""Sine, cosine and tangent of every finite number.

Near numbers are computed by `near_angles`, so that an element has the same bits whether or not
far numbers are beside it.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from nodeflow.engine.devicelib.arithmetic import (
    bit_and,
    bit_or,
    bit_xor,
    bits_f32,
    f32_bits,
    f64_bits,
    fabs,
    fma,
    poly,
    select,
    shift_left,
    shift_right,
    wrap_add,
    wrap_mul,
    wrap_sub,
)
from nodeflow.engine.devicelib.near_angles import is_far, near_cos, near_sin
from nodeflow.engine.devicelib.overloads import (
    compiled_only,
    floats,
)
from nodeflow.engine.devicelib.typed_constants import (
    D_MAGIC,
    HALF,
    I1,
    I23,
    INF,
    NAN,
    ONE,
)

_f, _d, _i, _l = np.float32, np.float64, np.int32, np.int64
_I30 = _i(30)
_SIGN = _i(-(2**31))
_TWO_OVER_PI = 2 / math.pi
_HALF_PI, _HALF_PI_REST = math.pi / 2, 6.123233995736766e-17
_LARGE = _f(2.0**24)
_I255 = _i(255)
# 1 / (2 pi) in binary, 256 bits after the point.
_TURN = (
    np.uint64(0x28BE60DB9391054A),
    np.uint64(0x7F09D5F47D4D3770),
    np.uint64(0x36D8A5664F10E410),
    np.uint64(0x7F9458EAF7AEF158),
)
_U1, _U32, _U62, _U63 = np.uint64(1), np.uint64(32), np.uint64(62), np.uint64(63)
_U64, _U150, _EIGHTH = np.uint64(64), np.uint64(150), np.uint64(1 << 61)
_WHOLE, _HIDDEN = _i(0x007FFFFF), _i(0x00800000)
_QUARTER_UNIT = math.pi / 2 * 2.0**-62
# (sin r - r) / r^3 and (cos r - 1 + r^2/2) / r^4 in r^2 on |r| <= pi / 4: 4e-9, 1.1e-10
_SIN = (_f(-0.16666655), _f(0.008332188), _f(-0.000195181))
_COS = (_f(0.041666646), _f(-0.0013887301), _f(2.4430661e-05))


@register_jitable
def _funnel(high, low, shift):
    """Return the upper 64 bits of the 128 bits high:low shifted left by 0 to 63."""
    rest = shift_right(shift_right(low, _U1), wrap_sub(_U63, shift))
    return bit_or(shift_left(high, shift), rest)


@register_jitable
def _reduce_large(bits):
    """Reduce a large float32 x, |x| >= 2**24, to a quadrant and a remainder in radians, exactly.

    This is the method of Payne and Hanek: |x| is a whole number m times 2**e. The number of turns
    is m times 1/(2 pi), shifted left by e. Its whole part, the bits that are shifted out, does not
    matter.
    """
    m = np.uint64(bit_or(bit_and(bits, _WHOLE), _HIDDEN))
    e = wrap_sub(np.uint64(bit_and(shift_right(bits, I23), _I255)), _U150)
    far = e >= _U64
    shift = bit_and(e, _U63)
    first = select(far, _TURN[1], _TURN[0])
    second = select(far, _TURN[2], _TURN[1])
    third = select(far, _TURN[3], _TURN[2])
    low = shift_right(_funnel(second, third, shift), _U32)
    turns = wrap_add(
        wrap_mul(m, _funnel(first, second, shift)), shift_right(wrap_mul(m, low), _U32)
    )
    quarter = shift_right(wrap_add(turns, _EIGHTH), _U62)
    rest = wrap_sub(turns, shift_left(quarter, _U62))
    return _i(quarter), _d(_l(rest)) * _QUARTER_UNIT


@register_jitable
def _quadrant(x):
    """Return q, sin r and cos r, where |x| = q pi/2 + r and |r| <= pi/4, for every finite x."""
    size = fabs(x)
    wide = _d(size)
    shifted = fma(wide, _TWO_OVER_PI, D_MAGIC)
    whole = shifted - D_MAGIC
    near = fma(whole, -_HALF_PI_REST, fma(whole, -_HALF_PI, wide))
    far_quarter, far = _reduce_large(f32_bits(size))
    large = size >= _LARGE
    q = select(large, far_quarter, _i(f64_bits(shifted)))
    r = select(size < INF, _f(select(large, far, near)), NAN)
    s = r * r
    sine = fma(r * s, poly(s, _SIN), r)
    cosine = fma(s * s, poly(s, _COS), fma(-HALF, s, ONE))
    return q, sine, cosine


@register_jitable
def _with_sign(value, sign):
    return bits_f32(bit_xor(f32_bits(value), bit_and(sign, _SIGN)))


def _sin_f32(x):
    q, sine, cosine = _quadrant(x)
    value = select(bit_and(q, I1) == _i(0), sine, cosine)
    value = _with_sign(value, bit_xor(shift_left(q, _I30), f32_bits(x)))
    return select(is_far(x), value, near_sin(x))


def _sin_f64(x):
    return math.sin(x) if is_far(x) else near_sin(x)


@floats(_sin_f32, _sin_f64)
def sin(x):
    """Return the sine of x in radians."""
    compiled_only()


def _cos_f32(x):
    q, sine, cosine = _quadrant(x)
    value = select(bit_and(q, I1) == _i(0), cosine, sine)
    value = _with_sign(value, shift_left(wrap_add(q, I1), _I30))
    return select(is_far(x), value, near_cos(x))


def _cos_f64(x):
    return math.cos(x) if is_far(x) else near_cos(x)


@floats(_cos_f32, _cos_f64)
def cos(x):
    """Return the cosine of x in radians."""
    compiled_only()


def _tan_f32(x):
    q, sine, cosine = _quadrant(x)
    even = bit_and(q, I1) == _i(0)
    value = select(even, sine, -cosine) / select(even, cosine, sine)
    return _with_sign(value, f32_bits(x))


def _tan_f64(x):
    return math.tan(x)


@floats(_tan_f32, _tan_f64)
def tan(x):
    """Return the tangent of x in radians."""
    compiled_only()

"""Sine and cosine of angles that are not far from 0, in at most half the steps of `trigonometry`.

Only far angles need pi to hundreds of bits, and they are rare: a loop first tests whether any
angle `is_far`. Whole multiples of pi are subtracted in three parts of pi. The last bit of the
first part has the same weight as the last bit of the remainder, so that its step is exact.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import math

import numpy as np

from nodeflow.engine.devicelib.arithmetic import (
    bit_and,
    bit_xor,
    bits_f32,
    bits_f64,
    f32_bits,
    f64_bits,
    fabs,
    fma,
    poly,
    select,
    shift_left,
    split_poly,
)
from nodeflow.engine.devicelib.overloads import always_inlined, compiled_only, floats
from nodeflow.engine.devicelib.typed_constants import D_MAGIC, ONE

_f, _d = np.float32, np.float64
_FAR, _DFAR = _f(2.0**15), _d(2.0**30)
_I31, _L63 = np.int32(31), np.int64(63)
_SIGN, _DSIGN = np.int32(-(2**31)), np.int64(-(2**63))

_MAGIC, _HALF, _PER_PI = _f(1.5 * 2**23), _f(0.5), _f(1 / math.pi)
_PI = _f(3.141592502593994), _f(1.5099578831723193e-07), _f(1.078060505991553e-14)
# (sin r - r) / r^3 in r^2 on |r| <= pi / 2: 6.3e-9 of sin r
_SIN = tuple(map(_f, (-0.1666666, 0.008333069, -0.00019809774, 2.6060814e-06)))


@always_inlined
def _sine_f32(r, shifted):
    """Return sin(r), at most 1 even after rounding, with the sign for the period that the angle
    came from.

    ``shifted`` is a whole number of half turns plus a constant. If the number is odd, the sign
    changes.
    """
    s = r * r
    y = fma(r * s, poly(s, _SIN), r)
    y = select(y > ONE, ONE, y)
    y = select(y < -ONE, -ONE, y)
    return bits_f32(bit_xor(f32_bits(y), shift_left(f32_bits(shifted), _I31)))


@always_inlined
def _near_sin_f32(x):
    size = fabs(x)
    shifted = fma(size, _PER_PI, _MAGIC)
    q = shifted - _MAGIC
    y = _sine_f32(fma(q, -_PI[2], fma(q, -_PI[1], fma(q, -_PI[0], size))), shifted)
    return bits_f32(bit_xor(f32_bits(y), bit_and(f32_bits(x), _SIGN)))


@always_inlined
def _near_cos_f32(x):
    """Return cos(x) as the sine of its distance to the nearest odd multiple of pi/2."""
    shifted = fma(x, _PER_PI, -_HALF) + _MAGIC
    q = (shifted - _MAGIC) + _HALF
    return _sine_f32(fma(q, _PI[2], fma(q, _PI[1], fma(q, _PI[0], -x))), shifted)


_DMAGIC, _DHALF, _DONE, _DPER_PI = _d(D_MAGIC), _d(0.5), _d(1), _d(1 / math.pi)
_DPI = _d(3.141592653589793), _d(1.224646799147353e-16), _d(2.1657133478438278e-32)
# as _SIN: 3.5e-17
_DSIN = tuple(
    map(
        _d,
        (
            -0.16666666666666666, 0.008333333333333333, -0.00019841269841269806,
            2.755731922397104e-06, -2.5052108382352512e-08, 1.6059043475780905e-10,
            -7.647138934582876e-13, 2.810463776817304e-15, -8.00553014223277e-18,
        ),
    )
)  # fmt: skip


@always_inlined
def _sine_f64(r, shifted):
    """Return sin r, like `_sine_f32`."""
    s = r * r
    y = fma(r * s, split_poly(s, s * s, _DSIN), r)
    y = select(y > _DONE, _DONE, y)
    y = select(y < -_DONE, -_DONE, y)
    return bits_f64(bit_xor(f64_bits(y), shift_left(f64_bits(shifted), _L63)))


@always_inlined
def _near_sin_f64(x):
    size = fabs(x)
    shifted = fma(size, _DPER_PI, _DMAGIC)
    q = shifted - _DMAGIC
    y = _sine_f64(fma(q, -_DPI[2], fma(q, -_DPI[1], fma(q, -_DPI[0], size))), shifted)
    return bits_f64(bit_xor(f64_bits(y), bit_and(f64_bits(x), _DSIGN)))


@always_inlined
def _near_cos_f64(x):
    shifted = fma(x, _DPER_PI, -_DHALF) + _DMAGIC
    q = (shifted - _DMAGIC) + _DHALF
    return _sine_f64(fma(q, _DPI[2], fma(q, _DPI[1], fma(q, _DPI[0], -x))), shifted)


@floats(_near_sin_f32, _near_sin_f64, inlined=True)
def near_sin(x):
    """Return the sine of x in radians, for moderate x. For an x that `is_far` from 0, the result is
    wrong.
    """
    compiled_only()


@floats(_near_cos_f32, _near_cos_f64, inlined=True)
def near_cos(x):
    """Return the cosine of x in radians, for moderate x. For an x that `is_far` from 0, the result
    is wrong.
    """
    compiled_only()


def _is_far_f32(x):
    return fabs(x) >= _FAR


def _is_far_f64(x):
    return fabs(x) >= _DFAR


@floats(_is_far_f32, _is_far_f64, inlined=True)
def is_far(x):
    """Return whether an angle is so large that `near_sin` and `near_cos` give wrong results."""
    compiled_only()

"""The random numbers of `threefry_streams` inside kernels, with the same bits and the same
uniform numbers.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false, reportOperatorIssue=false
from __future__ import annotations

import math

import numpy as np
from numba import njit

from nodeflow.engine.devicelib.arithmetic import (
    bit_or,
    bit_xor,
    copysign,
    fma,
    poly,
    shift_left,
    shift_right,
    sqrt,
    wrap_add,
    wrap_sub,
)
from nodeflow.engine.devicelib.float64_exponentials import plain_log_f64
from nodeflow.engine.devicelib.math_functions import log
from nodeflow.engine.devicelib.normal_quantile import CENTRE, SHOULDER, TAIL

_PARITY = np.uint32(0x1BD11BDA)
# These are not in a tuple, because indexing a tuple may raise an error, which our front end cannot
# compile, and numba would take a second to compile it.
_U1, _U2, _U3, _U4, _U5 = (np.uint32(i) for i in range(1, 6))
_U6, _U13, _U15, _U16, _U17, _U24, _U26, _U29 = (
    np.uint32(i) for i in (6, 13, 15, 16, 17, 24, 26, 29)
)
_BITS = np.uint32(32)
_U8, _U11, _U12 = np.uint32(8), np.uint64(11), np.uint64(12)
_U20, _U21, _U32 = np.uint64(20), np.uint64(21), np.uint64(32)
_2M24, _2M32, _2M33, _2M52, _2M53 = np.float32(2.0**-24), 2.0**-32, 2.0**-33, 2.0**-52, 2.0**-53
_HIGHEST_BIT = np.uint32(1 << 31)

_helper = njit(nogil=True, error_model="numpy")


@_helper
def _mix(x, y, rotation):
    x = wrap_add(x, y)
    rotated = bit_or(shift_left(y, rotation), shift_right(y, wrap_sub(_BITS, rotation)))
    return x, bit_xor(rotated, x)


@_helper
def _four(x, y, a, b, c, d):
    x, y = _mix(x, y, a)
    x, y = _mix(x, y, b)
    x, y = _mix(x, y, c)
    return _mix(x, y, d)


@_helper
def threefry2x32(key0, key1, counter0, counter1):
    """Return two uint32 words of Threefry-2x32-20 from four uint32."""
    key2 = bit_xor(bit_xor(key0, key1), _PARITY)
    x, y = wrap_add(counter0, key0), wrap_add(counter1, key1)
    x, y = _four(x, y, _U13, _U15, _U26, _U6)
    x, y = wrap_add(x, key1), wrap_add(y, wrap_add(key2, _U1))
    x, y = _four(x, y, _U17, _U29, _U16, _U24)
    x, y = wrap_add(x, key2), wrap_add(y, wrap_add(key0, _U2))
    x, y = _four(x, y, _U13, _U15, _U26, _U6)
    x, y = wrap_add(x, key0), wrap_add(y, wrap_add(key1, _U3))
    x, y = _four(x, y, _U17, _U29, _U16, _U24)
    x, y = wrap_add(x, key1), wrap_add(y, wrap_add(key2, _U4))
    x, y = _four(x, y, _U13, _U15, _U26, _U6)
    return wrap_add(x, key2), wrap_add(y, wrap_add(key0, _U5))


@_helper
def uniform_float32(first, second):
    """Return a float32 in [0, 1) from two words."""
    return np.float32(shift_right(first, _U8)) * _2M24


@_helper
def uniform_float64(first, second):
    """Return a float64 in [0, 1) from two words."""
    whole = bit_or(shift_left(np.uint64(first), _U21), shift_right(np.uint64(second), _U11))
    return np.float64(whole) * _2M53


@_helper
def open_float32(first, second):
    """Return a float64 strictly between 0 and 1 with 32 random bits."""
    return (np.float64(first) + 0.5) * _2M32


@_helper
def open_float64(first, second):
    """Return a float64 strictly between 0 and 1 with 52 random bits."""
    whole = bit_or(shift_left(np.uint64(first), _U20), shift_right(np.uint64(second), _U12))
    return (np.float64(whole) + 0.5) * _2M52


@_helper
def centred_float32(first, second):
    """Return a random float64: `open_float32` minus 1/2, without rounding.

    It uses the processor's conversion of signed integers to float64.
    """
    return fma(np.float64(np.int32(bit_xor(first, _HIGHEST_BIT))), _2M32, _2M33)


@_helper
def centred_float64(first, second):
    """Return a random float64: `open_float64` minus 1/2, without rounding."""
    return open_float64(first, second) - 0.5


# x with P(standard normal < x) = 1/2 + q for float64 q, by AS 241. A loop over many q vectorises if
# it computes only one of the three formulas. The two outer formulas take the `distance` of the
# smaller tail, 1/2 - |q|.

CENTRAL = 0.425
"""Largest |q| for which the formula of the centre applies."""
REMOTE = math.exp(-25)
"""Largest tail for which the formula of `remote_normal` applies. 32 random bits do not reach
that far.
"""


@_helper
def central_normal(q):
    r = 0.180625 - q * q
    return q * poly(r, CENTRE[0]) / poly(r, CENTRE[1])


@_helper
def outer_normal(distance, q):
    r = distance - 1.6
    return copysign(poly(r, SHOULDER[0]) / poly(r, SHOULDER[1]), q)


@_helper
def remote_normal(distance, q):
    r = distance - 5.0
    return copysign(poly(r, TAIL[0]) / poly(r, TAIL[1]), q)


@_helper
def distance(tail):
    """Return sqrt(-log(tail)).

    AS 241, an algorithm for normal quantiles, uses it as the argument of its formulas for the
    tails.
    """
    return sqrt(-log(tail))


@_helper
def plain_distance(tail):
    """Return sqrt(-log(tail)) like `distance`, in fewer steps. ``tail`` must be neither denormal
    nor 0.
    """
    return sqrt(-plain_log_f64(tail))


@_helper
def integer_in(first, second, span):
    """Return a random int64 from 0 to span - 1, made from two random 32-bit words. ``span`` is a
    uint64, at most 2**32.
    """
    carried = shift_right(np.uint64(second) * span, _U32)
    return np.int64(shift_right(np.uint64(first) * span + carried, _U32))

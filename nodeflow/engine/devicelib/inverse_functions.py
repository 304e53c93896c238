"""Inverse and hyperbolic functions, logarithms, powers and roots.

For float32 they are computed in float64, by formulas that can be vectorised and have errors of
1e-11, and then rounded: nearly always to the correctly rounded result. For float64 they call
the C library.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from nodeflow.engine.devicelib.arithmetic import (
    bits_f32,
    bits_f64,
    copysign,
    f32_bits,
    f64_bits,
    fabs,
    fma,
    poly,
    select,
    shift_left,
    split_poly,
    sqrt,
)
from nodeflow.engine.devicelib.float64_exponentials import (
    EXPONENT_OF_1,
    expm1_f64,
    log1p_f64,
    logarithm_or_end,
    near_exp_f64,
    power_and_rest,
)
from nodeflow.engine.devicelib.overloads import always_inlined, compiled_only, floats
from nodeflow.engine.devicelib.typed_constants import D_MAGIC

_f, _d, _i, _l = np.float32, np.float64, np.int32, np.int64
_ZERO, _HALF, _ONE, _TWO = _d(0), _d(0.5), _d(1), _d(2)
_INF, _NAN = _d(np.inf), _d(np.nan)
_PI, _HALF_PI, _QUARTER_PI = _d(math.pi), _d(math.pi / 2), _d(math.pi / 4)
_TAN_EIGHTH, _TAN_3_EIGHTHS = _d(math.tan(math.pi / 8)), _d(math.tan(3 * math.pi / 8))
# (atan(t) / t - 1) / t^2 in t^2 on |t| <= tan(pi / 8): 6e-13
_ATAN = tuple(
    map(
        _d,
        (
            -0.3333333333326853, 0.1999999995116801, -0.14285708231939245, 0.11110823944592511,
            -0.09084171985193888, 0.07605397009974449, -0.06029830211472832, 0.0329986979658221,
        ),
    )
)  # fmt: skip
# (asin(s) / s - 1) / s^2 in s^2 on |s| <= 1/2: 9e-13
_ASIN = tuple(
    map(
        _d,
        (
            0.16666666666743424, 0.07499999950943956, 0.044642908585775035, 0.030379877045594295,
            0.022413496822218094, 0.016893418295829327, 0.016908123309184175,
            0.0009586226189655469, 0.028456061428751993,
        ),
    )
)  # fmt: skip
# 2^r on |r| <= 1/2: 8e-13
_EXP2 = tuple(
    map(
        _d,
        (
            1.0000000000000138, 0.6931471805459305, 0.24022650695640313, 0.05550410941215914,
            0.009618129193942252, 0.0013333450560053224, 0.00015403433744487857,
            1.5310081227138135e-05, 1.3259646724753249e-06,
        ),
    )
)  # fmt: skip


def _unary(wide, function):
    """Return a float32 and a float64 version of a function.

    The float32 version computes ``wide`` in float64. The float64 version calls C's ``function``.
    """

    def single(x):
        return np.float32(wide(np.float64(x)))

    def double(x):
        return function(x)

    return single, double


def _binary(wide, function):
    """Return the float32 and the float64 version of a function of two arguments. The float32
    version computes ``wide`` in float64 and rounds.
    """

    def single(x, y):
        return np.float32(wide(np.float64(x), np.float64(y)))

    def double(x, y):
        return function(x, y)

    return single, double


# ---- angles -------------------------------------------------------------------------------------


@always_inlined
def _arc(opposite, adjacent):
    """Return atan(opposite / adjacent) for two non-negative lengths, between 0 and pi/2."""
    steep = opposite > _TAN_3_EIGHTHS * adjacent
    middle = opposite > _TAN_EIGHTH * adjacent
    above = select(steep, -adjacent, select(middle, opposite - adjacent, opposite))
    below = select(steep, opposite, select(middle, opposite + adjacent, adjacent))
    turned = select(steep, _HALF_PI, select(middle, _QUARTER_PI, _ZERO))
    t = above / below
    z = t * t
    return turned + fma(t * z, poly(z, _ATAN), t)


@always_inlined
def _atan(x):
    return copysign(_arc(fabs(x), _ONE), x)


@always_inlined
def _atan2(x, y):
    opposite, adjacent = fabs(x), fabs(y)
    both = (opposite == adjacent) & ((opposite == _INF) | (opposite == _ZERO))
    angle = _arc(
        select(both, select(opposite == _ZERO, _ZERO, _ONE), opposite),
        select(both, _ONE, adjacent),
    )
    angle = copysign(select(copysign(_ONE, y) < _ZERO, _PI - angle, angle), x)
    return select((x != x) | (y != y), x + y, angle)


@always_inlined
def _asin_to_half(size):
    """Return asin(size) for a size up to 1/2, by a polynomial.

    For a larger size, return asin(sqrt((1 - size) / 2)). The caller gets asin(size) as pi/2 minus
    twice that.
    """
    z = select(size > _HALF, (_ONE - size) * _HALF, size * size)
    s = select(size > _HALF, sqrt(z), size)
    return fma(s * z, poly(z, _ASIN), s)


@always_inlined
def _asin(x):
    size = fabs(x)
    y = _asin_to_half(size)
    return copysign(select(size > _HALF, fma(-_TWO, y, _HALF_PI), y), x)


@always_inlined
def _acos(x):
    size = fabs(x)
    y = _asin_to_half(size)
    large = select(x < _ZERO, fma(-_TWO, y, _PI), _TWO * y)
    return select(size > _HALF, large, _HALF_PI - copysign(y, x))


@floats(*_unary(_asin, math.asin), inlined=True)
def asin(x):
    """Return the arc sine; NaN outside -1 to 1."""
    compiled_only()


@floats(*_unary(_acos, math.acos), inlined=True)
def acos(x):
    """Return the arc cosine; NaN outside -1 to 1."""
    compiled_only()


@floats(*_unary(_atan, math.atan), inlined=True)
def atan(x):
    """Return the arc tangent."""
    compiled_only()


@floats(*_binary(_atan2, math.atan2), inlined=True)
def atan2(x, y):
    """Return the angle from the x axis of the point whose height is x and whose width is y.

    This is atan2(x, y), from -pi to pi.
    """
    compiled_only()


# ---- hyperbolic functions -----------------------------------------------------------------------

_FAR = _d(100.0)
"""Smallest |x| from which hyperbolic functions count as infinite in float32."""


@always_inlined
def _sinh(x):
    size = fabs(x)
    e = expm1_f64(select(size > _FAR, _FAR, size))
    return copysign(_HALF * (e + e / (e + _ONE)), x)


@always_inlined
def _cosh(x):
    size = fabs(x)
    e = near_exp_f64(select(size > _FAR, _FAR, size))
    return _HALF * (e + _ONE / e)


@always_inlined
def _asinh(x):
    size = fabs(x)
    square = size * size
    y = log1p_f64(size + square / (_ONE + sqrt(_ONE + square)))
    return copysign(select(size < _INF, y, size), x)


@always_inlined
def _acosh(x):
    t = x - _ONE
    return select(x < _ONE, _NAN, log1p_f64(t + sqrt(t * (t + _TWO))))


@always_inlined
def _atanh(x):
    size = fabs(x)
    return copysign(_HALF * log1p_f64(_TWO * size / (_ONE - size)), x)


@floats(*_unary(_sinh, math.sinh), inlined=True)
def sinh(x):
    """Return the hyperbolic sine."""
    compiled_only()


@floats(*_unary(_cosh, math.cosh), inlined=True)
def cosh(x):
    """Return the hyperbolic cosine."""
    compiled_only()


@floats(*_unary(_asinh, math.asinh), inlined=True)
def asinh(x):
    """Return the inverse of sinh."""
    compiled_only()


@floats(*_unary(_acosh, math.acosh), inlined=True)
def acosh(x):
    """Return the inverse of cosh; NaN below 1."""
    compiled_only()


@floats(*_unary(_atanh, math.atanh), inlined=True)
def atanh(x):
    """Return the inverse of tanh; infinite at -1 and 1, NaN beyond."""
    compiled_only()


# ---- logarithms, powers and roots ---------------------------------------------------------------

# log2(1 + f) / f in f, from sqrt(1/2) - 1 to sqrt(2) - 1: 3e-12
_LOG2 = tuple(
    map(
        _d,
        (
            1.4426950408865744, -0.7213475203275427, 0.48089834880292825, -0.36067379313887393,
            0.28853879572333085, -0.2404464334891737, 0.20610712313327445, -0.18043675262070466,
            0.16021666815575494, -0.14249861997434315, 0.1302755924047107, -0.13462934478405078,
            0.13251214189280505, -0.06973922283624057,
        ),
    )
)  # fmt: skip
_LOG10_OF_2 = _d(math.log10(2))


@always_inlined
def _log2(x):
    """Return log2 of a float32, computed in float64, in which no float32 is denormal."""
    k, f = power_and_rest(x, EXPONENT_OF_1)
    return logarithm_or_end(x, fma(f, split_poly(f, f * f, _LOG2), k))


@always_inlined
def _log10(x):
    return _log2(x) * _LOG10_OF_2


@always_inlined
def _hypot(x, y):
    infinite = (fabs(x) == _INF) | (fabs(y) == _INF)
    return select(infinite, _INF, sqrt(fma(x, x, y * y)))


@floats(*_unary(_log2, math.log2), inlined=True)
def log2(x):
    """Return the logarithm of base 2, exact at powers of 2."""
    compiled_only()


@floats(*_unary(_log10, math.log10), inlined=True)
def log10(x):
    """Return the logarithm of base 10."""
    compiled_only()


@floats(*_binary(_hypot, math.hypot), inlined=True)
def hypot(x, y):
    """Return sqrt(x * x + y * y), without overflow of the squares."""
    compiled_only()


_EXP2_END = _d(200.0)  # beyond: 0 and infinity
_BIASED, _52 = _d(D_MAGIC + 1023), _l(52)


def _exp2_f32(x):
    wide = _d(x)
    wide = select(wide < -_EXP2_END, -_EXP2_END, wide)
    wide = select(wide > _EXP2_END, _EXP2_END, wide)
    shifted = wide + _BIASED
    power = bits_f64(shift_left(f64_bits(shifted), _52))
    return _f(poly(wide - (shifted - _BIASED), _EXP2) * power)


def _exp2_f64(x):
    return math.pow(2.0, x)


@floats(_exp2_f32, _exp2_f64, inlined=True)
def exp2(x):
    """Return 2 to the power x."""
    compiled_only()


@register_jitable
def _cube_root(x):
    """Return the cube root. One step of Newton's method corrects the last bits of a power."""
    size = fabs(x)
    root = math.pow(size, 1.0 / 3.0)
    better = root - (root * root * root - size) / (3.0 * root * root)
    usual = (size > 0.0) & (size < np.inf)
    return copysign(select(usual, better, root), x)


_THIRD, _ROOT_OF_ONE = _d(1.0 / 3.0), _d(D_MAGIC + 709921077.0)
_TINY, _TWO24, _MINUS8 = _f(2.0**-126), _f(2.0**24), _d(2.0**-8)


@always_inlined
def _closer(root, x):
    """Improve an approximate cube root of x by one step of Halley's method. This triples the number
    of correct digits.
    """
    cube = root * root * root
    return root * (cube + (x + x)) / ((cube + cube) + x)


def _cbrt_f32(x):
    """Return the cube root of a float32.

    The first estimate divides x's bits by 3, because they are roughly its logarithm. Two iterations
    improve it.
    """
    size = fabs(x)
    tiny = size < _TINY
    near = select(tiny, size * _TWO24, size)
    bits = fma(_d(f32_bits(near)), _THIRD, _ROOT_OF_ONE)
    wide = _d(near)
    root = _closer(_closer(_d(bits_f32(_i(f64_bits(bits)))), wide), wide)
    root = select(tiny, root * _MINUS8, root)
    usual = (wide > _ZERO) & (wide < _INF)
    return _f(copysign(select(usual, root, wide), _d(x)))


def _cbrt_f64(x):
    return _cube_root(x)


@floats(_cbrt_f32, _cbrt_f64, inlined=True)
def cbrt(x):
    """Return the cube root, also of negative numbers."""
    compiled_only()

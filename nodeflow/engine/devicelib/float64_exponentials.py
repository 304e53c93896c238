"""exp, log and erf of float64, as polynomials in a form that LLVM can vectorise.

They use neither shifts of signed integers nor conversions of 64-bit integers, which AVX2 lacks.
Adding `MAGIC` leaves a whole number in the low bits of a float64; subtracting it gives the
number.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import math

import numpy as np

from nodeflow.engine.devicelib.arithmetic import (
    bit_and,
    bit_or,
    bits_f64,
    copysign,
    f64_bits,
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
from nodeflow.engine.devicelib.overloads import always_inlined
from nodeflow.engine.devicelib.typed_constants import D_MAGIC

_d, _i, _u = np.float64, np.int64, np.uint64
_ZERO, _HALF, _ONE, _TWO = _d(0), _d(0.5), _d(1), _d(2)
_INF, _NAN = _d(np.inf), _d(np.nan)
_MAGIC = _d(D_MAGIC)
_BIAS, _52 = _i(1023), _i(52)

# ---- exponentials -------------------------------------------------------------------------------

_LOG2E = _d(1 / math.log(2))
_LN2_HIGH, _LN2_LOW = _d(math.log(2)), _d(2.3190468138462996e-17)
_LOWEST, _HIGHEST = _d(-746.0), _d(710.0)  # beyond: 0 and infinity
# (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2: 1.6e-17 of e^r
_EXP = tuple(
    map(
        _d,
        (
            0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062,
            0.0013888888917213717, 0.00019841269863053618, 2.4801521295954376e-05,
            2.7557268459997064e-06, 2.7620088445409746e-07, 2.510038549551032e-08,
        ),
    )
)  # fmt: skip


_WHOLE_EXP = (_ONE, *_EXP)  # (e^r - 1) / r


@always_inlined
def _power(shifted):
    """Return 2**n for a whole number n in -1022 .. 1023. The argument is the float n + `_MAGIC`,
    whose low bits are n.
    """
    return bits_f64(shift_left(wrap_add(f64_bits(shifted), _BIAS), _52))


@always_inlined
def _rest(whole, x):
    """Return the remainder: x minus ``whole`` times ln 2."""
    return fma(whole, -_LN2_LOW, fma(whole, -_LN2_HIGH, x))


@always_inlined
def _exp_of_rest(r):
    """Return e^r for |r| <= ln(2) / 2."""
    return fma(r, poly(r, _WHOLE_EXP), _ONE)


@always_inlined
def _reduced(x):
    """Split x into n ln 2 + r with |r| <= ln(2) / 2. Return n + `_MAGIC`, and e^r - 1."""
    shifted = fma(x, _LOG2E, _MAGIC)
    r = _rest(shifted - _MAGIC, x)
    return shifted, fma(r * r, poly(r, _EXP), r)


_SPLIT = _d(1.5 * 2.0**52 + 1023 + 64)
_LOWERED_ONE = _d(2.0**-64)
_LOWERED_EXP = tuple(c * _LOWERED_ONE for c in _WHOLE_EXP)
_51, _EXPONENT = _i(51), _i(0x7FF << 52)


@always_inlined
def exp_f64(x):
    """Return e**x.

    The power of two is a product of two factors, so that neither factor over- or underflows.
    Half of the exponent is one factor. The other half is added to the exponent of e^r. There
    e^r is 2^-64 times too small, so that no bias is left over.
    """
    x = select(x < _LOWEST, _LOWEST, x)
    x = select(x > _HIGHEST, _HIGHEST, x)
    shifted = fma(x, _LOG2E, _SPLIT)
    r = _rest(shifted - _SPLIT, x)
    e = fma(r, poly(r, _LOWERED_EXP), _LOWERED_ONE)
    exponents = f64_bits(shifted)
    half = bit_and(shift_left(exponents, _51), _EXPONENT)
    rest = wrap_sub(shift_left(exponents, _52), half)
    return bits_f64(wrap_add(f64_bits(e), rest)) * bits_f64(half)


_LARGE = _d(708.0)
"""Largest |x| for which e**x and e**-x are both normal numbers."""


@always_inlined
def near_exp_f64(x):
    """Return e**x with the bits of `exp_f64`, but only for moderate x, whose result neither
    overflows nor is denormal.

    The power of two is added to the exponent bits, which is why larger x give wrong results.
    """
    shifted = fma(x, _LOG2E, _MAGIC)
    e = _exp_of_rest(_rest(shifted - _MAGIC, x))
    return bits_f64(wrap_add(f64_bits(e), shift_left(f64_bits(shifted), _52)))


def is_large_f64(x):
    return not fabs(x) <= _LARGE  # true for NaN


D_RAISED, D_LOWERED = _d(1.5 * 2.0**52 + 1023 + 128), _d(2.0**-128)
_REVERSED, _ROOT_LOWERED = _d(1.5 * 2.0**52 + 1023 - 512), _d(2.0**-512)
"""Factors for `scaled_exp_f64` of numbers up to 600 and for `sigmoid_f64`. Their inverses reach
down to denormals.
"""


@always_inlined
def scaled_exp_f64(x, magic):
    """Return e**x times 2**k.

    Args:
        magic: 1.5 * 2**52 + 1023 + k.
    """
    shifted = fma(x, _LOG2E, magic)
    e = _exp_of_rest(_rest(shifted - magic, x))
    return e * bits_f64(shift_left(f64_bits(shifted), _52))


@always_inlined
def exp_to_one_f64(x):
    """Return e**x with the bits of `exp_f64`. x must not be above 0, which saves one
    multiplication.
    """
    return scaled_exp_f64(select(x < _LOWEST, _LOWEST, x), D_RAISED) * D_LOWERED


_EXPM1_LOWEST = _d(-40.0)


@always_inlined
def expm1_f64(x):
    y = select(x < _EXPM1_LOWEST, _EXPM1_LOWEST, x)
    y = select(y > _HIGHEST, _HIGHEST, y)
    shifted, p = _reduced(y)
    scale = _power(shifted - _ONE)  # half of 2**n, which itself may overflow
    y = _TWO * fma(scale, p, scale - _HALF)
    return select(x == _ZERO, x, y)


_BIASED = _d(1.5 * 2.0**52 + 1023)
_TANH_END = _d(20.0)  # beyond: 1
_MINUS_2LOG2E, _HALF_LN2 = _d(-2 / math.log(2)), _d(math.log(2) / 2)
_TANH = tuple(c * _d(-((-2.0) ** k)) for k, c in enumerate(_WHOLE_EXP, 1))  # (1 - e^-2s) / s
_SIGN = _i(-(2**63))


@always_inlined
def tanh_f64(x):
    """Return tanh, computed as 1 - e^t with t = -2|x|.

    This does not overflow, and 0 gets the right sign.
    """
    size = fabs(x)
    size = select(size > _TANH_END, _TANH_END, size)
    shifted = fma(size, _MINUS_2LOG2E, _BIASED)
    s = fma(shifted - _BIASED, _HALF_LN2, size)
    power = bits_f64(shift_left(f64_bits(shifted), _52))
    e = fma(power * s, split_poly(s, s * s, _TANH), _ONE - power)
    return bits_f64(bit_or(f64_bits(e / (_TWO - e)), bit_and(f64_bits(x), _SIGN)))


_SIGMOID_LOWEST, _SIGMOID_HIGHEST = _d(-746.0), _d(40.0)  # beyond: 0 and 1
_FALLING_EXP = tuple(c * _d((-1.0) ** k) for k, c in enumerate(_WHOLE_EXP, 1))  # (e^-r - 1) / r


@always_inlined
def sigmoid_f64(x):
    """Return 1 / (1 + e^-x).

    Both terms of the denominator are multiplied by 2^-512, so that neither overflows.
    """
    x = select(x < _SIGMOID_LOWEST, _SIGMOID_LOWEST, x)
    x = select(x > _SIGMOID_HIGHEST, _SIGMOID_HIGHEST, x)
    shifted = fma(x, -_LOG2E, _REVERSED)
    whole = shifted - _REVERSED
    r = fma(whole, _LN2_LOW, fma(whole, _LN2_HIGH, x))
    e = fma(r, poly(r, _FALLING_EXP), _ONE)
    power = bits_f64(shift_left(f64_bits(shifted), _52))
    return _ROOT_LOWERED / fma(e, power, _ROOT_LOWERED)


# ---- logarithms ---------------------------------------------------------------------------------

_SMALLEST_NORMAL, _TWO54, EXPONENT_OF_1 = _d(2.0**-1022), _d(2.0**54), _d(1023.0)
_ROOT_BITS = _u(0x3FE6A09E667F3BCD)  # of sqrt(1/2)
_TO_ROOT = _u(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_MANTISSA, _U52 = _u(0x000FFFFFFFFFFFFF), _u(52)
_WHOLE, _WHOLE_BITS = _d(2.0**52), _u(0x4330000000000000)
_LOG_LN2_HIGH, _LOG_LN2_LOW = _d(6.93147180369123816490e-01), _d(1.90821492927058770002e-10)
# log((1 + s) / (1 - s)) / s - 2 in s^2: the coefficients of FreeBSD's e_log.c
_LOG = tuple(
    map(
        _d,
        (
            6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
            2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
            1.479819860511658591e-01,
        ),
    )
)  # fmt: skip


@always_inlined
def power_and_rest(x, bias):
    """Return k and f such that x = 2^k (1 + f), with f between sqrt(1/2) - 1 and sqrt(2) - 1.

    x is positive and normal. ``bias``, the exponent field of the number 1, is subtracted from its
    exponent field.
    """
    bits = wrap_add(_u(f64_bits(x)), _TO_ROOT)
    k = bits_f64(_i(bit_or(shift_right(bits, _U52), _WHOLE_BITS))) - _WHOLE - bias
    return k, bits_f64(_i(wrap_add(bit_and(bits, _MANTISSA), _ROOT_BITS))) - _ONE


@always_inlined
def logarithm_or_end(x, y):
    """Handle the special cases of a logarithm: return y = log(x) if x is positive and finite.

    Return -infinity for 0, and NaN for negative x; infinity and NaN stay as they are.
    """
    y = select(x < _INF, y, x)  # infinity and NaN are their own logarithms
    y = select(x == _ZERO, -_INF, y)
    return select(x < _ZERO, _NAN, y)


@always_inlined
def _log_of(x, bias):
    """Return log(x) for a positive normal float64 x. ``bias`` is the exponent bias to subtract,
    which is larger if x was scaled up.
    """
    k, f = power_and_rest(x, bias)
    s = f / (_TWO + f)
    z = s * s
    half = _HALF * f * f
    tail = s * fma(z, split_poly(z, z * z, _LOG), half)
    return fma(k, _LOG_LN2_HIGH, f - (half - fma(k, _LOG_LN2_LOW, tail)))


@always_inlined
def plain_log_f64(x):
    """Return log(x) with the bits of `log_f64`. x must be positive, finite and not denormal."""
    return _log_of(x, EXPONENT_OF_1)


@always_inlined
def log_f64(x):
    tiny = x < _SMALLEST_NORMAL
    y = _log_of(select(tiny, x * _TWO54, x), select(tiny, EXPONENT_OF_1 + 54, EXPONENT_OF_1))
    return logarithm_or_end(x, y)


_NORMAL, _LAST_NORMAL = _i(0x7FF << 52), _i(-(0x20 << 48) - 1)


def is_unusual_f64(x):
    """Return whether x is not a positive normal number.

    The bits of positive normal numbers are consecutive integers; they are shifted to begin at
    the lowest integer.
    """
    return wrap_add(f64_bits(x), _NORMAL) > _LAST_NORMAL


@always_inlined
def log1p_f64(x):
    u = _ONE + x
    y = log_f64(u) + (x - (u - _ONE)) / u
    y = select(u < _INF, y, x)
    y = select(u == _ZERO, -_INF, y)
    return select(u == _ONE, x, y)


_ROOT_LESS_ONE, _LN2 = _d(math.sqrt(2) - 1), _d(math.log(2))


@always_inlined
def _log1p_to_one(x):
    """Return log(1 + x) for 0 <= x <= 1.

    If (1 + x) / 2 is nearer to 1 than 1 + x, compute its logarithm, and add log(2).
    """
    above = x > _ROOT_LESS_ONE
    f = select(above, (x - _ONE) * _HALF, x)
    s = f / (_TWO + f)
    z = s * s
    half = _HALF * f * f
    y = f - (half - s * fma(z, split_poly(z, z * z, _LOG), half))
    return select(above, _LN2 + y, y)


@always_inlined
def softplus_f64(x):
    return select(x < _ZERO, _ZERO, x) + _log1p_to_one(exp_to_one_f64(-fabs(x)))


# ---- the error function -------------------------------------------------------------------------

_ERF_SPLIT, _ERFC_END = _d(0.95), _d(27.25)
# erf(x) / x - 1 in x^2 on |x| <= 0.96: 3e-17
_ERF = tuple(
    map(
        _d,
        (
            0.1283791670955126, -0.37612638903183754, 0.11283791670955123, -0.02686617064513067,
            0.005223977625433699, -0.0008548327022710546, 0.00012055332939925278,
            -1.4925648749587048e-05, 1.6462071207544097e-06, -1.6365026973671097e-07,
            1.479627442934461e-08, -1.2189670651489823e-09, 8.803725130856726e-11,
            -4.3886931736078936e-12,
        ),
    )
)  # fmt: skip
# e^(t^2) erfc(t) (1 + 2t) in (t - 2) / (t + 2) on 0 <= t <= 27.3: 1.1e-16
_ERFC = tuple(
    map(
        _d,
        (
            1.2769783815525289, -0.0927638265857465, -0.1660303976153144, 0.16405128003349936,
            -0.054220000990519684, -0.0080340150842841, 0.00872265383935441,
            0.001271338992269822, -0.0014568134925027655, -0.0004543410189602923,
            0.00020636382163636104, 0.00015103982696298822, -1.493627529602795e-06,
            -3.642367043757725e-05, -1.3544593262474765e-05, 3.7045189076301217e-06,
            5.335243327258294e-06, 1.5305426919026074e-06, -8.561529552249991e-07,
            -8.900989068573093e-07, -1.1296689160704178e-07, 2.0440152882498808e-07,
            7.951410966826256e-08, -1.8302210207314306e-08, -1.0976665784222278e-08,
        ),
    )
)  # fmt: skip


@always_inlined
def _erfc_tail(t):
    """Return erfc(t) for t >= 0, as e^(-t^2) times a rational function.

    e^(-t^2) is corrected for the rounding of t^2.
    """
    t = select(t > _ERFC_END, _ERFC_END, t)
    square = t * t
    lost = fma(t, t, -square)
    v = (t - _TWO) / (t + _TWO)
    p = split_poly(v, v * v, _ERFC) / fma(_TWO, t, _ONE)
    e = exp_to_one_f64(-square)
    return p * fma(-lost, e, e)


@always_inlined
def erfc_over_exp(t):
    """Return erfc(t) / e^(-t^2) for t from 0 to 27.3.

    `_erfc_tail` needs two divisions; this needs one.
    """
    far, near = fma(_TWO, t, _ONE), t + _TWO
    both = _ONE / (far * near)
    v = (t - _TWO) * (both * far)
    return split_poly(v, v * v, _ERFC) * (both * near)


@always_inlined
def erfc_f64(x):
    t = fabs(x)
    tail = _erfc_tail(t)
    outer = select(x < _ZERO, _TWO - tail, tail)
    return select(t < _HALF, _ONE - fma(x, poly(x * x, _ERF), x), outer)


@always_inlined
def erf_f64(x):
    inner = fma(x, poly(x * x, _ERF), x)
    t = fabs(x)
    outer = copysign(_ONE - _erfc_tail(t), x)
    return select(t < _ERF_SPLIT, inner, outer)

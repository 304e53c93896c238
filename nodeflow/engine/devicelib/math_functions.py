"""The scalar functions of generated kernels: exact at the edges, and loops over them vectorise.

numba's own exp, log and friends call the C library element by element. The float32 ones here are
polynomials with explicit fused multiply-adds, tricks on the bits of floats, and selects instead of
branches, so that LLVM turns a loop over them into vector code. Coefficients are minimax fits made
for this file (relative weight, rounded one by one); `tests/engine/test_mathlib.py` states the
errors reached. float64 goes through the C library, which is right and not yet vectorised.

Everywhere: NaN stays NaN, overflow gives infinity, underflow goes through denormals to zero. Each
function takes the type of its argument and returns it.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from nodeflow.engine.devicelib.intrinsics import (
    bit_and,
    bit_or,
    bit_xor,
    bits_f32,
    bits_f64,
    ceil,
    copysign,
    divide_integers,
    f32_bits,
    f64_bits,
    fabs,
    float_one,
    floor,
    fma,
    fmod,
    integer_one,
    poly,
    round_even,
    saturate_int32,
    saturate_int64,
    saturate_uint8,
    select,
    shift_left,
    shift_right,
    sqrt,
    trunc,
    wrap_add,
    wrap_mul,
    wrap_sub,
)

_f, _d, _i, _l = np.float32, np.float64, np.int32, np.int64
_ZERO, _HALF, _ONE, _TWO = _f(0), _f(0.5), _f(1), _f(2)
_INF, _NAN = _f(np.inf), _f(np.nan)
_I1, _I2, _I23, _I30 = _i(1), _i(2), _i(23), _i(30)
_SIGN = _i(-(2**31))


def _overloaded(implementation_for):
    """Overload a stub of one or two arguments of one type by what ``implementation_for`` it."""

    def choose_unary(x):
        return implementation_for(x)

    def choose_binary(x, y):
        return implementation_for(x) if x == y else None

    def attach(stub):
        choose = choose_unary if stub.__code__.co_argcount == 1 else choose_binary
        overload(stub, jit_options={"error_model": "numpy"})(choose)
        return stub

    return attach


def _floats(single, double):
    """Overload a stub by its float32 and float64 implementations."""
    return _overloaded({types.float32: single, types.float64: double}.get)


def _numbers(floating, integer):
    """Overload a stub by implementations for floats and integers of any width."""

    def implementation_for(x):
        if isinstance(x, types.Float):
            return floating
        return integer if isinstance(x, types.Integer) else None

    return _overloaded(implementation_for)


def _compiled_only():
    raise NotImplementedError("only inside a compiled kernel")


# -- exp and its relatives ------------------------------------------------------------------------

_LOG2E = _f(1.4426950408889634)
_LN2_HIGH = _f(np.log(2.0))
_LN2_LOW = _f(np.log(2.0) - np.float64(_LN2_HIGH))
_EXP_LOWEST, _EXP_HIGHEST = _f(-104.0), _f(89.0)  # beyond: 0 and infinity
_MAGIC = _f(1.5 * 2**23)  # adding it leaves the nearest integer in the low bits
_MAGIC_BITS = _i(_MAGIC.view(np.int32))
_BIAS = _i(127)
# (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2: 1.4e-8
_EXP = (_f(0.49999997), _f(0.16666545), _f(0.041667446), _f(0.008366433), _f(0.0013869788))


@register_jitable
def _pow2(n):
    """2**n for int32 n in -126 .. 127."""
    return bits_f32(shift_left(wrap_add(n, _BIAS), _I23))


@register_jitable
def _reduce_exp(x):
    """n and e^r - 1 with x = n ln 2 + r, |r| <= ln(2) / 2."""
    shifted = fma(x, _LOG2E, _MAGIC)
    n = wrap_sub(f32_bits(shifted), _MAGIC_BITS)
    turns = shifted - _MAGIC
    r = fma(turns, -_LN2_HIGH, x)
    r = fma(turns, -_LN2_LOW, r)
    return n, fma(r * r, poly(r, _EXP), r)


def _exp_f32(x):
    x = select(x < _EXP_LOWEST, _EXP_LOWEST, x)
    x = select(x > _EXP_HIGHEST, _EXP_HIGHEST, x)
    n, p = _reduce_exp(x)
    half = shift_right(n, _I1)  # in two factors, so that neither over- nor underflows alone
    return (p + _ONE) * _pow2(half) * _pow2(wrap_sub(n, half))


def _exp_f64(x):
    return math.exp(x)


@_floats(_exp_f32, _exp_f64)
def exp(x):
    """e**x."""
    _compiled_only()


_EXPM1_LOWEST = _f(-20.0)


def _expm1_f32(x):
    y = select(x < _EXPM1_LOWEST, _EXPM1_LOWEST, x)
    y = select(y > _EXP_HIGHEST, _EXP_HIGHEST, y)
    n, p = _reduce_exp(y)
    scale = _pow2(wrap_sub(n, _I1))  # half of 2**n, which itself may overflow
    y = _TWO * fma(scale, p, scale - _HALF)
    return select(x == _ZERO, x, y)


def _expm1_f64(x):
    return math.expm1(x)


@_floats(_expm1_f32, _expm1_f64)
def expm1(x):
    """e**x - 1, accurate near 0."""
    _compiled_only()


def _tanh_f32(x):
    t = expm1(-_TWO * fabs(x))
    return copysign(-t / (_TWO + t), x)


def _tanh_f64(x):
    return math.tanh(x)


@_floats(_tanh_f32, _tanh_f64)
def tanh(x):
    """Hyperbolic tangent."""
    _compiled_only()


def _sigmoid_f32(x):
    e = exp(-fabs(x))
    return select(x >= _ZERO, _ONE, e) / (_ONE + e)


def _sigmoid_f64(x):
    e = math.exp(-fabs(x))
    return select(x >= 0.0, 1.0, e) / (1.0 + e)


@_floats(_sigmoid_f32, _sigmoid_f64)
def sigmoid(x):
    """1 / (1 + e**-x), without overflow."""
    _compiled_only()


# -- logarithms -----------------------------------------------------------------------------------

_SMALLEST_NORMAL = _f(2.0**-126)
_TWO23, _MINUS23 = _f(2.0**23), _f(-23.0)
_SQRT_HALF_BITS = _i(0x3F3504F3)
_MANTISSA = _i(0x007FFFFF)
_LOG_LN2_HIGH, _LOG_LN2_LOW = _f(0.693359375), _f(np.log(2.0) - 0.693359375)  # 9 bits and the rest
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


def _log_f32(x):
    tiny = x < _SMALLEST_NORMAL
    bits = wrap_sub(f32_bits(select(tiny, x * _TWO23, x)), _SQRT_HALF_BITS)
    exponent = _f(shift_right(bits, _I23)) + select(tiny, _MINUS23, _ZERO)
    f = bits_f32(wrap_add(bit_and(bits, _MANTISSA), _SQRT_HALF_BITS)) - _ONE
    s = f * f
    tail = fma(s * f, poly(f, _LOG), exponent * _LOG_LN2_LOW)
    tail = fma(-_HALF, s, tail)
    y = fma(exponent, _LOG_LN2_HIGH, f + tail)
    y = select(x < _INF, y, x)  # infinity and NaN are their own logarithms
    y = select(x == _ZERO, -_INF, y)
    return select(x < _ZERO, _NAN, y)


def _log_f64(x):
    return math.log(x)


@_floats(_log_f32, _log_f64)
def log(x):
    """Natural logarithm: -infinity at 0, NaN below."""
    _compiled_only()


def _log1p_f32(x):
    u = _ONE + x
    y = log(u) + (x - (u - _ONE)) / u
    y = select(u < _INF, y, x)
    y = select(u == _ZERO, -_INF, y)
    return select(u == _ONE, x, y)


def _log1p_f64(x):
    return math.log1p(x)


@_floats(_log1p_f32, _log1p_f64)
def log1p(x):
    """log(1 + x), accurate near 0."""
    _compiled_only()


def _softplus_f32(x):
    return select(x > _ZERO, x, _ZERO) + log1p(exp(-fabs(x)))


def _softplus_f64(x):
    return select(x > 0.0, x, 0.0) + math.log1p(math.exp(-fabs(x)))


@_floats(_softplus_f32, _softplus_f64)
def softplus(x):
    """log(1 + e**x), without overflow."""
    _compiled_only()


# -- sine, cosine, tangent ------------------------------------------------------------------------

_D_MAGIC = 1.5 * 2.0**52
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
    """The upper 64 bits of the 128 bits high:low shifted left by 0 to 63."""
    rest = shift_right(shift_right(low, _U1), wrap_sub(_U63, shift))
    return bit_or(shift_left(high, shift), rest)


@register_jitable
def _reduce_large(bits):
    """Quadrant and rest in radians of |x| >= 2**24, exactly (Payne and Hanek).

    |x| is a whole number m times 2**e; the turns are m times 1/(2 pi) shifted left by e, of which
    whole turns, the bits that fall off, do not matter.
    """
    m = np.uint64(bit_or(bit_and(bits, _WHOLE), _HIDDEN))
    e = wrap_sub(np.uint64(bit_and(shift_right(bits, _I23), _I255)), _U150)
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
    """q and sin r, cos r with |x| = q pi/2 + r, |r| <= pi/4, for every finite x."""
    size = fabs(x)
    wide = _d(size)
    shifted = fma(wide, _TWO_OVER_PI, _D_MAGIC)
    whole = shifted - _D_MAGIC
    near = fma(whole, -_HALF_PI_REST, fma(whole, -_HALF_PI, wide))
    far_quarter, far = _reduce_large(f32_bits(size))
    large = size >= _LARGE
    q = select(large, far_quarter, _i(f64_bits(shifted)))
    r = select(size < _INF, _f(select(large, far, near)), _NAN)
    s = r * r
    sine = fma(r * s, poly(s, _SIN), r)
    cosine = fma(s * s, poly(s, _COS), fma(-_HALF, s, _ONE))
    return q, sine, cosine


@register_jitable
def _with_sign(value, sign):
    return bits_f32(bit_xor(f32_bits(value), bit_and(sign, _SIGN)))


def _sin_f32(x):
    q, sine, cosine = _quadrant(x)
    value = select(bit_and(q, _I1) == _i(0), sine, cosine)
    return _with_sign(value, bit_xor(shift_left(q, _I30), f32_bits(x)))


def _sin_f64(x):
    return math.sin(x)


@_floats(_sin_f32, _sin_f64)
def sin(x):
    """Sine of x in radians."""
    _compiled_only()


def _cos_f32(x):
    q, sine, cosine = _quadrant(x)
    value = select(bit_and(q, _I1) == _i(0), cosine, sine)
    return _with_sign(value, shift_left(wrap_add(q, _I1), _I30))


def _cos_f64(x):
    return math.cos(x)


@_floats(_cos_f32, _cos_f64)
def cos(x):
    """Cosine of x in radians."""
    _compiled_only()


def _tan_f32(x):
    q, sine, cosine = _quadrant(x)
    even = bit_and(q, _I1) == _i(0)
    value = select(even, sine, -cosine) / select(even, cosine, sine)
    return _with_sign(value, f32_bits(x))


def _tan_f64(x):
    return math.tan(x)


@_floats(_tan_f32, _tan_f64)
def tan(x):
    """Tangent of x in radians."""
    _compiled_only()


# -- error function -------------------------------------------------------------------------------

_ERF_SPLIT, _ERFC_END = _f(0.95), _f(10.5)
# erf(x) / x - 1 in x^2 on |x| <= 0.96: 2.7e-8
_ERF = (
    _f(0.12837914),
    _f(-0.37612417),
    _f(0.11281059),
    _f(-0.026740257),
    _f(0.0049558976),
    _f(-0.00058073294),
)
# e^(t^2) erfc(t) (1 + 2t) in (t - 2) / (t + 2) on 0 <= t <= 10.1: 1.6e-8
_ERFC = (
    _f(1.2769784),
    _f(-0.092763916),
    _f(-0.16603096),
    _f(0.16405459),
    _f(-0.054207508),
    _f(-0.008057903),
    _f(0.0086404625),
    _f(0.0013140497),
    _f(-0.0012383161),
    _f(-0.0004047491),
)


@register_jitable
def _erfc_tail(t):
    """erfc(t) for t >= 0: e^(-t^2), with what t^2 loses in float32 put back, times a polynomial."""
    square = t * t
    lost = fma(t, t, -square)
    t = select(t > _ERFC_END, _ERFC_END, t)
    p = poly((t - _TWO) / (t + _TWO), _ERFC) / fma(_TWO, t, _ONE)
    e = exp(-square)
    return p * select(e > _ZERO, fma(-lost, e, e), e)


def _erfc_f32(x):
    t = fabs(x)
    tail = _erfc_tail(t)
    outer = select(x < _ZERO, _TWO - tail, tail)
    return select(t < _HALF, _ONE - fma(x, poly(x * x, _ERF), x), outer)


def _erfc_f64(x):
    return math.erfc(x)


@_floats(_erfc_f32, _erfc_f64)
def erfc(x):
    """1 - erf(x), accurate in the tail."""
    _compiled_only()


def _erf_f32(x):
    inner = fma(x, poly(x * x, _ERF), x)
    t = fabs(x)
    outer = copysign(_ONE - _erfc_tail(t), x)
    return select(fabs(x) < _ERF_SPLIT, inner, outer)


def _erf_f64(x):
    return math.erf(x)


@_floats(_erf_f32, _erf_f64)
def erf(x):
    """Error function."""
    _compiled_only()


# -- powers and roots -----------------------------------------------------------------------------

_SQRT_HALF_BITS64 = _l(0x3FE6A09E667F3BCD)
_MANTISSA64 = _l((1 << 52) - 1)
_L52, _L1023 = _l(52), _l(1023)
# log2((1 + s) / (1 - s)) / s in s^2, and 2^f by the exponential series.
_LOG2 = tuple(_d(2 / math.log(2) / (2 * k + 1)) for k in range(8))
_EXP2 = tuple(_d(math.log(2) ** k / math.factorial(k)) for k in range(11))


@register_jitable
def _log2_wide(x):
    """log2 of a positive finite float64, to about 1e-13."""
    bits = wrap_sub(f64_bits(x), _SQRT_HALF_BITS64)
    exponent = shift_right(bits, _L52)
    m = bits_f64(wrap_add(bit_and(bits, _MANTISSA64), _SQRT_HALF_BITS64))
    s = (m - 1.0) / (m + 1.0)
    return fma(s, poly(s * s, _LOG2), _d(exponent))


@register_jitable
def _exp2_wide(x):
    """2**x in float64 for |x| <= 200."""
    shifted = x + _D_MAGIC
    n = wrap_sub(f64_bits(shifted), f64_bits(_D_MAGIC))
    return poly(x - (shifted - _D_MAGIC), _EXP2) * bits_f64(shift_left(wrap_add(n, _L1023), _L52))


def _power_f32(x, y):
    size = fabs(x)
    t = _log2_wide(_d(size)) * _d(y)
    t = select(t < -200.0, -200.0, select(t > 200.0, 200.0, t))
    value = _f(_exp2_wide(t))
    # The cases of the C standard: zero and infinite bases, then 1, then signs.
    value = select(size == _ZERO, select(y > _ZERO, _ZERO, _INF), value)
    value = select(size == _INF, select(y > _ZERO, _INF, _ZERO), value)
    value = select((size == _ONE) & (y == y), _ONE, value)
    whole = trunc(y) == y
    odd = whole & (trunc(y * _HALF) != y * _HALF)
    value = select(odd, copysign(value, x), value)
    value = select((x < _ZERO) & (size < _INF) & (size > _ZERO) & (not whole), _NAN, value)
    value = select((x != x) | (y != y), x + y, value)
    return select((x == _ONE) | (y == _ZERO), _ONE, value)


def _power_f64(x, y):
    return math.pow(x, y)


def _power_integer(x, y):
    """Squaring and multiplying in the type's own width. A negative exponent gives 0; kernels that
    may meet one report it."""
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


@_overloaded(_power_for)
def pow(x, y):
    """x**y: C's pow for floats, wrapping for integers."""
    _compiled_only()


def _rsqrt_f32(x):
    return _ONE / sqrt(x)


def _rsqrt_f64(x):
    return 1.0 / sqrt(x)


@_floats(_rsqrt_f32, _rsqrt_f64)
def rsqrt(x):
    """1 / sqrt(x)."""
    _compiled_only()


# -- every number: comparison, sign, division -----------------------------------------------------


def _maximum(x, y):
    return select((x >= y) | (x != x), x, y)


@_numbers(_maximum, _maximum)
def maximum(x, y):
    """The larger, NaN if either is NaN."""
    _compiled_only()


def _minimum(x, y):
    return select((x <= y) | (x != x), x, y)


@_numbers(_minimum, _minimum)
def minimum(x, y):
    """The smaller, NaN if either is NaN."""
    _compiled_only()


@register_jitable
def clip(x, low, high):
    """minimum(maximum(x, low), high); NaN stays NaN."""
    return minimum(maximum(x, low), high)


def _abs_integer(x):
    return select(x < 0, wrap_sub(wrap_sub(x, x), x), x)


def _abs_float(x):
    return fabs(x)


@_numbers(_abs_float, _abs_integer)
def abs_(x):
    """|x|; the lowest integer stays itself, as in numpy."""
    _compiled_only()


def _sign_integer(x):
    one = integer_one(x)
    return select(x > 0, one, select(x < 0, wrap_sub(wrap_sub(one, one), one), wrap_sub(one, one)))


def _sign_float(x):
    one = copysign(float_one(x), x)
    return select(x == 0, fabs(x), select(x != x, x, one))


@_numbers(_sign_float, _sign_integer)
def sign(x):
    """-1, 0 or 1; NaN for NaN."""
    _compiled_only()


def _floor_divide_integer(x, y):
    quotient, rest = divide_integers(x, y)
    return select(
        (rest != 0) & ((rest < 0) != (y < 0)), wrap_sub(quotient, integer_one(x)), quotient
    )


def _floor_divide_float(x, y):
    rest = fmod(x, y)
    quotient = (x - rest) / y
    quotient = select((rest != 0) & ((rest < 0) != (y < 0)), quotient - float_one(x), quotient)
    nearest = floor(quotient)
    beyond = quotient - nearest
    nearest = select(beyond + beyond > float_one(x), nearest + float_one(x), nearest)
    nearest = select(quotient == 0, copysign(quotient, x / y), nearest)
    return select(y == 0, x / y, nearest)


@_numbers(_floor_divide_float, _floor_divide_integer)
def floor_divide(x, y):
    """Largest whole number not above x / y. Integers by zero give 0; kernels report it."""
    _compiled_only()


def _modulo_integer(x, y):
    _, rest = divide_integers(x, y)
    return select((rest != 0) & ((rest < 0) != (y < 0)), wrap_add(rest, y), rest)


def _modulo_float(x, y):
    rest = fmod(x, y)
    rest = select((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)
    return select(rest == 0, copysign(rest, y), rest)


@_numbers(_modulo_float, _modulo_integer)
def modulo(x, y):
    """x - y * floor_divide(x, y): has the sign of y. Integers by zero: 0, and kernels report it."""
    _compiled_only()


# -- casts ----------------------------------------------------------------------------------------


def _cast(target, convert, from_float=None):
    """Overload a stub by what turns each type into ``target``."""

    def attach(stub):
        def choose(x):
            if isinstance(x, types.Float) and from_float is not None:
                return from_float
            return convert if isinstance(x, (types.Number, types.Boolean)) else None

        overload(stub, jit_options={"error_model": "numpy"})(choose)
        return stub

    return attach


@_cast(types.float32, lambda x: np.float32(x))
def to_float32(x):
    """x as float32."""
    _compiled_only()


@_cast(types.float64, lambda x: np.float64(x))
def to_float64(x):
    """x as float64."""
    _compiled_only()


@_cast(types.int32, lambda x: np.int32(x), lambda x: saturate_int32(x))
def to_int32(x):
    """x as int32: floats saturate and NaN gives 0, integers wrap."""
    _compiled_only()


@_cast(types.int64, lambda x: np.int64(x), lambda x: saturate_int64(x))
def to_int64(x):
    """x as int64: floats saturate and NaN gives 0, integers wrap."""
    _compiled_only()


@_cast(types.uint8, lambda x: np.uint8(x), lambda x: saturate_uint8(x))
def to_uint8(x):
    """x as uint8: floats saturate and NaN gives 0, integers wrap."""
    _compiled_only()


@_cast(types.boolean, lambda x: x != 0)
def to_bool(x):
    """Whether x is not 0."""
    _compiled_only()


where = select
round_half_even = round_even

__all__ = [
    "abs_", "ceil", "clip", "cos", "erf", "erfc", "exp", "expm1", "floor", "floor_divide",
    "log", "log1p", "maximum", "minimum", "modulo", "pow", "round_half_even", "rsqrt", "sigmoid",
    "sign", "sin", "softplus", "sqrt", "tan", "tanh", "to_bool", "to_float32", "to_float64",
    "to_int32", "to_int64", "to_uint8", "trunc", "where",
]  # fmt: skip

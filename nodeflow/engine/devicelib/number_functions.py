"""Functions of floats and of integers: comparison, sign, division, casts."""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false, reportGeneralTypeIssues=false
from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from nodeflow.engine.devicelib.arithmetic import (
    copysign,
    divide_integers,
    fabs,
    float_one,
    floor,
    fma,
    fmod,
    integer_one,
    saturate,
    select,
    trunc,
    wrap_add,
    wrap_sub,
)
from nodeflow.engine.devicelib.overloads import (
    always_inlined,
    compiled_only,
    floats,
    numbers,
)

# -- every number: comparison, sign, division -----------------------------------------------------


def _maximum(x, y):
    return select((x >= y) | (x != x), x, y)


@numbers(_maximum, _maximum)
def maximum(x, y):
    """Return the larger number, NaN if either is NaN."""
    compiled_only()


def _minimum(x, y):
    return select((x <= y) | (x != x), x, y)


@numbers(_minimum, _minimum)
def minimum(x, y):
    """Return the smaller number, NaN if either is NaN."""
    compiled_only()


@register_jitable
def clip(x, low, high):
    """Return minimum(maximum(x, low), high); NaN stays NaN."""
    return minimum(maximum(x, low), high)


def _abs_integer(x):
    return select(x < 0, wrap_sub(wrap_sub(x, x), x), x)


def _abs_float(x):
    return fabs(x)


@numbers(_abs_float, _abs_integer)
def abs_(x):
    """Return |x|. The lowest integer has no positive counterpart and stays, as in numpy."""
    compiled_only()


def _sign_integer(x):
    one = integer_one(x)
    return select(x > 0, one, select(x < 0, wrap_sub(wrap_sub(one, one), one), wrap_sub(one, one)))


def _sign_float(x):
    one = copysign(float_one(x), x)
    return select(x == 0, fabs(x), select(x != x, x, one))


@numbers(_sign_float, _sign_integer)
def sign(x):
    """Return -1, 0 or 1; NaN for NaN."""
    compiled_only()


def _floor_divide_integer(x, y):
    quotient, rest = divide_integers(x, y)
    return select(
        (rest != 0) & ((rest < 0) != (y < 0)), wrap_sub(quotient, integer_one(x)), quotient
    )


@always_inlined
def _floor_of_rest(x, y, rest):
    """Return floor(x / y), computed from ``rest``, the remainder of x / y."""
    quotient = (x - rest) / y
    quotient = select((rest != 0) & ((rest < 0) != (y < 0)), quotient - float_one(x), quotient)
    nearest = floor(quotient)
    beyond = quotient - nearest
    nearest = select(beyond + beyond > float_one(x), nearest + float_one(x), nearest)
    nearest = select(quotient == 0, copysign(quotient, x / y), nearest)
    return select(y == 0, x / y, nearest)


def _floor_divide_float(x, y):
    return _floor_of_rest(x, y, fmod(x, y))


@numbers(_floor_divide_float, _floor_divide_integer)
def floor_divide(x, y):
    """Return the largest whole number not above x / y.

    For integers and y = 0, return 0, and kernels report it.
    """
    compiled_only()


def _modulo_integer(x, y):
    _, rest = divide_integers(x, y)
    return select((rest != 0) & ((rest < 0) != (y < 0)), wrap_add(rest, y), rest)


@always_inlined
def _modulo_of_rest(y, rest):
    rest = select((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)
    return select(rest == 0, copysign(rest, y), rest)


def _modulo_float(x, y):
    return _modulo_of_rest(y, fmod(x, y))


@numbers(_modulo_float, _modulo_integer)
def modulo(x, y):
    """Return the floored remainder x - y * floor_divide(x, y), which has the sign of y.

    For integers and y = 0, return 0; kernels report the error.
    """
    compiled_only()


# -- division of floats whose quotient is not large, without a call of C's fmod -------------------


@always_inlined
def _near_rest(x, y):
    """Return fmod(x, y) for x and y whose exponents are close. A zero may have either sign.

    The rounded quotient may be the next whole number. In both cases the remainder is a multiple of
    the weight of y's last bit and not larger than y, so that each step is exact.
    """
    rest = fma(-trunc(x / y), y, x)
    rest = select((rest != 0) & ((rest < 0) != (x < 0)), rest + copysign(y, x), rest)
    return select(fabs(x) < fabs(y), x, rest)  # y may be infinite


@always_inlined
def _near_floor_divide(x, y):
    return _floor_of_rest(x, y, _near_rest(x, y))


@always_inlined
def _near_modulo(x, y):
    return _modulo_of_rest(y, _near_rest(x, y))


@floats(_near_floor_divide, _near_floor_divide, inlined=True)
def near_floor_divide(x, y):
    """Return x // y with the same bits as `floor_divide`, for floats whose magnitudes are not far
    apart. This version needs fewer steps.
    """
    compiled_only()


@floats(_near_modulo, _near_modulo, inlined=True)
def near_modulo(x, y):
    """Return x modulo y with the same bits as `modulo`, for floats whose magnitudes are not far
    apart. This version needs fewer steps.
    """
    compiled_only()


_APART, _DAPART = np.float32(2.0**22), np.float64(2.0**51)


def _are_far_apart_f32(x, y):
    return not fabs(x / y) < _APART  # true for NaN


def _are_far_apart_f64(x, y):
    return not fabs(x / y) < _DAPART


@floats(_are_far_apart_f32, _are_far_apart_f64, inlined=True)
def are_far_apart(x, y):
    """Return whether a quotient is too large for `near_floor_divide` and `near_modulo`, or is
    NaN.
    """
    compiled_only()


# -- bits ----------------------------------------------------------------------------------------


@register_jitable
def bit_not(x):
    """Return an integer with every bit inverted: -1 - x."""
    return wrap_sub(wrap_sub(wrap_sub(x, x), integer_one(x)), x)


def _sign_bit_float(x):
    return copysign(float_one(x), x) < 0


def _sign_bit_integer(x):
    return x < 0


@numbers(_sign_bit_float, _sign_bit_integer)
def sign_bit(x):
    """Return whether the sign bit is set, also for -0 and for NaN."""
    compiled_only()


# -- casts ----------------------------------------------------------------------------------------


def _cast(target, convert, from_float=None):
    """Return a decorator that gives compiled code the conversions of numbers and bools to
    ``target`` as implementations of a stub function.

    Each conversion must be on a separate line, because `helper_functions` finds its text by the
    line.
    """

    def attach(stub):
        def choose(x):
            if isinstance(x, types.Float) and from_float is not None:
                return from_float
            return convert if isinstance(x, (types.Number, types.Boolean)) else None

        overload(stub, jit_options={"error_model": "numpy"})(choose)
        stub.implementation_for = choose
        return stub

    return attach


@_cast(types.float32, lambda x: np.float32(x))
def to_float32(x):
    """Return x as float32."""
    compiled_only()


@_cast(types.float64, lambda x: np.float64(x))
def to_float64(x):
    """Return x as float64."""
    compiled_only()


@_cast(
    types.int32,
    lambda x: np.int32(x),
    lambda x: saturate(x, np.int32),
)
def to_int32(x):
    """Return x as int32: floats saturate and NaN gives 0, integers wrap."""
    compiled_only()


@_cast(
    types.int64,
    lambda x: np.int64(x),
    lambda x: saturate(x, np.int64),
)
def to_int64(x):
    """Return x as int64: floats saturate and NaN gives 0, integers wrap."""
    compiled_only()


@_cast(
    types.uint8,
    lambda x: np.uint8(x),
    lambda x: saturate(x, np.uint8),
)
def to_uint8(x):
    """Return x as uint8: floats saturate and NaN gives 0, integers wrap."""
    compiled_only()


@_cast(
    types.int8,
    lambda x: np.int8(x),
    lambda x: saturate(x, np.int8),
)
def to_int8(x):
    """Return x as int8: floats saturate and NaN gives 0, integers wrap."""
    compiled_only()


@_cast(
    types.int16,
    lambda x: np.int16(x),
    lambda x: saturate(x, np.int16),
)
def to_int16(x):
    """Return x as int16: floats saturate and NaN gives 0, integers wrap."""
    compiled_only()


@_cast(
    types.uint16,
    lambda x: np.uint16(x),
    lambda x: saturate(x, np.uint16),
)
def to_uint16(x):
    """Return x as uint16: floats saturate and NaN gives 0, integers wrap."""
    compiled_only()


@_cast(
    types.uint32,
    lambda x: np.uint32(x),
    lambda x: saturate(x, np.uint32),
)
def to_uint32(x):
    """Return x as uint32: floats saturate and NaN gives 0, integers wrap."""
    compiled_only()


@_cast(
    types.uint64,
    lambda x: np.uint64(x),
    lambda x: saturate(x, np.uint64),
)
def to_uint64(x):
    """Return x as uint64: floats saturate and NaN gives 0, integers wrap."""
    compiled_only()


@_cast(types.boolean, lambda x: x != 0)
def to_bool(x):
    """Return whether x is not 0."""
    compiled_only()

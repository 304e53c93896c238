"""Conversions between half floats and float32, by their bits. In kernels, a half float is a uint16.

On processors without conversion instructions, LLVM's own conversions call a library with which
kernels are not linked. Rounding is to the nearest, halves to even. Infinities, zeros of both
signs and denormals are exact, and NaN stays NaN. After Fabian Giesen, "float->half variants"
(2012). Loops over these functions can be vectorised.
"""

# Intrinsics are called without the typing context that their definitions show.
# pyright: reportCallIssue=false
from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from nodeflow.engine.devicelib.arithmetic import (
    bit_and,
    bit_or,
    bits_f32,
    f32_bits,
    select,
    shift_left,
    shift_right,
    wrap_add,
    wrap_sub,
)

_i = np.int32
_0, _1, _13, _16 = _i(0), _i(1), _i(13), _i(16)
_HALF_UP, _QUIET = _i(0x7FFF), _i(0x40)
_SIGN, _REST = _i(0x8000), _i(0x7FFF)
_EXPONENT = _i(0x7C00 << 13)
_REBIASED = _i((127 - 15) << 23)
_SMALLEST_NORMAL = _i((127 - 14) << 23)
_ONE_EXPONENT = _i(1 << 23)
_POSITIVE = _i(0x7FFFFFFF)
_INFINITY32, _INFINITY16, _NAN16 = _i(0x7F800000), _i(0x7C00), _i(0x7E00)
_TOO_LARGE = _i((127 + 16) << 23)
_DENORMAL_UNIT = _i(((127 - 15) + (23 - 10) + 1) << 23)
"""The float32 whose last bit has the weight of float16's smallest denormal."""
_ROUND13 = _i(0xFFF)


@register_jitable
def from_bfloat16(x):
    """Return the float32 of a bfloat16."""
    return bits_f32(shift_left(_i(x), _16))


@register_jitable
def to_bfloat16(x):
    """Return the bfloat16 nearest to a float32."""
    bits = f32_bits(x)
    upper = shift_right(bits, _16)
    rounded = shift_right(wrap_add(wrap_add(bits, _HALF_UP), bit_and(upper, _1)), _16)
    return np.uint16(select(x != x, bit_or(upper, _QUIET), rounded))


@register_jitable
def from_float16(x):
    """Return the float32 of a float16."""
    bits = _i(x)
    moved = shift_left(bit_and(bits, _REST), _13)
    exponent = bit_and(moved, _EXPONENT)
    moved = wrap_add(moved, _REBIASED)
    small = bits_f32(wrap_add(moved, _ONE_EXPONENT)) - bits_f32(_SMALLEST_NORMAL)
    moved = select(exponent == _0, f32_bits(small), moved)
    moved = select(exponent == _EXPONENT, wrap_add(moved, _REBIASED), moved)
    return bits_f32(bit_or(moved, shift_left(bit_and(bits, _SIGN), _16)))


@register_jitable
def to_float16(x):
    """Return the float16 nearest to a float32; infinite from 65520 on."""
    bits = bit_and(f32_bits(x), _POSITIVE)
    odd = bit_and(shift_right(bits, _13), _1)
    normal = shift_right(wrap_add(wrap_add(wrap_sub(bits, _REBIASED), _ROUND13), odd), _13)
    small = bits_f32(bits) + bits_f32(_DENORMAL_UNIT)
    made = select(bits < _SMALLEST_NORMAL, wrap_sub(f32_bits(small), _DENORMAL_UNIT), normal)
    beyond = select(bits > _INFINITY32, _NAN16, _INFINITY16)
    made = select(bits < _TOO_LARGE, made, beyond)
    return np.uint16(bit_or(made, bit_and(shift_right(f32_bits(x), _16), _SIGN)))

"""The scalar functions that formulas of generated kernels call, in a form that LLVM can vectorise.

numba's own exp, log and similar functions call the C library element by element. The float32
functions here are polynomials with explicit fused multiply-adds, operations on the bits of
floats, and selections without branches, so that LLVM turns a loop over them into vector code.
Coefficients are minimax fits made for nodeflow (relative weight, rounded one by one);
`tests/engine/test_math_functions.py` states the errors reached. Functions of float64 that are
in neither `float64_exponentials` nor `near_angles` call the C library.

In all functions NaN stays NaN, overflow gives infinity, and underflow goes through denormals to
zero. Each function returns the type of its argument.
"""

from __future__ import annotations

from nodeflow.engine.devicelib.arithmetic import (
    bit_and,
    bit_or,
    bit_xor,
    ceil,
    floor,
    fma,
    left_shift,
    right_shift,
    round_even,
    select,
    sqrt,
    trunc,
)
from nodeflow.engine.devicelib.error_function import erf, erfc
from nodeflow.engine.devicelib.exponentials import (
    exp,
    exp_to_one,
    expm1,
    is_large,
    is_unusual,
    log,
    log1p,
    near_exp,
    near_log,
    sigmoid,
    softplus,
    tanh,
)
from nodeflow.engine.devicelib.gelu import gelu, gelu_slope
from nodeflow.engine.devicelib.half_floats import (
    from_bfloat16,
    from_float16,
    to_bfloat16,
    to_float16,
)
from nodeflow.engine.devicelib.inverse_functions import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    cosh,
    exp2,
    hypot,
    log2,
    log10,
    sinh,
)
from nodeflow.engine.devicelib.near_angles import is_far, near_cos, near_sin
from nodeflow.engine.devicelib.number_functions import (
    abs_,
    are_far_apart,
    bit_not,
    clip,
    floor_divide,
    maximum,
    minimum,
    modulo,
    near_floor_divide,
    near_modulo,
    sign,
    sign_bit,
    to_bool,
    to_float32,
    to_float64,
    to_int8,
    to_int16,
    to_int32,
    to_int64,
    to_uint8,
    to_uint16,
    to_uint32,
    to_uint64,
)
from nodeflow.engine.devicelib.powers import cube, fourth_power, half_power, pow, rsqrt
from nodeflow.engine.devicelib.trigonometry import cos, sin, tan

where = select
round_half_even = round_even

__all__ = [
    "abs_",
    "acos",
    "acosh",
    "are_far_apart",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bit_and",
    "bit_not",
    "bit_or",
    "bit_xor",
    "cbrt",
    "ceil",
    "clip",
    "cos",
    "cosh",
    "cube",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "exp_to_one",
    "expm1",
    "floor",
    "floor_divide",
    "fma",
    "fourth_power",
    "from_bfloat16",
    "from_float16",
    "gelu",
    "gelu_slope",
    "half_power",
    "hypot",
    "is_far",
    "is_large",
    "is_unusual",
    "left_shift",
    "log",
    "log1p",
    "log2",
    "log10",
    "maximum",
    "minimum",
    "modulo",
    "near_cos",
    "near_exp",
    "near_floor_divide",
    "near_log",
    "near_modulo",
    "near_sin",
    "pow",
    "right_shift",
    "round_half_even",
    "rsqrt",
    "sigmoid",
    "sign",
    "sign_bit",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "tan",
    "tanh",
    "to_bfloat16",
    "to_bool",
    "to_float16",
    "to_float32",
    "to_float64",
    "to_int8",
    "to_int16",
    "to_int32",
    "to_int64",
    "to_uint8",
    "to_uint16",
    "to_uint32",
    "to_uint64",
    "trunc",
    "where",
]  # fmt: skip

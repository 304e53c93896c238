"""JAX versions, for whole arrays, of the scalar functions in formulas of elementwise ops.

They behave like the functions in `nodeflow.engine.devicelib.math_functions`: NaN stays NaN,
integers wrap, casts of floats to integers saturate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy import special

from nodeflow.graph.types import DTYPES, number_kind, numpy_dtype


def cast(x: Any, dtype: str) -> Any:
    """Convert x to another dtype.

    Casting floats to integers saturates, and NaN becomes 0. Integers wrap. A bool says whether
    x is not 0.
    """
    target = numpy_dtype(dtype)
    if dtype == "bool":
        return x != 0
    if number_kind(target) == "c" or number_kind(x.dtype) not in "fc":
        return x.astype(target)
    if number_kind(x.dtype) == "c":
        x = x.real
    if number_kind(target) == "f":
        return x.astype(target)
    limits = np.iinfo(target)
    wide = x.astype(jnp.float64)
    below, above = wide <= float(limits.min), wide >= float(limits.max)
    inside = jnp.where(below | above | jnp.isnan(wide), 0.0, wide).astype(target)
    most = jnp.where(above, jnp.asarray(limits.max, target), inside)
    return jnp.where(below, jnp.asarray(limits.min, target), most)


def maximum(x: Any, y: Any) -> Any:
    """Return the larger number, x if they are equal, NaN if either is NaN."""
    return jnp.where((x >= y) | (x != x), x, y)


def minimum(x: Any, y: Any) -> Any:
    """Return the smaller number, x if they are equal, NaN if either is NaN."""
    return jnp.where((x <= y) | (x != x), x, y)


def floor_divide(x: Any, y: Any) -> Any:
    """Return the largest whole number not above x / y.

    Integers divided by zero give 0, which rules report as a failure.
    """
    if _is_integer(y):
        whole = jnp.floor_divide(x, jnp.where(y == 0, jnp.ones_like(y), y))
        return jnp.where(y == 0, jnp.zeros_like(whole), whole)
    rest = lax.rem(*jnp.broadcast_arrays(x, y))
    quotient = (x - rest) / y
    quotient = jnp.where((rest != 0) & ((rest < 0) != (y < 0)), quotient - 1, quotient)
    nearest = jnp.floor(quotient)
    nearest = jnp.where(quotient - nearest > 0.5, nearest + 1, nearest)
    nearest = jnp.where(quotient == 0, jnp.copysign(quotient, x / y), nearest)
    return jnp.where(y == 0, x / y, nearest)


def modulo(x: Any, y: Any) -> Any:
    """Return x - y * floor_divide(x, y), which has the sign of y.

    For integers and y = 0, return 0.
    """
    if _is_integer(y):
        rest = jnp.remainder(x, jnp.where(y == 0, jnp.ones_like(y), y))
        return jnp.where(y == 0, jnp.zeros_like(rest), rest)
    rest = lax.rem(*jnp.broadcast_arrays(x, y))
    rest = jnp.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)
    return jnp.where(rest == 0, jnp.copysign(rest, y), rest)


def power(x: Any, y: Any) -> Any:
    """Return x**y. Integers wrap.

    A negative power of an integer gives 0, which rules report as a failure.
    """
    if not _is_integer(y):
        return jnp.power(x, y)
    x, y = jnp.broadcast_arrays(x, y)
    result, rest = jnp.ones_like(x), y
    for _ in range(8 * y.dtype.itemsize - (y.dtype.kind == "i")):
        result = jnp.where(rest & 1 == 1, result * x, result)
        x, rest = x * x, rest >> 1
    return jnp.where(y < 0, jnp.zeros_like(result), result)


def sign(x: Any) -> Any:
    """Return -1, 0 or 1; NaN for NaN."""
    return jnp.where(x == 0, jnp.zeros_like(x), jnp.sign(x))


def sign_bit(x: Any) -> Any:
    """Return whether the sign bit is set, also for -0 and NaN."""
    return x < 0 if _is_integer(x) else jnp.signbit(x)


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)), computed without overflow."""
    small = jnp.exp(-jnp.abs(x))
    return jnp.where(x < 0, small, jnp.ones_like(small)) / (1 + small)


def gelu(x: Any) -> Any:
    """Return x times the probability that a standard normal number is below x."""
    return x * 0.5 * special.erfc(x * -math.sqrt(0.5))


def gelu_slope(x: Any) -> Any:
    """Return the derivative of `gelu`: P(Z < x) + x * density(x), for a standard normal Z."""
    density = jnp.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return special.erfc(x * -math.sqrt(0.5)) * 0.5 + x * density


def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)), computed without overflow."""
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def left_shift(x: Any, y: Any) -> Any:
    """Return x with its bits shifted left by y; 0 if y is not less than the number of bits."""
    inside, places = _places(x, y)
    return jnp.where(inside, jnp.left_shift(x, places), jnp.zeros_like(x))


def right_shift(x: Any, y: Any) -> Any:
    """Return x with its bits shifted right by y.

    If y is not less than the number of bits, return 0, or -1 for negative x.
    """
    inside, places = _places(x, y)
    nothing = jnp.zeros_like(x)
    gone = nothing if x.dtype.kind == "u" else jnp.where(x < 0, ~nothing, nothing)
    return jnp.where(inside, jnp.right_shift(x, places), gone)


def _places(x: Any, y: Any) -> tuple[Any, Any]:
    inside = (y >= 0) & (y < 8 * x.dtype.itemsize)
    return inside, jnp.where(inside, y, jnp.zeros_like(y))


def _is_integer(x: Any) -> bool:
    return x.dtype.kind in "iu"


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs_": jnp.abs,
    "acos": jnp.arccos,
    "acosh": jnp.arccosh,
    "asin": jnp.arcsin,
    "asinh": jnp.arcsinh,
    "atan": jnp.arctan,
    "atan2": jnp.arctan2,
    "atanh": jnp.arctanh,
    "bit_and": jnp.bitwise_and,
    "bit_not": jnp.bitwise_not,
    "bit_or": jnp.bitwise_or,
    "bit_xor": jnp.bitwise_xor,
    "cbrt": jnp.cbrt,
    "ceil": jnp.ceil,
    "clip": lambda x, low, high: minimum(maximum(x, low), high),
    "cos": jnp.cos,
    "cosh": jnp.cosh,
    "erf": special.erf,
    "erfc": special.erfc,
    "exp": jnp.exp,
    "exp2": jnp.exp2,
    "expm1": jnp.expm1,
    "floor": jnp.floor,
    "floor_divide": floor_divide,
    "gelu": gelu,
    "gelu_slope": gelu_slope,
    "fma": lambda x, y, z: x * y + z,
    "hypot": jnp.hypot,
    "left_shift": left_shift,
    "log": jnp.log,
    "log1p": jnp.log1p,
    "log2": jnp.log2,
    "log10": jnp.log10,
    "maximum": maximum,
    "minimum": minimum,
    "modulo": modulo,
    "pow": power,
    "right_shift": right_shift,
    "round_half_even": jnp.rint,
    "rsqrt": lambda x: 1 / jnp.sqrt(x),
    "sigmoid": sigmoid,
    "sign": sign,
    "sign_bit": sign_bit,
    "sin": jnp.sin,
    "sinh": jnp.sinh,
    "softplus": softplus,
    "sqrt": jnp.sqrt,
    "tan": jnp.tan,
    "tanh": jnp.tanh,
    "trunc": jnp.trunc,
    "where": jnp.where,
}
"""The functions by their name in formulas; `function_of` adds ``cast`` and ``to_DTYPE``."""


def function_of(name: str, dtype: str) -> Callable[..., Any]:
    """Return the function that a name in a formula refers to, for results of a dtype.

    Raises:
        ValueError: there is no such function, which is a bug of the op.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    target = dtype if name == "cast" else name.partition("_")[2]
    if name.startswith("from_") and target in DTYPES:
        target = "float32"
    if target not in DTYPES:
        raise ValueError(f"the formula calls {name}, which JAX has no function for")
    return lambda x: cast(x, target)

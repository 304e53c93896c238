"""Arithmetic and mathematical functions of numbers, each one declaration."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.errors import RunError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import COMPLEX, FLOATS, NUMBERS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.elementwise import Elementwise, define

POSITIVE = {"x": (0.5, 3.0)}


def _refuse(bad: np.ndarray, x: np.ndarray, y: np.ndarray, message: str, hint: str) -> None:
    """Raise RunError with ``message`` if a bad element of y is used when x and y broadcast.

    Args:
        bad: true at the bad elements, in the shape of y.
    """
    if np.any(np.logical_and(bad, np.ones(np.broadcast_shapes(x.shape, y.shape), bool))):
        raise RunError(message, port="y", hint=hint)


def check_divisor(x: np.ndarray, y: np.ndarray) -> None:
    """Raise RunError if an integer is divided by 0."""
    if y.dtype.kind in "iu":
        hint = "Keep zeros out of the divisor, or cast to float32."
        _refuse(y == 0, x, y, "integer division by zero", hint)


def _floor_divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    check_divisor(x, y)
    return np.floor_divide(x, y)


def _modulo(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    check_divisor(x, y)
    return np.mod(x, y)


def _power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if y.dtype.kind == "i":
        hint = "Keep exponents at 0 or above, or cast to float32."
        _refuse(y < 0, x, y, "an integer to a negative power is not an integer", hint)
    out = np.power(x, y)
    # numpy takes the square root, which maps -0 to -0 and -inf to NaN; pow gives 0 and inf
    if y.ndim == 0 and y == 0.5:
        out = np.where(x == -np.inf, np.array(np.inf, out.dtype), out + np.array(0, out.dtype))
    return out


def larger(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return numpy's maximum, but the first of two equal elements; numpy may return either zero."""
    return np.where((x >= y) | (x != x), x, y)


def smaller(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return numpy's minimum, but the first of two equal elements; numpy may return either zero."""
    return np.where((x <= y) | (x != x), x, y)


def _where_it_flows(g: Tensor, slope: Tensor) -> Tensor:
    """Return slope * g, and 0 where g is 0 even if the slope is infinite, as in TensorFlow."""
    return F.multiply_no_nan(slope, g) if g.dtype in FLOATS else g * slope


def _erf(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return erf(x)


def _erfc(x: np.ndarray) -> np.ndarray:
    from scipy.special import erfc

    return erfc(x)


class Magnitude(Elementwise):
    """An elementwise op whose result is real if its input is complex."""

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        out = super().infer(*types, **attrs)
        return out.with_dtype(_PARTS.get(out.dtype, out.dtype))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(np.abs(arrays[0]))


_PARTS = {"complex64": "float32", "complex128": "float64"}

# ---- arithmetic -----------------------------------------------------------------------------

define(
    "add",
    "The sum x + y.\n\nShapes broadcast as in numpy. Integers wrap.",
    np.add,
    "x + y",
    names="x y",
    dtypes=NUMBERS + COMPLEX,
    gradient=lambda g, x, y, out: (g, g),
    keywords=("plus", "+", "sum"),
)
define(
    "subtract",
    "The difference x - y.\n\nShapes broadcast as in numpy. Integers wrap.",
    np.subtract,
    "x - y",
    names="x y",
    dtypes=NUMBERS + COMPLEX,
    gradient=lambda g, x, y, out: (g, -g),
    keywords=("minus", "-", "difference"),
)
define(
    "multiply",
    "The product x * y, element by element.\n\nShapes broadcast as in numpy. Integers wrap. "
    "For the product of matrices use matmul.",
    np.multiply,
    "x * y",
    names="x y",
    dtypes=NUMBERS + COMPLEX,
    gradient=lambda g, x, y, out: (g * y, g * x),
    keywords=("times", "*", "product", "mul"),
)
define(
    "divide",
    "The quotient x / y of floats.\n\nShapes broadcast as in numpy. Division by zero gives an "
    "infinity, 0 / 0 gives NaN. For integers use floor_divide, or cast to a float first.",
    np.divide,
    "x / y",
    names="x y",
    dtypes=FLOATS + COMPLEX,
    gradient=lambda g, x, y, out: (g / y, -g * out / y),
    keywords=("over", "/", "quotient", "div"),
    domain={"y": (0.5, 3.0)},
)
define(
    "floor_divide",
    "The quotient of x and y rounded down: -7 // 2 is -4.\n\nSigns follow Python's rule. Integer "
    "division by zero is an error when run; floats give an infinity or NaN. No gradient flows.",
    _floor_divide,
    "floor_divide(x, y)",
    names="x y",
    gradient=lambda g, x, y, out: (None, None),
    keywords=("//", "integer division", "quotient"),
    domain={"x": (-5.0, 5.0), "y": (0.6, 3.0)},
)
define(
    "modulo",
    "The remainder of x divided by y, with the sign of y: -7 % 2 is 1.\n\nSigns follow Python's "
    "rule. Integer division by zero is an error when run; floats give NaN. Gradient: 1 for x, -(x "
    "// y) for y.",
    _modulo,
    "modulo(x, y)",
    names="x y",
    gradient=lambda g, x, y, out: (g, -g * F.floor_divide(x, y)),
    keywords=("%", "remainder", "mod"),
    domain={"x": (-5.0, 5.0), "y": (0.6, 3.0)},
)
define(
    "power",
    "x to the power y.\n\nShapes broadcast as in numpy. Integers wrap; an integer to a negative "
    "power is an error when run. The gradient for y is 0 where x is not positive.",
    _power,
    "pow(x, y)",
    names="x y",
    dtypes=NUMBERS + COMPLEX,
    gradient=lambda g, x, y, out: (
        g * y * x ** F.where(F.equal(y, 0), 1, y - 1),
        g * out * F.log(F.where(x > 0, x, 1)),
    ),
    keywords=("**", "exponent", "pow"),
    domain={"x": (0.5, 3.0), "y": (0.0, 3.0)},
)
define(
    "negative",
    "The negative -x.",
    np.negative,
    "-x",
    dtypes=NUMBERS + COMPLEX,
    gradient=lambda g, x, out: (-g,),
    keywords=("minus", "-", "neg"),
)
REGISTRY.register(
    Magnitude(
        "abs",
        "The absolute value |x|.\n\nFor complex numbers the distance from 0, a float. Gradient: "
        "the sign of x, which is 0 at 0.",
        np.abs,
        "abs_(x)",
        dtypes=NUMBERS + COMPLEX,
        gradient=lambda g, x, out: (g * F.sign(x),),
        keywords=("absolute", "magnitude", "modulus"),
        category="Math",
    )
)
define(
    "sign",
    "The sign of x: -1, 0 or 1.\n\nNaN gives NaN. No gradient flows.",
    np.sign,
    "sign(x)",
    gradient=lambda g, x, out: (None,),
)
define(
    "square",
    "The square x * x.",
    np.square,
    "x * x",
    dtypes=NUMBERS + COMPLEX,
    gradient=lambda g, x, out: (g * (x * 2),),
    keywords=("power 2",),
)
define(
    "sqrt",
    "The square root of x.\n\nNegative numbers give NaN. Gradient: 1 / (2 sqrt(x)). It is 0 where "
    "the incoming gradient is 0, for example at an x of 0 that `where` leaves out.",
    np.sqrt,
    "sqrt(x)",
    dtypes=FLOATS + COMPLEX,
    gradient=lambda g, x, out: (_where_it_flows(g, 0.5 / out),),
    keywords=("root",),
    domain=POSITIVE,
)
define(
    "rsqrt",
    "One over the square root of x.\n\nGradient: -1 / (2 x sqrt(x)). It is 0 where the incoming "
    "gradient is 0, for example at an x of 0 that `where` leaves out.",
    lambda x: 1 / np.sqrt(x),
    "rsqrt(x)",
    dtypes=FLOATS + COMPLEX,
    gradient=lambda g, x, out: (_where_it_flows(g, -0.5 * out / x),),
    keywords=("root", "inverse"),
    domain=POSITIVE,
)
# ---- exponential and trigonometric ------------------------------------------------------------

define(
    "exp",
    "e to the power x.\n\nOverflow gives infinity.",
    np.exp,
    "exp(x)",
    dtypes=FLOATS + COMPLEX,
    gradient=lambda g, x, out: (g * out,),
    keywords=("exponential",),
)
define(
    "log",
    "The natural logarithm of x.\n\n0 gives -infinity, negative numbers NaN. Gradient: 1 / x.",
    np.log,
    "log(x)",
    dtypes=FLOATS + COMPLEX,
    gradient=lambda g, x, out: (g / x,),
    keywords=("logarithm", "ln"),
    domain=POSITIVE,
)
define(
    "log1p",
    "The natural logarithm of 1 + x, exact for small x.\n\nGradient: 1 / (1 + x).",
    np.log1p,
    "log1p(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g / (x + 1),),
    keywords=("logarithm",),
    domain={"x": (-0.5, 3.0)},
)
define(
    "sin",
    "The sine of x in radians.",
    np.sin,
    "sin(x)",
    dtypes=FLOATS + COMPLEX,
    gradient=lambda g, x, out: (g * F.cos(x),),
    keywords=("sine", "wave"),
)
define(
    "cos",
    "The cosine of x in radians.",
    np.cos,
    "cos(x)",
    dtypes=FLOATS + COMPLEX,
    gradient=lambda g, x, out: (-g * F.sin(x),),
    keywords=("cosine", "wave"),
)
define(
    "tan",
    "The tangent of x in radians.\n\nGradient: 1 + tan(x)^2.",
    np.tan,
    "tan(x)",
    dtypes=FLOATS + COMPLEX,
    gradient=lambda g, x, out: (g * (F.square(out) + 1),),
    keywords=("tangent",),
    domain={"x": (-1.2, 1.2)},
)
define(
    "tanh",
    "The hyperbolic tangent of x, between -1 and 1.\n\nGradient: 1 - tanh(x)^2.",
    np.tanh,
    "tanh(x)",
    dtypes=FLOATS + COMPLEX,
    gradient=lambda g, x, out: (g * (1 - F.square(out)),),
    keywords=("hyperbolic", "activation"),
)
define(
    "erf",
    "The error function of x.\n\nGradient: 2 / sqrt(pi) * exp(-x^2).",
    _erf,
    "erf(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * (2 / np.sqrt(np.pi)).item() * F.exp(-F.square(x)),),
    keywords=("gauss", "normal"),
)
define(
    "erfc",
    "1 - erf(x), exact where erf(x) is nearly 1.\n\nGradient: -2 / sqrt(pi) * exp(-x^2).",
    _erfc,
    "erfc(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * (-2 / np.sqrt(np.pi)).item() * F.exp(-F.square(x)),),
    keywords=("gauss", "normal", "tail", "complementary"),
)

# ---- limits and rounding ----------------------------------------------------------------------

define(
    "maximum",
    "The larger of x and y; x where they are equal, also for -0 and 0.\n\nNaN if either is NaN. "
    "Gradient: to the element that was taken.",
    larger,
    "maximum(x, y)",
    names="x y",
    gradient=lambda g, x, y, out: (F.where(x >= y, g, 0), F.where(x >= y, 0, g)),
    keywords=("max", "larger"),
)
define(
    "minimum",
    "The smaller of x and y; x where they are equal, also for -0 and 0.\n\nNaN if either is NaN. "
    "Gradient: to the element that was taken.",
    smaller,
    "minimum(x, y)",
    names="x y",
    gradient=lambda g, x, y, out: (F.where(x <= y, g, 0), F.where(x <= y, 0, g)),
    keywords=("min", "smaller"),
)
define(
    "floor",
    "The largest whole number not above x, as a float.\n\nNo gradient flows.",
    np.floor,
    "floor(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (None,),
    keywords=("round down",),
)
define(
    "ceil",
    "The smallest whole number not below x, as a float.\n\nNo gradient flows.",
    np.ceil,
    "ceil(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (None,),
    keywords=("round up",),
)
define(
    "round",
    "The nearest whole number, as a float. Halves round to the even neighbour.\n\nNo gradient "
    "flows.",
    np.rint,
    "round_half_even(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (None,),
    keywords=("nearest",),
)

"""Division and multiplication that give 0 instead of NaN, and division rounded towards 0."""

from __future__ import annotations

import numpy as np

from nodeflow.graph.types import FLOATS, INTEGERS
from nodeflow.ops import functions as F
from nodeflow.ops.elementwise import define
from nodeflow.ops.math.arithmetic import check_divisor


def _truncated(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    check_divisor(x, y)
    quotient = np.floor_divide(x, y)
    return quotient + ((quotient < 0) & (quotient * y != x))


def _truncated_rest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    check_divisor(x, y)
    return np.fmod(x, y)


def _where_not_zero(result: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(y == 0, np.zeros((), result.dtype), result)


define(
    "squared_difference",
    "The square of the difference: (x - y)^2.\n\nShapes broadcast as in numpy. Integers wrap.",
    lambda x, y: np.square(x - y),
    "(x - y) * (x - y)",
    names="x y",
    gradient=lambda g, x, y, out: (g * (x - y) * 2, g * (y - x) * 2),
    keywords=("distance", "error", "deviation"),
    everyday=False,
)
define(
    "reciprocal",
    "One over x.\n\n0 gives an infinity. Gradient: -1 / x^2.",
    lambda x: 1 / x,
    "1 / x",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (-g * F.square(out),),
    keywords=("inverse", "1/x", "inv"),
    domain={"x": (0.5, 3.0)},
    everyday=False,
)
define(
    "divide_no_nan",
    "x / y, and 0 where y is 0.\n\nShapes broadcast as in numpy. Gradient: 0 where y is 0.",
    lambda x, y: _where_not_zero(x / y, y),
    "where(y == 0, 0, x / y)",
    names="x y",
    dtypes=FLOATS,
    gradient=lambda g, x, y, out: (F.divide_no_nan(g, y), -g * F.divide_no_nan(out, y)),
    keywords=("div_no_nan", "safe division", "ratio"),
    domain={"y": (0.5, 3.0)},
    everyday=False,
)
define(
    "multiply_no_nan",
    "x * y, and 0 where y is 0, even if x is infinite or NaN.\n\nShapes broadcast as in numpy.",
    lambda x, y: _where_not_zero(x * y, y),
    "where(y == 0, 0, x * y)",
    names="x y",
    dtypes=FLOATS,
    gradient=lambda g, x, y, out: (F.multiply_no_nan(g, y), F.multiply_no_nan(x, g)),
    keywords=("mul_no_nan", "masked product"),
    everyday=False,
)
define(
    "truncate_divide",
    "The quotient of integers rounded towards 0: -7 by 2 is -3.\n\nSigns follow C's rule. "
    "Division by zero is an error when run. No gradient flows.",
    _truncated,
    "floor_divide(x, y) + where((floor_divide(x, y) < 0) and (modulo(x, y) != 0), 1, 0)",
    names="x y",
    dtypes=INTEGERS,
    keywords=("truncatediv", "integer division", "quotient"),
    domain={"x": (-9.0, 9.0), "y": (1.0, 3.0)},
    everyday=False,
)
define(
    "truncate_modulo",
    "The remainder of integers after `truncate_divide`, with the sign of x: -7 by 2 is -1.\n\n"
    "Signs follow C's rule. Division by zero is an error when run. No gradient flows.",
    _truncated_rest,
    "where((modulo(x, y) != 0) and ((x < 0) != (y < 0)), modulo(x, y) - y, modulo(x, y))",
    names="x y",
    dtypes=INTEGERS,
    keywords=("truncatemod", "fmod", "remainder"),
    domain={"x": (-9.0, 9.0), "y": (1.0, 3.0)},
    everyday=False,
)

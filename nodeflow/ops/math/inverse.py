"""Inverse trigonometric and hyperbolic functions, logarithms and powers of other bases."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nodeflow.graph.types import FLOATS
from nodeflow.ops import functions as F
from nodeflow.ops.elementwise import define

INSIDE, BEYOND = {"x": (-0.9, 0.9)}, {"x": (1.1, 3.0)}
LN2, LN10 = math.log(2), math.log(10)


def _define(
    op_id: str,
    doc: str,
    reference: Callable[..., Any],
    gradient: Callable[..., Any],
    *keywords: str,
    names: str = "x",
    domain: Any = None,
) -> None:
    """Define an elementwise op on floats whose compiled kernels call a function with the same name
    as the op.
    """
    define(
        op_id,
        doc,
        reference,
        f"{op_id}({', '.join(names.split())})",
        names=names,
        dtypes=FLOATS,
        gradient=gradient,
        keywords=keywords,
        domain=domain,
        everyday=False,
    )


_define(
    "asin",
    "The angle between -pi/2 and pi/2 whose sine is x.\n\nNaN outside -1 to 1. "
    "Gradient: 1 / sqrt(1 - x^2).",
    np.arcsin,
    lambda g, x, out: (g * F.rsqrt(1 - F.square(x)),),
    "arcsin",
    "arc sine",
    "inverse",
    domain=INSIDE,
)
_define(
    "acos",
    "The angle between 0 and pi whose cosine is x.\n\nNaN outside -1 to 1. "
    "Gradient: -1 / sqrt(1 - x^2).",
    np.arccos,
    lambda g, x, out: (-g * F.rsqrt(1 - F.square(x)),),
    "arccos",
    "arc cosine",
    "inverse",
    domain=INSIDE,
)
_define(
    "atan",
    "The angle between -pi/2 and pi/2 whose tangent is x.\n\nGradient: 1 / (1 + x^2).",
    np.arctan,
    lambda g, x, out: (g / (1 + F.square(x)),),
    "arctan",
    "arc tangent",
    "inverse",
)
_define(
    "atan2",
    "The angle between -pi and pi of the point with height y and width x.\n\nShapes broadcast as "
    "in numpy. The signs of zeros count. Gradient: x / (x^2 + y^2) for y, -y / (x^2 + y^2) for x.",
    np.arctan2,
    lambda g, y, x, out: (
        g * x / (F.square(x) + F.square(y)),
        -g * y / (F.square(x) + F.square(y)),
    ),
    "arctan2",
    "angle",
    "phase",
    "polar",
    names="y x",
    domain={"y": (0.5, 2.0), "x": (-2.0, -0.5)},
)
_define(
    "hypot",
    "The distance sqrt(x^2 + y^2) of a point from the origin.\n\nIntermediate results do not "
    "overflow. Gradient: x / out and y / out, 0 at the origin.",
    np.hypot,
    lambda g, x, y, out: (
        g * F.where(F.equal(out, 0), 0, x / out),
        g * F.where(F.equal(out, 0), 0, y / out),
    ),
    "hypotenuse",
    "pythagoras",
    "euclidean",
    "norm",
    "radius",
    names="x y",
    domain={"x": (0.5, 2.0)},
)
_define(
    "sinh",
    "The hyperbolic sine (exp(x) - exp(-x)) / 2.\n\nGradient: cosh(x).",
    np.sinh,
    lambda g, x, out: (g * F.cosh(x),),
    "hyperbolic sine",
)
_define(
    "cosh",
    "The hyperbolic cosine (exp(x) + exp(-x)) / 2.\n\nGradient: sinh(x).",
    np.cosh,
    lambda g, x, out: (g * F.sinh(x),),
    "hyperbolic cosine",
    "catenary",
)
_define(
    "asinh",
    "The number whose hyperbolic sine is x.\n\nGradient: 1 / sqrt(x^2 + 1).",
    np.arcsinh,
    lambda g, x, out: (g * F.rsqrt(F.square(x) + 1),),
    "arcsinh",
    "arsinh",
    "inverse",
    "hyperbolic",
)
_define(
    "acosh",
    "The number >= 0 whose hyperbolic cosine is x.\n\nNaN below 1. Gradient: 1 / sqrt(x^2 - 1).",
    np.arccosh,
    lambda g, x, out: (g * F.rsqrt(F.square(x) - 1),),
    "arccosh",
    "arcosh",
    "inverse",
    "hyperbolic",
    domain=BEYOND,
)
_define(
    "atanh",
    "The number whose hyperbolic tangent is x.\n\nInfinite at -1 and 1, NaN beyond. "
    "Gradient: 1 / (1 - x^2).",
    np.arctanh,
    lambda g, x, out: (g / (1 - F.square(x)),),
    "arctanh",
    "artanh",
    "inverse",
    "hyperbolic",
    "fisher",
    domain=INSIDE,
)
_define(
    "log2",
    "The logarithm to base 2.\n\n0 gives -infinity, negative numbers NaN. Gradient: 1 / (x ln 2).",
    np.log2,
    lambda g, x, out: (g / (x * LN2),),
    "logarithm",
    "bits",
    "octave",
    domain={"x": (0.5, 3.0)},
)
_define(
    "log10",
    "The logarithm to base 10.\n\n0 gives -infinity, negative numbers NaN. Gradient: 1 / (x ln "
    "10).",
    np.log10,
    lambda g, x, out: (g / (x * LN10),),
    "logarithm",
    "decibel",
    "decade",
    domain={"x": (0.5, 3.0)},
)
_define(
    "exp2",
    "2 to the power x.\n\nGradient: out ln 2.",
    np.exp2,
    lambda g, x, out: (g * (out * LN2),),
    "exponential",
    "power of two",
)
_define(
    "expm1",
    "e to the power x, minus 1, exact for small x.\n\nGradient: out + 1.",
    np.expm1,
    lambda g, x, out: (g * (out + 1),),
    "exponential",
)
_define(
    "cbrt",
    "The cube root of x, also for negative numbers.\n\nGradient: 1 / (3 out^2).",
    np.cbrt,
    lambda g, x, out: (g / (F.square(out) * 3),),
    "root",
    "third root",
    domain={"x": (0.5, 3.0)},
)

"""Activation functions: sigmoid, rectifiers and gelu."""

from __future__ import annotations

import math

import numpy as np

from nodeflow.graph.declaration import Attr
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, NUMBERS
from nodeflow.ops import functions as F
from nodeflow.ops.elementwise import Elementwise, define
from nodeflow.ops.math.arithmetic import larger

CATEGORY = "Neural network"


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erfc

    return x * 0.5 * erfc(x * -math.sqrt(0.5))


define(
    "sigmoid",
    "The logistic function 1 / (1 + exp(-x)), between 0 and 1.\n\nGradient: out * (1 - out).",
    _sigmoid,
    "sigmoid(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * out * (1 - out),),
    category=CATEGORY,
    keywords=("logistic", "activation"),
)
define(
    "softplus",
    "The smooth ramp log(1 + exp(x)).\n\nGradient: sigmoid(x).",
    lambda x: np.logaddexp(x, x.dtype.type(0)),
    "softplus(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * F.sigmoid(x),),
    category=CATEGORY,
    keywords=("activation", "smooth relu"),
)
define(
    "relu",
    "The rectifier max(x, 0).\n\nNaN stays NaN, and -0 stays -0. Gradient: 1 above 0, else 0.",
    lambda x: larger(x, x.dtype.type(0)),
    "maximum(x, 0)",
    dtypes=NUMBERS,
    gradient=lambda g, x, out: (F.where(x > 0, g, 0),),
    category=CATEGORY,
    keywords=("rectifier", "activation"),
)
define(
    "leaky_relu",
    "x above 0, alpha * x at and below 0.\n\nGradient: 1 above 0, else alpha.",
    lambda x, alpha: np.where(x > 0, x, x * x.dtype.type(alpha)),
    "where(x > 0, x, x * alpha)",
    dtypes=FLOATS,
    attrs=(Attr("alpha", "float", 0.2, "Slope below 0."),),
    gradient=lambda g, x, out, alpha: (F.where(x > 0, g, g * alpha),),
    category=CATEGORY,
    keywords=("rectifier", "activation"),
)
define(
    "elu",
    "x above 0, alpha * (exp(x) - 1) at and below 0.\n\nClevert, Unterthiner and Hochreiter, "
    "2015. Gradient: 1 above 0, else out + alpha.",
    lambda x, alpha: np.where(x > 0, x, np.expm1(x) * x.dtype.type(alpha)),
    "where(x > 0, x, expm1(x) * alpha)",
    dtypes=FLOATS,
    attrs=(Attr("alpha", "float", 1.0, "Minus the limit for x far below 0."),),
    gradient=lambda g, x, out, alpha: (F.where(x > 0, g, g * (out + alpha)),),
    category=CATEGORY,
    keywords=("exponential", "activation"),
)


def _gelu_slope(x: np.ndarray) -> np.ndarray:
    from scipy.special import erfc

    density = np.exp(np.square(x) * -0.5) * (1 / math.sqrt(2 * math.pi))
    return erfc(x * -math.sqrt(0.5)) * 0.5 + x * density


class Slope(Elementwise):
    """An op for the derivative of an activation, which gradients use; hidden from users."""

    hidden = True


REGISTRY.register(
    Slope(
        "gelu_slope",
        "The derivative of gelu.\n\nIt is one formula, so that a kernel with gelu and its "
        "derivative computes the error function once.",
        _gelu_slope,
        "gelu_slope(x)",
        dtypes=FLOATS,
        gradient=lambda g, x, out: (
            g * (2 - F.square(x)) * F.exp(F.square(x) * -0.5) * (1 / math.sqrt(2 * math.pi)),
        ),
        category="Internal",
    )
)
define(
    "gelu",
    "x times the probability that a standard normal number is below x.\n\nx * (1 + erf(x / "
    "sqrt(2))) / 2; Hendrycks and Gimpel, 2016. Gradient: the probability, erfc(-x / sqrt(2)) / "
    "2, plus x times the density.",
    _gelu,
    "gelu(x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * F.gelu_slope(x),),
    category=CATEGORY,
    keywords=("gauss", "activation"),
)

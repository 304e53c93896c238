"""Piecewise linear activation functions."""

from __future__ import annotations

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.types import FLOATS
from nodeflow.ops import functions as F
from nodeflow.ops.activations.basic import CATEGORY
from nodeflow.ops.activations.smooth import define_with
from nodeflow.ops.elementwise import define
from nodeflow.ops.math.arithmetic import larger, smaller


def _limited(x: np.ndarray, low: float, high: float) -> np.ndarray:
    return smaller(larger(x, x.dtype.type(low)), x.dtype.type(high))


define(
    "relu6",
    "The rectifier with a limit: min(max(x, 0), 6).\n\nNaN stays NaN. Gradient: 1 between 0 and 6, "
    "else 0. Krizhevsky, 2010.",
    lambda x: _limited(x, 0, 6),
    "clip(x, 0, 6)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (F.where(F.logical_and(x > 0, x < 6), g, 0),),
    category=CATEGORY,
    keywords=("rectifier", "activation", "mobile"),
)
define_with(
    {"alpha": 1 / 6},
    {"alpha": 0.5, "beta": 0.25},
    args=(
        "hard_sigmoid",
        "alpha * x + beta, limited to 0 to 1: a piecewise linear sigmoid.\n\nThe defaults are "
        "those of Keras and ONNX; PyTorch's alpha is 1 / 6. Gradient: alpha between the limits, "
        "else 0.",
        lambda x, alpha, beta: _limited(x * x.dtype.type(alpha) + x.dtype.type(beta), 0, 1),
        "clip(x * alpha + beta, 0, 1)",
    ),
    attrs=(
        Attr("alpha", "float", 0.2, "Slope."),
        Attr("beta", "float", 0.5, "Value at 0."),
    ),
    gradient=lambda g, x, out, alpha, beta: (
        F.where(F.logical_and(out > 0, out < 1), g * alpha, 0),
    ),
    keywords=("hardsigmoid", "activation"),
)
define(
    "hard_swish",
    "x * relu6(x + 3) / 6: a silu of three pieces.\n\nHoward et al., 2019. Gradient: 0 up to -3, "
    "x / 3 + 1 / 2 between -3 and 3, 1 from 3 on.",
    lambda x: x * (_limited(x + 3, 0, 6) * x.dtype.type(1 / 6)),
    f"x * (clip(x + 3, 0, 6) * {1 / 6!r})",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (F.where(x <= -3, 0, F.where(x >= 3, g, g * (x * (1 / 3) + 0.5))),),
    category=CATEGORY,
    keywords=("hardswish", "activation", "mobilenet", "hard silu"),
    everyday=False,
)
define_with(
    {"min": -0.5, "max": 1.5},
    args=(
        "hard_tanh",
        "x limited to -1 to 1: a piecewise linear tanh.\n\nNaN stays NaN. Gradient: 1 between the "
        "limits, else 0.",
        lambda x, min, max: _limited(x, min, max),
        "clip(x, min, max)",
    ),
    attrs=(
        Attr("min", "float", -1.0, "Lowest value."),
        Attr("max", "float", 1.0, "Highest value."),
    ),
    gradient=lambda g, x, out, min, max: (F.where(F.logical_and(x > min, x < max), g, 0),),
    keywords=("hardtanh", "activation", "clip"),
)
define_with(
    {"theta": 0.25, "value": -1.0},
    args=(
        "thresholded_relu",
        "x above theta, else `value`.\n\nKonda, Memisevic and Krueger, 2014; PyTorch calls it "
        "threshold. NaN stays NaN. Gradient: 1 above theta, else 0.",
        lambda x, theta, value: np.where(
            x > x.dtype.type(theta), x, np.where(x != x, x, x.dtype.type(value))
        ),
        "where(x > theta, x, where(x != x, x, value))",
    ),
    attrs=(
        Attr("theta", "float", 1.0, "Threshold."),
        Attr("value", "float", 0.0, "Result where x is not above theta."),
    ),
    gradient=lambda g, x, out, theta, value: (F.where(x > theta, g, 0),),
    keywords=("threshold", "rectifier", "activation"),
)
define_with(
    {"lambd": 0.25, "bias": 0.5},
    args=(
        "shrink",
        "x moved towards 0 by `bias` where |x| is above lambd, else 0.\n\nA bias of 0 gives the "
        "hard shrink, a bias equal to lambd the soft shrink. Gradient: 1 where |x| is above "
        "lambd, else 0.",
        lambda x, lambd, bias: np.where(
            np.abs(x) > x.dtype.type(lambd), x - np.sign(x) * x.dtype.type(bias), x * 0
        ),
        "where(abs_(x) > lambd, x - sign(x) * bias, x * 0)",
    ),
    attrs=(
        Attr("lambd", "float", 0.5, "Largest |x| that becomes 0."),
        Attr("bias", "float", 0.0, "Distance by which other values move towards 0."),
    ),
    gradient=lambda g, x, out, lambd, bias: (F.where(F.abs(x) > lambd, g, 0),),
    keywords=("soft threshold", "hardshrink", "softshrink", "lasso", "activation"),
)
define(
    "prelu",
    "x above 0, alpha * x at and below 0; alpha is a tensor that can be trained.\n\nShapes "
    "broadcast as in numpy: one alpha per feature, or a single one. He et al., 2015. Gradient for "
    "x: 1 above 0, else alpha; for alpha: 0 above 0, else x.",
    lambda x, alpha: np.where(x > 0, x, x * alpha),
    "where(x > 0, x, x * alpha)",
    ports=(
        Port("x", dtypes=FLOATS, group="T"),
        Port("alpha", "Slope below 0.", FLOATS, "T"),
    ),
    gradient=lambda g, x, alpha, out: (
        F.where(x > 0, g, g * alpha),
        F.where(x > 0, 0, g * x),
    ),
    category=CATEGORY,
    keywords=("rectifier", "parametric", "leaky", "activation"),
)

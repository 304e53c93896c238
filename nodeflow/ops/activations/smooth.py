"""Smooth activation functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS
from nodeflow.ops import functions as F
from nodeflow.ops.activations.basic import CATEGORY
from nodeflow.ops.elementwise import Elementwise, define
from nodeflow.ops.samples import values


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, x.dtype.type(0))


class WithAttribute(Elementwise):
    """An elementwise op whose samples also use values of its attributes that are not defaults."""

    others: tuple[Mapping[str, Any], ...] = ()

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        for attrs in self.others:
            for shape in ((2, 3), (4,)):
                yield Sample((values(shape),), attrs, smooth=True)
                yield Sample((values(shape, "float32"),), attrs)


def define_with(*others: Mapping[str, Any], args: tuple, **kwargs: Any) -> None:
    """Register an activation op that has attributes.

    Args:
        others: further sets of attributes for the samples that test the op.
        args, kwargs: arguments of `WithAttribute`.
    """
    everyday = args[0] == "silu"
    op = WithAttribute(*args, dtypes=FLOATS, category=CATEGORY, everyday=everyday, **kwargs)
    op.others = others
    REGISTRY.register(op)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al., 2017: with these values mean 0 and variance 1 are a fixed point."""

define_with(
    {"beta": 1.702},
    args=(
        "silu",
        "x * sigmoid(beta * x): a smooth rectifier.\n\nAlso known as swish. Elfwing, Uchibe and "
        "Doya, 2017; Ramachandran, Zoph and Le, 2017.",
        lambda x, beta: x * _sigmoid(x * x.dtype.type(beta)),
        "x * sigmoid(x * beta)",
    ),
    attrs=(Attr("beta", "float", 1.0, "Steepness; large values approach relu."),),
    gradient=lambda g, x, out, beta: (
        g * (F.sigmoid(x * beta) * (1 + x * beta * F.sigmoid(x * -beta))),
    ),
    keywords=("swish", "activation", "sigmoid linear unit", "SiLU"),
)
define(
    "selu",
    "The self-normalizing unit: x above 0, alpha * (exp(x) - 1) below, both scaled.\n\nScale is "
    "1.0507 and alpha 1.6733, with which activations keep mean 0 and variance 1. Klambauer et "
    "al., 2017. Gradient: scale above 0, else out + scale * alpha.",
    lambda x: np.where(x > 0, x, np.expm1(x) * x.dtype.type(SELU_ALPHA)) * x.dtype.type(SELU_SCALE),
    f"where(x > 0, x, expm1(x) * {SELU_ALPHA}) * {SELU_SCALE}",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * F.where(x > 0, SELU_SCALE, out + SELU_SCALE * SELU_ALPHA),),
    category=CATEGORY,
    keywords=("scaled exponential", "self-normalizing", "activation", "snn"),
    everyday=False,
)
define_with(
    {"alpha": 0.5},
    args=(
        "celu",
        "x above 0, alpha * (exp(x / alpha) - 1) below: an elu with slope 1 at 0.\n\nBarron, "
        "2017. Gradient: 1 above 0, else exp(x / alpha).",
        lambda x, alpha: np.where(
            x > 0, x, np.expm1(x / x.dtype.type(alpha)) * x.dtype.type(alpha)
        ),
        "where(x > 0, x, expm1(x / alpha) * alpha)",
    ),
    attrs=(Attr("alpha", "float", 1.0, "Minus the limit for x far below 0."),),
    gradient=lambda g, x, out, alpha: (F.where(x > 0, g, g * (out * (1 / alpha) + 1)),),
    keywords=("exponential", "continuously differentiable", "activation"),
)
define(
    "mish",
    "x * tanh(softplus(x)): a smooth rectifier, slightly below 0 for negative x.\n\nMisra, 2019. "
    "Gradient: t + x * (1 - t^2) * sigmoid(x), with t = tanh(softplus(x)).",
    lambda x: x * np.tanh(_softplus(x)),
    "x * tanh(softplus(x))",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * _mish_slope(x),),
    category=CATEGORY,
    keywords=("activation", "smooth relu"),
    everyday=False,
)


def _mish_slope(x: Tensor) -> Tensor:
    t = F.tanh(F.softplus(x))
    return t + x * (1 - F.square(t)) * F.sigmoid(x)


define(
    "gelu_tanh",
    "The approximation of gelu by tanh, as in GPT-2.\n\nx / 2 * (1 + tanh(sqrt(2 / pi) * (x + "
    "0.044715 x^3))); Hendrycks and Gimpel, 2016. Computed with a sigmoid, which keeps the digits "
    "of results for x far below 0.",
    lambda x: x * _sigmoid(_inner(x)),
    f"x * sigmoid((x + x * x * x * 0.044715) * {2 * math.sqrt(2 / math.pi)!r})",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * _gelu_slope(x),),
    category=CATEGORY,
    keywords=("gauss", "approximate", "activation", "gelu", "gelu_new"),
    everyday=False,
)


def _inner(x: Any) -> Any:
    """Return 2 * sqrt(2 / pi) * (x + 0.044715 x^3), twice the argument of tanh in gelu."""
    if isinstance(x, np.ndarray):
        scale, cubic = x.dtype.type(2 * math.sqrt(2 / math.pi)), x.dtype.type(0.044715)
        return (x + x * x * x * cubic) * scale
    return (x + x * x * x * 0.044715) * (2 * math.sqrt(2 / math.pi))


def _gelu_slope(x: Tensor) -> Tensor:
    inner = _inner(x)
    slope = (1 + x * x * (3 * 0.044715)) * (2 * math.sqrt(2 / math.pi))
    return F.sigmoid(inner) * (1 + x * slope * F.sigmoid(-inner))


define(
    "log_sigmoid",
    "log(1 / (1 + exp(-x))), without overflow.\n\nThe log-probability that belongs to a logit. "
    "Gradient: sigmoid(-x).",
    lambda x: -_softplus(-x),
    "-softplus(-x)",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g * F.sigmoid(-x),),
    category=CATEGORY,
    keywords=("logsigmoid", "logarithm", "activation"),
    everyday=False,
)
define(
    "softsign",
    "x / (1 + |x|): a sigmoid that approaches its limits slowly.\n\nGradient: 1 / (1 + |x|)^2.",
    lambda x: x / (1 + np.abs(x)),
    "x / (1 + abs_(x))",
    dtypes=FLOATS,
    gradient=lambda g, x, out: (g / F.square(1 + F.abs(x)),),
    category=CATEGORY,
    keywords=("activation", "squash"),
    everyday=False,
)

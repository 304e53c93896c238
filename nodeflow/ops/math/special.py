"""Special functions: gamma, beta and zeta, Bessel functions, inverses of the error function.

Computed by scipy in float64, in both tiers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import FLOATS
from nodeflow.ops import functions as F
from nodeflow.ops.elementwise import Domain, define

HALF_ROOT_PI = math.sqrt(math.pi) / 2


def _scipy(
    op_id: str,
    doc: str,
    function: str | Callable[..., Any],
    gradient: Callable[..., Sequence[Tensor | None]],
    keywords: tuple[str, ...],
    *,
    ports: tuple[tuple[str, str], ...] = (("x", ""),),
    domain: Domain | None = None,
) -> None:
    def reference(*arrays: np.ndarray) -> Any:
        import scipy.special

        compute = getattr(scipy.special, function) if isinstance(function, str) else function
        return compute(*(a.astype("float64") for a in arrays))

    define(
        op_id, doc, reference, None, gradient=gradient, keywords=keywords, domain=domain,
        ports=tuple(Port(name, text, FLOATS, "T") for name, text in ports), everyday=False,
    )  # fmt: skip


# ---- gamma --------------------------------------------------------------------------------------

_scipy(
    "lgamma",
    "The logarithm of |gamma(x)|.\n\nInfinite at 0, -1, -2 and so on. Gradient: digamma(x).",
    "gammaln",
    lambda g, x, out: (g * F.digamma(x),),
    ("gammaln", "log gamma", "factorial"),
    domain={"x": (0.3, 4.0)},
)
_scipy(
    "digamma",
    "The derivative of lgamma.\n\nGradient: polygamma(1, x).",
    "psi",
    lambda g, x, out: (g * F.polygamma(F.ones_like(x), x),),
    ("psi", "log gamma derivative"),
    domain={"x": (0.3, 4.0)},
)
_scipy(
    "polygamma",
    "The derivative of order a of digamma, for a whole number a.\n\nShapes broadcast as in numpy. "
    "An a that is not whole gives NaN. Gradient: polygamma(a + 1, x) for x, none for a.",
    "polygamma",
    lambda g, a, x, out: (None, g * F.polygamma(a + 1, x)),
    ("psi", "trigamma", "derivative"),
    ports=(("a", "Order; 0 is digamma itself."), ("x", "")),
    domain={"a": (1.0, 1.0), "x": (0.5, 4.0)},
)
_scipy(
    "igamma",
    "The lower regularised incomplete gamma function: the share of gamma(a) below x.\n\nGradient: "
    "the density e^-x x^(a-1) / gamma(a) for x, none for a.",
    "gammainc",
    lambda g, a, x, out: (None, g * _gamma_density(a, x)),
    ("gammainc", "incomplete gamma", "chi square", "poisson"),
    ports=(("a", "Shape."), ("x", "Upper limit of the integral.")),
    domain={"a": (0.5, 3.0), "x": (0.2, 4.0)},
)
_scipy(
    "igammac",
    "The upper regularised incomplete gamma function 1 - igamma(a, x), exact for small "
    "results.\n\nGradient: the negative of igamma's.",
    "gammaincc",
    lambda g, a, x, out: (None, -g * _gamma_density(a, x)),
    ("gammaincc", "incomplete gamma", "complement"),
    ports=(("a", "Shape."), ("x", "Lower limit of the integral.")),
    domain={"a": (0.5, 3.0), "x": (0.2, 4.0)},
)
_scipy(
    "betainc",
    "The regularised incomplete beta function: the share of beta(a, b) below x.\n\nGradient: the "
    "density x^(a-1) (1-x)^(b-1) / beta(a, b) for x, none for a and b.",
    "betainc",
    lambda g, a, b, x, out: (None, None, g * _beta_density(a, b, x)),
    ("incomplete beta", "student t", "binomial"),
    ports=(("a", "First shape."), ("b", "Second shape."), ("x", "Limit, 0 to 1.")),
    domain={"a": (0.5, 3.0), "b": (0.5, 3.0), "x": (0.1, 0.9)},
)
_scipy(
    "zeta",
    "The sum of 1 / (k + q)^x over k = 0, 1, 2 and so on: Hurwitz's zeta function.\n\nFor x > 1 "
    "and q > 0. Gradient: -x zeta(x + 1, q) for q, none for x.",
    "zeta",
    lambda g, x, q, out: (None, -g * x * F.zeta(x + 1, q)),
    ("hurwitz", "riemann", "series"),
    ports=(("x", ""), ("q", "First term of the sum is 1 / q^x; q = 1 gives Riemann's zeta.")),
    domain={"x": (1.5, 4.0), "q": (0.5, 3.0)},
)


def _gamma_density(a: Tensor, x: Tensor) -> Tensor:
    return F.exp((a - 1) * F.log(x) - x - F.lgamma(a))


def _beta_density(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    whole = F.lgamma(a) + F.lgamma(b) - F.lgamma(a + b)
    return F.exp((a - 1) * F.log(x) + (b - 1) * F.log1p(-x) - whole)


# ---- error functions ----------------------------------------------------------------------------

_scipy(
    "erfinv",
    "The number whose error function is x.\n\nInfinite at -1 and 1, NaN beyond. Gradient: "
    "sqrt(pi) / 2 * e^(out^2).",
    "erfinv",
    lambda g, x, out: (g * F.exp(F.square(out)) * HALF_ROOT_PI,),
    ("inverse", "quantile", "probit"),
    domain={"x": (-0.9, 0.9)},
)
_scipy(
    "erfcinv",
    "The number whose complementary error function is x.\n\nInfinite at 0 and 2, NaN beyond. "
    "Gradient: -sqrt(pi) / 2 * e^(out^2).",
    "erfcinv",
    lambda g, x, out: (-g * F.exp(F.square(out)) * HALF_ROOT_PI,),
    ("inverse", "quantile", "probit"),
    domain={"x": (0.1, 1.9)},
)
_scipy(
    "ndtri",
    "The quantile of the normal distribution: a normal number lies below it with probability "
    "x.\n\nInfinite at 0 and 1, NaN beyond. Gradient: sqrt(2 pi) * e^(out^2 / 2).",
    "ndtri",
    lambda g, x, out: (g * F.exp(F.square(out) * 0.5) * math.sqrt(2 * math.pi),),
    ("quantile", "probit", "normal", "inverse"),
    domain={"x": (0.1, 0.9)},
)

# ---- Bessel functions ---------------------------------------------------------------------------

_scipy(
    "bessel_i0",
    "The modified Bessel function of order 0.\n\nOverflows beyond about 700. Gradient: "
    "bessel_i1(x).",
    "i0",
    lambda g, x, out: (g * F.bessel_i1(x),),
    ("bessel", "von mises", "kaiser"),
)
_scipy(
    "bessel_i0e",
    "e^-|x| times the modified Bessel function of order 0.\n\nDoes not overflow. Gradient: "
    "bessel_i1e(x) - sign(x) * out.",
    "i0e",
    lambda g, x, out: (g * (F.bessel_i1e(x) - F.sign(x) * out),),
    ("bessel", "von mises", "exponentially scaled"),
)
_scipy(
    "bessel_i1",
    "The modified Bessel function of order 1.\n\nOverflows beyond about 700. Gradient: "
    "bessel_i0(x) - out / x, 1/2 at 0.",
    "i1",
    lambda g, x, out: (g * F.where(F.equal(x, 0), 0.5, F.bessel_i0(x) - _over(out, x)),),
    ("bessel", "von mises"),
)
_scipy(
    "bessel_i1e",
    "e^-|x| times the modified Bessel function of order 1.\n\nDoes not overflow. Gradient: "
    "bessel_i0e(x) - out * (sign(x) + 1 / x), 1/2 at 0.",
    "i1e",
    lambda g, x, out: (
        g * F.where(F.equal(x, 0), 0.5, F.bessel_i0e(x) - out * F.sign(x) - _over(out, x)),
    ),
    ("bessel", "von mises", "exponentially scaled"),
)


def _over(out: Tensor, x: Tensor) -> Tensor:
    """Return out / x elementwise, with the divisor 1 where x is 0."""
    return out / F.where(F.equal(x, 0), 1, x)


# ---- distributions ------------------------------------------------------------------------------


def poisson_quantile(lam: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the smallest count whose cumulative probability is at least x."""
    from scipy.special import pdtr, pdtrik

    found = np.maximum(np.nan_to_num(np.ceil(pdtrik(x, lam))), 0)
    fewer = np.maximum(found - 1, 0)  # rounding can make the inverse too large by one
    found = np.where((found > 0) & (pdtr(fewer, lam) >= x), fewer, found)
    return np.where(np.isnan(lam + x), np.nan, found)


_scipy(
    "gamma_quantile",
    "The quantile of the gamma distribution of shape a: a number lies below it with probability "
    "x.\n\nShapes broadcast as in numpy. Gradient: one over the density for x, none for a.",
    "gammaincinv",
    lambda g, a, x, out: (None, g / _gamma_density(a, out)),
    ("inverse", "incomplete gamma", "igammainv", "chi square"),
    ports=(("a", "Shape."), ("x", "Probability.")),
    domain={"a": (0.5, 3.0), "x": (0.1, 0.9)},
)
_scipy(
    "poisson_quantile",
    "The quantile of the Poisson distribution with mean lam, a whole number.\n\nThe smallest "
    "whole number k such that a count up to k has probability x or more. Shapes broadcast as in "
    "numpy. No gradient flows.",
    poisson_quantile,
    lambda g, lam, x, out: (None, None),
    ("inverse", "counts"),
    ports=(("lam", "Mean."), ("x", "Probability.")),
    domain={"lam": (0.5, 3.0), "x": (0.15, 0.85)},
)

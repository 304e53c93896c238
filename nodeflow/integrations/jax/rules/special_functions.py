"""Gamma, beta, zeta and Bessel functions, and inverses of the error function, in float64 as in
nodeflow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.scipy import special

from nodeflow.integrations.jax.registry import Lowered, computes
from nodeflow.integrations.jax.rules.indices import shape_of


def _lgamma(x: Any) -> Any:
    """Return scipy's values of the logarithm of gamma, which are -infinity at -infinity."""
    return jnp.where(x == -jnp.inf, x, special.gammaln(x))


def _digamma(x: Any) -> Any:
    """Return scipy's values of digamma. At 0, scipy's infinity has the opposite sign of JAX's."""
    return jnp.where(x == 0, -jnp.copysign(jnp.inf, x), special.digamma(x))


def _polygamma(order: Any, x: Any) -> Any:
    """Return scipy's values of polygamma, computed by the zeta function, because JAX's
    polygamma takes only integers.
    """
    factor = jnp.power(-1.0, order + 1) * jnp.exp(special.gammaln(order + 1))
    return jnp.where(order == 0, _digamma(x), factor * _zeta(order + 1, x))


def _zeta(x: Any, q: Any) -> Any:
    """Return JAX's values of zeta, with scipy's poles and limits."""
    found = special.zeta(x, q)
    found = jnp.where(jnp.isinf(x), jnp.power(q, -x), found)
    far = (1 / (x - 1) + 1 / (2 * q)) * jnp.power(q, 1 - x)
    found = jnp.where(q > 1e8, far, found)
    whole = jnp.where(x == jnp.floor(x), found, jnp.nan)
    found = jnp.where(q > 0, found, jnp.where(q == jnp.floor(q), jnp.inf, whole))
    found = jnp.where(jnp.isnan(q), jnp.nan, jnp.where(x < 1, jnp.nan, found))
    return jnp.where(x == 1, jnp.inf, found)


def _igamma(a: Any, x: Any) -> Any:
    """Return JAX's values of the lower incomplete gamma function, with scipy's limits."""
    return _with_limits(special.gammainc(a, x), a, x, below=1.0)


def _igammac(a: Any, x: Any) -> Any:
    return _with_limits(special.gammaincc(a, x), a, x, below=0.0)


def _with_limits(found: Any, a: Any, x: Any, below: float) -> Any:
    """Apply scipy's limits to an incomplete gamma function.

    Args:
        below: its value if the whole distribution lies below x: 1 for the lower function, 0 for
            the upper.
    """
    found = jnp.where(jnp.isinf(x), below, found)
    found = jnp.where(jnp.isinf(a), jnp.where(jnp.isinf(x), jnp.nan, 1 - below), found)
    found = jnp.where(x == 0, 1 - below, found)
    found = jnp.where(a == 0, jnp.where(x > 0, below, jnp.nan), found)
    return jnp.where((x >= 0) & (a >= 0), found, jnp.nan)


def _erfcinv(x: Any) -> Any:
    """Return the inverse of erfc, computed by the normal quantile, which is exact for small x."""
    return special.ndtri(x / 2) * -(0.5**0.5)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "lgamma": _lgamma,
    "digamma": _digamma,
    "polygamma": _polygamma,
    "igamma": _igamma,
    "igammac": _igammac,
    "betainc": special.betainc,
    "zeta": _zeta,
    "erfinv": special.erfinv,
    "erfcinv": _erfcinv,
    "ndtri": special.ndtri,
    "bessel_i0": special.i0,
    "bessel_i0e": special.i0e,
    "bessel_i1": special.i1,
    "bessel_i1e": special.i1e,
}


@computes(*_FUNCTIONS)
def special_function(node: Lowered, *arrays: Any) -> Any:
    """Compute a special function that JAX and scipy share, in float64, and cast it to the node's
    dtype.
    """
    wide = [a.astype(jnp.float64) for a in arrays]
    found = _FUNCTIONS[node.op.id](*wide)
    return jnp.broadcast_to(found, shape_of(node)).astype(node.outputs[0].dtype)

"""Ops computed on the host by their references, because JAX has no function for them.

================================ ===================================================================
op                               why
================================ ===================================================================
logm                             JAX has no logarithm of a matrix
sqrtm                            JAX has a square root of a matrix on processors only
gamma_quantile, random_gamma     JAX has no inverse of the incomplete gamma function
random_beta                      JAX has no inverse of the incomplete beta function
poisson_quantile, random_poisson JAX has no inverse of the Poisson distribution
================================ ===================================================================
"""

from __future__ import annotations

from typing import Any

from nodeflow.integrations.jax.host import by_reference, on_host
from nodeflow.integrations.jax.registry import Lowered, computes
from nodeflow.integrations.jax.rules.distributions import even_numbers
from nodeflow.ops.distributions.inverse import Inverse

ON_HOST = (
    "logm", "sqrtm", "gamma_quantile", "poisson_quantile", "random_gamma", "random_beta",
    "random_poisson",
)  # fmt: skip


@computes("logm", "sqrtm")
def matrix_function(node: Lowered, x: Any) -> Any:
    """Return a matrix function, such as the logarithm of a matrix, computed on the host."""
    return by_reference(node, x, fails=f"{node.op.id} of this matrix is not real")


@computes("gamma_quantile", "poisson_quantile")
def quantile(node: Lowered, *arrays: Any) -> Any:
    """Return quantiles of a distribution."""
    return by_reference(node, *arrays)


@computes("random_gamma", "random_beta", "random_poisson")
def random(node: Lowered, *sizes: Any) -> Any:
    """Draw random numbers by inverse transform sampling. The device draws uniform numbers, and the
    host computes the distribution's quantiles for them.
    """
    op, attrs = node.op, dict(node.attrs)
    assert isinstance(op, Inverse)
    return on_host(node, lambda even: op.quantile(even, attrs), even_numbers(node))

"""Complex numbers from and to real and imaginary parts, and bits read as another dtype."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from nodeflow.integrations.jax.bits import from_bytes, to_bytes
from nodeflow.integrations.jax.registry import Lowered, computes
from nodeflow.integrations.jax.rules.indices import shape_of


@computes("complex")
def complex_number(node: Lowered, real: Any, imag: Any) -> Any:
    """Return complex numbers with the given real and imaginary parts."""
    return lax.complex(*jnp.broadcast_arrays(real, imag))


@computes("real", "imag", "angle", "conj")
def of_parts(node: Lowered, x: Any) -> Any:
    """Compute ``real``, ``imag``, ``angle`` or ``conj`` of each element in JAX."""
    return getattr(jnp, node.op.id)(x)


@computes("bitcast")
def bitcast(node: Lowered, x: Any) -> Any:
    """Return the same bits, read as another dtype."""
    return from_bytes(to_bytes(x), shape_of(node), node.outputs[0].dtype)

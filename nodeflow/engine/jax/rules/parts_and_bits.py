"""Complex numbers made of two parts and taken apart; bits under another dtype."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from nodeflow.engine.jax.registry import Lowered, computes
from nodeflow.engine.jax.rules.indices import shape_of
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.math.complex_numbers import PART


@computes("complex")
def complex_number(node: Lowered, real: Any, imag: Any) -> Any:
    """The complex number of two parts."""
    return lax.complex(*jnp.broadcast_arrays(real, imag))


@computes("real", "imag", "angle", "conj")
def of_parts(node: Lowered, x: Any) -> Any:
    """A function of the parts of each number."""
    return getattr(jnp, node.op.id)(x)


@computes("bitcast")
def bitcast(node: Lowered, x: Any) -> Any:
    """The same bits under another dtype, by way of bytes."""
    shape, target = shape_of(node), numpy_dtype(node.outputs[0].dtype)
    if not x.size:
        return jnp.zeros(shape, target)
    part = PART.get(target.name, target.name)
    size = numpy_dtype(part).itemsize
    count = target.itemsize // size
    own = (*shape, *(n for n in (count, size) if n > 1))
    made = lax.bitcast_convert_type(_bytes(x).reshape(own), numpy_dtype(part))
    return lax.complex(made[..., 0], made[..., 1]) if part != target.name else made


def _bytes(x: Any) -> Any:
    """The bytes of all elements, lowest first."""
    if x.dtype == bool:
        return x.astype(jnp.uint8)
    if np.issubdtype(x.dtype, np.complexfloating):
        x = jnp.stack([x.real, x.imag], -1)
    return lax.bitcast_convert_type(x, jnp.uint8)

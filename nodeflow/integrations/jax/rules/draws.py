"""Random numbers that fill an array."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from nodeflow.integrations.jax.registry import Lowered, lowers
from nodeflow.ops.lowering import Random


@lowers(Random)
def random(node: Lowered) -> Any:
    drawing, out, stream = node.lowering, node.outputs[0], node.stream
    assert isinstance(drawing, Random) and stream is not None
    shape = [d or 0 for d in out.shape]
    if drawing.distribution == "uniform":
        drawn = stream.uniform(shape, out.dtype)
    elif drawing.distribution == "normal":
        drawn = stream.normal(shape, out.dtype)
    else:
        drawn = stream.truncated_normal(shape, out.dtype, drawing.low, drawing.high)
    return scaled(drawn, drawing.scale, drawing.offset)


def scaled(drawn: Any, scale: float, offset: float) -> Any:
    """Return ``offset + scale * drawn``, rounded twice as in numpy.

    XLA would otherwise use one fused multiply-add, which rounds once.
    """
    if drawn.dtype == jnp.float32:  # a product of two float32 is exact in float64
        wide = drawn.astype(jnp.float64) * float(np.float32(scale))
        product = wide.astype(jnp.float32)
    else:
        product = drawn * jnp.asarray(scale, drawn.dtype)
    return product + jnp.asarray(offset, drawn.dtype)

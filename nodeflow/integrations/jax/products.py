"""Products in mixed precision: float32 factors rounded to bfloat16, sums in float32.

bfloat16 has the exponents of float32, so no gradient vanishes and no loss has to be scaled.
Products are matrix products, sums of products over named axes, convolutions and attention, forward
and backward. Everything else stays in the dtype of the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax.numpy as jnp
from jax import lax

_MIXED: ContextVar[bool] = ContextVar("mixed", default=False)


@contextmanager
def mixed(on: bool) -> Iterator[None]:
    """Trace products in mixed precision inside the context, or in full precision."""
    token = _MIXED.set(on)
    try:
        yield
    finally:
        _MIXED.reset(token)


def factors(*arrays: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Prepare the operands of a matrix product. In mixed precision, cast float32 operands to
    bfloat16, and return the arguments that make the product accumulate in float32.
    """
    if not _MIXED.get() or len(arrays) < 2 or any(a.dtype != jnp.float32 for a in arrays):
        return arrays, {}
    how = {"precision": lax.Precision.DEFAULT, "preferred_element_type": jnp.float32}
    return tuple(a.astype(jnp.bfloat16) for a in arrays), how


def matmul(x: Any, y: Any) -> Any:
    """Return the matrix product of the last two axes."""
    (x, y), how = factors(x, y)
    return jnp.matmul(x, y, **how)


def convolve_windows(x: Any, filter_: Any, *windows: Any, **more: Any) -> Any:
    """Return `lax.conv_general_dilated` of the arguments."""
    (x, filter_), how = factors(x, filter_)
    return lax.conv_general_dilated(x, filter_, *windows, **more, **how)

"""Conversion between arrays and bytes, which is exact for every dtype and setting of JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.math.complex_numbers import PART


def to_bytes(x: Any) -> Any:
    """Return the bytes of a traced array, lowest byte first, as uint8 (..., bytes per element)."""
    if x.dtype == bool:
        x = x.astype(jnp.uint8)
    shape, size = x.shape, x.dtype.itemsize
    if np.issubdtype(x.dtype, np.complexfloating):
        x = jnp.stack([x.real, x.imag], -1)
    return lax.bitcast_convert_type(x, jnp.uint8).reshape(*shape, size)


def from_bytes(data: Any, shape: Sequence[int], dtype: str) -> Any:
    """Convert traced bytes (uint8) to a traced array of the given shape and dtype."""
    if dtype == "bool":
        return data.reshape(shape) != 0
    part = PART.get(dtype, dtype)
    size = numpy_dtype(part).itemsize
    count = numpy_dtype(dtype).itemsize // size
    own = (*shape, *(n for n in (count, size) if n > 1))
    made = lax.bitcast_convert_type(data.reshape(own), numpy_dtype(part))
    return lax.complex(made[..., 0], made[..., 1]) if part != dtype else made


def bytes_of_numpy(x: np.ndarray) -> np.ndarray:
    """Return the bytes of a numpy array, like `to_bytes`."""
    flat = np.ascontiguousarray(x).reshape(-1)
    return flat.view(np.uint8).reshape(*x.shape, x.dtype.itemsize)


def numpy_of_bytes(data: Any, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Return the numpy array that has these bytes."""
    return np.ascontiguousarray(data).reshape(-1).view(dtype).reshape(shape)

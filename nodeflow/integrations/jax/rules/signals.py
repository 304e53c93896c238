"""Fourier and cosine transforms."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from nodeflow.errors import RunError
from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.jax.registry import Lowered, computes
from nodeflow.ops.signal.fourier import Fourier, RealFourier

_COMPLEX = ("fft", "ifft", "fft2d", "ifft2d", "fft3d", "ifft3d")
_REAL = ("rfft", "irfft", "rfft2d", "irfft2d", "rfft3d", "irfft3d")


@computes(*_COMPLEX, *_REAL)
def fourier(node: Lowered, x: Any) -> Any:
    """Return the discrete Fourier transform of the last axes, or its inverse."""
    op, dtype = node.op, numpy_dtype(node.outputs[0].dtype)
    assert isinstance(op, Fourier)
    axes = tuple(range(-op.axes, 0))
    sizes = list(x.shape[-op.axes :])
    if isinstance(op, RealFourier):
        lengths = op.lengths(node.inputs[0], dict(node.attrs))
        sizes += [max(n or 0, 0) for n in lengths]
    try:
        op.refuse_nothing(sizes)
    except RunError as error:
        raise error.at(node.name) from None
    if 0 in x.shape:
        return jnp.zeros([d or 0 for d in node.outputs[0].shape], dtype)
    if not isinstance(op, RealFourier):
        function = jnp.fft.ifftn if op.inverse else jnp.fft.fftn
        return function(x, axes=axes).astype(dtype)
    function = jnp.fft.irfftn if op.inverse else jnp.fft.rfftn
    return function(x, s=sizes[op.axes :], axes=axes).astype(dtype)


@computes("dct")
def cosine(node: Lowered, x: Any) -> Any:
    """Return the discrete cosine transform of the last axis, computed by a Fourier transform of
    twice the size.
    """
    count, kind, ortho = x.shape[-1], node.attrs["type"], node.attrs["norm"] == "ortho"
    if count < (2 if kind == "1" else 1):
        raise RunError(
            "dct of too few numbers",
            node=node.name,
            port="x",
            hint="Feed more along the last axis.",
        )
    if 0 in x.shape:
        return x
    if kind == "1":
        mirrored = jnp.concatenate([x, x[..., -2:0:-1]], -1)
        return jnp.fft.rfft(mirrored).real.astype(x.dtype)
    numbers = np.arange(count)
    turn = _turned(numbers / (2 * count), x.dtype)
    weights = np.full(count, math.sqrt(2 / count) if ortho else 2.0)
    if kind == "4":
        last = _turned((2 * numbers + 1) / (4 * count), x.dtype)
        return (_half_spectrum(x * turn, count) * last).real * jnp.asarray(weights, x.dtype)
    if kind == "3":  # the first element counts once
        weights[0] /= math.sqrt(2) if ortho else 2
        return _half_spectrum(x * jnp.asarray(weights, x.dtype) * turn, count).real
    weights[0] /= math.sqrt(2) if ortho else 1
    return (_half_spectrum(x, count) * turn).real * jnp.asarray(weights, x.dtype)


def _half_spectrum(x: Any, count: int) -> Any:
    """Return the first ``count`` frequencies of the Fourier transform of x, padded with zeros to 2
    * ``count`` elements.
    """
    return jnp.fft.fft(x, 2 * count)[..., :count]


def _turned(share: np.ndarray, dtype: Any) -> Any:
    """Return exp(-i pi share) as a complex number with the precision of a float dtype."""
    whole = np.complex64 if dtype == np.float32 else np.complex128
    return jnp.asarray(np.exp(-1j * np.pi * share), whole)

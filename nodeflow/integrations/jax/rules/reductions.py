"""Sums, means, products, minima and maxima along axes."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from nodeflow.integrations.jax.registry import Lowered, lowers
from nodeflow.ops.lowering import Reduce
from nodeflow.ops.math.reduction import limits


@lowers(Reduce)
def reduce(node: Lowered, x: Any, *like: Any) -> Any:
    reduction, out = node.lowering, node.outputs[0]
    assert isinstance(reduction, Reduce)
    return _reduced(node, reduction.kind, reduction.axes, x).astype(out.dtype).reshape(out.shape)


def _reduced(node: Lowered, kind: str, axes: tuple[int, ...], x: Any) -> Any:
    if kind in ("argmax", "argmin"):
        if 0 in x.shape:
            node.fail_where(x.shape[axes[0]] == 0, f"{kind} of nothing")
            return jnp.zeros(node.outputs[0].shape, node.outputs[0].dtype)
        return (jnp.argmax if kind == "argmax" else jnp.argmin)(x, axis=axes[0])
    if kind == "sum":
        return jnp.sum(x, axis=axes, dtype=x.dtype)
    if kind == "mean":
        count = math.prod(x.shape[a] for a in axes)
        return jnp.sum(x, axis=axes, dtype=x.dtype) / jnp.asarray(count, x.dtype)
    if kind == "prod":
        return jnp.prod(x, axis=axes, dtype=x.dtype)
    lowest, highest = (np.asarray(limit, x.dtype) for limit in limits(x.dtype))
    if kind == "max":
        return jnp.max(x, axis=axes, initial=lowest)
    return jnp.min(x, axis=axes, initial=highest)

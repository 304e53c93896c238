"""Rules for blocks of arrays at positions that are known only at run time.

Blocks at known positions are copied by the rules in `moves`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import lax

from nodeflow.integrations.jax.evaluate import compute_lowering
from nodeflow.integrations.jax.registry import Lowered, computes
from nodeflow.integrations.jax.rules.indices import shape_of
from nodeflow.ops.runtime_attributes import has_later


@computes("slice")
def slice_block(node: Lowered, x: Any, *bounds: Any) -> Any:
    """Return the block of ``x`` that starts at ``begin``, a position that may be known only at run
    time.

    Args:
        node: the slice op. The shape of its output, and so the size of the block, is known.
        bounds: the inputs after ``x``. The first is ``begin``, one index per axis.
    """
    if (known := _known(node, x, *bounds)) is not None:
        return known
    sizes = shape_of(node)
    begin = bounds[0].astype(jnp.int64)
    outside = (begin < 0) | (begin + jnp.asarray(sizes) > jnp.asarray(x.shape))
    node.fail_where(outside, f"a block of sizes {list(sizes)} leaves {list(x.shape)}")
    return lax.dynamic_slice(x, list(begin), sizes)


@computes("place_slice")
def place_block(node: Lowered, x: Any, like: Any, *bounds: Any) -> Any:
    """Return zeros in the shape of ``like``, with ``x`` in the place of the block that a slice
    took.

    This is the gradient of a slice.

    Args:
        bounds: the other inputs. The first is the position of the block, one index per axis.
    """
    if (known := _known(node, x, like, *bounds)) is not None:
        return known
    strides = node.attrs["strides"]
    if has_later(strides) or any(step != 1 for step in strides or ()) or len(bounds[0]) != x.ndim:
        raise node.refuse("where the slices lie that it puts back, only a run knows")
    begin = bounds[0].astype(jnp.int64)
    return lax.dynamic_update_slice(jnp.zeros(like.shape, x.dtype), x, list(begin))


def _known(node: Lowered, *arrays: Any) -> Any | None:
    """Return the result of a slice whose bounds are all known before the run. Otherwise return
    None.
    """
    lowering = node.op.lower(node.inputs, node.outputs, **node.attrs)
    if lowering is None:
        return None
    return compute_lowering(replace(node, lowering=lowering), arrays)[0]

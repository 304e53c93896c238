"""Functions of numpy arrays inside jitted functions, for the few ops that JAX has nothing for.

What such a function computes leaves the device and comes back, so it is for ops that are pure and
rare; `rules.on_host` lists them with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from nodeflow.engine.jax.registry import Lowered
from nodeflow.errors import NodeflowError
from nodeflow.graph.types import numpy_dtype


def on_host(
    node: Lowered, function: Callable[..., Any], *arrays: Any, fails: str = ""
) -> tuple[Any, ...]:
    """The outputs of a node by a function of numpy arrays.

    Args:
        function: pure; gives an array for each output, or the only one. It may raise NodeflowError.
        fails: what the run's error then says.
    """
    types = [
        jax.ShapeDtypeStruct(tuple(d or 0 for d in t.shape), numpy_dtype(t.dtype))
        for t in node.outputs
    ]

    def compute(*given: Any) -> tuple[np.ndarray, ...]:
        try:
            with np.errstate(all="ignore"):
                made = function(*map(np.asarray, given))
        except NodeflowError:
            return (*(np.zeros(t.shape, t.dtype) for t in types), np.array(True))
        listed = made if isinstance(made, (tuple, list)) else (made,)
        found = [np.asarray(a, t.dtype) for a, t in zip(listed, types, strict=True)]
        return (*found, np.array(False))

    *made, failed = jax.pure_callback(
        compute, (*types, jax.ShapeDtypeStruct((), np.dtype(bool))), *arrays,
        vmap_method="sequential",
    )  # fmt: skip
    node.fail_where(failed, fails or f"{node.op.id} failed")
    return tuple(made)


def by_reference(node: Lowered, *arrays: Any, fails: str = "") -> tuple[Any, ...]:
    """The outputs of a node by its op's reference."""
    attrs = dict(node.attrs)
    return on_host(node, lambda *given: node.op.reference(*given, **attrs), *arrays, fails=fails)

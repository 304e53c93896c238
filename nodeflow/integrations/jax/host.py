"""Numpy functions called from jitted functions, for the few ops that JAX lacks.

The arrays leave the device and the results come back, so this is only for rare, pure ops;
`rules.on_host` lists them with the reasons. Arrays are passed as bytes, because JAX calls the
functions on its own threads, where 64-bit types are disabled and would be rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from nodeflow.errors import NodeflowError
from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.jax.bits import bytes_of_numpy, from_bytes, numpy_of_bytes, to_bytes
from nodeflow.integrations.jax.registry import Lowered

Function = Callable[..., Any]


def of_numpy(function: Function, arrays: Sequence[Any]) -> Function:
    """Wrap a function of numpy arrays, so that it takes each array as its bytes. The shapes and
    dtypes are those of ``arrays``.
    """
    kinds = [(tuple(x.shape), np.dtype(x.dtype)) for x in arrays]

    def call(*given: Any) -> Any:
        pairs = zip(given, kinds, strict=True)
        return function(*(numpy_of_bytes(np.asarray(data), *kind) for data, kind in pairs))

    return call


def on_host(node: Lowered, function: Function, *arrays: Any, fails: str = "") -> tuple[Any, ...]:
    """Return the outputs of a node, computed by a function of numpy arrays on the host.

    Args:
        function: a pure function that returns an array for each output, or the only one. It may
            raise NodeflowError.
        fails: the text of the run's error in that case.
    """
    kinds = [(tuple(d or 0 for d in t.shape), numpy_dtype(t.dtype)) for t in node.outputs]
    bytes_like = [jax.ShapeDtypeStruct((*s, d.itemsize), np.dtype(np.uint8)) for s, d in kinds]
    call = of_numpy(function, arrays)

    def compute(*given: Any) -> tuple[np.ndarray, ...]:
        try:
            with np.errstate(all="ignore"):
                made = call(*given)
        except NodeflowError:
            return (*(np.zeros(b.shape, np.uint8) for b in bytes_like), np.array(True))
        listed = made if isinstance(made, (tuple, list)) else (made,)
        found = [np.asarray(a, dtype) for a, (_, dtype) in zip(listed, kinds, strict=True)]
        return (*map(bytes_of_numpy, found), np.array(False))

    *made, failed = jax.pure_callback(
        compute, (*bytes_like, jax.ShapeDtypeStruct((), np.dtype(bool))),
        *map(to_bytes, arrays), vmap_method="sequential",
    )  # fmt: skip
    node.fail_where(failed, fails or f"{node.op.id} failed")
    types = zip(made, kinds, node.outputs, strict=True)
    return tuple(from_bytes(data, shape, type_.dtype) for data, (shape, _), type_ in types)


def by_reference(node: Lowered, *arrays: Any, fails: str = "") -> tuple[Any, ...]:
    """Compute a node by the op's numpy reference implementation on the host, outside of JAX. Return
    its outputs.
    """
    attrs = dict(node.attrs)
    return on_host(node, lambda *given: node.op.reference(*given, **attrs), *arrays, fails=fails)

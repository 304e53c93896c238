"""Expressions for sizes that a graph computes from shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nodeflow.graph.graph import Tensor
from nodeflow.graph.inference.constant_propagation import known_value
from nodeflow.ops.composed import resolve

SAME = frozenset(("identity", "cast", "stop_gradient"))


def size_texts(tensor: Tensor, size: Callable[[Tensor, int], str]) -> list[str] | None:
    """Return an expression for each element of an integer vector or number.

    Args:
        size: returns the expression for the size of a tensor along an axis.

    Returns:
        The expressions; None unless each element is a number or a size.
    """
    tensor = resolve(tensor)
    node = tensor.node
    value = tensor.type.value
    if value is not None and None not in value:
        return [str(int(v)) for v in value if v is not None]
    read = node.inputs
    if node.op.id in SAME or (node.op.id == "expand_dims" and not tensor_rank(read[0])):
        return size_texts(read[0], size)
    if node.op.id == "shape":
        return [size(read[0], axis) for axis in range(tensor_rank(read[0]) or 0)]
    if node.op.id == "size" and isinstance(node.attrs["axis"], int):
        return [size(read[0], node.attrs["axis"])]
    if node.op.id in ("concat", "stack"):
        parts = [size_texts(t, size) for t in read]
        found = [part for part in parts if part is not None]
        return [one for part in found for one in part] if len(found) == len(parts) else None
    if node.op.id in ("slice", "strided_slice", "reshape", "squeeze"):
        return _moved(tensor, size)
    return None


def _moved(tensor: Tensor, size: Callable[[Tensor, int], str]) -> list[str] | None:
    """Return the code of each element of a tensor whose op only rearranges the elements of its
    input. Return None if that is impossible.

    The op's reference is run on the element numbers to find the order.
    """
    source = tensor.node.inputs[0]
    texts = size_texts(source, size)
    if texts is None or len(tensor.node.inputs) > 1:
        return None
    shape = [d or 0 for d in source.shape]
    numbers = np.arange(len(texts), dtype="int64").reshape(shape if len(shape) else ())
    places = known_value(np.asarray(tensor.node.op.reference(numbers, **tensor.node.attrs)))
    return None if places is None else [texts[place] for place in places]


def tensor_rank(tensor: Tensor) -> int | None:
    """Return the number of axes, if it is known."""
    return len(tensor.shape) if tensor.type.has_rank else None

"""Texts of programs: constants, which a session returns, and vectors of bytes, which ops take.

No tensor holds a text. So a text that a run computes or that is fed is a vector of its bytes,
uint8, which is marked as a text: a session returns ``bytes`` for it, and takes them as its feed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Tensor, get_default_graph
from nodeflow.ops import graph_building

__all__ = ["STRING", "TextConstant", "constant", "placeholder"]

STRING = "string"
"""The dtype of texts, for programs."""

_MARKED = "_texts"
"""Attribute of a graph with its tensors that are the bytes of a text."""


class TextConstant:
    """A constant text, or an array of texts, for programs that print one.

    Attributes:
        value: bytes, or an array of bytes.
        graph: the graph that it was made in.
        name: its name.
    """

    dtype = "string"

    def __init__(self, value: Any, name: str) -> None:
        found = np.vectorize(_as_bytes, otypes=[object])(np.asarray(value, object))
        self.value: Any = found if found.ndim else found.item()
        self.graph, self.name = get_default_graph(), name

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Return the text as bytes."""
        return self.value

    def __repr__(self) -> str:
        return f"<Tensor {self.name!r} string {np.shape(self.value)}>"


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _is_text(value: Any) -> bool:
    """Return whether a value is a text, or nested lists of texts."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_is_text, value))
    return isinstance(value, (str, bytes))


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str | None = None,
    verify_shape: bool = False,
) -> Any:
    """Return a constant: a tensor, or for a text or nested lists of texts a `TextConstant`."""
    if _is_text(value):
        return TextConstant(value, name or "Const")
    return graph_building.constant(value, dtype, shape, name, verify_shape)


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """Return a placeholder; for ``tf.string`` one that is fed with a text."""
    if dtype != STRING:
        return graph_building.placeholder(dtype, shape, name=name)
    if shape is not None and tuple(shape):
        raise GraphError("a graph has no arrays of texts", hint="Feed one text, of the shape ().")
    return mark(graph_building.placeholder("uint8", [None], name=name))


def mark(tensor: Tensor) -> Tensor:
    """Mark a tensor of bytes, uint8 (length,), as holding a text. Return the tensor."""
    vars(tensor.graph).setdefault(_MARKED, set()).add(tensor)
    return tensor


def bytes_of(text: Any) -> Tensor:
    """Convert a text to a uint8 tensor of its bytes, marked as a text. Return a tensor of bytes
    unchanged.

    Raises:
        GraphError: the value is neither a text nor a vector of bytes.
    """
    value = text.value if isinstance(text, TextConstant) else text
    if isinstance(value, (str, bytes)):
        return mark(graph_building.constant(np.frombuffer(_as_bytes(value), np.uint8), name="text"))
    if isinstance(value, Tensor) and value.dtype == "uint8" and value.type.ndims in (None, 1):
        return value
    raise GraphError(f"{text!r} is no text", hint="A text is a vector of its bytes, uint8.")


def as_fed(graph: Graph, feed_dict: Any) -> Any:
    """Return a feed_dict in which texts are replaced by arrays of their bytes."""
    if _MARKED not in vars(graph) or not isinstance(feed_dict, Mapping):
        return feed_dict
    return {
        key: np.frombuffer(_as_bytes(value), np.uint8) if isinstance(value, (str, bytes)) else value
        for key, value in feed_dict.items()
    }


def is_text(fetch: Any) -> bool:
    """Return whether a fetch is a tensor of bytes that is marked as holding a text."""
    return isinstance(fetch, Tensor) and fetch in vars(fetch.graph).get(_MARKED, ())


def texts_in(fetches: Any) -> bool:
    """Return whether fetches contain a text."""
    if isinstance(fetches, (list, tuple)):
        return any(map(texts_in, fetches))
    if isinstance(fetches, dict):
        return any(map(texts_in, fetches.values()))
    return isinstance(fetches, TextConstant) or is_text(fetches)


def without_texts(fetches: Any, tensors: list[Any]) -> Any:
    """Collect in ``tensors`` the fetches that a run can compute. Return a function that makes the
    results of all fetches, including texts, from the values of these tensors.

    Args:
        tensors: receives the fetches that a run computes.
    """
    if isinstance(fetches, TextConstant):
        return lambda values: fetches.value
    if isinstance(fetches, dict):
        parts = {key: without_texts(one, tensors) for key, one in fetches.items()}
        return lambda values: {key: part(values) for key, part in parts.items()}
    if isinstance(fetches, (list, tuple)):
        inside = [without_texts(one, tensors) for one in fetches]
        return lambda values: type(fetches)(part(values) for part in inside)
    place = len(tensors)
    tensors.append(fetches)
    if is_text(fetches):
        return lambda values: values[place].tobytes()
    return lambda values: values[place]

"""`tf.constant` of a text. A session returns its bytes; no op takes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.graph.graph import get_default_graph
from nodeflow.ops import api

__all__ = ["TextConstant", "constant"]


class TextConstant:
    """A constant text, or an array of texts, for programs that print one.

    Attributes:
        value: bytes, or an array of bytes.
        graph: the graph in which it was made.
        name: its name.
    """

    dtype = "string"

    def __init__(self, value: Any, name: str) -> None:
        found = np.vectorize(_as_bytes, otypes=[object])(np.asarray(value, object))
        self.value: Any = found if found.ndim else found.item()
        self.graph, self.name = get_default_graph(), name

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Return the bytes."""
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
    return api.constant(value, dtype, shape, name, verify_shape)


def texts_in(fetches: Any) -> bool:
    """Return whether fetches contain a `TextConstant`."""
    if isinstance(fetches, (list, tuple)):
        return any(map(texts_in, fetches))
    if isinstance(fetches, dict):
        return any(map(texts_in, fetches.values()))
    return isinstance(fetches, TextConstant)


def without_texts(fetches: Any, tensors: list[Any]) -> Any:
    """Return a function of the values of tensors that returns the values of all fetches.

    Args:
        tensors: receives the fetches that are no texts.
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
    return lambda values: values[place]

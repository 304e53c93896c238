"""The output of print nodes: standard error, unless a program redirects it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np

from nodeflow.graph.declaration import Attr

SUMMARIZE = Attr(
    "summarize", "int", None,
    "How many numbers of each tensor to show; -1: all, none: shorten large ones.",
    minimum=-1, optional=True,
)  # fmt: skip


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


write: Callable[[str], None] = _to_stderr
"""A function that receives one text, without a newline at its end."""


def redirect(to: Callable[[str], None]) -> None:
    """Send all further texts of this process to ``to``."""
    global write
    write = to


def shown(array: np.ndarray, summarize: int | None) -> str:
    """Return an array as text: all of it if it is small, else its first ``summarize`` numbers.

    >>> shown(np.array([[1, 2], [3, 4]]), 3)
    '[1 2 3...]'
    """
    if summarize is None:
        return np.array2string(array, threshold=30, edgeitems=3)
    flat = array.ravel()
    if array.ndim == 0 or summarize < 0 or flat.size <= summarize:
        return np.array2string(array, threshold=array.size + 1)
    first = np.array2string(flat[:summarize], threshold=summarize + 1)
    return f"{first[:-1]}...]"


def filled(message: str, arrays: Sequence[np.ndarray], summarize: int | None) -> str:
    """Return a message with each ``{}`` replaced by an array, and the remaining arrays appended.

    >>> filled("x is {} of", [np.int32(1), np.int32(2)], None)
    'x is 1 of 2'
    """
    texts = [shown(array, summarize) for array in arrays]
    parts = message.split("{}", len(texts))
    inside = len(parts) - 1
    text = parts[0] + "".join(t + p for t, p in zip(texts, parts[1:], strict=False))
    return " ".join(t for t in (text, *texts[inside:]) if t)

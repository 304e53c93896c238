"""Drawing, ordering, running sums and lookups: the same arrays for every library.

Plain numpy, so that a peer's process needs nothing of nodeflow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCALES = ("small", "medium", "large")
ELEMENTS = dict(zip(SCALES, (1 << 12, 1 << 16, 1 << 22), strict=True))
"""How many numbers are drawn, sorted or added up."""
COPIES = {"small": 16, "medium": 4, "large": 1}
"""Copies that one call computes, so that the call's own time does not dominate."""
DRAWN = ("normal", "uniform")
ORDERED = ("sort", "argsort", "top_k")
SUMMED = ("cumsum", "cumsum_down")
MOVED = ("gather", "scatter_add", "scatter_update")
CASES = tuple(f"{kind}_{s}" for kind in (*DRAWN, *ORDERED, *SUMMED, *MOVED) for s in SCALES)
"""``sort``, ``argsort`` (stable) and ``cumsum`` take one vector, ``cumsum_down`` the first axis of
a matrix of `WIDTH` columns, ``top_k`` the `TOP` largest elements of each row of a matrix and their
indices. ``gather`` and ``scatter_*`` take rows of `WIDTH` numbers. All numbers are float32."""
TOP = 32
ROW = {"small": 1 << 10, "medium": 1 << 13, "large": 1 << 16}
"""Elements of a row of ``top_k``."""
WIDTH = 64


def parts(case: str) -> tuple[str, str]:
    """Return the kind and the scale of a case."""
    kind, _, scale = case.rpartition("_")
    return kind, scale


def copies(case: str) -> int:
    return COPIES[parts(case)[1]]


def vector(case: str) -> np.ndarray:
    """Return the numbers to sort or add up: a vector, or a matrix for ``top_k`` and
    ``cumsum_down``."""
    kind, scale = parts(case)
    x = np.random.default_rng(13).standard_normal(ELEMENTS[scale]).astype("float32")
    width = {"top_k": ROW[scale], "cumsum_down": WIDTH}.get(kind)
    return x if width is None else x.reshape(-1, width)


@dataclass(frozen=True)
class Moves:
    """A table, rows of it, and values. ``gather`` reads the rows, ``scatter_*`` puts values there.

    In ``scatter_update`` no row is named twice; in the other cases some rows are named many times.
    """

    table: np.ndarray  # float32 [rows, WIDTH]
    rows: np.ndarray  # int32 [half as many]
    values: np.ndarray  # float32 [half as many, WIDTH]


def moves(case: str) -> Moves:
    """Return a table of all elements, and half as many rows."""
    kind, scale = parts(case)
    rng, count = np.random.default_rng(14), ELEMENTS[scale] // WIDTH
    table = rng.standard_normal((count, WIDTH)).astype("float32")
    named = rng.permutation(count)[: count // 2]
    if kind != "scatter_update":
        named = rng.integers(0, count, count // 2)
    values = rng.standard_normal((count // 2, WIDTH)).astype("float32")
    return Moves(table, named.astype("int32"), values)


def moments(drawn: np.ndarray) -> np.ndarray:
    """Return mean and deviation, to a digit: libraries draw other numbers of the same
    distribution."""
    return np.round([drawn.mean(dtype="float64"), drawn.std(dtype="float64")], 1) + 0.0


def moved_bytes(case: str) -> int:
    """Return the least bytes that a case reads and writes."""
    kind, scale = parts(case)
    n = ELEMENTS[scale]
    if kind in MOVED:
        return 4 * n + 4 * n // 2 // WIDTH + (4 * n // 2 if kind == "scatter_add" else 0)
    if kind in DRAWN or kind == "top_k":
        return 4 * n
    return (12 if kind == "argsort" else 8) * n

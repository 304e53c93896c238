"""The difference between two values of one tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nodeflow.graph.types import shape_text
from nodeflow.host.picture_arrangement import measured
from nodeflow.number_text import count, number


@dataclass(frozen=True)
class Difference:
    """The result of comparing two arrays.

    Attributes:
        values: second minus first, as float64; None if the shapes differ. 0 where both are the
            same infinity or both NaN.
        text: a description of the difference.
        largest: the largest magnitude in ``values``.
        at: the index of that element.
        changed: the number of elements that differ.
    """

    values: np.ndarray | None
    text: str
    largest: float = 0.0
    at: tuple[int, ...] = ()
    changed: int = 0


def difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Compare two values, element by element.

    >>> difference(np.array([1.0, 2.0]), np.array([1.0, 4.0])).text
    'Largest difference 2 at [1]: 2 → 4. 1 of 2 elements differs.'
    """
    if first.shape != second.shape:
        shapes = f"{shape_text(first.shape)} and {shape_text(second.shape)}"
        return Difference(None, f"The shapes differ: {shapes}.")
    kinds = "" if first.dtype == second.dtype else f" The dtypes: {first.dtype} and {second.dtype}."
    before, after = (_numbers(measured(array)) for array in (first, second))
    if before is None or after is None:
        same = bool(np.array_equal(first, second))
        return Difference(None, "They are the same." if same else "They differ.")
    if not before.size:
        return Difference(before, f"They have no elements.{kinds}")
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.where(same, 0.0, after - before)
    changed = int(values.size - same.sum())
    if not changed:
        return Difference(values, f"No element differs.{kinds}")
    sizes = np.abs(np.where(np.isnan(values), np.inf, values))
    at = tuple(int(i) for i in np.unravel_index(int(sizes.argmax()), sizes.shape))
    most = float(sizes[at])
    where = f" at [{', '.join(map(str, at))}]" if at else ""
    differ = "differs" if changed == 1 else "differ"
    text = (
        f"Largest difference {number(most)}{where}: {number(before[at])} → {number(after[at])}. "
        f"{count(changed)} of {count(values.size)} elements {differ}.{kinds}"
    )
    return Difference(values, text, most, at, changed)


def _numbers(array: np.ndarray) -> np.ndarray | None:
    """Return the elements as float64, or None if they are not numbers."""
    return None if array.dtype.kind not in "biuf" else array.astype(np.float64)

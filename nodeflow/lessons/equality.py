"""Equality of an answer's value and the solution's, and a sentence about the first difference."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.number_text import number as number_text

RELATIVE, ABSOLUTE = 1e-4, 1e-6
"""Two values are equal if no element differs by more than RELATIVE times the largest element of the
reference, plus ABSOLUTE."""


def equal(value: np.ndarray, reference: np.ndarray) -> bool:
    """Return whether two arrays have the same shape and equal elements; NaN equals NaN."""
    return value.shape == reference.shape and first_difference(value, reference) is None


def first_difference(value: np.ndarray, reference: np.ndarray) -> tuple[int, ...] | None:
    """Return the index of the first element that differs between arrays of one shape, or None."""
    if value.dtype.kind in "biu" and reference.dtype.kind in "biu":
        different = value != reference
    else:
        with np.errstate(all="ignore"):
            a, b = value.astype(np.complex128), reference.astype(np.complex128)
            finite = np.isfinite(b)
            largest = np.abs(b[finite]).max(initial=0.0)
            near = np.abs(a - b) <= RELATIVE * largest + ABSOLUTE
            different = ~np.where(finite, near, (a == b) | (np.isnan(a) & np.isnan(b)))
    places = np.argwhere(different)
    return tuple(map(int, places[0])) if len(places) else None


def difference_text(name: str, value: np.ndarray, reference: np.ndarray) -> str:
    """Return a sentence that says where two different values differ."""
    if value.shape != reference.shape:
        return f"{name} has the shape {value.shape}, expected {reference.shape}"
    place = first_difference(value, reference)
    assert place is not None
    where = f"{name}[{', '.join(map(str, place))}]" if place else name
    return f"{where} is {shown(value[place])}, expected {shown(reference[place])}"


def shown(number: Any) -> str:
    """Return one element as text, with four digits."""
    return number_text(number)

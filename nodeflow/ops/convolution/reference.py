"""Convolution and its gradients in numpy, one element of the window after the other.

An element sees a rectangle of the image, each place of it belonging to one window: so each of the
three is a sum of small matrix products. What lies in the border takes no part, not even where a
filter is infinite. Arrays are (rows, axes of space, channels), filters (axes of space, channels of
a group, filters).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from nodeflow.ops.sliding_windows import Windows, known

Rectangle = tuple[slice, ...]


def elements(
    windows: Windows, picture: Sequence[int], result: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], Rectangle, Rectangle]]:
    """For each element of the window: which, where in the image, and of which windows."""
    sizes = list(zip(windows.axes, picture[1:-1], result[1:-1], strict=True))
    insides = [[axis.inside(k, *pair) for k in range(axis.kernel)] for axis, *pair in sizes]
    for element in windows.elements():
        found = [inside[k] for inside, k in zip(insides, element, strict=True)]
        seen, seeing = (tuple(each) for each in zip(*found, strict=True))
        yield element, (slice(None), *seen), (slice(None), *seeing)


def grouped(x: np.ndarray, groups: int) -> np.ndarray:
    """Values as matrices: (groups, places, channels of a group)."""
    *places, channels = x.shape
    return np.moveaxis(x.reshape(math.prod(places), groups, channels // groups), 1, 0)


def grouped_filter(filter_: np.ndarray, groups: int) -> np.ndarray:
    """One element's weights as matrices: (groups, channels of a group, filters of a group)."""
    channels, filters = filter_.shape
    return np.moveaxis(filter_.reshape(channels, groups, filters // groups), 1, 0)


def convolve(x: np.ndarray, filter_: np.ndarray, windows: Windows, groups: int) -> np.ndarray:
    """Each window's product with each filter."""
    counts = known(windows.counts(*x.shape[1:-1]))
    out = np.zeros((x.shape[0], *counts, filter_.shape[-1]), x.dtype)
    for element, seen, seeing in elements(windows, x.shape, out.shape):
        product = grouped(x[seen], groups) @ grouped_filter(filter_[element], groups)
        out[seeing] += np.moveaxis(product, 0, 1).reshape(out[seeing].shape)
    return out


def input_gradient(
    g: np.ndarray, filter_: np.ndarray, windows: Windows, groups: int, shape: Sequence[int]
) -> np.ndarray:
    """The filters, weighted by g, added up where their windows lie in an image of ``shape``."""
    out = np.zeros(tuple(shape), g.dtype)
    for element, seen, seeing in elements(windows, shape, g.shape):
        weights = np.swapaxes(grouped_filter(filter_[element], groups), 1, 2)
        product = grouped(g[seeing], groups) @ weights
        out[seen] += np.moveaxis(product, 0, 1).reshape(out[seen].shape)
    return out


def filter_gradient(
    x: np.ndarray, g: np.ndarray, windows: Windows, groups: int, shape: Sequence[int]
) -> np.ndarray:
    """What the windows see, weighted by g: one image of ``shape`` for each filter."""
    out = np.empty(tuple(shape), x.dtype)
    for element, seen, seeing in elements(windows, x.shape, g.shape):
        product = np.swapaxes(grouped(x[seen], groups), 1, 2) @ grouped(g[seeing], groups)
        out[element] = np.moveaxis(product, 0, 1).reshape(tuple(shape)[-2:])
    return out

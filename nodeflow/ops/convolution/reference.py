"""Convolution and its gradients in numpy, one window element at a time.

Over all windows, one element of the window covers a rectangle of the image, each place of which
belongs to one window. So each of the three ops is a sum of small matrix products. The border is
left out, because an infinite filter times its zeros would give NaN. Arrays are (rows, spatial axes,
channels), filters (spatial axes, channels of a group, filters).
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
    """Iterate over the elements of a window. Yield the element's index, the slices of the image
    that it meets over all windows, and the slices of the result for these windows.
    """
    sizes = list(zip(windows.axes, picture[1:-1], result[1:-1], strict=True))
    insides = [[axis.inside(k, *pair) for k in range(axis.kernel)] for axis, *pair in sizes]
    for element in windows.elements():
        found = [inside[k] for inside, k in zip(insides, element, strict=True)]
        seen, seeing = (tuple(each) for each in zip(*found, strict=True))
        yield element, (slice(None), *seen), (slice(None), *seeing)


def grouped(x: np.ndarray, groups: int) -> np.ndarray:
    """Reshape values (..., channels) to matrices (groups, positions, channels of a group)."""
    *places, channels = x.shape
    return np.moveaxis(x.reshape(math.prod(places), groups, channels // groups), 1, 0)


def grouped_filter(filter_: np.ndarray, groups: int) -> np.ndarray:
    """Reshape one element of the filter, (channels of a group, filters), to (groups, channels of a
    group, filters of a group).
    """
    channels, filters = filter_.shape
    return np.moveaxis(filter_.reshape(channels, groups, filters // groups), 1, 0)


def convolve(x: np.ndarray, filter_: np.ndarray, windows: Windows, groups: int) -> np.ndarray:
    """Return the product of each window with each filter."""
    counts = known(windows.counts(*x.shape[1:-1]))
    out = np.zeros((x.shape[0], *counts, filter_.shape[-1]), x.dtype)
    for element, seen, seeing in elements(windows, x.shape, out.shape):
        product = grouped(x[seen], groups) @ grouped_filter(filter_[element], groups)
        out[seeing] += np.moveaxis(product, 0, 1).reshape(out[seeing].shape)
    return out


def input_gradient(
    g: np.ndarray, filter_: np.ndarray, windows: Windows, groups: int, shape: Sequence[int]
) -> np.ndarray:
    """Compute the gradient of a convolution with respect to its input, of ``shape``, from the
    output's gradient g and the filter.
    """
    out = np.zeros(tuple(shape), g.dtype)
    for element, seen, seeing in elements(windows, shape, g.shape):
        weights = np.swapaxes(grouped_filter(filter_[element], groups), 1, 2)
        product = grouped(g[seeing], groups) @ weights
        out[seen] += np.moveaxis(product, 0, 1).reshape(out[seen].shape)
    return out


def filter_gradient(
    x: np.ndarray, g: np.ndarray, windows: Windows, groups: int, shape: Sequence[int]
) -> np.ndarray:
    """Compute the gradient of a convolution with respect to its filter, of ``shape``, from the
    input x and the output's gradient g.
    """
    out = np.empty(tuple(shape), x.dtype)
    for element, seen, seeing in elements(windows, x.shape, g.shape):
        product = np.swapaxes(grouped(x[seen], groups), 1, 2) @ grouped(g[seeing], groups)
        out[element] = np.moveaxis(product, 0, 1).reshape(tuple(shape)[-2:])
    return out

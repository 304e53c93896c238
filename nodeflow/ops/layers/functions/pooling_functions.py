"""The pooling of `nf.layers`. It has no variables, so each function adds the op itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops.layers.functions.layer_calls import pool


def max_pooling1d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Take the largest element of each window of (rows, time, channels): the op `max_pool1d`."""
    return pool("max_pool1d", inputs, pool_size, strides, padding, data_format, name)


def max_pooling2d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Take the largest element of each window of (rows, height, width, channels): `max_pool2d`."""
    return pool("max_pool2d", inputs, pool_size, strides, padding, data_format, name)


def average_pooling1d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Take the mean of each window of (rows, time, channels): the op `average_pool1d`."""
    return pool("average_pool1d", inputs, pool_size, strides, padding, data_format, name)


def average_pooling2d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Take the mean of each window of (rows, height, width, channels): the op `average_pool2d`."""
    return pool("average_pool2d", inputs, pool_size, strides, padding, data_format, name)


def max_pooling3d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Take the largest element of each window of (rows, depth, height, width, channels)."""
    return pool("max_pool3d", inputs, pool_size, strides, padding, data_format, name)


def average_pooling3d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """Take the mean of each window of volumes (rows, depth, height, width, channels)."""
    return pool("average_pool3d", inputs, pool_size, strides, padding, data_format, name)

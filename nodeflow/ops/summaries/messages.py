"""Summaries as protocol buffers: ``tensorflow/core/framework/summary.proto``.

A Summary is a list of values, so two concatenated Summaries are one with all their values.
"""

from __future__ import annotations

import sys
from functools import cache

import numpy as np

from nodeflow.ops.summaries import protobuf as pb
from nodeflow.ops.summaries.png import png

SMALLEST = 1e-6
"""Pictures whose largest value is below it are black."""
BAD_PIXEL = (255, 0, 0, 255)
"""The colour of values that are not finite: red, as in TensorFlow."""
DT_STRING = 7


def scalar(tag: str, value: float) -> bytes:
    """Return a Summary with one number, as float32."""
    with np.errstate(over="ignore"):
        return _value(tag, pb.single(2, float(np.float32(value)), always=True))


def histogram(tag: str, values: np.ndarray) -> bytes:
    """Return a Summary with a histogram in TensorFlow's buckets."""
    return _value(tag, pb.message(5, _histogram(np.asarray(values, np.float64).ravel())))


def images(tag: str, batch: np.ndarray, most: int) -> bytes:
    """Return a serialized TensorFlow Summary that contains the first ``most`` pictures of a batch
    (n, height, width, channels).
    """
    shown = batch[:most]
    parts = []
    for index, picture in enumerate(shown):
        pixels = as_pixels(picture)
        height, width, channels = pixels.shape
        content = pb.integer(1, height) + pb.integer(2, width) + pb.integer(3, channels)
        name = f"{tag}/image" if most == 1 else f"{tag}/image/{index}"
        parts.append(_value(name, pb.message(4, content + pb.text(4, png(pixels)))))
    return b"".join(parts)


def text(tag: str, content: str) -> bytes:
    """Return a Summary with a text, which TensorBoard shows as Markdown."""
    tensor = pb.integer(1, DT_STRING) + pb.message(2, b"") + pb.message(8, content.encode())
    metadata = pb.message(1, pb.text(1, "text"))
    return _value(tag, pb.message(8, tensor) + pb.message(9, metadata))


def _value(tag: str, content: bytes) -> bytes:
    return pb.message(1, pb.text(1, tag) + content)


def as_pixels(picture: np.ndarray) -> np.ndarray:
    """Convert a picture to uint8, scaled as in TensorFlow.

    If no value is negative, the largest becomes 255. Otherwise 0 becomes 128, and the value
    farthest from 0 becomes 1 or 255.
    """
    if picture.dtype == np.uint8:
        return picture
    values = picture.astype(np.float32)
    finite = np.isfinite(values).all(axis=-1)
    known = values[finite]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    largest = max(abs(low), abs(high)) if low < 0 else high
    top, offset = (127.0, 128.0) if low < 0 else (255.0, 0.0)
    scale = np.float32(0 if largest < SMALLEST else top / largest)
    pixels = np.zeros(values.shape, np.uint8)
    pixels[finite] = (known * scale + np.float32(offset)).astype(np.uint8)
    pixels[~finite] = BAD_PIXEL[: values.shape[-1]]
    return pixels


@cache
def bucket_limits() -> np.ndarray:
    """Return the upper limits of the buckets of TensorBoard's histograms: 0, and in both signs
    numbers from 1e-12 to 1e20, each 10 % larger than the previous one, and the largest float.
    """
    limits, limit = [], 1e-12
    while limit < 1e20:
        limits.append(limit)
        limit *= 1.1
    limits.append(sys.float_info.max)
    return np.array([*(-v for v in reversed(limits)), 0.0, *limits])


def _histogram(values: np.ndarray) -> bytes:
    """Return a HistogramProto. Consecutive empty buckets are merged."""
    limits = bucket_limits()
    places = np.searchsorted(limits, values, side="right").clip(max=len(limits) - 1)
    counts = np.bincount(places, minlength=len(limits))
    ends = (counts > 0) | np.append(counts[1:] > 0, True)  # the last of consecutive empty buckets
    largest = sys.float_info.max
    low, high = (values.min(), values.max()) if len(values) else (largest, -largest)
    # added in sequence, as in TensorFlow
    total, squares = (np.cumsum(v)[-1] if len(v) else 0.0 for v in (values, values * values))
    numbers = (low, high, len(values), total, squares)
    fields = b"".join(pb.double(i, float(v)) for i, v in enumerate(numbers, start=1))
    return fields + pb.doubles(6, limits[ends]) + pb.doubles(7, counts[ends])

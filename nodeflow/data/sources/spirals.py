"""Two interleaved spirals: a two-dimensional data set that no straight line separates."""

from __future__ import annotations

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.data.source import Location, Source
from nodeflow.data.source_options import SPLIT_OPTIONS, split_rows
from nodeflow.engine.columns import Column
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType
from nodeflow.ops.distributions.random_bits import threefry2x32

OPTIONS = (
    Attr("n", "int", 1000, "Total number of points, half of them on each spiral.", minimum=2),
    Attr("noise", "float", 0.05, "Standard deviation of the noise on each coordinate.", minimum=0),
    Attr("turns", "float", 1.0, "Number of turns of each spiral.", minimum=0),
    Attr(
        "labels",
        "choice",
        "one_hot",
        "One-hot float32 (n, 2), or class numbers int64 (n).",
        choices=("one_hot", "class"),
    ),
    *SPLIT_OPTIONS,
)

RADIUS = 2.0  # the standard deviation of each coordinate is then about 0.8
SPIRALS = 0x53504952


def columns(location: Location, *, labels: str, **_: object) -> dict[str, TensorType]:
    one_hot = labels == "one_hot"
    return {
        "points": TensorType("float32", (None, 2)),
        "labels": TensorType("float32", (None, 2)) if one_hot else TensorType("int64", (None,)),
    }


def open_spirals(
    location: Location,
    *,
    n: int,
    noise: float,
    turns: float,
    labels: str,
    splits: tuple[float, ...],
    shuffle: bool,
    seed: int,
) -> DataSplits:
    """Return ``points`` float32 (None, 2) and ``labels``, the same on every machine for a seed."""
    points, classes = spiral_points(n, noise, turns, seed)
    arrays = {
        "points": Column(points),
        "labels": Column(classes, depth=2) if labels == "one_hot" else Column(classes),
    }
    parts = split_rows(n, splits, shuffle, seed)
    return DataSplits(
        name="Two spirals",
        source="spirals",
        splits={
            split: {name: column.take(rows) for name, column in arrays.items()}
            for split, rows in parts.items()
        },
        location="computed",
        classes={"labels": ("0", "1")},
    )


def spiral_points(n: int, noise: float, turns: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points float32 (n, 2) and classes int64 (n,). Rows alternate between the spirals.

    The radius grows with the angle from 0 to 2. The second spiral is the first one rotated by half
    a circle.
    """
    along, first, second, _ = _uniforms(n, seed)
    classes = np.arange(n, dtype=np.int64) % 2
    radius = RADIUS * along
    angle = 2 * np.pi * turns * along + np.pi * classes
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    # Box and Muller's pair of independent normals from two uniforms.
    size = noise * np.sqrt(-2 * np.log(first))
    points += np.stack(
        [size * np.cos(2 * np.pi * second), size * np.sin(2 * np.pi * second)], axis=1
    )
    return points.astype(np.float32), classes


def _uniforms(n: int, seed: int) -> list[np.ndarray]:
    """Return four arrays of n uniforms in (0, 1), float64."""
    mask = 0xFFFFFFFF
    key = seed & mask, ((seed >> 32) & mask) ^ SPIRALS
    rows = np.arange(n, dtype=np.uint32)
    words = [word for block in (0, 1) for word in threefry2x32(*key, rows, block)]
    return [(word.astype(np.float64) + 0.5) / 2**32 for word in words]


SOURCE = Source(
    "spirals",
    "Two spirals",
    "Generated points of two classes on interleaved spirals.",
    OPTIONS,
    open_spirals,
    columns,
)

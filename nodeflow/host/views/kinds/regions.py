"""Decision regions: a graph's predictions over the plane of its two inputs, with the data on top.

Every node that depends on a placeholder of two columns has such a picture: classes if it predicts
classes, otherwise its value as a heat map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.document.to_graph.predictions.class_scores import (
    PROBABILITIES,
    class_shares,
    is_compared,
    made_by,
    reads_scores,
)
from nodeflow.graph.graph import Tensor
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.class_names import class_labels, classes_of, feature_title
from nodeflow.host.views.view_kind import ViewKind, ViewProblem

if TYPE_CHECKING:
    from nodeflow.host.views.value_source import ViewSource
    from nodeflow.train.training import Binding

GRID = 60
MARGIN = 0.08
"""The margin around the data, relative to their extent."""
MOST_POINTS = {"train": 600, "validation": 200, "test": 300}
MOST_MAPS = 16
"""The number of units of a hidden layer to show, each as a separate map."""
COMPARING = frozenset("equal not_equal less less_equal greater greater_equal round".split())


@dataclass(frozen=True)
class RegionData:
    """Predictions on a grid and points of data. The first row of a grid is at the bottom.

    Attributes:
        extent: left, right, bottom, top of the grid.
        axes: titles of the two inputs.
        classes: uint8 (rows, columns), or None for values.
        strength: uint8 (rows, columns), the certainty of the prediction; None if unknown.
        values: float32 (k, rows, columns) of a node that does not predict classes, or None.
        names: names of the classes.
        points: float32 (n, 2).
        groups: int16 (n,), the class of each point; -1 if unknown.
        is_test: bool (n,), whether a training does not see the point.
    """

    extent: tuple[float, float, float, float]
    axes: tuple[str, str]
    classes: np.ndarray | None
    strength: np.ndarray | None
    values: np.ndarray | None
    names: tuple[str, ...]
    points: np.ndarray
    groups: np.ndarray
    is_test: np.ndarray


def compute(source: ViewSource, spec: ViewSpec) -> RegionData:
    """Return a map of a tensor over the plane of two inputs: the predicted class at each point, or
    the tensor's values.

    Raises:
        ViewProblem: it does not depend on exactly one placeholder, of two columns.
    """
    tensor = source.tensor(spec.name)
    plane = _plane(source, tensor)
    binding = source.bindings([plane]).get(plane)
    found = source.memo(("regions", plane), lambda: _points(source, plane, binding))
    points, groups, is_test, names = found
    extent = _extent(points)
    value = source.run([tensor], {plane: grid(extent)})[0]
    if value.shape[:1] != (GRID * GRID,):
        raise ViewProblem("it has no value for each row of the input")
    rows = value.reshape(GRID * GRID, -1)
    classes, strength = answers(source, tensor, rows, len(names))
    values = None
    if classes is None:
        maps = rows[:, :MOST_MAPS].T.astype(np.float32)
        values = np.ascontiguousarray(maps.reshape(-1, GRID, GRID))
    else:
        classes = np.clip(classes, 0, 255).astype(np.uint8).reshape(GRID, GRID)
        count = max(int(classes.max(initial=0)) + 1, len(names), 2)
        names = (*names, *map(str, range(len(names), count)))
    if strength is not None:
        strength = (strength * 255).astype(np.uint8).reshape(GRID, GRID)
    first, second = (feature_title(binding, i, f"{plane.node.name}[{i}]") for i in (0, 1))
    axes = (first, second)
    return RegionData(extent, axes, classes, strength, values, names, points, groups, is_test)


def grid(extent: tuple[float, float, float, float]) -> np.ndarray:
    """Return the centres of the cells of a square grid over a rectangle, float64 (GRID * GRID, 2),
    row by row from the bottom left.
    """
    left, right, bottom, top = extent
    along = (np.arange(GRID) + 0.5) / GRID
    x, y = np.meshgrid(left + (right - left) * along, bottom + (top - bottom) * along)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def answers(
    source: ViewSource, tensor: Tensor, rows: np.ndarray, known: int = 0
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the predicted class of each row of a tensor's value, (n, k), and the certainty from 0
    to 1.

    Args:
        known: number of classes of the data; 0 if there are none.

    Returns:
        None and None if the tensor does not predict classes.
    """
    op = made_by(tensor)
    columns = rows.shape[1]
    if op == "placeholder":
        return None, None
    if rows.dtype.kind in "iub" or op in COMPARING or op == "argmax":
        return (rows[:, 0].astype(np.int64), None) if columns == 1 else (None, None)
    users = source.users
    is_score = op not in PROBABILITIES and reads_scores(users, tensor)
    if columns == 1:
        says_classes = op == "sigmoid" or is_score or (known == 2 and is_compared(users, tensor))
    else:
        is_answer = columns == known and is_compared(users, tensor)
        says_classes = op in PROBABILITIES or is_score or is_answer
    if not says_classes:
        return None, None
    shares = class_shares(users, tensor, rows)
    chance = 1 / shares.shape[1]
    return shares.argmax(axis=1), np.clip((shares.max(axis=1) - chance) / (1 - chance), 0, 1)


def _plane(source: ViewSource, tensor: Tensor) -> Tensor:
    """Return the placeholder with two columns that a tensor depends on, if it depends on no other
    placeholder.
    """
    needed = [
        p for p in source.placeholders(tensor) if p.node.attrs.get("sample") is None or _is_plane(p)
    ]
    planes = [p for p in needed if _is_plane(p)]
    if not planes:
        raise ViewProblem(
            "it depends on no placeholder of two columns",
            hint="Regions are drawn over two inputs, such as a placeholder of shape ?×2.",
        )
    inputs = [p for p in planes if not _is_labels(source, p)] or planes
    others = [p.node.name for p in needed if p is not inputs[0]]
    if others:
        raise ViewProblem(
            f"it also depends on {', '.join(others)}",
            hint="Choose a node that does not depend on the labels.",
        )
    return inputs[0]


def _is_plane(placeholder: Tensor) -> bool:
    kind = placeholder.type
    return kind.is_float and kind.has_rank and kind.shape[1:] == (2,)


def _is_labels(source: ViewSource, placeholder: Tensor) -> bool:
    """Return whether a placeholder of two columns gets one-hot labels."""
    binding = source.bindings([placeholder]).get(placeholder)
    column = (
        None if binding is None else next(iter(binding.dataset.splits.values()))[binding.column]
    )
    return column is not None and column.depth is not None


def _points(
    source: ViewSource, plane: Tensor, binding: Binding | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the points to draw in the plane of two inputs: coordinates, the class of each point,
    whether it belongs to the test data, and the class names.
    """
    if binding is None:
        sample = source.run([plane])[0].astype(np.float32)
        count = len(sample)
        return sample, np.full(count, -1, np.int16), np.zeros(count, bool), ()
    dataset = binding.dataset
    labels = class_labels(dataset, {binding.column})
    parts = []
    for split in source.splits(dataset):
        which = slice(0, MOST_POINTS[split])
        points = dataset.splits[split][binding.column].rows(which).astype(np.float32)
        groups = np.full(len(points), -1, np.int64)
        if labels is not None:
            groups = classes_of(dataset.splits[split][labels.column].rows(which))
        parts.append((points, groups.astype(np.int16), np.full(len(points), split != "train")))
    points, groups, is_test = (np.concatenate(part) for part in zip(*parts, strict=True))
    return points, groups, is_test, labels.names if labels else ()


def _extent(points: np.ndarray) -> tuple[float, float, float, float]:
    finite = points[np.isfinite(points).all(axis=1)].astype(np.float64)
    if not len(finite):
        return (-1.0, 1.0, -1.0, 1.0)
    low, high = finite.min(axis=0), finite.max(axis=0)
    size = np.where(high > low, high - low, 2.0)
    middle = (low + high) / 2
    low, high = middle - size * (0.5 + MARGIN), middle + size * (0.5 + MARGIN)
    return (float(low[0]), float(high[0]), float(low[1]), float(high[1]))


KIND = ViewKind("regions", compute)

"""The rows of a tensor as points, placed by principal components or another method.

The rows belong to data that the tensor depends on, or to a matrix, such as embeddings. Each row has
a label, a picture or words of its input, and the nearest other rows in all dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.graph.graph import Tensor
from nodeflow.host.picture_arrangement import measured
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.class_names import class_labels, classes_of
from nodeflow.host.views.input_display import inputs_of
from nodeflow.host.views.view_kind import ViewKind, ViewProblem
from nodeflow.manifests import NotOffered, SoftwareMissing, offer, offers

if TYPE_CHECKING:
    from nodeflow.data.data_splits import DataSplits
    from nodeflow.host.views.value_source import ViewSource

MOST_ROWS = 1000
MOST_SPAN = 4096
"""The numbers to use of a row. Longer rows are sampled at equal distances."""
NEIGHBOURS = 8
COMPONENTS = 3
SPLITS = ("test", "validation", "train")
PCA = "pca"
EUCLIDEAN, COSINE = "euclidean", "cosine"
ROUNDED = 1e-12
"""Fraction of the variance below which a component is a rounding error."""
SIDE = 28
"""Pixels of a picture's longer side."""
Placing = Callable[[np.ndarray], np.ndarray]
"""A function that returns points (n, 2) for the rows of a float64 matrix of three or more rows."""


def methods() -> dict[str, str]:
    """Return the methods that project rows of numbers to points in the plane, with their labels:
    PCA, and the methods of installed integrations.
    """
    return {PCA: "PCA", **{each.name: each.label for each in offers("projection")}}


@dataclass(frozen=True)
class ProjectionData:
    """Points and the rows that they represent.

    Attributes:
        tensor: the name of the shown tensor.
        candidates: tensors that could be shown instead.
        split: the split of the rows, one of ``splits``; empty for the rows of a matrix.
        total: number of all rows; the first are shown.
        dims: numbers in a row.
        method: one of `methods`.
        metric: the metric for neighbours.
        points: float32 (n, k), k components, at most `COMPONENTS`.
        explained: fraction of the variance along each component; empty for other methods.
        labels: (n,) one text for each point; empty if nothing is known.
        groups: int16 (n,), class of each point; -1 if unknown.
        names: names of the classes.
        pictures: uint8 (n, height, width) of the inputs, in colour (n, height, width, 3), or None.
        texts: the inputs in words, if they are not pictures.
        near: int32 (n, m), the nearest rows of each row, the nearest first.
        distances: float32 (n, m).
    """

    tensor: str
    candidates: tuple[str, ...]
    split: str
    splits: tuple[str, ...]
    total: int
    dims: int
    method: str
    metric: str
    points: np.ndarray
    explained: tuple[float, ...]
    labels: tuple[str, ...]
    groups: np.ndarray
    names: tuple[str, ...]
    pictures: np.ndarray | None
    texts: tuple[str, ...]
    near: np.ndarray
    distances: np.ndarray


def compute(source: ViewSource, spec: ViewSpec) -> ProjectionData:
    """Project the rows of a tensor to points, and return the points. If no tensor is named, choose
    the most likely tensor.

    Options: ``split``, ``method`` (one of `methods`), ``metric`` (``euclidean`` or ``cosine``).

    Raises:
        ViewProblem: the tensor has no rows of two numbers or more, or the method is not installed.
    """
    names = source.memo("projected", lambda: _candidates(source))
    if not spec.name and not names:
        raise ViewProblem(
            "no node has rows of several numbers",
            hint="Points are the rows of data after a layer, or of a matrix of embeddings.",
        )
    tensor = source.tensor(spec.name or names[0])
    bindings = source.bindings([tensor])
    if bindings and tensor.type.ndims and tensor.shape[0] is None:
        dataset = next(iter(bindings.values())).dataset
        splits = tuple(s for s in SPLITS if dataset.size(s))
        wanted = spec.option("split")
        split = wanted if wanted in splits else splits[0]
        rows, shown = _of_data(source, tensor, dataset, split)
    else:
        splits, split = (), ""
        rows, shown = _of_matrix(source, tensor)
    if rows.ndim != 2 or rows.shape[1] < 2 or len(rows) < 3:
        raise ViewProblem("it needs at least three rows of two or more numbers")
    good = np.isfinite(rows).all(axis=1)
    if not good.all():
        raise ViewProblem(f"{int((~good).sum())} of its rows are not finite")
    method = spec.option("method", PCA)
    metric = COSINE if spec.option("metric") == COSINE else EUCLIDEAN
    if method == PCA:
        points, shares = principal(rows)
        explained = tuple(shares.tolist())
    else:
        points, explained = _placed(source, rows, method), ()
    near, distances = nearest(rows, metric)
    return ProjectionData(
        tensor.name, names, split, splits, shown.total, rows.shape[1], method, metric,
        points.astype(np.float32), explained, shown.labels, shown.groups, shown.names,
        shown.pictures, shown.texts, near, distances,
    )  # fmt: skip


# ---- the shown rows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shown:
    total: int
    labels: tuple[str, ...]
    groups: np.ndarray
    names: tuple[str, ...] = ()
    pictures: np.ndarray | None = None
    texts: tuple[str, ...] = ()


def _candidates(source: ViewSource) -> tuple[str, ...]:
    """Return the names of tensors that a user may want to project to points, the likeliest first:
    the last wide layer, then others.
    """
    bound = set(source.bound())
    layers, matrices = [], []
    for node in source.task.graph.nodes:
        if node.derived_from is not None or len(node.outputs) != 1:
            continue
        tensor = node.outputs[0]
        kind = tensor.type
        if not kind.is_float or not kind.has_rank or len(kind.shape) != 2:
            continue
        count, width = kind.shape
        if node.op.id in ("variable", "constant"):
            if node.op.id == "variable" and min(count or 0, width or 0) >= 3:
                matrices.append((node.index, tensor.name))
            continue
        is_layer = count is None and (width is None or width >= 2)
        if is_layer and any(p in bound for p in source.placeholders(tensor)):
            layers.append((width or 0, node.index, tensor.name))
    last = max((index for _, index, _ in layers), default=0)
    widest = [each for each in layers if each[0] > 16] or layers
    ranked = [name for *_, name in sorted(widest, key=lambda each: last - each[1])]
    others = [name for *_, name in layers if name not in ranked]
    return tuple(dict.fromkeys([*ranked, *others, *(name for _, name in sorted(matrices))]))


def _of_data(
    source: ViewSource, tensor: Tensor, dataset: DataSplits, split: str
) -> tuple[np.ndarray, _Shown]:
    columns = dataset.split(split)
    bound = {p: b.column for p, b in source.bindings([tensor]).items() if b.dataset is dataset}
    total = min(len(columns[name]) for name in bound.values())
    which = np.arange(min(total, MOST_ROWS))
    feeds = {p: columns[name].rows(which) for p, name in bound.items()}
    value = source.run([tensor], feeds)[0]
    if len(value) != len(which):
        raise ViewProblem("it has no value for each row")

    def describe() -> _Shown:
        used = set(bound.values())
        known = class_labels(dataset, used)
        groups, names = np.full(len(which), -1, np.int16), ()
        if known is not None:
            names = known.names
            found = classes_of(columns[known.column].rows(which))
            groups = np.clip(found, 0, len(names) - 1).astype(np.int16)
        labels = tuple(names[g] for g in groups.tolist()) if names else ()
        inputs = [name for name in dataset.columns if name in used]
        pictures, texts = inputs_of(dataset, inputs, columns, which)
        return _Shown(total, labels, groups, names, _small(pictures), texts)

    shown = source.memo(("projected rows", tensor, split), describe)
    return _flat(value), shown


def _of_matrix(source: ViewSource, tensor: Tensor) -> tuple[np.ndarray, _Shown]:
    value = source.run([tensor], source.feeds([tensor]))[0]
    if value.ndim < 2:
        raise ViewProblem("it has no rows")
    rows = _flat(value[:MOST_ROWS])
    labels = _words(source, len(value))[:MOST_ROWS]
    return rows, _Shown(len(value), labels, np.full(len(rows), -1, np.int16))


def _words(source: ViewSource, count: int) -> tuple[str, ...]:
    """Return class names as labels for the rows of a matrix, if the data have as many classes as
    the matrix has rows. Otherwise return an empty tuple.
    """
    for binding in source.bound().values():
        for names in binding.dataset.classes.values():
            if len(names) == count:
                return tuple(names)
    return ()


def _flat(value: np.ndarray) -> np.ndarray:
    """Flatten each row of an array to a row of numbers, float64 (n, d). Skip numbers at regular
    intervals if a row has too many.
    """
    rows = measured(value).reshape(len(value), -1)
    return rows[:, :: max(1, -(-rows.shape[1] // MOST_SPAN))].astype(np.float64)


def _small(pictures: np.ndarray | None) -> np.ndarray | None:
    """Return pictures with at most `SIDE` pixels per side."""
    if pictures is None:
        return None
    step = max(1, math.ceil(max(pictures.shape[1:3]) / SIDE))
    return np.ascontiguousarray(pictures[:, ::step, ::step])


# ---- positions of the points --------------------------------------------------------------------


def principal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first principal components of rows, (n, k), and their fractions of the variance.

    The largest weight of a component is positive, so that pictures of a training do not flip.
    """
    from scipy.linalg import eigh  # not needed before a view is drawn

    centred = rows - rows.mean(axis=0)
    count, width = centred.shape
    most = min(COMPONENTS, count, width)
    total = float(np.sum(centred**2))
    if not total:
        return np.zeros((count, most)), np.zeros(most)
    if width <= count:
        _, weights = eigh(centred.T @ centred, subset_by_index=[width - most, width - 1])
        weights = weights[:, ::-1]
        points = centred @ weights
    else:
        sizes, left = eigh(centred @ centred.T, subset_by_index=[count - most, count - 1])
        sizes = np.where(sizes > ROUNDED * total, sizes, 0.0)
        points = left[:, ::-1] * np.sqrt(sizes[::-1])
        weights = centred.T @ points
    largest = np.abs(weights).argmax(axis=0)
    points = points * np.where(weights[largest, np.arange(most)] < 0, -1.0, 1.0)
    return points, np.sum(points**2, axis=0) / total


def _placed(source: ViewSource, rows: np.ndarray, method: str) -> np.ndarray:
    """Project rows of numbers to points in the plane, by a method such as PCA. Return the
    points.
    """
    try:
        wanted = offer("projection", method, [PCA])
        wanted.integration.check_software()
    except (NotOffered, SoftwareMissing) as error:
        raise ViewProblem(error.message, hint=error.hint) from None
    if source.step is not None:
        raise ViewProblem(
            f"{wanted.label} takes too long beside a training",
            hint=f"PCA follows it; {wanted.label} comes after.",
        )
    place: Placing = wanted.load()
    return place(rows)


def nearest(rows: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest other rows of each row, int32 (n, m), and distances, float32 (n, m)."""
    many = min(NEIGHBOURS, len(rows) - 1)
    if metric == COSINE:
        sizes = np.linalg.norm(rows, axis=1, keepdims=True)
        rows = rows / np.where(sizes > 0, sizes, 1.0)
    squares = np.sum(rows**2, axis=1)
    away = np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0.0)
    distances = away / 2 if metric == COSINE else np.sqrt(away)
    np.fill_diagonal(distances, np.inf)
    near = np.argpartition(distances, many - 1, axis=1)[:, :many]
    found = np.take_along_axis(distances, near, axis=1)
    order = np.lexsort((near, found), axis=1)
    near = np.take_along_axis(near, order, axis=1)
    return near.astype(np.int32), np.take_along_axis(found, order, axis=1).astype(np.float32)


KIND = ViewKind("projection", compute, interval=1.0)

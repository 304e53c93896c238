"""The distribution of a tensor's elements, and how it changes over the steps of a training.

For a variable or activation, it shows the values or the gradient of the loss. For a variable, it
also shows the change in a step relative to the size. All use the same rows: the first training
batch, in the phase of inference. A training keeps one sample for each drawn picture, and fewer as
it grows longer, so that the cost stays the same after a million steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.graph.graph import Tensor
from nodeflow.host.picture_arrangement import measured
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.training_tensors import gradient_of, next_value_of
from nodeflow.host.views.view_kind import ViewKind, ViewProblem

if TYPE_CHECKING:
    from nodeflow.host.views.value_source import ViewSource

VALUE, GRADIENT, UPDATE = "value", "gradient", "update"
MOST_SAMPLES = 240
BINS = 64
MOST_ELEMENTS = 65_536
"""The number of elements to use. Larger tensors are sampled at equal distances."""
MOST_ROWS = 256
PARTS = np.concatenate([[0.0, 0.001, 0.01], np.linspace(0, 1, 41)[1:-1], [0.99, 0.999, 1.0]])
"""The quantiles in a sample. They determine the density over any bins."""
OUTER = 2
"""The number of quantiles outside the picture at either end of `PARTS`; it shows 0.01 to 0.99."""
MARGIN = 0.12
"""The margin on either side, relative to the range. Elements farther out are not shown."""


@dataclass(frozen=True)
class DistributionData:
    """Distributions at some steps.

    Attributes:
        of: ``value``, ``gradient`` or ``update``.
        choices: the values that ``of`` may have for this tensor.
        steps: float64 (n,), rising; one step of 0 outside a training.
        extent: the lowest and the highest value in the picture; logarithms of ratios if ``is_log``.
        density: uint8 (n, BINS): the fraction of elements in each bin, scaled to 255 for the
            largest bin of each step.
        middle: float64 (n, 3): quantiles 0.1, 0.5 and 0.9.
        ratio: float64 (n,): the size of the update relative to the size of the variable; empty for
            others.
        elements: the number of sampled elements.
        not_finite: float64 (n,), the fraction of elements that are not finite, or whose ratio is
            not.
        is_log: whether values are powers of ten.
        rows: the number of rows that the value depends on.
    """

    of: str
    choices: tuple[str, ...]
    steps: np.ndarray
    extent: tuple[float, float]
    density: np.ndarray
    middle: np.ndarray
    ratio: np.ndarray
    elements: int
    not_finite: np.ndarray
    is_log: bool
    rows: int


@dataclass
class Course:
    """The samples of a tensor at steps of a training, at most `MOST_SAMPLES`."""

    steps: list[int] = field(default_factory=list)
    quantiles: list[np.ndarray] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    not_finite: list[float] = field(default_factory=list)
    every: int = 1
    """The smallest number of steps between two samples."""
    is_reopened: bool = False

    def begin(self) -> None:
        """Record that an earlier training continues. The next sample then replaces all samples of
        the same or later steps.
        """
        self.is_reopened = True

    def add(self, step: int, sample: Sample) -> None:
        """Insert a sample at its position in the order of steps, unless it is too close to another
        sample. If there are too many samples, thin them out.
        """
        parts = (self.steps, self.quantiles, self.ratios, self.not_finite)
        at = int(np.searchsorted(self.steps, step))
        if self.is_reopened:
            self.is_reopened = False
            for part in parts:
                del part[at:]
        near = [abs(step - other) for other in self.steps[max(at - 1, 0) : at + 1]]
        if near and min(near) < self.every:
            return
        values = (step, sample.quantiles, sample.ratio, sample.not_finite)
        for part, value in zip(parts, values, strict=True):
            part.insert(at, value)  # type: ignore[arg-type]
        if len(self.steps) > MOST_SAMPLES:
            for part in parts:
                del part[1:-1:2]
            self.every = max(1, (self.steps[-1] - self.steps[0]) // MOST_SAMPLES)


@dataclass(frozen=True)
class Sample:
    """The distribution of a tensor at one step."""

    quantiles: np.ndarray
    ratio: float
    elements: int
    not_finite: float


def compute(source: ViewSource, spec: ViewSpec) -> DistributionData:
    """Compute the histograms of a tensor over the training steps. Option ``of``: ``value``,
    ``gradient`` or ``update``.

    Raises:
        ViewProblem: it has no numbers, or a training computes no gradient or update of it.
    """
    tensor = source.tensor(spec.name)
    if tensor.dtype == "string":
        raise ViewProblem("text has no distribution")
    gradient, new = gradient_of(source, tensor), next_value_of(source, tensor)
    found = {VALUE: True, GRADIENT: gradient is not None, UPDATE: new is not None}
    choices = tuple(of for of, is_there in found.items() if is_there)
    of = spec.option("of", VALUE)
    if of not in choices:
        what = "gradient" if of == GRADIENT else "update"
        hint = "Only inputs of the loss have a gradient, and only variables are updated."
        raise ViewProblem(f"a training computes no {what} of it", hint=hint)
    if of == VALUE:
        targets = [tensor]
    elif of == GRADIENT:
        assert gradient is not None
        targets = [gradient]
    else:
        assert new is not None
        targets = [new, tensor]
    feeds, rows = _feeds(source, targets)
    values = source.run(targets, feeds)
    sample = _sample(values, of)
    course = source.courses.setdefault(("distribution", spec.name, of), Course())
    is_what_if = source.is_what_if(targets, feeds)
    if source.step is not None and not is_what_if:
        course.add(source.step, sample)
    shown = course if course.steps and not is_what_if else _single(sample)
    return _data(of, choices, shown, sample.elements, rows)


def _feeds(source: ViewSource, targets: list[Tensor]) -> tuple[dict[Tensor, np.ndarray], int]:
    """Return the first training batch for the placeholders, and its number of rows."""
    bindings = source.bindings(targets)
    size = source.memo("batch size", lambda: min(source.task.settings.batch_size, MOST_ROWS))
    feeds, rows = {}, 0
    for placeholder, binding in bindings.items():
        splits = source.splits(binding.dataset)
        column = source.column(binding, splits[0]) if splits else None
        if column is not None:
            feeds[placeholder] = column.rows(slice(0, min(size, len(column))))
            rows = len(feeds[placeholder])
    return feeds, rows


def _sample(values: list[np.ndarray], of: str) -> Sample:
    value = _plain(values[0])
    ratio = math.nan
    if of == UPDATE:
        before = _plain(values[1])
        change = value - before
        size = float(np.linalg.norm(before))
        ratio = float(np.linalg.norm(change)) / size if size else math.nan
        with np.errstate(all="ignore"):
            value = np.log10(np.abs(change) / np.abs(before))
    finite = value[np.isfinite(value)]
    bad = 1 - len(finite) / max(len(value), 1)
    if not len(finite):
        return Sample(np.full(len(PARTS), np.nan), ratio, len(value), bad)
    return Sample(np.quantile(finite, PARTS), ratio, len(value), bad)


def _plain(value: np.ndarray) -> np.ndarray:
    """Return the sampled elements: float64 (n,)."""
    flat = measured(value).reshape(-1)
    return flat[:: -(-len(flat) // MOST_ELEMENTS)].astype(np.float64) if len(flat) else flat


def _single(sample: Sample) -> Course:
    course = Course()
    course.add(0, sample)
    return course


def _data(
    of: str, choices: tuple[str, ...], course: Course, elements: int, rows: int
) -> DistributionData:
    quantiles = np.array(course.quantiles)
    good = np.isfinite(quantiles).all(axis=1)
    if not good.any():
        raise ViewProblem(
            "no element of it is a finite number" if of != UPDATE else "no element of it changes"
        )
    low = float(quantiles[good, OUTER].min())
    high = float(quantiles[good, -1 - OUTER].max())
    if high <= low:
        pad = max(abs(high) * 0.1, 1e-6)
        low, high = low - pad, high + pad
    pad = MARGIN * (high - low)
    low, high = max(low - pad, float(quantiles[good, 0].min())), high + pad
    high = max(min(high, float(quantiles[good, -1].max())), low + pad)
    edges = np.linspace(low, high, BINS + 1)
    density = np.zeros((len(quantiles), BINS))
    for index in np.flatnonzero(good):
        density[index] = shares(quantiles[index], edges)
    most = density.max(axis=1, keepdims=True)
    scaled = np.divide(density, most, out=np.zeros_like(density), where=most > 0)
    which = [int(np.searchsorted(PARTS, part - 1e-9)) for part in (0.1, 0.5, 0.9)]
    return DistributionData(
        of,
        choices,
        np.array(course.steps, np.float64),
        (low, high),
        np.round(255 * scaled).astype(np.uint8),
        quantiles[:, which],
        np.array(course.ratios) if of == UPDATE else np.empty(0),
        elements,
        np.array(course.not_finite),
        of == UPDATE,
        rows,
    )


def shares(quantiles: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the fraction of the elements between adjacent edges, from quantiles at `PARTS`.

    Equal quantiles, as for many zeros, add their fraction to the bin that holds them.
    """
    size = edges[-1] - edges[0]
    spread = np.maximum.accumulate(quantiles + size * 1e-9 * np.arange(len(quantiles)))
    below = np.interp(edges, spread, PARTS, left=0.0, right=1.0)
    below[-1] = max(below[-1], below[-2])
    return np.maximum(np.diff(below), 0.0)


KIND = ViewKind("distribution", compute, interval=0.25)

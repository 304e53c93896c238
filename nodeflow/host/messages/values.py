"""The tensor values that nodes show, and their rows: data inside the messages of `protocol`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

SKETCH = "sketch pad"
"""The name of rows that are drawn by hand."""


@dataclass(frozen=True)
class ShownRows:
    """The rows that a value was computed from: ``count`` rows of a split from ``first`` (from 0).

    An empty split stands for rows that come from no data set; ``called`` is their name.
    """

    split: str
    first: int = 0
    count: int = 1
    called: str = SKETCH

    def __str__(self) -> str:
        """Return a text for the shown rows, such as ``test rows 1–100``, ``training row 7`` or
        ``sketch pad``. Rows count from 1.
        """
        if not self.split:
            return self.called
        split = SPLIT_WORDS.get(self.split, self.split)
        if self.count == 1:
            return f"{split} row {self.first + 1}"
        return f"{split} rows {self.first + 1}–{self.first + self.count}"

    @property
    def short(self) -> str:
        """A short name of the shown rows: ``test 1–100``, ``train 7`` or ``sketch``."""
        if not self.split:
            return "sketch" if self.called == SKETCH else self.called
        last = f"–{self.first + self.count}" if self.count > 1 else ""
        return f"{self.split} {self.first + 1}{last}"


SPLIT_WORDS = {"train": "training"}
"""The names of splits in sentences, where they differ from the split's own name."""


@dataclass(frozen=True)
class ShownData:
    """The data that nodes show, and the data that could be shown instead.

    Attributes:
        rows: the shown rows.
        name: the title of the data set.
        splits: number of rows by split.
        classes: the names of the classes, by column of labels.
        columns: the placeholder that each column feeds.
    """

    rows: ShownRows
    name: str = ""
    splits: dict[str, int] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)


MAGNITUDE, ZEROS, SATURATION, MEMORY = "magnitude", "zeros", "saturation", "memory"
GRADIENT, UPDATE, TIME = "gradient", "update", "time"
OF_VALUES = (MAGNITUDE, ZEROS, SATURATION, MEMORY)
"""The measures that come with previews."""
OF_TRAINING = (GRADIENT, UPDATE)
"""The measures that need a training's gradients or updates, shown in a view."""


@dataclass(frozen=True)
class Measured:
    """A measure of a tensor, by which the window colors it.

    Attributes:
        of: ``magnitude`` (root mean square), ``zeros`` or ``saturation`` (fractions of the
            elements), ``memory`` (bytes), ``gradient`` (root mean square of the gradient of the
            loss), ``update`` (a step's change of a variable relative to its size) or ``time``
            (microseconds).
        value: the number. None if there is none; then ``why`` gives the reason.
    """

    of: str
    value: float | None
    why: str = ""


@dataclass(frozen=True)
class Preview:
    """The display of a node's output.

    Attributes:
        kind: ``scalar``, ``table`` (small; ``array`` is complete), ``image`` (uint8, (h, w)),
            ``images`` (uint8, (n, h, w) or (n, h, w, 3)), ``maps`` (float32, (n, h, w), drawn in
            the colours of the whole tensor's range), ``heatmap`` (float32, (h, w), maybe
            downsampled), ``summary`` (statistics only), ``text``, ``error`` (``text`` gives the
            reason), or ``deferred`` (a run computes it; ``text`` says why it is not a live value).
        text: one short line, such as ``9.0`` or ``(100, 784)``.
        minimum, maximum, mean: figures over all finite elements; None where there are none.
        step: the training step of the value. None outside training, and where no training changes
            the value.
        tier: the tier that computed it. Live values always come from the reference tier, so a value
            changes only if its inputs change.
        data: the rows used to compute it. None where it depends on no data.
        limits: the values at the ends of the colours of ``maps`` and ``heatmap``. Few elements lie
            beyond them.
        arrangement: the layout of ``array``: ``transposed``; ``tiled``, a vector in several rows;
            ``channels`` of the first row; ``filters``; ``columns`` as pictures.
        measured: the measure that `Measure` requests. None without such a request.
        is_what_if: whether it depends on an overridden value.
    """

    kind: str
    dtype: str = ""
    shape: tuple[int, ...] = ()
    text: str = ""
    array: np.ndarray | None = None
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    step: int | None = None
    tier: str = "reference"
    data: ShownRows | None = None
    arrangement: str = ""
    limits: tuple[float, float] | None = None
    measured: Measured | None = None
    is_what_if: bool = False


@dataclass(frozen=True)
class ViewSpec:
    """The specification of a view: its kind, its tensor, and choices.

    Attributes:
        kind: the id of a module of ``nodeflow.host.views``: ``plot``, ``regions``.
        name: the tensor's name.
        options: (name, value) pairs. The view guesses missing options.
    """

    kind: str
    name: str
    options: tuple[tuple[str, Any], ...] = ()

    def option(self, name: str, default: Any = None) -> Any:
        """Return the value of an option."""
        return dict(self.options).get(name, default)

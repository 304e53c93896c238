"""What nodes show of tensors, and of which rows: data that the messages of `protocol` carry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

SKETCH = "sketch pad"
"""What is drawn by hand is called so, where rows are named."""


@dataclass(frozen=True)
class ShownRows:
    """Which rows a value is of: ``count`` rows of a split from ``first`` (from 0).

    An empty split stands for rows that are none of the data; ``called`` says what they are.
    """

    split: str
    first: int = 0
    count: int = 1
    called: str = SKETCH

    def __str__(self) -> str:
        """``test rows 1–100``, ``training row 7`` or ``sketch pad``; rows count from 1."""
        if not self.split:
            return self.called
        split = SPLIT_WORDS.get(self.split, self.split)
        if self.count == 1:
            return f"{split} row {self.first + 1}"
        return f"{split} rows {self.first + 1}–{self.first + self.count}"

    @property
    def short(self) -> str:
        """The same where there is little room: ``test 1–100``, ``train 7`` or ``sketch``."""
        if not self.split:
            return "sketch" if self.called == SKETCH else self.called
        last = f"–{self.first + self.count}" if self.count > 1 else ""
        return f"{self.split} {self.first + 1}{last}"


SPLIT_WORDS = {"train": "training"}
"""What splits are called in sentences, where that is not their name."""


@dataclass(frozen=True)
class ShownData:
    """The data that nodes show, and what could be shown instead.

    Attributes:
        rows: what is shown.
        name: the title of the data set.
        splits: number of rows by split.
        classes: by column of labels, the name of each class.
        columns: by column, the placeholder that it feeds.
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
"""Those of what a training derives, in a view."""


@dataclass(frozen=True)
class Measured:
    """A measure of a tensor, by which the window colours it.

    Attributes:
        of: ``magnitude`` (root mean square), ``zeros`` or ``saturation`` (shares of the elements),
            ``memory`` (bytes), ``gradient`` (of the loss: root mean square) or ``update`` (a step's
            change of a variable relative to its size), ``time`` (microseconds).
        value: None where there is none, and ``why`` says the reason.
    """

    of: str
    value: float | None
    why: str = ""


@dataclass(frozen=True)
class Preview:
    """What a node shows of its output.

    Attributes:
        kind: ``scalar``, ``table`` (small; ``array`` has all of it), ``image`` (uint8, (h, w)),
            ``images`` (uint8, (n, h, w) or (n, h, w, 3)), ``maps`` (float32, (n, h, w), drawn in
            the colours of the whole tensor's range), ``heatmap`` (float32, (h, w), maybe
            downsampled), ``summary`` (statistics only), ``text``, ``error`` (``text`` says why), or
            ``deferred`` (a run computes it; ``text`` says why it is not a live value).
        text: one short line, such as ``9.0`` or ``(100, 784)``.
        minimum, maximum, mean: over all finite elements; None where there are none.
        step: training step that the value belongs to; None outside training, and where no training
            changes it.
        tier: the tier that computed it. Live values are computed in the reference tier whatever
            else is ready, so a value changes only with what it depends on.
        data: the rows that it was computed from; None where it depends on no data.
        limits: the values at the ends of the colours of ``maps`` and ``heatmap``; few elements lie
            beyond them.
        arrangement: what ``array`` has of the tensor: ``transposed``; ``tiled``, a vector in
            several rows; ``channels`` of the first row; ``filters``; ``columns`` as pictures.
        measured: what `Measure` asks for; None where nothing does.
        is_what_if: whether it follows from what is overridden.
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
    """What is to be drawn: a kind of view, the tensor that it is about, and choices.

    Attributes:
        kind: id of a module of ``nodeflow.host.views``: ``plot``, ``regions``.
        name: the tensor's name.
        options: (name, value) pairs; what is missing is guessed.
    """

    kind: str
    name: str
    options: tuple[tuple[str, Any], ...] = ()

    def option(self, name: str, default: Any = None) -> Any:
        """The value of an option."""
        return dict(self.options).get(name, default)

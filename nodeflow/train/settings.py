"""The settings of a training, each declared once, as a field of a dataclass below.

The file format, ``--set training.NAME``, the options of ``nodeflow train``, the inspector's rows
and the reference derive from the declaration. To add a setting that is a plain value, declare it in
`PlainSettings` and use it in the training loop as ``training.NAME``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any

from nodeflow.graph.declaration import Attr

TRAINING, EARLY_STOPPING = "training", "early stopping"
"""Sections of the inspector. The settings of the second one need ``patience``."""
UNTRAINED = ("plots", "sweep", "speed")
"""Settings that change nothing about a training."""
UNTIL_STOPPED = 10**9
"""The number of epochs of a training that goes on until it is stopped."""
PATIENCE = 3
"""The patience that the window's switch for early stopping sets."""
LARGEST = 2**63 - 1
"""The largest whole number that a setting may have."""


BATCH_SIZE = 100


def usual_batch_size(rows: int) -> int:
    """Return a suitable batch size: at most 100, with ten or more steps per epoch."""
    return max(1, min(BATCH_SIZE, rows // 10))


@dataclass(frozen=True, slots=True)
class Setting:
    """The declaration of a setting.

    Attributes:
        kind: ``int``, ``float`` or ``bool``; ``node`` and ``metrics`` name nodes; ``monitor`` names
            the value that early stopping watches; ``plots`` belongs to the window, ``sweep`` to
            sweeps; ``schedule`` lists phases.
        default: its value in a document without it; None means off.
        label: its name in the inspector.
        help: its meaning, as one sentence.
        section: its section in the inspector; empty for a setting with a separate editor.
        option: whether ``nodeflow train`` has an option for it.
        advanced: whether few users change it (`Attr.advanced`).
    """

    name: str
    kind: str
    default: Any
    label: str
    help: str
    minimum: float | None
    section: str
    option: bool
    advanced: bool

    @property
    def attr(self) -> Attr:
        """The training setting as an attribute declaration, which gives it validation and an editor
        in the inspector panel.
        """
        return Attr(
            *(self.name, self.kind, self.default, self.help),
            minimum=self.minimum,
            label=self.label,
            advanced=self.advanced,
        )


def setting(
    default: Any,
    label: str,
    help: str,
    *,
    kind: str = "",
    minimum: float | None = None,
    section: str = TRAINING,
    option: bool = False,
    advanced: bool = False,
) -> Any:
    """Declare a setting. ``kind`` follows from the default unless the default is None or a list."""
    kind = kind or type(default).__name__
    metadata = {"setting": ("", kind, default, label, help, minimum, section, option, advanced)}
    if isinstance(default, list):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@cache
def declared(kind: type) -> tuple[Setting, ...]:
    """Return the training settings that a dataclass declares by the metadata of its fields, in
    order.
    """
    fields = (f for f in dataclasses.fields(kind) if "setting" in f.metadata)
    return tuple(Setting(f.name, *f.metadata["setting"][1:]) for f in fields)


def in_section(section: str) -> tuple[Setting, ...]:
    """Return the settings that the inspector lists in a section."""
    return tuple(s for s in declared(TrainingSettings) if s.section == section)


@dataclass(frozen=True, kw_only=True)
class PlainSettings:
    """The settings that are plain values."""

    epochs: int = setting(
        10, "Epochs", "Number of passes over the training data.", minimum=1, option=True
    )
    batch_size: int = setting(
        BATCH_SIZE,
        "Batch size",
        "Rows per step. If it is not set and there are fewer rows, a tenth of them.",
        minimum=1,
        option=True,
    )
    seed: int = setting(
        1,
        "Seed",
        "Seed of the initial values, the random ops and the order of the rows.",
        minimum=0,
        option=True,
        advanced=True,
    )
    shuffle: bool = setting(True, "Shuffle", "Shuffle the rows before each epoch.", advanced=True)
    use_averages: bool = setting(
        False,
        "Averaged weights",
        "Measure with the running means of the weights and end with them "
        "(the optimizer computes them if its average_decay is set).",
        option=True,
        advanced=True,
    )
    allow_nonfinite: bool = setting(
        False,
        "Allow NaN",
        "Continue when the loss or a weight is infinite or not a number.",
        option=True,
        advanced=True,
    )
    mixed_precision: bool = setting(
        False,
        "Mixed precision",
        "Keep float32 weights, and round the factors of products to bfloat16 in training steps. "
        "Needs a backend that trains on a GPU.",
        option=True,
        advanced=True,
    )
    patience: int | None = setting(
        None,
        "Patience",
        "Stop early after this many epochs without improvement of the monitored value.",
        kind="int",
        minimum=1,
        section=EARLY_STOPPING,
        option=True,
    )
    min_change: float = setting(
        0.0,
        "Min change",
        "A smaller change does not count as an improvement.",
        minimum=0,
        section=EARLY_STOPPING,
        advanced=True,
    )
    restore_best: bool = setting(
        True,
        "Keep best",
        "End with the weights of the best epoch.",
        section=EARLY_STOPPING,
        advanced=True,
    )

    def plain(self) -> dict[str, Any]:
        """Return the plain values by name."""
        return {s.name: getattr(self, s.name) for s in declared(PlainSettings)}


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(PlainSettings):
    """The settings in a document, which name nodes by id or, inside subgraphs, by path.

    ``monitor`` has ``node``, ``split``, and ``goal`` (``min``, ``max``, or left out to follow from
    the node).
    """

    optimizer: str | None = setting(
        None, "Optimizer", "The optimizer to train with.", kind="node", section=""
    )
    loss: str | None = setting(
        None, "Loss", "The loss to report; by default the loss of the optimizer.",
        kind="node", section="",
    )  # fmt: skip
    metrics: list[dict[str, Any]] = setting(
        [], "Metrics", "Metrics to measure after each epoch.", kind="metrics", section=""
    )
    monitor: dict[str, Any] | None = setting(
        None,
        "Monitor",
        "Value that early stopping watches, such as test/accuracy (default: the loss on the "
        "validation split, or the training loss if the data has none).",
        kind="monitor",
        section="",
        option=True,
    )
    until_stopped: bool = setting(
        False,
        "Until stopped",
        "Go on after the last epoch until you stop. Only the window does; commands, sweeps and "
        "Python end after the number of epochs.",
    )
    speed: float | None = setting(
        None,
        "Speed",
        "Steps per second at which the window trains, to be watched; empty for full speed. "
        "Commands, sweeps and Python always train at full speed.",
        kind="float",
        minimum=1,
        section="",
    )
    schedule: list[dict[str, Any]] = setting(
        [],
        "Schedule",
        "Optimizers that take turns, in place of one optimizer: d*2, g from 500 makes two steps "
        "of d and one of g in turn, and g joins after 500 steps.",
        kind="schedule",
        section="",
        option=True,
    )
    plots: dict[str, Any] | None = setting(
        None, "Plots", "Arrangement of the plots in the window.", kind="plots", section=""
    )
    sweep: dict[str, Any] | None = setting(
        None, "Sweep", "Which values a sweep tries, and how.", kind="sweep", section=""
    )

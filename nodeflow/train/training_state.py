"""The complete state of a training, from which it can continue as if never interrupted.

A step is a pure function of variables, batch, step number and seed. The order of the rows is a
function of seed and epoch. So the state is small: the variables, including the variables of
optimizers and running means; the position of the training; the record of early stopping; and the
curves so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.errors import SurfaceText
from nodeflow.file_reading import damaged_as
from nodeflow.train.events import Epoch
from nodeflow.train.saving.checkpoint import (
    EARLIER,
    CheckpointProblem,
    LoopParts,
    Manifest,
    read_loop,
    read_manifest,
    read_variables,
    write_checkpoint,
)
from nodeflow.train.saving.plain_values import MOST, listed, real, table, text, whole

BEST, MEASURED, BEST_MEASURED, LOSSES = "best/", "measured/", "best_measured/", "losses"


@dataclass(frozen=True)
class WatchState:
    """The record of early stopping, see `early_stopping.Watch`."""

    best_epoch: int
    best_value: float
    last_epoch: int
    epochs_before: int


@dataclass(frozen=True)
class TrainingState:
    """The state of a training between two steps.

    Attributes:
        identity: the facts that must be the same when it resumes (`identity.identity_of`).
        variables: the values after the last step, by name.
        losses: the loss of each step, float64 (steps,); empty in snapshots.
        epochs: the finished epochs, without tables.
        first_epoch: the number of the training's first epoch.
        epoch: the epoch of the next step.
        done: finished steps of that epoch.
        before: steps of earlier trainings that step numbers include.
        counted: steps that the optimizers have made; random ops depend on it.
        total: sum of the losses of that epoch.
        seconds: duration of all steps.
        measured: the latest value of each metric.
        watch: the record of early stopping; None if it is off.
        best, best_measured: variables and metrics of the best epoch, if they are kept.
        runs: runs of the session that were no training step; random ops depend on it.
        tiers: the first compiled step of each plan, by its label.
        where: the position in a data set that is not a table of rows.
        numbers: numbers of optimizers that changed during the training, by ``NODE.ATTR``.
        marks: marks of edits, for plots. Empty in a file, because the run stores its edits.
    """

    identity: Mapping[str, Any]
    variables: Mapping[str, np.ndarray]
    losses: np.ndarray
    epochs: tuple[Epoch, ...]
    first_epoch: int
    epoch: int
    done: int
    before: int
    counted: int
    total: float
    seconds: float
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)
    watch: WatchState | None = None
    best: Mapping[str, np.ndarray] | None = None
    best_measured: Mapping[str, np.ndarray] = field(default_factory=dict)
    runs: int = 0
    tiers: Mapping[str, int] = field(default_factory=dict)
    where: Mapping[str, Any] | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    marks: tuple[tuple[int, str], ...] = ()

    @property
    def steps(self) -> int:
        """The number of steps that the training has made."""
        return len(self.losses)

    @property
    def step(self) -> int:
        """The number of the last step."""
        return self.before + self.steps

    # ---- on disk ------------------------------------------------------------------------------

    def save(self, path: Path, part: int = 0) -> Manifest:
        """Write the state of the training as a checkpoint, completely or not at all. Raise the same
        errors as `write_checkpoint`.

        Args:
            path: the folder of the checkpoint.
            part: how often the training was resumed before.
        """
        values = {name: _plain(getattr(self, name)) for name in _VALUES}
        values["watch"] = None if self.watch is None else _plain(vars(self.watch))
        values["epochs"] = [
            _plain({name: getattr(epoch, name) for name in _EPOCH}) for epoch in self.epochs
        ]
        values["numbers"] = dict(self.numbers)
        values["has_best"] = self.best is not None
        arrays = {LOSSES: self.losses}
        for prefix, held in (
            (BEST, self.best or {}),
            (MEASURED, self.measured),
            (BEST_MEASURED, self.best_measured),
        ):
            arrays.update({prefix + name: np.asarray(array) for name, array in held.items()})
        return write_checkpoint(path, self.variables, self.step, LoopParts(values, arrays), part)


def load_state(path: Path) -> TrainingState:
    """Return the state of a training in a checkpoint.

    Raises:
        CheckpointProblem: there is no checkpoint, or it is damaged.
        FileProblem: one of its files is missing or damaged.
    """
    return state_of(path, read_manifest(path))


def state_of(path: Path, manifest: Manifest) -> TrainingState:
    """Return the training state in a checkpoint with this manifest; raise as `load_state` does."""
    if manifest.training is None:
        raise CheckpointProblem(
            f"{path} holds variables only, no training",
            hint=SurfaceText(
                "nf.train.Saver restores it; a training resumes from checkpoints of --checkpoint.",
                cli="It holds variables only; a training resumes from checkpoints of --checkpoint.",
                window="It holds variables only; a training resumes from its own checkpoints.",
            ),
        )
    variables = read_variables(path, manifest)
    arrays = read_loop(path, manifest)
    with damaged_as(CheckpointProblem, path, "", EARLIER):
        return _state(manifest.training, variables, arrays)


def _state(
    values: Mapping[str, Any],
    variables: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
) -> TrainingState:
    def held(prefix: str) -> dict[str, np.ndarray]:
        return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}

    losses = arrays[LOSSES]
    if losses.ndim != 1 or losses.dtype != np.float64:
        raise ValueError(f"the losses are {losses.dtype} {losses.shape}")
    identity = table(values["identity"])
    for part in identity.values():
        table(part)
    watch, where = values["watch"], values["where"]
    state = TrainingState(
        identity=identity,
        variables=variables,
        losses=losses,
        epochs=tuple(_epoch(table(one)) for one in listed(values["epochs"])),
        first_epoch=whole(values["first_epoch"], 1),
        epoch=whole(values["epoch"], 1),
        done=whole(values["done"]),
        before=whole(values["before"]),
        counted=whole(values["counted"]),
        total=real(values["total"]),
        seconds=real(values["seconds"]),
        measured=held(MEASURED),
        watch=None if watch is None else _watch(table(watch)),
        best=held(BEST) if values["has_best"] else None,
        best_measured=held(BEST_MEASURED),
        runs=whole(values["runs"]),
        tiers={label: whole(step) for label, step in table(values["tiers"]).items()},
        where=None if where is None else place(where),
        numbers={name: real(value) for name, value in table(values.get("numbers", {})).items()},
    )
    if not (state.done <= state.steps and state.first_epoch <= state.epoch):
        raise ValueError(f"epoch {state.epoch}, {state.done} steps of it, {state.steps} in all")
    return state


def place(value: Any) -> Mapping[str, Any]:
    """Check a position in a data set, as read from a checkpoint, and return it. Raise an error such
    as ValueError if it is malformed.
    """
    whole(table(value)["taken"])
    began = table(value["began"])
    passes, runs, cached = (listed(began[name]) for name in ("passes", "runs", "cached"))
    if not len(passes) == len(runs) == len(cached):
        raise ValueError("a position in a data set is incomplete")
    for one in (*passes, *runs):
        whole(one)
    return value


def _epoch(said: Mapping[str, Any]) -> Epoch:
    metrics = {key: real(value) for key, value in table(said["metrics"]).items()}
    return Epoch(
        whole(said["epoch"]),
        real(said["loss"]),
        metrics,
        whole(said["steps"], -MOST),
        real(said["seconds"]),
        phase=text(said.get("phase", "")),
    )


def _watch(said: Mapping[str, Any]) -> WatchState:
    return WatchState(
        whole(said["best_epoch"], -MOST),
        real(said["best_value"]),
        whole(said["last_epoch"], -MOST),
        whole(said["epochs_before"], -MOST),
    )


_VALUES = (
    "identity", "first_epoch", "epoch", "done", "before", "counted", "total", "seconds", "runs",
    "tiers", "where",
)  # fmt: skip
_EPOCH = ("epoch", "loss", "metrics", "steps", "seconds", "phase")


def _plain(value: Any) -> Any:
    """Return a value as JSON, in which NaN and infinities are strings."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value

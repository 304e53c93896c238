"""All that a training needs to go on as if it had never been interrupted, as one object.

A step is a pure function of variables, batch, step number and seed, and the order of the rows one
of seed and epoch. So the state is small: the variables, with what optimizers and running means keep
in them; where the training stands; what early stopping has seen; and the curves so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.errors import SurfaceText
from nodeflow.train.events import Epoch
from nodeflow.train.saving.checkpoint import (
    CheckpointProblem,
    LoopParts,
    Manifest,
    read_checkpoint,
    read_manifest,
    write_checkpoint,
)
from nodeflow.train.saving.weights import load_weights

BEST, MEASURED, BEST_MEASURED, LOSSES = "best/", "measured/", "best_measured/", "losses"


@dataclass(frozen=True)
class WatchState:
    """What early stopping has seen; as in `early_stopping.Watch`."""

    best_epoch: int
    best_value: float
    last_epoch: int
    epochs_before: int


@dataclass(frozen=True)
class TrainingState:
    """The state of a training between two steps.

    Attributes:
        identity: what must be the same where it goes on (`identity.identity_of`).
        variables: the values after the last step, by name.
        losses: the loss of each step, float64 (steps,); may come in pieces until it is written.
        epochs: the epochs that ended, without tables.
        first_epoch: the one that the training began with.
        epoch: the one that the next step belongs to.
        done: steps of that epoch that are made.
        before: steps of earlier trainings that the numbers of steps count.
        counted: steps that the optimizers have made; random ops draw by it.
        total: sum of the losses of that epoch.
        seconds: duration of all steps.
        measured: the latest value of each metric.
        watch: what early stopping has seen; None where it is off.
        best, best_measured: variables and metrics of the best epoch, where they are kept.
        runs: how many runs of the session were no training step; random ops draw by it.
        tiers: since which step what ran compiled.
        where: the place in a data set that is no table of rows.
        numbers: of optimizers, by ``NODE.ATTR``, that were changed while it trained.
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

    @property
    def steps(self) -> int:
        """How many steps the training has made."""
        return len(self.losses)

    @property
    def step(self) -> int:
        """The number of the last step."""
        return self.before + self.steps

    # ---- on disk ------------------------------------------------------------------------------

    def save(self, path: Path) -> Manifest:
        """Write it as a checkpoint, at once whole or not at all; raises as `write_checkpoint`."""
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
        return write_checkpoint(path, self.variables, self.step, LoopParts(values, arrays))


def load_state(path: Path) -> TrainingState:
    """Read the state of a training.

    Raises:
        CheckpointProblem: there is none, or it is damaged.
        FileProblem: a file of it is missing or damaged.
    """
    manifest = read_manifest(path)
    if manifest.training is None:
        raise CheckpointProblem(
            f"{path} holds variables and no training",
            hint=SurfaceText(
                "nf.train.Saver restores it; a training goes on from what --checkpoint wrote.",
                cli="It holds variables only; a training goes on from what --checkpoint wrote.",
                window="It holds variables only; a training goes on from its own checkpoints.",
            ),
        )
    variables = read_checkpoint(path)
    arrays = load_weights(path / manifest.arrays)
    try:
        return _state(manifest.training, variables, arrays)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointProblem(f"{path} is damaged: {error!r}") from None


def _state(
    values: Mapping[str, Any],
    variables: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
) -> TrainingState:
    def held(prefix: str) -> dict[str, np.ndarray]:
        return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}

    plain: dict[str, Any] = {name: values[name] for name in _VALUES}
    plain.update({name: float(values[name]) for name in ("total", "seconds")})
    numbers = {str(k): float(v) for k, v in values.get("numbers", {}).items()}
    losses = arrays[LOSSES]
    if losses.ndim != 1 or losses.dtype != np.float64:
        raise ValueError(f"the losses are {losses.dtype} {losses.shape}")
    watch = values["watch"]
    state = TrainingState(
        **plain,
        numbers=numbers,
        variables=variables,
        losses=losses,
        epochs=tuple(_epoch(one) for one in values["epochs"]),
        watch=None if watch is None else WatchState(**watch),
        best=held(BEST) if values["has_best"] else None,
        measured=held(MEASURED),
        best_measured=held(BEST_MEASURED),
    )
    if state.watch is not None:
        best = float(state.watch.best_value)
        state = replace(state, watch=replace(state.watch, best_value=best))
    if not (0 <= state.done <= state.steps and 1 <= state.first_epoch <= state.epoch):
        raise ValueError(f"epoch {state.epoch}, {state.done} steps of it, {state.steps} in all")
    return state


def _epoch(said: Mapping[str, Any]) -> Epoch:
    metrics = {str(key): float(value) for key, value in said["metrics"].items()}
    return Epoch(
        int(said["epoch"]),
        float(said["loss"]),
        metrics,
        int(said["steps"]),
        float(said["seconds"]),
    )


_VALUES = (
    "identity", "first_epoch", "epoch", "done", "before", "counted", "total", "seconds", "runs",
    "tiers", "where",
)  # fmt: skip
_EPOCH = ("epoch", "loss", "metrics", "steps", "seconds")


def _plain(value: Any) -> Any:
    """A value as JSON, in which numbers that are not finite are strings."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value

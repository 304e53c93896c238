"""The progress of a training: the counters and records of its loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.train.evaluation.early_stopping import Watch
from nodeflow.train.events import Epoch, Resumed
from nodeflow.train.schedule import Schedule
from nodeflow.train.training_state import TrainingState

NO_LOSSES = np.zeros(0)


@dataclass
class Progress:
    """The counters of a training. `TrainingState` has the same fields.

    Attributes:
        steps: steps since ``first_epoch`` began.
    """

    first_epoch: int
    before: int
    runs: int
    epoch: int = 0
    steps: int = 0
    done: int = 0
    total: float = 0.0
    seconds: float = 0.0
    epochs: list[Epoch] = field(default_factory=list)
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)
    best_measured: Mapping[str, np.ndarray] = field(default_factory=dict)
    _losses: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.epoch = self.epoch or self.first_epoch

    @classmethod
    def of(cls, state: TrainingState) -> Progress:
        """Return the progress stored in the state of an earlier training."""
        return cls(
            state.first_epoch,
            state.before,
            state.runs,
            state.epoch,
            state.steps,
            state.done,
            state.total,
            state.seconds,
            list(state.epochs),
            state.measured,
            state.best_measured,
            [state.losses],
        )

    @property
    def step(self) -> int:
        """The number of the last step."""
        return self.before + self.steps

    @property
    def losses(self) -> np.ndarray:
        """The loss of each step, float64 (steps,)."""
        self._losses = [np.concatenate([np.zeros(0), *self._losses])]
        return self._losses[0]

    def recorded(self) -> np.ndarray:
        """Return the losses of all steps, float64 (steps,). Any thread may call this."""
        return np.concatenate([np.zeros(0), *list(self._losses)])

    def count(self, losses: np.ndarray) -> None:
        """Add the losses of a chunk of steps. The epoch's sum does not depend on the division
        into chunks.
        """
        self.steps += len(losses)
        self.done += len(losses)
        self.total = float(np.add.accumulate(np.concatenate([[self.total], losses]))[-1])
        self._losses.append(np.array(losses, np.float64))

    def means(self, turns: Schedule | None) -> dict[str, float]:
        """Return the mean loss of each optimizer's steps in this epoch so far, by the name of the
        loss. Return an empty dict if there is only one optimizer.
        """
        if turns is None or not self.done:
            return {}
        return turns.means(self.step - self.done + 1, self.losses[-self.done :])

    def end_epoch(self, metrics: dict[str, float], turns: Schedule | None = None) -> Epoch:
        """Start the next epoch, and return the finished one."""
        loss, phase = self.total / self.done, ""
        if losses := self.means(turns):
            phase, loss = next(iter(losses.items()))
            metrics = {**losses, **metrics}
        ended = Epoch(self.epoch, loss, metrics, self.steps, self.seconds, phase=phase)
        self.epochs.append(ended)
        self.epoch, self.done, self.total = self.epoch + 1, 0, 0.0
        return ended

    def resumed(self, notices: tuple[str, ...], marks: tuple[tuple[int, str], ...] = ()) -> Resumed:
        """Return the event that says that the training resumes."""
        first, epochs = self.before + 1, tuple(self.epochs)
        said = self.seconds, notices, marks
        return Resumed(self.step, self.epoch, self.losses, epochs, first, *said)

    def state(
        self,
        variables: Mapping[str, np.ndarray],
        counted: int,
        watch: Watch | None,
        tiers: Mapping[str, int],
        where: Mapping[str, Any] | None,
        with_losses: bool = True,
    ) -> TrainingState:
        """Return the state of the training, for a checkpoint or a snapshot.

        Args:
            variables: a copy of the variables.
            counted: the number of steps that the session has counted.
            watch: the record of early stopping.
            tiers: the first compiled step of each plan.
            where: the position in a data set without rows.
            with_losses: whether to include the losses of all steps.
        """
        return TrainingState(
            identity={},
            variables=variables,
            losses=self.losses if with_losses else NO_LOSSES,
            epochs=tuple(self.epochs),
            first_epoch=self.first_epoch,
            epoch=self.epoch,
            done=self.done,
            before=self.before,
            counted=counted,
            total=self.total,
            seconds=self.seconds,
            measured=self.measured,
            watch=watch.state if watch else None,
            best=watch.best if watch else None,
            best_measured=self.best_measured,
            runs=self.runs,
            tiers=dict(tiers),
            where=where,
        )

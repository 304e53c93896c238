"""The history of a training, which `nf.train.fit` returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from nodeflow.graph.tensor_methods.notebook_display import NotebookDisplay
from nodeflow.train.events import Done, Epoch, Event, Resumed, Steps


@dataclass
class History(NotebookDisplay):
    """The course of a training.

    Attributes:
        epochs: the events of the finished epochs.
        steps: the loss of each step before its update, float64 (steps,).
        done: how it ended; None while it runs.
        variables: the final value of every variable, by name.
    """

    epochs: list[Epoch] = field(default_factory=list)
    steps: np.ndarray = field(default_factory=lambda: np.zeros(0))
    done: Done | None = None
    variables: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def loss(self) -> list[float]:
        """The mean loss over the batches of each epoch."""
        return [epoch.loss for epoch in self.epochs]

    @property
    def metrics(self) -> dict[str, list[float]]:
        """The values of each metric by key, in the order of the epochs that measured it.

        A metric that is measured once, after the last epoch, has one value.
        """
        keys = dict.fromkeys(key for epoch in self.epochs for key in epoch.metrics)
        found = {
            key: [epoch.metrics[key] for epoch in self.epochs if key in epoch.metrics]
            for key in keys
        }
        last = self.done.metrics if self.done is not None else {}
        return found | {key: [value] for key, value in last.items() if key not in found}

    def record(self, events: Iterable[Event]) -> None:
        """Record all events of a training in this object."""
        losses = [self.steps]
        for event in events:
            if isinstance(event, Steps):
                losses.append(np.asarray(event.losses, np.float64))
            elif isinstance(event, Resumed):
                losses, self.epochs = [event.losses], list(event.epochs)
            elif isinstance(event, Epoch):
                self.epochs.append(event)
            elif isinstance(event, Done):
                self.done = event
        self.steps = np.concatenate(losses)

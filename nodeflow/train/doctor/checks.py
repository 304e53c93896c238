"""Watches the events of a training and yields hints among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from nodeflow.errors import NodeflowError
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.doctor.batch import Run, check_batch
from nodeflow.train.doctor.curves import Curves, check_curves, fixes, record
from nodeflow.train.doctor.data import check_data
from nodeflow.train.doctor.gradients import check_gradients
from nodeflow.train.doctor.structure import check_structure
from nodeflow.train.events import Diverged, Done, Epoch, Event, Hints, Resumed, Started, Steps
from nodeflow.train.training import Training


class Doctor:
    """The hints of one training.

    Args:
        run: computes activations for a batch; without it, none are looked at.
    """

    def __init__(self, training: Training, run: Run | None = None) -> None:
        self._training, self._run = training, run
        self._curves = Curves()
        self._lasting: list[Hint] = []
        self._step = 0
        self._since: dict[tuple[str, str], int] = {}
        """The step after which the finding of a batch was first seen, by its key."""

    def use(self, training: Training, run: Run | None = None) -> None:
        """The training goes on with an edit."""
        self._training, self._run = training, run
        self._lasting = [*check_structure(training), *check_data(training)]

    def examined(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events, and `Hints` after those that show something new.

        Graph and data are looked at before the first step, a batch and the curves after epochs 1,
        2, 4, 8 and so on, and before the end.
        """
        shown: tuple[Hint, ...] = ()
        for event in events:
            if isinstance(event, (Diverged, Done)):  # the last event stays the last
                found = self._examine()
                if found != shown:
                    yield Hints(found)
            if isinstance(event, Diverged):
                found = fixes(self._training, self._lasting, event.culprit, event.crossing)
                event = replace(event, fixes=tuple(found))
            yield event
            if isinstance(event, Started):
                self._curves.first_epoch = event.first_epoch
                self._lasting = [*check_structure(self._training), *check_data(self._training)]
                found = tuple(self._lasting)
            elif isinstance(event, Resumed):
                self._curves.losses.append(event.losses)
                for epoch in event.epochs:
                    record(self._curves, epoch.metrics, epoch.epoch, epoch.loss)
                continue
            elif isinstance(event, Steps):
                self._curves.losses.append(event.losses)
                self._step = event.last
                continue
            elif isinstance(event, Epoch):
                record(self._curves, event.metrics, event.epoch, event.loss)
                count = len(self._curves.epoch_losses)
                if count & (count - 1):
                    continue
                found = self._examine()
            else:
                continue
            if found != shown:
                shown = found
                yield Hints(found)

    def _examine(self) -> tuple[Hint, ...]:
        found = [*self._lasting, *check_curves(self._training, self._curves)]
        if self._run is not None:
            with suppress(NodeflowError):  # the training itself reports what does not run
                found += map(self._dated, check_batch(self._training, self._run))
                found += map(self._dated, check_gradients(self._training, self._run))
        return tuple(found)

    def _dated(self, hint: Hint) -> Hint:
        return replace(hint, step=self._since.setdefault(hint.key, self._step))

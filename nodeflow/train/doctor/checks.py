"""The training doctor, which watches the events of a training and inserts hints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from nodeflow.engine.memory import Needs, free_memory
from nodeflow.errors import NodeflowError
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.doctor.curves import Curves, check_curves, fixes, record
from nodeflow.train.doctor.data import check_data
from nodeflow.train.doctor.dead_units import Run, check_batch
from nodeflow.train.doctor.gradients import check_gradients
from nodeflow.train.doctor.looking_back import Rule, first_seen
from nodeflow.train.doctor.memory_use import check_memory
from nodeflow.train.doctor.structure import check_structure
from nodeflow.train.doctor.updates import check_updates
from nodeflow.train.events import Diverged, Done, Epoch, Event, Hints, Resumed, Started, Steps
from nodeflow.train.rewind.replay import Past
from nodeflow.train.training import Training

EARLY_EPOCHS = 2


class Doctor:
    """The hints of one training.

    Args:
        run: computes activations for a batch. Without it, no batch is examined.
        held: returns the memory that a step holds, and its limit. Without it, memory is not
            examined.
        if_stopped: whether to examine a training that the user stopped before its last event.
    """

    def __init__(
        self,
        training: Training,
        run: Run | None = None,
        held: Callable[[], tuple[Needs, int | None] | None] = lambda: None,
        *,
        if_stopped: bool = True,
    ) -> None:
        self._training, self._run, self._held = training, run, held
        self._if_stopped = if_stopped
        self.past: Past | None = None
        """The snapshots that tell when a problem of a batch began."""
        self._looked_at, self._is_seen = 0, False
        self._curves = Curves()
        self._lasting: list[Hint] = []
        self._step = 0
        self._since: dict[tuple[str, str], int] = {}
        """The step after which a problem of a batch was first seen, by its key."""

    def use(self, training: Training, run: Run | None = None) -> None:
        """Examine an edited training from now on."""
        self._training, self._run, self._is_seen = training, run, False
        self._lasting = [*check_structure(training), *check_data(training)]

    def examined(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events, and `Hints` after events that reveal new problems.

        Graph and data are examined before the first step. A batch and the curves are examined after
        epochs 1, 2, 4, 8 and so on, and before the end.
        """
        shown: tuple[Hint, ...] = ()
        for event in events:
            if isinstance(event, (Diverged, Done)):  # the last event must stay the last
                found = self._examine() if self._is_new(event) else shown
                if found != shown:
                    yield Hints(found)
            if isinstance(event, Diverged):
                found = fixes(self._training, self._lasting, event.culprit, event.crossing)
                event = replace(event, fixes=tuple(found))
            yield event
            if isinstance(event, Started):
                self._curves.first_epoch = event.first_epoch
                self._lasting = [*check_structure(self._training), *check_data(self._training)]
                with suppress(NodeflowError):
                    needs, limit = self._held() or (None, None)
                    self._lasting += check_memory(needs, limit, free_memory())
                found = tuple(self._lasting)
            elif isinstance(event, Resumed):
                self._curves.losses.append(event.losses)
                for epoch in event.epochs:
                    record(self._curves, epoch.metrics, epoch.epoch, epoch.loss, epoch.steps)
                continue
            elif isinstance(event, Steps):
                self._curves.losses.append(event.losses)
                self._step, self._is_seen = event.last, False
                continue
            elif isinstance(event, Epoch):
                record(self._curves, event.metrics, event.epoch, event.loss, event.steps)
                count = len(self._curves.epoch_losses)
                if count & (count - 1):
                    continue
                found = self._examine()
            else:
                continue
            if found != shown:
                shown = found
                yield Hints(found)

    def _is_new(self, last: Diverged | Done) -> bool:
        """Return whether the training must be examined for problems once more before its last event
        is passed on.

        This is so if steps ran since the last examination, or if weights of an earlier epoch were
        restored.
        """
        if isinstance(last, Done) and last.stopped and not self._if_stopped:
            return False
        return not self._is_seen or (isinstance(last, Done) and bool(last.best_epoch))

    def _examine(self) -> tuple[Hint, ...]:
        found = [*self._lasting, *check_curves(self._training, self._curves)]
        if self._run is not None:
            with suppress(NodeflowError):  # the training itself reports ops that do not run
                for rule in self._rules():
                    found += [self._dated(hint, rule) for hint in rule(self._run)]
        self._looked_at, self._is_seen = self._step, True
        return tuple(found)

    def _rules(self) -> Sequence[Rule]:
        """Return the rules that examine a batch."""
        training, is_early = self._training, len(self._curves.epoch_losses) <= EARLY_EPOCHS
        return (
            partial(check_batch, training),
            partial(check_gradients, training),
            partial(check_updates, training, is_early=is_early),
        )

    def _dated(self, hint: Hint, rule: Rule) -> Hint:
        if hint.key not in self._since:
            self._since[hint.key] = self._step
            if self.past is not None and self._looked_at < self._step:
                began = first_seen(self.past, rule, hint.key, self._looked_at, self._step)
                self._since[hint.key] = began
        return replace(hint, step=self._since[hint.key])

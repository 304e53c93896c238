"""Replays of any step of a training: from the preceding snapshot, in the same kernels, bit for bit.

A replay has its own session, so the training can continue or stay paused meanwhile: neither its
variables nor its random numbers are touched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nodeflow.engine.incremental import ACTING
from nodeflow.engine.runtime.context import Tier
from nodeflow.engine.session import Session
from nodeflow.engine.step_values import StepValues
from nodeflow.engine.stepper import Stepper
from nodeflow.engine.tier_record import TierRecord
from nodeflow.errors import Cancelled, RunError
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.train.edits.marks import Mark
from nodeflow.train.loop_progress import Progress
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.saving.weights import Id
from nodeflow.train.stepping.scheduled_stepper import AnyStepper, current_of
from nodeflow.train.stepping.steppers import order_of, stepper_of
from nodeflow.train.training import Training
from nodeflow.train.tunable_numbers import Numbers

Report = Callable[[int, int], None]
"""A function that takes the number of finished steps, and of all steps."""
ALL_KNOWN = 2**62


@dataclass(frozen=True)
class Past:
    """The data for computing the steps of a training again.

    Attributes:
        session: the training's session; only its settings are used.
        training: the settings, graph and data.
        probes: scalars that are recorded beside the loss, for each phase.
        rows: the rows of the training split; None without data.
        steps_per_epoch: whole batches of an epoch.
        snapshots: copies of the variables.
        tiers: the first compiled step of each plan.
        numbers: the numbers of the optimizers, with their changes.
        progress: the counters and records of the training.
        start: 0, or the step after which an edit took effect; these data are for later steps.
        earlier: the data for the steps up to ``start``, if an edit took effect there.
        ids: the identities of the variables in their document, by name, as far as known.
        marks: marks of edits in these steps, and of all edits before if `earlier` is None.
    """

    session: Session
    training: Training
    probes: tuple[tuple[Tensor, ...], ...]
    rows: int | None
    steps_per_epoch: int
    snapshots: Snapshots
    tiers: TierRecord
    numbers: Numbers
    progress: Progress
    start: int = 0
    earlier: Past | None = None
    ids: Mapping[str, Id] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)

    def at(self, step: int) -> Past:
        """Return the data of the part of the training, between two edits, that made a step."""
        past = self
        while step <= past.start and past.earlier is not None:
            past = past.earlier
        return past

    def marks_before(self, step: int) -> tuple[Mark, ...]:
        """Return the marks of all edits that took effect before a step."""
        parts: list[Past] = [self]
        while (earlier := parts[-1].earlier) is not None:
            parts.append(earlier)
        found = [mark for part in reversed(parts) for mark in part.marks]
        return tuple(mark for mark in found if mark[0] < step)

    def copied_before(self, step: int) -> int | None:
        """Return the step of the newest snapshot from before a step, or None if there is none."""
        found = self.snapshots.before(step - 1)
        return found if found is not None and found >= self.start else None


class Replay:
    """A replay of a training's steps between two edits (`Past.at`).

    The values of a step are the values during the step: variables from before its updates, its
    batch, its random numbers. Steps are counted from 1, as in the events of a training.

    Attributes:
        differs_from: the first step whose loss has other bits than the recorded one, for example on
            another processor or with changed data; None if there is none.

    Raises (`go_to`):
        RunError: there is no snapshot from before the step.
        Cancelled: `cancelled` returned True.
    """

    def __init__(self, past: Past, cancelled: Callable[[], bool] = lambda: False) -> None:
        live = past.session
        self.past = past
        self.cancelled = cancelled
        self.session = live.twin()
        self._stepper: AnyStepper | None = None
        self._epoch = self._done = 0
        self._looks: dict[tuple[Stepper, tuple[Tensor, ...]], StepValues] = {}
        self._recorded = np.zeros(0)
        self.differs_from: int | None = None

    @property
    def step(self) -> int:
        """The replayed step whose values can be read, counted from 1; 0 before the first call of
        `go_to`.
        """
        return 0 if self._stepper is None else self._stepper.step + 1

    @property
    def epoch(self) -> int:
        """The epoch of the replayed step whose values can be read."""
        return self._epoch

    @property
    def done(self) -> int:
        """The number of steps that were made in this epoch before the replayed step whose values
        can be read.
        """
        return self._done

    @property
    def stepper(self) -> Stepper:
        """The object that runs the next replayed step, for the optimizer whose turn it is. It must
        already exist.
        """
        return current_of(self._all_steps)

    @property
    def _all_steps(self) -> AnyStepper:
        """The object that runs the replayed training steps of all optimizers."""
        assert self._stepper is not None
        return self._stepper

    def go_to(self, step: int, report: Report = lambda done, total: None) -> None:
        """Bring the state of the training to the moment before a step.

        Restore an earlier snapshot if needed, and repeat the steps in between.

        Args:
            report: called with the number of repeated steps, and their total.

        Raises:
            RunError: there is no snapshot from before the step.
            Cancelled: the user stopped the replay.
        """
        copied = self.past.copied_before(step)
        if copied is None:
            raise RunError(
                f"step {step} cannot be computed again: there is no earlier snapshot",
                hint="Only the running or the last training can be replayed.",
            )
        self.session.tiers = TierRecord(self.past.tiers.since, ALL_KNOWN)
        if not copied <= self.step - 1 <= step - 1:
            self._restore(step - 1)
        self._recorded = self.past.progress.recorded()
        total = step - self.step
        while (left := step - self.step) > 0:
            if self.cancelled():
                raise Cancelled("the replay was stopped")
            self.advance(min(left, self._chunk))
            report(total - (step - self.step), total)

    def advance(self, count: int = 1) -> np.ndarray:
        """Replay up to ``count`` steps without leaving the epoch. Return the scalars that they
        recorded, float64 (steps, 1 + probes), with the loss first.
        """
        stepper = self._all_steps
        self.begin_epoch()
        left = self._per_epoch - self._done
        numbers = self.past.numbers
        numbers.feed(stepper, stepper.step)
        count = min(count, numbers.steps_to_change(stepper.step) or count)
        first = self.step
        done, scalars = stepper.run(min(count, left))
        self._done += done
        self._compare(first, scalars[:, 0])
        return scalars

    def values(
        self, tensors: Sequence[Tensor], wanted: Collection[Tensor] | None = None
    ) -> dict[Tensor, np.ndarray]:
        """Return copies of the values that tensors have in the replayed step.

        Args:
            tensors: the tensors that one execution plan computes.
            wanted: the tensors among them to return; None for all.

        Raises:
            RunError: an op fails in this step.
        """
        self._stand_before()
        loss = self.past.training.phase_of(self.step).loss
        chosen = None if wanted is None else {*wanted, loss}
        found = self._look(tensors).values(self.stepper.tier_of_next(), chosen)
        if loss in found:  # computed on this step's batch, unlike the losses of the steps before
            self._compare(self.step, np.array([found[loss]], np.float64).reshape(1))
        return found if wanted is None else {t: v for t, v in found.items() if t in wanted}

    def every_value(self, tier: Tier = "reference") -> list[np.ndarray | None]:
        """Return the values of all tensors of the schedule in the replayed step, by their index.
        `Stepper.every_value` describes them.

        Args:
            tier: whether to use compiled kernels or the reference implementation.
        """
        self._stand_before()
        return self.stepper.every_value(tier)

    def order(self) -> list[tuple[Node, ...]]:
        """Return the nodes of the replayed step in the order of execution. Nodes that one kernel
        computes form a tuple, like in `Stepper.order`.
        """
        self._stand_before()
        return self.stepper.order()

    def is_ready(self, tensors: Sequence[Tensor]) -> bool:
        """Return whether the kernels are compiled that compute these tensors in the replayed step.
        If they are not, start compiling.
        """
        return self._look(tensors).is_ready(self.stepper.tier_of_next())

    @cached_property
    def everything(self) -> tuple[Tensor, ...]:
        """All tensors of the graph that can be computed in a replayed step.

        This excludes nodes that assign or print, and nodes that need a placeholder without a feed.
        """
        training, found, left_out = self.past.training, [], set[Node]()
        fed = {t.node for t in (*self.stepper.columns, *self.stepper.fixed)}
        runs = ancestors([training.optimizer, training.loss.node])
        for node in self.session.graph.nodes:
            sources = (t.node for t in (*node.inputs, *node.alias) if t is not None)
            acts = node.op.id in ACTING or (node.op.stateful and node.op.id != "variable")
            is_left_out = acts or not left_out.isdisjoint(sources)
            if node.op.id == "placeholder":
                is_left_out = node not in fed and node.attrs["sample"] is None
            if is_left_out and node not in runs:
                left_out.add(node)
            elif node.op.id not in ACTING and not node.op.macro:
                found += node.outputs
        return tuple(found)

    def close(self) -> None:
        """Close the session, and free its memory."""
        self.session.close()

    # ---- inside -------------------------------------------------------------------------------

    @property
    def _chunk(self) -> int:
        return self._all_steps.chunker.size

    @property
    def _per_epoch(self) -> int:
        return self.past.steps_per_epoch

    def _restore(self, step: int) -> None:
        past = self.past
        found = past.snapshots.restore(step, self.session.variables)
        if found is None:
            raise RunError(f"step {step + 1} cannot be computed again: its snapshot is gone")
        if self._stepper is None:
            self._stepper = stepper_of(
                self.session, past.training, past.probes, found.step, past.numbers
            )
        self._stepper.step = found.step
        self._epoch, self._done = found.state.epoch, found.state.done
        self._start_epoch()

    def _compare(self, first: int, losses: np.ndarray) -> None:
        """Compare the losses of replayed steps with the recorded losses. Remember the first step
        with a difference in `differs_from`.

        Args:
            first: the number of the first of these steps.
            losses: the loss of each step.
        """
        start = first - 1 - self.past.progress.before
        known = self._recorded[start : start + len(losses)]
        made = losses[: len(known)].copy()
        other = known.view(np.int64) != made.view(np.int64)
        other &= ~(np.isnan(known) & np.isnan(made))
        if other.any():
            found = first + int(np.argmax(other))
            self.differs_from = min(found, self.differs_from or found)

    def _stand_before(self) -> None:
        """Prepare the next replayed step: set the order of rows of its epoch, and the values that
        optimizer numbers, such as the learning rate, had in it.
        """
        self.begin_epoch()
        self.past.numbers.feed(self._all_steps, self._all_steps.step)

    def begin_epoch(self) -> None:
        """Start the next epoch if one has ended."""
        if self._done == self._per_epoch:
            self._epoch, self._done = self._epoch + 1, 0
            self._start_epoch()

    def _start_epoch(self) -> None:
        order = order_of(self.past.training, self.past.rows or 0, self._epoch)
        self._all_steps.start_epoch(order, self._done)

    def _look(self, tensors: Sequence[Tensor]) -> StepValues:
        stepper, chosen = self.stepper, tuple(tensors)
        key = (stepper, chosen)
        if key not in self._looks:
            self._looks[key] = self.session.look(stepper, chosen)
        return self._looks[key]

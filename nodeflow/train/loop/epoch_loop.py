"""The training loop, up to the end of a training or to an edit.

A stepper of the session runs many steps per call inside the engine; the Control limits how many.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.engine.tier_record import TierRecord
from nodeflow.engine.waiting import never
from nodeflow.errors import AttributeProblem, Cancelled, DataError, NodeflowError
from nodeflow.train.control import Control
from nodeflow.train.divergence.ending import Ending
from nodeflow.train.divergence.finite import error_of
from nodeflow.train.edits.hand_over import handed_over
from nodeflow.train.edits.variant import Variant
from nodeflow.train.evaluation.evaluate_split import parted
from nodeflow.train.events import Done, Edited, Event, Hit, Started, Steps, VariableChanged
from nodeflow.train.loop.epoch_metrics import EpochMetrics
from nodeflow.train.loop.epochs import Epochs
from nodeflow.train.loop.kept_states import KeptStates
from nodeflow.train.loop.recorded_scalars import RecordedScalars
from nodeflow.train.loop_progress import Progress
from nodeflow.train.resume.checkpoints import Checkpoints
from nodeflow.train.resume.identity import identity_of
from nodeflow.train.resume.resuming import Resumption
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.stepping.scheduled_stepper import AnyStepper
from nodeflow.train.stepping.steppers import check_precision, optimizer_names, stepper_of
from nodeflow.train.stepping.stream_stepper import StreamStepper
from nodeflow.train.training import Training
from nodeflow.train.training_state import TrainingState
from nodeflow.train.tunable_numbers import Numbers
from nodeflow.train.watched_tensors.breakpoints import Breakpoints

WITHOUT_END = 2**62
"""The number of steps in an epoch whose end the data set decides."""


class EpochLoop:
    """The loop of a training up to its end, or to an edit, after which another loop continues."""

    def __init__(
        self,
        variant: Variant,
        control: Control,
        first_epoch: int,
        resumption: Resumption | None = None,
        edited: bool = False,
        earlier: Past | None = None,
    ) -> None:
        self.variant, self.control = variant, control
        self.resumption, self.edited = resumption, edited
        self.next: EpochLoop | None = None
        session, training = variant.session, variant.training
        check_precision(session, training)
        state = None if resumption is None else resumption.state
        self.source: AnyStepper | StreamStepper | None = None
        self.kept = KeptStates(earlier=earlier)
        self.epochs = Epochs(training, first_epoch)
        self.optimizers = optimizer_names(training.optimizer)
        if state is None:
            self.at = Progress(first_epoch, (first_epoch - 1) * self.epochs.steps, session.runs)
        else:
            self.at = Progress.of(state)
            session.variables.update(state.variables)
            session.count_steps(self.optimizers, state.counted)
        self.numbers = Numbers(training.optimizer, state.numbers if state is not None else None)
        if edited and self.at.done:  # a begun epoch is finished
            self.epochs.end = max(self.epochs.end, self.at.epoch + 1)
        self.metrics = EpochMetrics(
            session, training, self.at, self.epochs, self.numbers, self.optimizers
        )
        breakpoints = Breakpoints(training.breakpoints)
        self.ending = Ending(
            session.variables, training, self.at, first_epoch, self.epochs.steps, state
        )
        self.recorded = RecordedScalars(breakpoints, training.plotted, self.ending.probes)
        self.metrics.begin(self.at.epoch if edited else first_epoch, state)
        self.measured = self.metrics.rows()  # raises for a missing split now, not after an epoch

    @property
    def session(self) -> Session:
        return self.variant.session

    @property
    def training(self) -> Training:
        return self.variant.training

    @property
    def state(self) -> TrainingState | None:
        """The state that the loop began with, if it continues an earlier training."""
        return None if self.resumption is None else self.resumption.state

    def _beginning(self, notices: tuple[str, ...]) -> Iterator[Event]:
        """Yield the events that come before the first step: `Started`, or `Edited` if the training
        continues after an edit.
        """
        training, at = self.training, self.at
        shares, steps = self.metrics.shares(), self.epochs.steps
        if self.edited:
            yield self.kept.marked(
                Edited(
                    at.step,
                    at.epoch,
                    at.done,
                    self.variant.what,
                    self.resumption.notices if self.resumption else (),
                    training.epochs,
                    steps,
                    shares,
                    self.measured,
                    training.turns,
                    tuple(m.key for m in training.measured_once()),
                )
            )
            return
        begun = (training.epochs, steps, self.epochs.first)
        once = tuple(m.key for m in training.measured_once())
        yield Started(*begun, notices, shares, self.measured, training.turns, once)
        if self.resumption is not None:
            yield at.resumed(self.resumption.notices, self.resumption.state.marks)

    def events(self) -> Iterator[Event]:
        training, at = self.training, self.at
        notices = tuple(
            dict.fromkeys(b.dataset.notice for b in training.bindings.values() if b.dataset.notice)
        )
        yield from self._beginning(notices)
        source = self.source = self._stream_stepper() if training.stream else self.stepper()
        while at.epoch < self.epochs.end and not self.metrics.is_exhausted:
            source.start_epoch(self.epochs.order(at.epoch), at.done)
            yield from self._steps(source)
            if self.next is not None:
                return
            if self.control.stopped:
                break
            self.ending.end_epoch(at.epoch, at.epoch == self.epochs.end - 1)
            if self.ending.is_here:
                yield (event := self.ending.event())
                raise error_of(event)
            if not at.done:
                raise DataError("the data set has no elements for an epoch")
            try:
                measured = self.metrics.measure(at.epoch, at.total / at.done)
            except Cancelled:  # a resumed training begins with the measurement
                break
            metrics, tables = parted(measured)
            yield replace(at.end_epoch(metrics, training.turns), tables=tables)
        if checkpoints := self.kept.checkpoints:
            checkpoints.finish(self._state())
            yield from checkpoints.events()
        yield self._finish(at.epoch - 1, notices)

    # ---- the state ------------------------------------------------------------------------------

    def keeping(
        self,
        checkpoints: Checkpoints | None,
        tiers: Mapping[str, int] | None,
        snapshots: Snapshots | None,
        remember: Callable[[Past], None],
    ) -> Iterator[Event]:
        """Run the training and yield its events. Meanwhile write checkpoints, and take snapshots
        for replays.

        Args:
            checkpoints: the writer of checkpoints; None for none.
            tiers: the first compiled step of each plan, to repeat a training.
            snapshots: keeps copies of the variables; None for none.
            remember: called with the data to replay steps.
        """
        state, kept = self.state, self.kept
        kept.checkpoints, kept.remember = checkpoints, remember
        since = state.tiers if state is not None else tiers or {}
        record = TierRecord(since, state.counted if state is not None else 0)
        if checkpoints is not None:
            record.on_switch = lambda: checkpoints.note_tiers(record.since)
            is_there = self.resumption is not None and self.resumption.is_in(checkpoints.folder)
            variables = dict(self.session.variables.items())
            checkpoints.begin(self.at.step, variables, self._identity(), is_there)
            if self.edited:  # the earlier checkpoints are of another graph
                checkpoints.take(self._state())
        kept.record = record
        one_tier = checkpoints is not None or state is not None or tiers is not None
        if (
            one_tier or self.metrics.stops_early
        ):  # an evaluation that decides something stays in one tier
            self.session.tiers = record  # else evaluations switch whenever they can
        if snapshots is not None:
            remember(self._begin_snapshots(snapshots, record))
        self.session.interrupted = lambda: self.control.stopped
        try:
            yield from self.events()
        except GeneratorExit:  # the caller left the loop
            if checkpoints is not None and not self.ending.is_here:
                checkpoints.finish(self._state())
            raise
        finally:
            self.session.tiers, self.session.interrupted = None, never
            if checkpoints is not None and self.next is None:
                checkpoints.close()

    def _begin_snapshots(self, snapshots: Snapshots, record: TierRecord) -> Past:
        """Take a snapshot before the first step."""
        state = self._state(copied=False)
        snapshots.begin(self.session.variables, self.training.optimizer, state, self.at.step)
        kept = self.kept
        kept.snapshots = snapshots
        kept.past = Past(
            self.session,
            self.training,
            self.recorded.probes,
            self.epochs.rows,
            self.epochs.steps,
            snapshots,
            record,
            self.numbers,
            self.at,
            self.at.step,
            kept.earlier,
            self.variant.ids,
            list(self.state.marks) if self.state is not None and kept.earlier is None else [],
        )
        if self.training.stream is None:  # else old elements would have to be produced again
            self.ending.past = kept.past
        return kept.past

    def _identity(self) -> Callable[[], Mapping[str, Any]]:
        known = self.resumption.identity if self.resumption is not None else None
        if known is not None:
            return lambda: known
        columns = (b.dataset.split("train")[b.column] for b in self.epochs.bindings.values())
        if any(column.lazy for column in columns):  # only one thread at a time can read files
            found = identity_of(self.session, self.training)
            return lambda: found
        return lambda: identity_of(self.session, self.training)

    def _state(self, copied: bool = True) -> TrainingState:
        """Return the state of the training between two steps.

        Args:
            copied: whether it includes copies of the variables and losses.
        """
        tiers, stream = self.kept.record, self.training.stream
        where = self.state.where if self.state is not None else None
        if isinstance(self.source, StreamStepper):
            where = self.source.where
        counted = self.at.step if stream is None else self.session.steps_of(self.optimizers)
        variables = dict(self.session.variables.items()) if copied else {}
        since = tiers.since if tiers is not None else {}
        state = self.at.state(variables, counted, self.metrics.watch, since, where, copied)
        return replace(state, numbers=self.numbers.values(self.at.step))

    # ---- steps --------------------------------------------------------------------------------

    def profile(self, steps: int) -> dict[str, Any]:
        """Run some steps with timing, and return the trace in Chrome's format. Restore the
        variables afterwards.
        """
        before = dict(self.session.variables.items())
        stepper = self.stepper()
        stepper.start_epoch(self.epochs.order(self.epochs.first))
        try:
            return stepper.profile(steps)
        finally:
            self.session.variables.update(before)

    def stepper(self) -> AnyStepper:
        prepared = self.variant.stepper
        if prepared is None:
            probes, step = self.recorded.probes, self.at.step
            return stepper_of(self.session, self.training, probes, step, self.numbers)
        prepared.step = self.at.step
        return prepared

    def _stream_stepper(self) -> StreamStepper:
        training = self.training
        assert training.stream is not None
        return StreamStepper(
            self.session,
            training,
            self.recorded.probes,
            self.at.step,
            {**self.numbers.feeds(self.at.step), **training.feeds},
            self.state.where if self.state is not None else None,
        )

    def _finish(self, last: int, notices: tuple[str, ...]) -> Done:
        """Set the variables to their final values, and measure the metrics that are due only at the
        end. Return the event `Done`, which ends the training.
        """
        at, stopped = self.at, self.control.stopped
        best_epoch, reason = self.metrics.choose_variables(last, stopped)
        if not stopped:
            with suppress(Cancelled):  # stopped during this measurement: the training is complete
                self.metrics.measure_once()
        metrics, tables = parted(at.measured)
        return Done(
            last - self.epochs.first + 1,
            metrics,
            at.steps,
            at.steps / at.seconds if at.seconds else 0.0,
            at.seconds,
            stopped,
            notices,
            tables,
            last,
            reason,
            best_epoch,
        )

    def _steps(self, stepper: AnyStepper | StreamStepper) -> Iterator[Event]:
        """Yield the events of the rest of the epoch."""
        at, kept, recorded = self.at, self.kept, self.recorded
        left = (self.epochs.steps or WITHOUT_END) - at.done
        while left:
            if self._takes_edit():
                return
            yield from self._change_variables()
            wanted = min(stepper.chunker.size, left, kept.steps_left(at.step) or WITHOUT_END)
            allowed = self.control.allow(wanted, not at.done)
            if allowed == 0:
                if self.control.stopped:
                    return
                continue
            yield from self._change_numbers(stepper)
            started = time.perf_counter()
            done, scalars = self._run(stepper, allowed)
            ended = done < allowed and self.training.stream is not None
            elapsed = time.perf_counter() - started
            at.seconds += elapsed
            first = at.step + 1
            if kept.snapshots:
                kept.snapshots.ran(elapsed)
            copies = kept.is_copied_at(at.step + done)
            done = self.ending.look(scalars, elapsed, copies)  # undoes the steps after it
            at.count(scalars[:done, 0])
            left -= done
            hit = recorded.hits(scalars[done - 1]) if done else ()
            if hit:
                self.control.pause()
            self._keep()
            if done:
                plotted = recorded.plotted(scalars[:done])
                yield Steps(first, scalars[:done, 0], at.seconds, self.session.tier, plotted)
            if hit:
                yield Hit(first + done - 1, hit, recorded.breakpoints.reason(hit))
                if self.ending.is_here:
                    self.control.allow(1)  # lets the user inspect the value first
            if kept.checkpoints:
                yield from kept.checkpoints.events()
            if self.ending.is_here or (ended and not hit):
                return

    def _takes_edit(self) -> bool:
        """Check whether the user's latest edit of the training can take effect now. If so, create
        the loop that continues the training with the edit, as `next`, and return True.
        """
        variant: Variant | None = self.control.take_variant(not self.at.done)
        if variant is None or self.training.stream is not None:
            return False
        state, notices = handed_over(self.variant, variant, self._state())
        going_on = Resumption(state, None, None, notices)
        try:
            self.next = EpochLoop(
                variant, self.control, self.epochs.first, going_on, True, self.kept.past
            )
        except NodeflowError as error:  # for example, a missing split
            variant.refused(error)
        return self.next is not None

    def _change_variables(self) -> Iterator[Event]:
        """Set variables to the values that the user gave since the last step.

        A new snapshot separates the steps before from the steps after, for replays.
        """
        changed = []
        for name, value in self.control.take_variables().items():
            try:
                before = self.session.variables[name]
                self.session.variables[name] = value
            except NodeflowError:
                continue  # the caller checks its values, and reports errors
            now = self.session.variables[name]
            elements = int(np.count_nonzero((before != now) & ~((before != before) & (now != now))))
            changed.append(VariableChanged(self.at.step, name, elements))
        kept = self.kept
        if changed and kept.past is not None and kept.snapshots and kept.record is not None:
            kept.earlier = kept.past
            kept.remember(self._begin_snapshots(kept.snapshots, kept.record))
        if changed and kept.checkpoints:
            kept.checkpoints.take_again(self._state())
        yield from map(kept.marked, changed)

    def _change_numbers(self, stepper: AnyStepper | StreamStepper) -> Iterator[Event]:
        """Apply the changes of optimizer numbers, such as the learning rate, that the user
        requested since the last step. Yield an event for each.
        """
        for node, attr, value in self.control.take_numbers():
            try:
                change = self.numbers.set(self.at.step, node, attr, value)
            except AttributeProblem:
                continue  # the caller checks its values, and reports errors
            if change is not None:
                self.numbers.feed(stepper, self.at.step)
                yield self.kept.marked(change)

    def _keep(self) -> None:
        """Take a snapshot and write a checkpoint, if they are due."""
        step, kept = self.at.step, self.kept
        if kept.snapshots and not self.ending.is_here and kept.is_copied_at(step):
            kept.snapshots.take(self.session.variables, self._state(copied=False), step)
        if kept.checkpoints and not self.ending.is_here and kept.checkpoints.is_due(step):
            kept.checkpoints.take(self._state())

    def _run(self, stepper: AnyStepper | StreamStepper, count: int) -> tuple[int, np.ndarray]:
        """Run up to ``count`` training steps, and record the first compiled step of each execution
        plan.

        Return the number of steps, and the scalars that they recorded, like `Stepper.run`.
        """
        session = self.session
        before = session.tiers, session.interrupted
        session.tiers, session.interrupted = self.kept.record, never
        if not isinstance(stepper, StreamStepper):
            stepper.ahead = self._ahead(count)
            session.interrupted = lambda: self.control.ends_wait
        try:
            return self._run_to_hit(stepper, count)
        finally:
            session.tiers, session.interrupted = before

    def _ahead(self, allowed: int) -> int | None:
        """Return how many further steps this training will certainly run, or None if unknown,
        because early stopping may end it.

        Args:
            allowed: the steps that may run now; the result while the training is paused.
        """
        if self.control.paused:
            return allowed
        left = (self.epochs.end - self.at.epoch) * self.epochs.steps - self.at.done
        return None if self.metrics.stops_early else left

    def _run_to_hit(
        self, stepper: AnyStepper | StreamStepper, count: int
    ) -> tuple[int, np.ndarray]:
        """Run up to `count` steps, as `Stepper.run`.

        Run them singly, up to the first hit, if there are breakpoints, or if bounds are checked and
        steps cannot be undone.
        """
        if not self.recorded.breakpoints and not self.ending.takes_single_steps:
            return stepper.run(count)
        parts: list[np.ndarray] = []
        while len(parts) < count:
            done, scalars = stepper.run(1)
            if not done:
                break
            parts.append(scalars)
            if self.recorded.hits(scalars[0]) or self.ending.crossed(scalars) is not None:
                break
        return len(parts), np.concatenate(parts or [self.recorded.nothing()])

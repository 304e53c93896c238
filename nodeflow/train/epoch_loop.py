"""The training loop, up to the end of a training or to an edit.

A Stepper of the session runs many steps per call inside the engine; the Control limits how many.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.engine.stepper import Stepper
from nodeflow.engine.tier_record import TierRecord
from nodeflow.engine.waiting import never
from nodeflow.errors import AttributeProblem, Cancelled, DataError, NodeflowError
from nodeflow.graph.graph import ancestors
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.train.breakpoints import Breakpoints
from nodeflow.train.control import Control
from nodeflow.train.divergence.ending import Ending
from nodeflow.train.divergence.finite import error_of
from nodeflow.train.early_stopping import Watch
from nodeflow.train.edits.hand_over import handed_over
from nodeflow.train.edits.marks import mark_of
from nodeflow.train.edits.variant import Variant
from nodeflow.train.evaluate import evaluate, parted
from nodeflow.train.events import Done, Edited, Event, Hit, Started, Steps, VariableChanged
from nodeflow.train.numbers import Numbers
from nodeflow.train.plotted import probes
from nodeflow.train.progress import Progress
from nodeflow.train.resume.checkpoints import Checkpoints
from nodeflow.train.resume.identity import identity_of
from nodeflow.train.resume.resuming import Resumption
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.stepping.steppers import order_of, stepper_of
from nodeflow.train.stepping.stream_stepper import StreamStepper
from nodeflow.train.training import Metric
from nodeflow.train.training_state import TrainingState
from nodeflow.train.weight_averaging import Averages

WITHOUT_END = 2**62
"""The number of steps in an epoch whose end the data set decides."""


class EpochLoop:
    """A training up to its end, or to an edit, after which another loop continues."""

    def __init__(
        self,
        variant: Variant,
        control: Control,
        first_epoch: int,
        resumption: Resumption | None = None,
        edited: bool = False,
        earlier: Past | None = None,
    ) -> None:
        self.variant, self.edited, self.earlier = variant, edited, earlier
        self.next: EpochLoop | None = None
        session, training = variant.session, variant.training
        self.resumption = resumption
        state = self.state = None if resumption is None else resumption.state
        self.checkpoints: Checkpoints | None = None
        self.session = session
        self.training = training
        self.control = control
        self.first_epoch = first_epoch
        used = training.used_bindings([training.optimizer, training.loss.node])
        self.bindings = {} if training.stream else used
        self.rows = training.rows(self.bindings, "train")
        self.steps_per_epoch = self._count_steps()
        self.source: Stepper | StreamStepper | None = None
        self.snapshots: Snapshots | None = None
        self.past: Past | None = None
        self.record: TierRecord | None = None
        self.remember: Callable[[Past], None] = lambda past: None
        ran = ancestors([training.optimizer])
        self.optimizers = [n.name for n in ran if isinstance(n.op, Optimizer)]
        if state is None:
            before = (first_epoch - 1) * self.steps_per_epoch
            self.at = Progress(first_epoch, before, session.runs)
        else:
            self.at = Progress.of(state)
            session.variables.update(state.variables)
            session.count_steps(self.optimizers, state.counted)
        self.numbers = Numbers(training.optimizer, state.numbers if state is not None else None)
        self.end = first_epoch + training.epochs
        if edited and self.at.done:
            self.end = max(self.end, self.at.epoch + 1)  # a begun epoch is finished
        self.averages = Averages(session, training.optimizer) if training.use_averages else None
        self.breakpoints = Breakpoints(training.breakpoints)
        self.ending = Ending(
            session.variables, training, self.at, first_epoch, self.steps_per_epoch, state
        )
        plotted = probes(training.plotted)
        self.probes = (*self.breakpoints.probes, *plotted, *self.ending.probes)
        """The tensors to record beside the loss: for breakpoints, plots and bounds."""
        self.stops_early = training.patience is not None
        self.watch = Watch(training, training.monitor) if self.stops_early else None
        if self.watch:
            self.watch.start(self.at.epoch if edited else first_epoch)
        if self.watch and state is not None and state.watch is not None:
            self.watch.go_on(state.watch, state.best)
        # Raises here for a missing split, not after an epoch.
        self.measured = tuple((m.key, m.split, self._measured_rows(m)) for m in training.measured())
        self.shares = tuple(m.key for m in training.measured() if m.is_share)

    def _count_steps(self) -> int:
        if self.training.stream:
            return self.training.stream.steps or 0  # known after the first epoch
        if self.rows is None:
            return 1
        steps = self.rows // self.training.batch_size
        if steps == 0:
            raise DataError(
                f"the batch size {self.training.batch_size} exceeds the {self.rows} training rows",
                hint="Choose a smaller batch size.",
            )
        return steps

    def _measured_rows(self, metric: Metric) -> int:
        bindings = self.training.used_bindings([metric.tensor.node])
        return self.training.rows(bindings, metric.split) or 0

    def _beginning(self, notices: tuple[str, ...]) -> Iterator[Event]:
        """Yield the events before the first step, or before the first step after an edit."""
        training, at = self.training, self.at
        if self.edited:
            yield self._marked(
                Edited(
                    at.step,
                    at.epoch,
                    at.done,
                    self.variant.what,
                    self.resumption.notices if self.resumption else (),
                    training.epochs,
                    self.steps_per_epoch,
                    self.shares,
                    self.measured,
                )
            )
            return
        begun = (training.epochs, self.steps_per_epoch, self.first_epoch)
        yield Started(*begun, notices, self.shares, self.measured)
        if self.resumption is not None:
            yield at.resumed(self.resumption.notices, self.resumption.state.marks)

    def events(self) -> Iterator[Event]:
        training, at = self.training, self.at
        notices = tuple(
            dict.fromkeys(b.dataset.notice for b in training.bindings.values() if b.dataset.notice)
        )
        yield from self._beginning(notices)
        source = self.source = self._stream_stepper() if training.stream else self.stepper()
        while at.epoch < self.end and not (self.watch and self.watch.exhausted):
            source.start_epoch(self._order(at.epoch), at.done)
            yield from self._steps(source)
            if self.next is not None:
                return
            if self.control.stopped:
                break
            self.ending.end_epoch(at.epoch, at.epoch == self.end - 1)
            if self.ending.is_here:
                yield (event := self.ending.event())
                raise error_of(event)
            if not at.done:
                raise DataError("the data set has no elements for an epoch")
            try:
                measured = self._measure(at.epoch, at.total / at.done)
            except Cancelled:  # a resumed training begins with the measurement
                break
            metrics, tables = parted(measured)
            yield replace(at.end_epoch(metrics), tables=tables)
        if self.checkpoints:
            self.checkpoints.finish(self._state())
            yield from self.checkpoints.events()
        yield self._finish(at.epoch - 1, notices)

    # ---- the state ------------------------------------------------------------------------------

    def kept(
        self,
        checkpoints: Checkpoints | None,
        tiers: Mapping[str, int] | None,
        snapshots: Snapshots | None,
        remember: Callable[[Past], None],
    ) -> Iterator[Event]:
        """Yield the events of a training that keeps its states, or resumes from one."""
        self.checkpoints, state, self.remember = checkpoints, self.state, remember
        since = state.tiers if state is not None else tiers or {}
        record = TierRecord(since, state.counted if state is not None else 0)
        if checkpoints is not None:
            record.on_switch = lambda: checkpoints.note_tiers(record.since)
            is_there = self.resumption is not None and self.resumption.is_in(checkpoints.folder)
            variables = dict(self.session.variables.items())
            checkpoints.begin(self.at.step, variables, self._identity(), is_there)
            if self.edited:  # the earlier checkpoints are of another graph
                checkpoints.take(self._state())
        self.record = record
        kept = checkpoints is not None or state is not None or tiers is not None
        if kept or self.stops_early:  # an evaluation that decides something stays in one tier
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
        self.snapshots = snapshots
        self.past = Past(
            self.session,
            self.training,
            self.probes,
            self.rows,
            self.steps_per_epoch,
            snapshots,
            record,
            self.numbers,
            self.at,
            self.at.step,
            self.earlier,
            self.variant.ids,
            list(self.state.marks) if self.state is not None and self.earlier is None else [],
        )
        if self.training.stream is None:  # else old elements would have to be produced again
            self.ending.past = self.past
        return self.past

    def _identity(self) -> Callable[[], Mapping[str, Any]]:
        known = self.resumption.identity if self.resumption is not None else None
        if known is not None:
            return lambda: known
        columns = (b.dataset.split("train")[b.column] for b in self.bindings.values())
        if any(column.lazy for column in columns):  # only one thread at a time can read files
            found = identity_of(self.session, self.training)
            return lambda: found
        return lambda: identity_of(self.session, self.training)

    def _state(self, copied: bool = True) -> TrainingState:
        """Return the state between two steps: a copy, or without variables and losses."""
        tiers, stream = self.record, self.training.stream
        where = self.state.where if self.state is not None else None
        if isinstance(self.source, StreamStepper):
            where = self.source.where
        counted = self.at.step if stream is None else self.session.steps_of(self.optimizers)
        variables = dict(self.session.variables.items()) if copied else {}
        since = tiers.since if tiers is not None else {}
        state = self.at.state(variables, counted, self.watch, since, where, copied)
        return replace(state, numbers=self.numbers.values(self.at.step))

    # ---- steps --------------------------------------------------------------------------------

    def profile(self, steps: int) -> dict[str, Any]:
        """Return a trace of the first steps, and restore the variables."""
        before = dict(self.session.variables.items())
        stepper = self.stepper()
        stepper.start_epoch(self._order(self.first_epoch))
        try:
            return stepper.profile(steps)
        finally:
            self.session.variables.update(before)

    def stepper(self) -> Stepper:
        prepared = self.variant.stepper
        if prepared is None:
            return stepper_of(self.session, self.training, self.probes, self.at.step, self.numbers)
        prepared.step = self.at.step
        return prepared

    def _stream_stepper(self) -> StreamStepper:
        training = self.training
        assert training.stream is not None
        scalars = [training.loss, *self.probes]
        return StreamStepper(
            self.session,
            training.optimizer,
            scalars,
            training.stream,
            {**self.numbers.feeds(self.at.step), **training.feeds},
            self.state.where if self.state is not None else None,
        )

    def _finish(self, last: int, notices: tuple[str, ...]) -> Done:
        """Set the variables to their final values, and return the last event."""
        at, watch, stopped, best_epoch = self.at, self.watch, self.control.stopped, 0
        if watch and watch.best is not None and not stopped and watch.best_epoch != last:
            self.session.variables.update(watch.best)
            best_epoch = watch.best_epoch
            at.measured = at.best_measured
        if self.averages and not stopped:
            self.averages.keep()
        early = watch is not None and watch.exhausted and not stopped
        metrics, tables = parted(at.measured)
        return Done(
            last - self.first_epoch + 1,
            metrics,
            at.steps,
            at.steps / at.seconds if at.seconds else 0.0,
            at.seconds,
            stopped,
            notices,
            tables,
            last,
            watch.reason if watch and early else "",
            best_epoch,
        )

    def _order(self, epoch: int) -> np.ndarray:
        return order_of(self.training, self.rows or 0, epoch)

    def _steps(self, stepper: Stepper | StreamStepper) -> Iterator[Event]:
        """Yield the events of the rest of the epoch."""
        at = self.at
        left = (self.steps_per_epoch or WITHOUT_END) - at.done
        while left:
            if self._takes_edit():
                return
            yield from self._change_variables()
            wanted = min(stepper.chunker.size, left, self._steps_to_keep())
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
            if self.snapshots:
                self.snapshots.ran(elapsed)
            copies = self.snapshots is not None and self.snapshots.is_due(at.step + done)
            done = self.ending.look(scalars, elapsed, copies)  # undoes the steps after it
            at.count(scalars[:done, 0])
            left -= done
            hit = self._hits(scalars[done - 1]) if done else ()
            if hit:
                self.control.pause()
            self._keep()
            if done:
                plotted = self._plotted(scalars[:done])
                yield Steps(first, scalars[:done, 0], at.seconds, self.session.tier, plotted)
            if hit:
                yield Hit(first + done - 1, hit, self.breakpoints.reason(hit))
                if self.ending.is_here:
                    self.control.allow(1)  # lets the user inspect the value first
            if self.checkpoints:
                yield from self.checkpoints.events()
            if self.ending.is_here or (ended and not hit):
                return

    def _takes_edit(self) -> bool:
        """Return whether an edit takes effect here. Then `next` is the loop that continues."""
        variant: Variant | None = self.control.take_variant(not self.at.done)
        if variant is None or self.training.stream is not None:
            return False
        state, notices = handed_over(self.variant, variant, self._state())
        going_on = Resumption(state, None, None, notices)
        try:
            self.next = EpochLoop(
                variant, self.control, self.first_epoch, going_on, True, self.past
            )
        except NodeflowError as error:  # for example, a missing split
            variant.refused(error)
        return self.next is not None

    def _change_variables(self) -> Iterator[Event]:
        """Set the variables that the user has given values since the last step.

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
        if changed and self.past is not None and self.snapshots and self.record is not None:
            self.earlier = self.past
            self.remember(self._begin_snapshots(self.snapshots, self.record))
        if changed and self.checkpoints:
            self.checkpoints.take_again(self._state())
        yield from map(self._marked, changed)

    def _change_numbers(self, stepper: Stepper | StreamStepper) -> Iterator[Event]:
        """Set the numbers that the user has changed since the last step."""
        for node, attr, value in self.control.take_numbers():
            try:
                change = self.numbers.set(self.at.step, node, attr, value)
            except AttributeProblem:
                continue  # the caller checks its values, and reports errors
            if change is not None:
                self.numbers.feed(stepper, self.at.step)
                yield self._marked(change)

    def _marked(self, event: Event) -> Event:
        """Record the mark of an edit, which plots of branches also show. Return the event."""
        if self.past is not None and (mark := mark_of(event)) is not None:
            self.past.marks.append(mark)
        return event

    def _steps_to_keep(self) -> int:
        """Return how many steps may run before a checkpoint is due."""
        left = self.checkpoints.steps_left(self.at.step) if self.checkpoints else None
        return left or WITHOUT_END

    def _keep(self) -> None:
        """Take a snapshot and write a checkpoint, if they are due."""
        if self.snapshots and not self.ending.is_here and self.snapshots.is_due(self.at.step):
            state = self._state(copied=False)
            self.snapshots.take(self.session.variables, state, self.at.step)
        if self.checkpoints and not self.ending.is_here and self.checkpoints.is_due(self.at.step):
            self.checkpoints.take(self._state())

    def _run(self, stepper: Stepper | StreamStepper, count: int) -> tuple[int, np.ndarray]:
        """Run steps as `Stepper.run`, and record switches of tier."""
        session = self.session
        before = session.tiers, session.interrupted
        session.tiers, session.interrupted = self.record, never
        if isinstance(stepper, Stepper):
            stepper.ahead = self._ahead(count)
            session.interrupted = lambda: self.control.ends_wait
        try:
            return self._run_to_hit(stepper, count)
        finally:
            session.tiers, session.interrupted = before

    def _ahead(self, allowed: int) -> int | None:
        """Return how many steps are sure to come, or None if unknown."""
        if self.control.paused:
            return allowed
        left = (self.end - self.at.epoch) * self.steps_per_epoch - self.at.done
        return None if self.stops_early else left

    def _run_to_hit(self, stepper: Stepper | StreamStepper, count: int) -> tuple[int, np.ndarray]:
        """Run up to `count` steps, as `Stepper.run`.

        Run them singly, up to the first hit, if there are breakpoints, or if bounds are checked and
        steps cannot be undone.
        """
        if not self.breakpoints and not self.ending.takes_single_steps:
            return stepper.run(count)
        parts: list[np.ndarray] = []
        while len(parts) < count:
            done, scalars = stepper.run(1)
            if not done:
                break
            parts.append(scalars)
            if self._hits(scalars[0]) or self.ending.crossed(scalars) is not None:
                break
        return len(parts), np.concatenate(parts or [np.zeros((0, 1 + len(self.probes)))])

    def _hits(self, scalars: np.ndarray) -> tuple[str, ...]:
        """Return the nodes whose breakpoints a step hits, from the record of the step."""
        return self.breakpoints.hits(scalars[1 : 1 + len(self.breakpoints.probes)])

    def _plotted(self, scalars: np.ndarray) -> dict[str, np.ndarray]:
        """Return the values of plotted nodes in a chunk of steps, by the names of their curves."""
        first = 1 + len(self.breakpoints.probes)
        return {key: scalars[:, first + i] for i, key in enumerate(self.training.plotted)}

    def _due(self, epoch: int) -> Sequence[Metric]:
        last, watched = self.end - 1, self.training.watched
        measured = self.training.measured()
        return [m for m in measured if epoch % m.every == 0 or epoch == last or m is watched]

    def _measure(self, epoch: int, loss: float) -> dict[str, np.ndarray]:
        """Return the metrics that are due after an epoch, by key. The watch takes the monitored
        one.

        Raises:
            Cancelled: the training was stopped meanwhile. Its state is unchanged.
        """
        measured: dict[str, np.ndarray] = {}
        due, later = self._due(epoch), self.end - 1 - epoch
        times = 1 + (min(1, later) if self.stops_early else later)  # evaluations sure to come
        others, self.session.runs = self.session.runs, self.at.runs
        if self.session.tiers is not None:
            self.session.tiers.step = self.session.steps_of(self.optimizers)
        numbers = self.numbers.feeds_measuring(self.at.step, [m.tensor for m in due])
        training = replace(self.training, feeds={**numbers, **self.training.feeds})
        try:
            with self.averages.used() if self.averages and due else nullcontext():
                for split in dict.fromkeys(m.split for m in due):
                    chosen = [m for m in due if m.split == split]
                    tensors = [m.tensor for m in chosen]
                    values = evaluate(self.session, training, tensors, split, times=times)
                    measured.update({m.key: v for m, v in zip(chosen, values, strict=True)})
            self.at.runs = self.session.runs
        finally:
            self.session.runs = max(others, self.at.runs)
        self.at.measured = {**self.at.measured, **measured}
        if self.watch:
            metric = self.watch.monitor.metric
            self._see(self.watch, epoch, float(measured[metric.key]) if metric else loss)
        return measured

    def _see(self, watch: Watch, epoch: int, value: float) -> None:
        if watch.improves(epoch, value) and self.training.restore_best:
            watch.best = dict(self.session.variables.items())
            self.at.best_measured = self.at.measured

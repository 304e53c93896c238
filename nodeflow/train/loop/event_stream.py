"""Trains a model, as a stream of events: epochs of shuffled batches.

A training advances only while its caller consumes the events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nodeflow.engine.backend import NUMBA
from nodeflow.engine.memory import Needs
from nodeflow.engine.session import Session
from nodeflow.train.control import Control
from nodeflow.train.edits.variant import Variant
from nodeflow.train.evaluation.evaluate_split import needs as needs_of_evaluation
from nodeflow.train.events import Event
from nodeflow.train.loop.epoch_loop import EpochLoop
from nodeflow.train.resume.checkpoints import Checkpoints
from nodeflow.train.resume.resuming import Resumption
from nodeflow.train.rewind.replay import Past
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.training import Training


def train(
    session: Session,
    training: Training,
    control: Control | None = None,
    *,
    first_epoch: int = 1,
    checkpoints: Checkpoints | None = None,
    resumption: Resumption | None = None,
    tiers: Mapping[str, int] | None = None,
    snapshots: Snapshots | None = None,
    remember: Callable[[Past], None] = lambda past: None,
    variant: Variant | None = None,
    taken: Callable[[Variant], None] = lambda variant: None,
) -> Iterator[Event]:
    """Train, yielding Started, then Steps, Hit (at breakpoints) and Epoch, and Done at the end.

    If `Control.offer` passes an edit, the training continues in the edit's session and yields
    Edited. The variables of the session must be initialized. Whenever an event is yielded, they
    hold the values after the last step.

    Args:
        first_epoch: the first epoch, which determines the order of the rows; above 1 to continue an
            earlier training.
        checkpoints: the writer of states, during the training and at any end of it.
        resumption: the state to resume from; ``first_epoch`` is then taken from the state.
        tiers: the first compiled step of each plan, to repeat a training in the tier ``auto``.
        snapshots: keeps copies of the variables. By default it keeps the newest one, unless
            ``allow_nonfinite`` is on.
        remember: called before the first step, and before the first step after an edit, with the
            data to replay steps.
        variant: holds this session and training, and the identities of the variables, by which they
            are found again after an edit.
        taken: called when an edit takes effect.

    Raises:
        DataError: there is no data, or fewer rows than one batch.
        RunError: a step failed. The variables keep the values from before it.
        NonFiniteError: the loss, an update or a variable is not finite any more. The variables have
            the values from before that step, or, if steps cannot be replayed, from the last finite
            epoch. Not raised if the setting ``allow_nonfinite`` is on.
        OutOfBoundsError: a value left the bounds of its node. The variables have the same values as
            after a NonFiniteError.
    """
    if resumption is not None:
        first_epoch = resumption.state.first_epoch
    begun = variant or Variant(session, training)
    loop = EpochLoop(begun, control or Control(), first_epoch, resumption)
    watches = training.bounds or not training.allow_nonfinite
    if snapshots is None and watches and training.stream is None:
        snapshots = Snapshots(most=1)
    return _through_edits(loop, checkpoints, tiers, snapshots, remember, taken)


def _through_edits(
    loop: EpochLoop,
    checkpoints: Checkpoints | None,
    tiers: Mapping[str, int] | None,
    snapshots: Snapshots | None,
    remember: Callable[[Past], None],
    taken: Callable[[Variant], None],
) -> Iterator[Event]:
    """Yield the events of a training: of its first loop, then of a new loop after each edit."""
    yield from loop.keeping(checkpoints, tiers, snapshots, remember)
    while loop.next is not None:
        loop = loop.next
        taken(loop.variant)
        yield from loop.keeping(checkpoints, None, snapshots, remember)


def profile(session: Session, training: Training, steps: int = 3) -> dict[str, Any]:
    """Time every kernel in the first steps of a training, and restore the variables.

    Returns:
        A trace in Chrome's format.

    Raises:
        DataError, RunError: the same as `train`.
    """
    return EpochLoop(Variant(session, training), Control(), 1).profile(steps)


def explain(session: Session, training: Training) -> str:
    """Return the optimized plan of a training step and its code, as text."""
    return EpochLoop(Variant(session, training), Control(), 1).stepper().explain()


def needs(session: Session, training: Training) -> Needs:
    """Return the largest amount of memory that a training takes in a step or an evaluated batch."""
    found = [EpochLoop(Variant(session, training), Control(), 1).stepper().needs()]
    measured = training.measured()
    for split in dict.fromkeys(metric.split for metric in measured):
        tensors = [metric.tensor for metric in measured if metric.split == split]
        found += filter(None, [needs_of_evaluation(session, training, tensors, split)])
    return max(found, key=lambda each: each.bytes)


def held(session: Session, training: Training) -> tuple[Needs, int | None] | None:
    """Return the memory that a training step takes in the reference tier, and its limit.

    A compiled plan may take less. Return None if the amount is known only after a step.
    """
    if training.stream is not None or session.graph.streams or session.backend != NUMBA:
        return None
    return EpochLoop(Variant(session, training), Control(), 1).stepper().held(), session.memory

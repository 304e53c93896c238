"""The steppers that run the steps of a training, and of its replays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nodeflow.data.shuffling import epoch_order
from nodeflow.engine.backend import check_mixed
from nodeflow.engine.session import Session
from nodeflow.engine.stepper import Stepper
from nodeflow.errors import RunError
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.ops.training_mode import training_feeds
from nodeflow.train.stepping.scheduled_stepper import AnyStepper, ScheduledStepper
from nodeflow.train.training import Phase, Training
from nodeflow.train.tunable_numbers import Numbers


def stepper_of(
    session: Session,
    training: Training,
    probes: Sequence[Sequence[Tensor]],
    first_step: int,
    numbers: Numbers,
) -> AnyStepper:
    """Return the object that runs the training steps of a training whose data are rows.

    Args:
        numbers: the values that users may change during the training, such as the learning rate.
        probes: scalars to record beside the loss, for each phase.
        first_step: how many steps were made before.
    """
    check_precision(session, training)
    used = training.used_bindings([training.optimizer, training.loss.node])
    bindings = {} if training.stream else used
    columns = {t: b.dataset.split("train")[b.column] for t, b in bindings.items()}
    feeds = {**training_feeds(session.graph), **numbers.feeds(first_step), **training.feeds}
    fixed = {t: v for t, v in feeds.items() if t not in columns}

    def stepper(phase: Phase, scalars: Sequence[Tensor], name: str = "") -> Stepper:
        return session.stepper(
            [phase.optimizer],
            [phase.loss, *scalars],
            columns,
            training.batch_size,
            feeds=fixed,
            first_step=first_step,
            name=name,
            mixed=training.mixed_precision,
        )

    if training.turns is None:
        return stepper(training.phases[0], probes[0])
    phases = zip(training.phases, probes, training.turns.turns, strict=True)
    steppers = [stepper(phase, scalars, turn.name) for phase, scalars, turn in phases]
    names = optimizer_names(training.optimizer)
    return ScheduledStepper(session, training.turns, steppers, names)


def check_precision(session: Session, training: Training) -> None:
    """Raise a RunError if a training asks for mixed precision and cannot have it."""
    if not training.mixed_precision:
        return
    check_mixed(session.backend)
    if training.stream is not None:
        raise RunError(
            "mixed precision trains on rows, and this data set gives elements one by one",
            hint="Give the data as arrays, or leave out mixed_precision.",
        )


def optimizer_names(optimizer: Node) -> list[str]:
    """Return the names of all optimizers that a node runs."""
    return [node.name for node in ancestors([optimizer]) if isinstance(node.op, Optimizer)]


def order_of(training: Training, rows: int, epoch: int) -> np.ndarray:
    """Return the order of the rows in an epoch, int64 (rows,)."""
    if not training.shuffle:
        return np.arange(rows, dtype=np.int64)
    seed = training.seed if training.row_seed is None else training.row_seed
    return epoch_order(rows, seed, epoch - 1)

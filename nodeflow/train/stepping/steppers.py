"""The steppers that run the steps of a training, and of its replays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nodeflow.data.shuffling import epoch_order
from nodeflow.engine.session import Session
from nodeflow.engine.stepper import Stepper
from nodeflow.graph.graph import Tensor
from nodeflow.ops.training_mode import training_feeds
from nodeflow.train.training import Training
from nodeflow.train.tunable_numbers import Numbers


def stepper_of(
    session: Session,
    training: Training,
    probes: Sequence[Tensor],
    first_step: int,
    numbers: Numbers,
) -> Stepper:
    """Return the stepper of a training on rows.

    Args:
        numbers: the numbers of the optimizers.
        probes: scalars to record beside the loss.
        first_step: how many steps were made before.
    """
    used = training.used_bindings([training.optimizer, training.loss.node])
    bindings = {} if training.stream else used
    columns = {t: b.dataset.split("train")[b.column] for t, b in bindings.items()}
    feeds = {**training_feeds(session.graph), **numbers.feeds(first_step), **training.feeds}
    return session.stepper(
        [training.optimizer],
        [training.loss, *probes],
        columns,
        training.batch_size,
        feeds={t: v for t, v in feeds.items() if t not in columns},
        first_step=first_step,
    )


def order_of(training: Training, rows: int, epoch: int) -> np.ndarray:
    """Return the order of the rows in an epoch, int64 (rows,)."""
    if not training.shuffle:
        return np.arange(rows, dtype=np.int64)
    seed = training.seed if training.row_seed is None else training.row_seed
    return epoch_order(rows, seed, epoch - 1)

"""A training that branches off at a step of an earlier one, with all later edits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.train.resume.resuming import Resumption
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.saving.weights import Id, Saved, match
from nodeflow.train.training import Training
from nodeflow.train.training_state import TrainingState
from nodeflow.train.tunable_numbers import Numbers


def state_before(past: Past, step: int) -> TrainingState:
    """Return the state of a training before one of its steps, counted from 1.

    Raises:
        RunError: there is no snapshot from before the step.
    """
    marks, past = past.marks_before(step), past.at(step)
    replay = Replay(past)
    try:
        replay.go_to(step)
        replay.begin_epoch()
        progress, made = past.progress, step - 1 - past.progress.before
        losses = progress.recorded()[:made]
        copied = past.snapshots.state(step - 1)
        in_epoch = losses[made - replay.done :] if replay.done else losses[:0]
        return replace(
            copied,
            variables=dict(replay.session.variables.items()),
            losses=losses,
            epochs=tuple(epoch for epoch in list(progress.epochs) if epoch.steps <= made),
            epoch=replay.epoch,
            done=replay.done,
            counted=step - 1,
            total=float(np.add.accumulate(in_epoch)[-1]) if len(in_epoch) else 0.0,
            tiers=dict(past.tiers.since),
            numbers=past.numbers.values(step - 1),
            marks=marks,
        )
    finally:
        replay.close()


def branch(
    past: Past,
    step: int,
    session: Session,
    training: Training,
    ids: Mapping[str, Id] | None = None,
) -> Resumption:
    """Return the state of a training that branches off before a step of another one.

    Variables that are new, or have another shape now, keep their initial values. If batches, seed,
    schedule or order of the rows have changed, the epoch starts again. Numbers that were edited
    after the step have the values of the new training.

    Args:
        session: the session of the new training; its variables are initialized.
        ids: the identities of its variables by name; the other variables are found by name.

    Raises:
        RunError: there is no snapshot from before the step.
    """
    state, notices = state_before(past, step), []
    here = dict(session.variables.items())
    part = past.at(step)
    found = match(Saved(state.variables, part.ids), here, ids).found
    if others := sorted(here.keys() - found.keys()):
        notices.append(f"These variables keep their initial values: {', '.join(others)}")
    fitting = {name: state.variables[there] for name, there in found.items()}
    best, old = state.best, part.training
    if best is not None and not others and best.keys() >= set(found.values()):
        best = {name: best[there] for name, there in found.items()}
    before, now = Numbers(old.optimizer).after(0), Numbers(training.optimizer).after(0)
    edited = {f"{n}.{attr}" for (n, attr), value in now.items() if before.get((n, attr)) != value}
    numbers = {name: value for name, value in state.numbers.items() if name not in edited}
    state = replace(state, variables=fitting, best=best, numbers=numbers)
    same_rows = old.turns == training.turns and all(
        getattr(old, name) == getattr(training, name)
        for name in ("batch_size", "seed", "row_seed", "shuffle")
    )
    if not same_rows:
        state = replace(state, done=0, total=0.0)
    if others or not same_rows:
        state = replace(state, tiers={}, best=None, watch=None)
    return Resumption(state, None, None, tuple(notices))

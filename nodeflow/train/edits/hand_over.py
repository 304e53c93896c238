"""Carrying the state of a training over an edit: variables that fit keep their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nodeflow.train.edits.variant import Variant
from nodeflow.train.saving.weights import Saved, match
from nodeflow.train.training import Training
from nodeflow.train.training_state import TrainingState

LISTED = 4
"""The largest number of variables in a notice."""


def handed_over(
    old: Variant, new: Variant, state: TrainingState
) -> tuple[TrainingState, tuple[str, ...]]:
    """Return the state of a training after an edit, and notices for the user.

    A variable keeps its value if the document still has it, or else has a variable of the same name
    and shape. The variables that an optimizer keeps follow the same rule, unless the optimizer is
    replaced by another kind.

    Args:
        state: the state of the training before the edit, between two steps.
    """
    here = dict(new.session.variables.items())
    kinds, kinds_before = new.kinds(), old.kinds()
    saved = Saved(state.variables, old.ids, frozenset(kinds_before))
    fitting = match(saved, here, new.ids, kinds)
    found = {
        name: there
        for name, there in fitting.found.items()
        if kinds.get(name) == kinds_before.get(there)
    }
    variables = {name: state.variables[there] for name, there in found.items()}
    notices = [*_starts_anew(fitting.missing, fitting.other), *_other_optimizer(old, new)]
    best, watch = state.best, state.watch
    if best is not None and len(found) == len(here) and best.keys() >= set(found.values()):
        best = {name: best[there] for name, there in found.items()}
    elif best is not None:
        best = watch = None
    if _watched(old.training) != _watched(new.training):
        best = watch = None
    return (
        replace(
            state, variables=variables, best=best, watch=watch, numbers={}, tiers={}, identity={}
        ),
        (*new.notices, *notices),
    )


def _watched(training: Training) -> tuple[str, str] | None:
    """Return the title and the goal of the value that early stopping watches; None if it is off."""
    if training.patience is None:
        return None
    return training.monitor.title, training.monitor.goal


def _starts_anew(missing: Iterable[str], other: Mapping[str, str]) -> Iterable[str]:
    names = sorted([*missing, *other])
    if names:
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        yield f"{', '.join(names[:LISTED])}{more}: from the initial value"


def _other_optimizer(old: Variant, new: Variant) -> Iterable[str]:
    if old.training.turns is not None or new.training.turns is not None:
        return  # the notices name the variables that start anew
    before, now = old.training.optimizer.op.id, new.training.optimizer.op.id
    if before != now:
        yield f"{now} instead of {before}: its state starts anew"

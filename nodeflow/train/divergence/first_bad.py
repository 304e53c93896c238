"""A search for the first step with a value that is not finite, by replaying steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nodeflow.engine.runtime.context import Tier
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node
from nodeflow.train.diagnosis.culprit import Culprit, find_culprit
from nodeflow.train.divergence.finite import first_not_finite
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.rewind.snapshots import assigned_variables


@dataclass(frozen=True)
class FirstBad:
    """The first step that is not finite.

    Attributes:
        step: its number, from 1.
        node: the loss, or the variable that the step's update makes non-finite.
        value: the loss, or one element of the variable.
        before: the values, before this step, of the variables that steps change.
        culprit: the op where the value began; None if that cannot be found.
    """

    step: int
    node: str
    value: float
    before: Mapping[Node, np.ndarray]
    culprit: Culprit | None


def find_first_bad(past: Past, last: int, watched: Sequence[Node]) -> FirstBad | None:
    """Replay the steps since the newest snapshot up to ``last``, and return the first bad one.

    Args:
        watched: the variables that have to stay finite.

    Returns:
        None if there is no snapshot, or if the replay stays finite.
    """
    copied = past.copied_before(last)
    if copied is None:
        return None
    replay = Replay(past)
    try:
        replay.go_to(copied + 1)
        found = _first(replay, last, watched)
        if found is None:
            return None
        step, node, value = found
        replay.go_to(step)
        variables = replay.session.variables
        changing = assigned_variables(past.training.optimizer)
        before = {n: variables.read(n).copy() for n in changing}
        return FirstBad(step, node, value, before, _culprit(replay, watched))
    except NodeflowError:  # the training itself reports the value that it has seen
        return None
    finally:
        replay.close()


def _first(replay: Replay, last: int, watched: Sequence[Node]) -> tuple[int, str, float] | None:
    """Replay steps until the loss or a variable is not finite. Return the step, the name of the
    loss or variable, and the bad value. Return None if all steps up to ``last`` are finite.
    """
    variables = replay.session.variables
    while (step := replay.step) <= last:
        loss = float(replay.advance()[0, 0])
        if not np.isfinite(loss):
            return step, replay.past.training.phase_of(step).loss.node.name, loss
        found = first_not_finite(variables, watched)
        if found is not None:
            return step, *found
    return None


def _culprit(replay: Replay, watched: Sequence[Node]) -> Culprit | None:
    """Find the op that first computed a value that is not finite in the replayed step. Return None
    if there is none.

    First search the values that the reference implementation computes, because it needs no compiled
    kernels. If they are all finite and the training used compiled kernels, search the values that
    these compute.
    """
    schedule = replay.stepper.schedule
    loss = next(slot for slot in schedule.fetches if slot is not None)
    updates = [slot for node, slot in schedule.writes.items() if node in watched]
    tiers: list[Tier] = ["reference", *(["compiled"] if replay.session.tier == "compiled" else [])]
    for tier in tiers:
        values = replay.every_value(tier)
        for slots in ([loss], updates):
            if (found := find_culprit(schedule, values, slots)) is not None:
                return found
    return None

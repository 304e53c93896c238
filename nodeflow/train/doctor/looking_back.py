"""A search for the step where a problem began, by replaying steps from snapshots of the
training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.doctor.dead_units import Run
from nodeflow.train.rewind.replay import Past, Replay

Rule = Callable[[Run], Iterable[Hint]]
SECONDS = 0.3
"""Seconds that replaying the steps between two snapshots may take."""


def first_seen(past: Past, rule: Rule, key: tuple[str, str], first: int, last: int) -> int:
    """Return the first step after which a rule finds a problem.

    Args:
        key: the key of the problem (`Hint.key`).
        first: a step without the problem.
        last: a step with the problem.

    Returns:
        The step; the step of the first snapshot with the problem if the search would take too long.
    """
    session = Session(past.session.graph, tier="reference", seed=past.session.seed)
    replay = Replay(past)

    def is_found() -> bool:
        return any(hint.key == key for hint in rule(session.run))

    def by_copy(step: int) -> bool:
        past.snapshots.restore(step, session.variables)
        return is_found()

    def by_replay(step: int) -> bool:
        replay.go_to(step + 1)
        session.variables.update(dict(replay.session.variables.items()))
        return is_found()

    try:
        first = max(first, past.start)  # before an edit, the graph was another one
        copies = [step for step in past.snapshots.steps if first < step < last]
        low, high = _narrowed([first, *copies, last], by_copy)
        each = past.progress.seconds / max(1, past.progress.steps)
        if (high - low) * each > SECONDS:
            return high
        return _narrowed(list(range(low, high + 1)), by_replay)[1]
    except NodeflowError:
        return last
    finally:
        replay.close()
        session.close()


def _narrowed(steps: list[int], is_found: Callable[[int], bool]) -> tuple[int, int]:
    """Return the last step without a problem, and the first step with it, by a binary search.

    The first step is known to have no problem, and the last one to have it.
    """
    low, high = 0, len(steps) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if is_found(steps[middle]):
            high = middle
        else:
            low = middle
    return steps[low], steps[high]

"""The position of an iteration over a data set as plain data, from which another can continue.

A pass is a pure function of the counters of its stages, so the counters and the number of elements
taken determine the position. Python functions and generators produce the same elements again only
if they are pure.
"""

from __future__ import annotations

from typing import Any

from nodeflow.data.pipeline.elements import Elements, Iteration
from nodeflow.data.pipeline.transforms import Cache
from nodeflow.errors import DataError


def stages_of(stage: Elements) -> list[Elements]:
    """Return a stage and all stages that it reads, each once, in a reproducible order."""
    found: dict[Elements, None] = {}
    waiting = [stage]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += reversed(one.inputs)
    return list(found)


def position(stage: Elements, iteration: Iteration) -> dict[str, Any]:
    """Return how far an iteration over a data set is, as JSON values, to save it in a checkpoint.

    Call this between two passes over the data.
    """
    stages = stages_of(stage)
    return {
        "passes": [iteration.passes[one] for one in stages],
        "runs": [iteration.runs(one) for one in stages],
        "cached": [isinstance(one, Cache) and one.kept is not None for one in stages],
    }


def go_to(stage: Elements, iteration: Iteration, there: dict[str, Any]) -> None:
    """Set a new iteration to a position, so that it continues from there.

    A filled cache is filled again, so its stages count from 0, as in the first iteration.

    Raises:
        DataError: the position belongs to another data set.
    """
    stages = stages_of(stage)
    if len(there["cached"]) != len(stages):
        raise DataError(
            f"the saved position belongs to a data set of {len(there['cached'])} stages, and "
            f"this one has {len(stages)}",
            hint="Give the data set of the training.",
        )
    afresh: set[Elements] = set()
    for one, was_filled in zip(stages, there["cached"], strict=True):
        if isinstance(one, Cache) and was_filled and one.kept is None:
            afresh.update(stages_of(one))
    for one, passes, runs in zip(stages, there["passes"], there["runs"], strict=True):
        if one not in afresh:
            iteration.passes[one] = passes
            iteration.begin_runs(one, runs)

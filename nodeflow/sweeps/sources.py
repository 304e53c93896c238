"""The sources of a sweep's trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from nodeflow.sweeps.plan import GRID, OPTUNA, Plan
from nodeflow.sweeps.results import Result
from nodeflow.sweeps.specs import SpecProblem
from nodeflow.sweeps.trials import Trial, trials


class Source(Protocol):
    """A source of trials.

    Attributes:
        count: number of all trials.
    """

    count: int

    def next(self) -> Trial | None:
        """Return the next trial; None if there are no more."""
        ...

    def sees(self, result: Result, value: float) -> bool:
        """Take the value of an epoch. Return whether the trial continues."""
        ...

    def ended(self, result: Result) -> None:
        """Take the final result of a trial."""
        ...


class Listed:
    """Trials that are known from the beginning and do not depend on results."""

    def __init__(self, listed: Sequence[Trial]) -> None:
        self.count = len(listed)
        self._rest: Iterator[Trial] = iter(listed)

    def next(self) -> Trial | None:
        return next(self._rest, None)

    def sees(self, result: Result, value: float) -> bool:
        return True

    def ended(self, result: Result) -> None:
        pass


def source_of(plan: Plan) -> Source:
    """Who says which trials a plan has.

    Raises:
        SpecProblem: nothing varies, there is no end of combinations, or Optuna is not installed.
    """
    if plan.sampler == OPTUNA:
        from nodeflow.sweeps.optuna_source import OptunaSource

        trials(plan.specs, 1, plan.seed)  # says what is wrong with them
        return OptunaSource(plan)
    if plan.prune:
        raise SpecProblem("only Optuna ends trials early", hint="Choose it as the sampler.")
    return Listed(trials(plan.specs, None if plan.sampler == GRID else plan.count, plan.seed))

"""Who says which trial of a sweep comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from nodeflow.sweeps.plan import GRID, OPTUNA, Plan
from nodeflow.sweeps.results import Result
from nodeflow.sweeps.specs import SpecProblem
from nodeflow.sweeps.trials import Trial, trials


class Source(Protocol):
    """Says which trial comes next.

    Attributes:
        count: how many trials there will be.
    """

    count: int

    def next(self) -> Trial | None:
        """Return the next trial; None where there are no more."""
        ...

    def sees(self, result: Result, value: float) -> bool:
        """Takes the value of an epoch; says whether the trial is to go on."""
        ...

    def ended(self, result: Result) -> None:
        """Takes what became of a trial."""
        ...


class Listed:
    """Trials that are known from the beginning, whatever comes of them."""

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

"""The sources of a sweep's trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from nodeflow.manifests import offer
from nodeflow.sweeps.grid_and_random_trials import Trial, trials
from nodeflow.sweeps.plan import GRID, RANDOM, Plan, pruning
from nodeflow.sweeps.results import Result
from nodeflow.sweeps.value_specs import SpecProblem


class Source(Protocol):
    """The interface of a source of trials.

    Attributes:
        count: number of all trials.
    """

    count: int

    def next(self) -> Trial | None:
        """Return the next trial; None if there are no more."""
        ...

    def sees(self, result: Result, value: float) -> bool:
        """Report to the sampler the value that a trial has reached after an epoch. Return whether
        the trial shall continue.

        Args:
            result: the trial and its values so far.
            value: the value to compare.
        """
        ...

    def ended(self, result: Result) -> None:
        """Record the final result of a trial."""
        ...


class Listed:
    """A source of trials that are known from the beginning, because they do not depend on
    results.
    """

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
    """Return the source of a plan's trials.

    Raises:
        SpecProblem: nothing varies, or there are infinitely many combinations.
        NotOffered: no integration offers the sampler.
        SoftwareMissing: the sampler's software is not installed.
    """
    if plan.prune and plan.sampler in (GRID, RANDOM):
        able = " or ".join(pruning())
        raise SpecProblem(
            f"the sampler {plan.sampler} ends no trial early",
            hint=f"Choose {able}." if able else None,
        )
    if plan.sampler not in (GRID, RANDOM):
        sampler = offer("sampler", plan.sampler, [GRID, RANDOM])
        sampler.integration.check_software()
        trials(plan.specs, 1, plan.seed)  # raises if they are wrong
        return sampler.load()(plan)
    return Listed(trials(plan.specs, None if plan.sampler == GRID else plan.count, plan.seed))

"""What the trials of a sweep gave: the best first, and which parameters matter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nodeflow.run_store.records import Run
from nodeflow.sweeps.trials import Trial


@dataclass(frozen=True)
class Result:
    """How a trial ended.

    Attributes:
        run: that it is kept as; None where it did not get so far.
        problem: why it failed, in words; empty if it did not.
        seconds: that it took.
    """

    trial: Trial
    run: Run | None = None
    problem: str = ""
    seconds: float = 0.0

    @property
    def value(self) -> float:
        """What is compared: that of its best epoch; NaN where there is none."""
        return float(self.run.best["value"]) if self.run and self.run.best else math.nan

    @property
    def key(self) -> str:
        """What that is: a metric, or the loss."""
        return str(self.run.best["by"]) if self.run and self.run.best else ""


def higher_is_better(results: Iterable[Result]) -> bool:
    """Whether the compared value is a share, such as an accuracy."""
    return any(r.run is not None and r.key in r.run.shares for r in results)


def ranked(results: Sequence[Result]) -> list[Result]:
    """The results, the best first; those without a value come last."""
    sign = -1.0 if higher_is_better(results) else 1.0

    def place(result: Result) -> tuple[bool, float, int]:
        unknown = math.isnan(result.value)
        return unknown, 0.0 if unknown else sign * result.value, result.trial.number

    return sorted(results, key=place)


def correlations(results: Sequence[Result]) -> dict[str, float]:
    """Spearman's rank correlation of each number that varies with the compared value.

    It is left out where a value is no number, where nothing varies, or below three results.
    """
    known = [result for result in results if not math.isnan(result.value)]
    if len(known) < 3:
        return {}
    values, found = ranks([result.value for result in known]), {}
    for name in known[0].trial.values:
        column = [result.trial.values[name] for result in known]
        if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in column):
            continue
        places = ranks(column)
        if np.ptp(places) and np.ptp(values):
            found[name] = float(np.corrcoef(places, values)[0, 1])
    return found


def ranks(values: Sequence[float]) -> np.ndarray:
    """Places from 1, float64; equal values share the mean of theirs.

    >>> ranks([10, 30, 20, 20]).tolist()
    [1.0, 4.0, 2.5, 2.5]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]

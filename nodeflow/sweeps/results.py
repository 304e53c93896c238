"""The results of a sweep's trials: their ranking, and the influence of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nodeflow.sweeps.grid_and_random_trials import Trial
from nodeflow.train.saving.plain_values import real, table, text, whole

WAITING, TRAINING, DONE = "waiting", "training", "done"
FAILED, PRUNED, CANCELLED = "failed", "pruned", "cancelled"
"""Outcomes of a trial. A pruned trial was ended because its epochs were worse than others'."""
OVER = (DONE, FAILED, PRUNED, CANCELLED)


@dataclass(frozen=True)
class Result:
    """The result of a trial, as far as known.

    Attributes:
        state: ``waiting``, ``training``, ``done``, ``failed``, ``pruned`` or ``cancelled``.
        value: the compared value, from the best epoch; NaN while there is none.
        key: name of that value: a metric, or the loss of an epoch.
        higher: whether higher is better.
        best_epoch: the epoch with that value; 0 if there is none.
        epoch, epochs: number of ended epochs, and of all epochs.
        part: finished fraction of the training, 0 to 1.
        run: id of its run; empty if the run never began.
        problem: the reason of a failure; empty without one.
        seconds: duration so far.
    """

    trial: Trial
    state: str = WAITING
    value: float = math.nan
    key: str = ""
    higher: bool = False
    best_epoch: int = 0
    epoch: int = 0
    epochs: int = 0
    part: float = 0.0
    run: str = ""
    problem: str = ""
    seconds: float = 0.0

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def loss(self) -> float:
        """The result of a trial as a loss, so that lower is better: the compared value, negated if
        the user wants the highest.
        """
        return -self.value if self.higher else self.value


def ranked(results: Iterable[Result]) -> list[Result]:
    """Return the results, the best first, results without a value last."""

    def place(result: Result) -> tuple[bool, float, int]:
        unknown = math.isnan(result.value)
        return unknown, 0.0 if unknown else result.loss, result.trial.number

    return sorted(results, key=place)


def correlations(results: Sequence[Result]) -> dict[str, float]:
    """Return Spearman's rank correlation of each varying number with the compared value.

    Leave out parameters with other values, or without variation. For fewer than three results,
    return an empty dict.
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
    """Return ranks from 1, float64; equal values share their mean rank.

    >>> ranks([10, 30, 20, 20]).tolist()
    [1.0, 4.0, 2.5, 2.5]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def plain(result: Result) -> dict[str, Any]:
    """Return a result as JSON data."""
    fields = asdict(result)
    trial = fields.pop("trial")
    return {"number": trial["number"], "values": dict(result.trial.values), **fields}


def result_of(fields: Mapping[str, Any]) -> Result:
    """Return the result that `plain` wrote; raise an error such as ValueError if it is damaged."""
    rest = {name: value for name, value in fields.items() if name not in ("number", "values")}
    found = {name: _READ.get(name, text)(value) for name, value in rest.items()}
    return Result(Trial(whole(fields["number"]), table(fields["values"])), **found)


_READ: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("value", "part", "seconds"), real),
    **dict.fromkeys(("best_epoch", "epoch", "epochs"), whole),
    "higher": bool,
}
"""The readers of a result's fields that are not texts."""

"""The trials of a sweep: a grid of all combinations, or random draws."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nodeflow.errors import SurfaceText
from nodeflow.sweeps.value_specs import Spec, SpecProblem

MOST = 100_000


@dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Attributes:
        number: counted from 1.
        values: values by ``NODE.ATTRIBUTE``.
    """

    number: int
    values: Mapping[str, Any]


def trials(specs: Sequence[Spec], count: int | None = None, seed: int = 1) -> list[Trial]:
    """Return the trials in order.

    Args:
        count: number of draws; None for every combination.

    Raises:
        SpecProblem: nothing varies, or there are infinitely many combinations.
    """
    if not specs:
        raise SpecProblem(
            "nothing varies in this sweep",
            hint=SurfaceText(
                "Give a list or a range, such as 0.1..0.5.",
                cli="Give a list or a range: --set train.rate=0.1..0.5.",
                window="Give a list or a range, such as 0.1..0.5.",
            ),
        )
    names = [spec.name for spec in specs]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SpecProblem(f"{min(twice)} is given twice")
    if count is not None:
        numbers = range(1, count + 1)
        return [Trial(n, {spec.name: spec.draw(seed, n) for spec in specs}) for n in numbers]
    every = [spec.all for spec in specs]
    for spec, values in zip(specs, every, strict=True):
        if values is None:
            raise SpecProblem(
                f"{spec.name} has no end of values", hint=_draw("Say how many are drawn", 30)
            )
    size = 1
    for values in every:
        size *= len(values or ())
    if size > MOST:
        raise SpecProblem(f"these are {size} combinations", hint=_draw("Draw some", 100))
    combined = itertools.product(*(values or () for values in every))
    return [Trial(n, dict(zip(names, values, strict=True))) for n, values in enumerate(combined, 1)]


def _draw(text: str, count: int) -> SurfaceText:
    cli = f"{text}: --trials {count}."
    return SurfaceText(f"{text}: count={count}.", cli=cli, window=f"{text}.")

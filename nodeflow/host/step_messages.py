"""The messages about earlier steps of a training; `protocol` has them all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ShowStep:
    """Answer `Evaluate` that watches, and `FetchTensor`, with values of this step of the training
    that runs or ran last, counted from 1; None is now.

    A later request replaces this one, also where its answers have not come.
    """

    step: int | None
    request: int


@dataclass(frozen=True)
class StepShown:
    """Of the engine to itself: the values of a step are there, so views are to be drawn."""

    step: int


@dataclass(frozen=True)
class PastSteps:
    """Steps from ``first`` on, counted from 1, can be shown by `ShowStep`; 0: none can."""

    first: int


@dataclass(frozen=True)
class PastProgress:
    """How far a step is that was asked for: ``done`` of ``total`` steps, or still ``preparing``:
    kernels are compiled."""

    request: int
    step: int
    done: int
    total: int
    preparing: bool = False

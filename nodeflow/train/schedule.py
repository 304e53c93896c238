"""The schedule of a training with several optimizers, which decides which optimizer makes which
step.

The phases take turns, in their order, over and over. A turn makes the phase's number of steps. A
phase is skipped while fewer steps than its ``start`` have been made. So the phase of a step
depends only on the number of the step, and resuming, replaying and drawing need no other state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from nodeflow.errors import GraphError

LOSS = "loss"
"""The first part of the name of a phase's loss: ``loss/d`` of the optimizer ``d``."""
_TURN = re.compile(r"(\S+?)(?:\s*[×x*]\s*(\d{1,18}))?(?:\s+from(?:\s+step)?\s+(\d{1,18}))?")
"""A phase in words: ``d``, ``d × 2``, ``g from step 500``, ``g*3 from 500``."""
WITHOUT_END = 2**62
"""The step that no training reaches."""


@dataclass(frozen=True)
class Turn:
    """A phase of a schedule, by the name of its optimizer.

    Attributes:
        steps: the number of steps of a turn.
        start: the number of steps to make before its first turn.
    """

    name: str
    steps: int = 1
    start: int = 0

    def __str__(self) -> str:
        start = f" from step {self.start}" if self.start else ""
        return f"{self.name} × {self.steps}{start}"

    @property
    def loss(self) -> str:
        """The name of the phase's loss: ``loss/d``."""
        return loss_name(self.name)


def loss_name(optimizer: str) -> str:
    """Return the name of the loss of an optimizer's phase.

    >>> loss_name("d")
    'loss/d'
    """
    return f"{LOSS}/{optimizer}"


@dataclass(frozen=True)
class _Span:
    """Steps from ``first`` on, whose turns repeat.

    Attributes:
        phases: the number of the phase of each turn.
        ends: the number of steps at the end of each turn.
    """

    first: int
    phases: tuple[int, ...]
    ends: tuple[int, ...]


class Schedule:
    """The turns of several optimizers, as a function of the number of steps made before.

    Raises:
        GraphError: there is no phase, none from the first step on, or a number is out of range.

    >>> schedule = Schedule([Turn("d", 2), Turn("g", 1, start=3)])
    >>> [schedule.name_at(step) for step in range(8)]
    ['d', 'd', 'd', 'd', 'g', 'd', 'd', 'g']
    """

    def __init__(self, turns: Iterable[Turn]) -> None:
        self.turns = tuple(turns)
        check_turns(self.turns)
        self._spans = tuple(_spans(self.turns))
        self._starts = np.array([span.first for span in self._spans], np.int64)

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Return the schedule that a text describes.

        Raises:
            GraphError: the text is no schedule.

        >>> print(Schedule.parse("d*2, g from 500"))
        d × 2, g × 1 from step 500
        """
        turns = []
        for part in filter(None, map(str.strip, text.split(","))):
            found = _TURN.fullmatch(part)
            if found is None:
                raise GraphError(
                    f"{part!r:.60} is no phase of a schedule",
                    port="training.schedule",
                    hint="Write the optimizer, its steps, and when it joins: d*2, g*1 from 500.",
                )
            turns.append(Turn(found[1], int(found[2] or 1), int(found[3] or 0)))
        return cls(turns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self.turns == other.turns

    def __hash__(self) -> int:
        return hash(self.turns)

    def __str__(self) -> str:
        return ", ".join(map(str, self.turns))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the optimizers, each once."""
        return tuple(dict.fromkeys(turn.name for turn in self.turns))

    @property
    def losses(self) -> tuple[str, ...]:
        """The names of the losses, one for each optimizer."""
        return tuple(map(loss_name, self.names))

    def phase_at(self, step: int) -> int:
        """Return the index of the optimizer's phase whose turn it is in the step that follows
        ``step`` steps.
        """
        return self._at(step)[0]

    def name_at(self, step: int) -> str:
        """Return the name of the optimizer whose turn it is in the step that follows ``step``
        steps.
        """
        return self.turns[self.phase_at(step)].name

    def left(self, step: int) -> int:
        """Return the number of consecutive steps that certainly belong to the same phase (the turn
        of one optimizer), from the step that follows ``step`` steps on. It is at least 1.
        """
        return self._at(step)[1]

    def _at(self, step: int) -> tuple[int, int]:
        number = int(np.searchsorted(self._starts, step, "right"))
        span = self._spans[number - 1]
        if len(set(span.phases)) == 1:
            end = self._spans[number].first if number < len(self._spans) else WITHOUT_END
            return span.phases[0], end - step
        within = (step - span.first) % span.ends[-1]
        turn = next(i for i, end in enumerate(span.ends) if within < end)
        return span.phases[turn], span.ends[turn] - within

    def phases(self, first: int, count: int) -> np.ndarray:
        """Return which optimizer runs each of ``count`` consecutive steps, as indices of the
        schedule's phases, int64.

        Args:
            first: the number of steps before them.
        """
        found = np.empty(count, np.int64)
        done = 0
        while done < count:
            phase, left = self._at(first + done)
            found[done : min(count, done + left)] = phase
            done += left
        return found

    def split(self, first: int, losses: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the losses of each optimizer's steps, by the name of the loss.

        Args:
            first: the number of the first step, counted from 1.

        Returns:
            (numbers of the steps, losses) by name. Optimizers that made no step are left out.
        """
        phases = self.phases(first - 1, len(losses))
        found = {}
        for name in self.names:
            of_it = np.array([turn.name == name for turn in self.turns])[phases]
            if of_it.any():
                found[loss_name(name)] = first + np.flatnonzero(of_it), losses[of_it]
        return found

    def means(self, first: int, losses: np.ndarray) -> dict[str, float]:
        """Return the mean loss of each optimizer's steps, by the name of the loss.

        The losses are added one after the other, so the means do not depend on how the steps were
        divided when they ran.

        Args:
            first: the number of the first step, counted from 1.
            losses: the loss of each step.
        """
        parts = self.split(first, losses)
        return {name: float(np.add.accumulate(v)[-1]) / len(v) for name, (_, v) in parts.items()}


def check_turns(turns: Sequence[Turn]) -> None:
    """Raise GraphError unless the turns make a schedule."""
    for turn in turns:
        for name, value, least in (("steps", turn.steps, 1), ("from", turn.start, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise GraphError(
                    f"the phase of {turn.name} has {name} = {value!r}",
                    port="training.schedule",
                    hint=f"{name} is a whole number, at least {least}.",
                )
    if not any(turn.start == 0 for turn in turns):
        raise GraphError(
            "no phase of the schedule begins with the first step",
            port="training.schedule",
            hint="Give one phase the start 0: from = 0.",
        )


def _spans(turns: Sequence[Turn]) -> Iterable[_Span]:
    """Divide a schedule of optimizers into spans of steps, and yield them. Within a span, the same
    optimizers take turns. The last span has no end.
    """
    step = phase = 0
    while True:
        later = [turn.start for turn in turns if turn.start > step]
        order = [(phase + i) % len(turns) for i in range(len(turns))]
        order = [i for i in order if turns[i].start <= step]
        ends = tuple(accumulate(turns[i].steps for i in order))
        if not later:
            yield _Span(step, tuple(order), ends)
            return
        rounds = (min(later) - step) // ends[-1]
        if rounds:
            yield _Span(step, tuple(order), ends)
            step += rounds * ends[-1]
            phase = (order[-1] + 1) % len(turns)
        for i in order:  # the turns that begin before the next phase joins
            if step >= min(later):
                break
            yield _Span(step, (i,), (turns[i].steps,))
            step += turns[i].steps
            phase = (i + 1) % len(turns)

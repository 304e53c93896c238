"""Steps of several optimizers that take turns: one `Stepper` for each phase of a schedule.

All steppers share the variables of their session, the columns, and the numbering of steps. So every
step takes the next batch of the epoch, whichever phase makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nodeflow.engine.chunker import Chunker
from nodeflow.engine.memory import Needs
from nodeflow.engine.runtime.context import RanTier
from nodeflow.engine.session import Session
from nodeflow.engine.stepper import Stepper
from nodeflow.graph.graph import Tensor
from nodeflow.train.schedule import Schedule


class ScheduledStepper:
    """The parts of a `Stepper` that the training loop and its replays need, for several phases.

    Args:
        steppers: one for each phase of the schedule.
        optimizers: the names of all optimizers, whose steps are counted together.

    Attributes:
        chunker: sizes the chunks of steps.
        ahead: number of steps to come, if known, of all phases together.
        step: number of the next step.
    """

    def __init__(
        self,
        session: Session,
        schedule: Schedule,
        steppers: Sequence[Stepper],
        optimizers: Iterable[str],
    ) -> None:
        self._session, self._schedule, self._steppers = session, schedule, tuple(steppers)
        self._optimizers = tuple(optimizers)
        self.chunker: Chunker = type(steppers[0].chunker)()
        self.ahead: int | None = None
        self.step = steppers[0].step

    @property
    def current(self) -> Stepper:
        """The stepper of the next step."""
        stepper = self._steppers[self._schedule.phase_at(self.step)]
        stepper.step = self.step
        stepper.ahead = self.ahead
        return stepper

    def start_epoch(self, order: np.ndarray, done: int = 0) -> None:
        """Begin an epoch, like `Stepper.start_epoch`."""
        for stepper in self._steppers:
            stepper.step = self.step
            stepper.start_epoch(order, done)

    def run(self, count: int) -> tuple[int, np.ndarray]:
        """Run up to ``count`` training steps, switching between the optimizers as the schedule
        says.

        Return the number of steps, and the scalars that they recorded, like `Stepper.run`.
        """
        parts: list[np.ndarray] = []
        done = 0
        self.chunker.begin(count)
        while done < count:
            stepper = self.current
            wanted = min(count - done, self._schedule.left(self.step))
            try:
                made, scalars = stepper.run(wanted)
            finally:
                self.step = stepper.step
                self._session.count_steps(self._optimizers, self.step)
            parts.append(scalars)
            done += made
            if made < wanted:
                break
        self.chunker.end(done)
        return done, np.concatenate(parts)

    def feed(self, tensor: Tensor, array: np.ndarray) -> None:
        """Set the value of a placeholder or constant that all later steps are fed with."""
        for stepper in self._steppers:
            stepper.feed(tensor, array)

    # ---- before the steps -----------------------------------------------------------------------

    def is_ready(self) -> bool:
        """Return whether the kernels of all optimizers' steps are compiled. Start compiling those
        that are missing.
        """
        waiting = [stepper for stepper in self._steppers if not stepper.is_ready()]
        return not waiting

    def compile_soon(self) -> None:
        """Plan and compile in the background, like `Stepper.compile_soon`."""
        for stepper in self._steppers:
            stepper.compile_soon()

    def explain(self) -> str:
        """Return as text the optimized execution plan of a training step, one plan for each
        optimizer of the schedule.
        """
        turns = zip(self._schedule.turns, self._steppers, strict=True)
        return "\n\n".join(f"# A step of {turn.name}\n\n{s.explain()}" for turn, s in turns)

    def held(self) -> Needs:
        """Return the memory that a training step takes if it recomputes no values, for the
        optimizer whose step takes the most; see `Stepper.held`.
        """
        return max((stepper.held() for stepper in self._steppers), key=lambda needs: needs.bytes)

    def needs(self) -> Needs:
        """Plan a training step of each optimizer. Return the memory of the step that needs the
        most; see `Stepper.needs`.
        """
        return max((stepper.needs() for stepper in self._steppers), key=lambda needs: needs.bytes)

    def profile(self, count: int) -> dict[str, Any]:
        """Time every kernel in ``count`` training steps of each optimizer of the schedule, one
        optimizer after the other.

        Returns:
            A trace in Chrome's format, with one process for each optimizer.
        """
        events: list[dict[str, Any]] = []
        for number, (turn, stepper) in enumerate(
            zip(self._schedule.turns, self._steppers, strict=True), start=1
        ):
            named = {"ph": "M", "name": "process_name", "args": {"name": turn.name}}
            found = [named, *stepper.profile(count)["traceEvents"]]
            events += [{**event, "pid": number} for event in found]
        return {"traceEvents": events, "displayTimeUnit": "ms"}

    @property
    def tier(self) -> RanTier:
        """The execution tier of the next step: compiled kernels, or the reference implementation in
        numpy. The tier may still change later.
        """
        return self.current.tier


AnyStepper = Stepper | ScheduledStepper


def current_of(stepper: AnyStepper) -> Stepper:
    """Return the stepper that makes the next step."""
    return stepper.current if isinstance(stepper, ScheduledStepper) else stepper

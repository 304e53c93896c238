"""Early ends of a training: a value that is not finite, or out of its bounds.

Every chunk of steps is examined. The first step with such a value is the last step that counts. The
variables are reset to their values before that step, if steps can be computed again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nodeflow.engine.variables import Variables
from nodeflow.graph.graph import Node, Tensor
from nodeflow.train.diagnosis.crossing import Crossing
from nodeflow.train.divergence.finite import FiniteGuard, Found, diverged, put_back
from nodeflow.train.divergence.first_bad import FirstBad, find_first_bad
from nodeflow.train.divergence.out_of_bounds import locate
from nodeflow.train.events import Diverged
from nodeflow.train.loop_progress import Progress
from nodeflow.train.rewind.replay import Past
from nodeflow.train.training import Training
from nodeflow.train.training_state import TrainingState


class Ending:
    """The examination of a training's steps for values that end it.

    Attributes:
        past: the data for computing its steps again; None if they cannot be.
        probes: scalars to record beside the loss, after all others, for each phase.
    """

    def __init__(
        self,
        variables: Variables,
        training: Training,
        at: Progress,
        first_epoch: int,
        steps_per_epoch: int,
        resumed: TrainingState | None,
    ) -> None:
        """Prepare to end a training that gets a value which is not finite or out of bounds.

        Args:
            variables: the variables of the training.
            at: the progress of the training, which this object reads but does not change.
            first_epoch: the first epoch of the training.
            resumed: the state of a resumed training.
        """
        self.past: Past | None = None
        self._variables, self._at, self._resumed = variables, at, resumed
        self._first_epoch, self._per_epoch = first_epoch, steps_per_epoch
        allowed = training.allow_nonfinite
        self._guard = None if allowed else FiniteGuard(variables, training, at.epoch - 1)
        self._training, self._bounds = training, training.bounds_by_phase()
        self.probes = [bounds.probes for bounds in self._bounds]
        self._found: Found | None = None
        self._bad: FirstBad | None = None
        self._crossing: Crossing | None = None
        self._crossed_at = 0
        self._before: Mapping[Node, np.ndarray] | None = None

    @property
    def is_here(self) -> bool:
        """True if a value has ended the training."""
        return self._found is not None or self._crossing is not None

    @property
    def takes_single_steps(self) -> bool:
        """True if steps must run singly, because bounds are checked and steps cannot be undone."""
        return bool(self._bounds[0]) and self.past is None

    def look(self, scalars: np.ndarray, seconds: float, copies: bool) -> int:
        """Examine the latest steps of a training for values that are not finite or out of bounds.
        Return how many steps to keep: all of them, or those up to the first bad value.

        Args:
            scalars: the values that the steps recorded, float64 (steps, scalars).
            seconds: the duration of the steps.
            copies: whether a snapshot follows, so that the variables must be examined first.
        """
        crossed = self.crossed(scalars)
        done = len(scalars)
        if self._guard is not None:
            found = self._guard.look(scalars[:, 0], seconds, self._at.step)
            if found is None and copies:
                found = self._guard.look_at_variables(done)
            if found is not None:
                done = self._find(self._guard, found)
        return done if crossed is None else self._leave(*crossed, done)

    def crossed(self, scalars: np.ndarray) -> tuple[int, Crossing, Tensor] | None:
        """Find the first step that makes a tensor leave its bounds. Return its index, a description
        of the violation, and the tensor; or None.

        Args:
            scalars: the values that the steps recorded, float64 (steps, scalars).
        """
        bounds, turns = self._bounds[0], self._training.turns
        if not bounds or not len(scalars):
            return None
        edges = scalars[:, -len(bounds.probes) :]
        found = bounds.crossed(edges)
        if found is None or turns is None:
            return found
        first = found[0]
        of_phase = self._bounds[turns.phase_at(self._at.step + first)]
        again = of_phase.crossed(edges[first : first + 1])
        return None if again is None else (first, *again[1:])

    def end_epoch(self, epoch: int, is_last: bool) -> None:
        """At the end of an epoch, examine the variables for values that are not finite, and keep a
        copy of them. If there is such a value, end the training.
        """
        if self._guard is None or self.is_here:
            return
        found = self._guard.end_epoch(epoch, is_last)
        if found is not None:
            self._find(self._guard, found)

    def event(self) -> Diverged:
        """Set the variables to values from before the error, and return the event that tells why
        the training ended: a value that is not finite, or out of bounds.
        """
        if self._crossing is not None:
            return self._out_of_bounds(self._crossing)
        assert self._guard is not None and self._found is not None
        return self._not_finite(self._guard, self._found)

    # ---- inside -------------------------------------------------------------------------------

    def _find(self, guard: FiniteGuard, found: Found) -> int:
        """Find the first step with a value that is not finite, by replaying the steps from a
        snapshot.

        Return the number of latest steps up to and including this step.

        Args:
            guard: the object that watches the variables.
            found: the bad value that was noticed, perhaps after its step.
        """
        self._found, step = found, self._at.step + found.count
        if self.past is not None:
            self._bad = find_first_bad(self.past, step, guard.nodes)
        return found.count if self._bad is None else max(0, self._bad.step - self._at.step)

    def _leave(self, index: int, crossing: Crossing, tensor: Tensor, done: int) -> int:
        """End the training at a step that makes a tensor leave its bounds, unless a value that is
        not finite comes first. Return the number of latest steps that remain valid.

        Args:
            index: the index of the step among the latest ones.
            done: how many of the latest steps lead up to a value that is not finite; all if there
                is none.
        """
        step = self._at.step + index + 1
        if self._found is not None:
            bad = self._at.step + done
            if bad < step or (bad == step and not np.isfinite(crossing.value)):
                return done
        located = None if self.past is None else locate(self.past, step, crossing, tensor)
        self._crossing, self._before = located if located is not None else (crossing, None)
        self._crossed_at = step
        return index + 1

    def _out_of_bounds(self, crossing: Crossing) -> Diverged:
        step = self._crossed_at
        epoch, kept_epoch = self._epoch_of(step), 0
        if self._before is not None:
            put_back(self._variables, self._before)
            kept, kept_epoch = _before(step), epoch - 1
        elif self._guard is not None:
            kept_epoch = self._guard.restore()
            kept = f"those of epoch {kept_epoch}" if kept_epoch else "the initial ones"
        else:
            kept = f"those after step {self._at.step}"
        name, value = crossing.node, crossing.value
        return Diverged(step, epoch, name, value, kept_epoch, kept, crossing=crossing)

    def _not_finite(self, guard: FiniteGuard, found: Found) -> Diverged:
        if (bad := self._bad) is not None:
            put_back(self._variables, bad.before)
            epoch, kept = self._epoch_of(bad.step), _before(bad.step)
            node, value = bad.node, bad.value
            return Diverged(bad.step, epoch, node, value, epoch - 1, kept, culprit=bad.culprit)
        kept_epoch, state = guard.restore(), self._resumed
        resumed = state.step if state is not None and kept_epoch == state.epoch - 1 else None
        at = self._at
        return diverged(found, at.step, at.epoch, kept_epoch, self._first_epoch, resumed)

    def _epoch_of(self, step: int) -> int:
        """Return the epoch of a step, which may lie before the current epoch."""
        at = self._at
        earlier = at.step - at.done - step  # steps before the end of the last epoch
        if earlier < 0:
            return at.epoch
        return at.epoch - 1 - earlier // max(1, self._per_epoch)


def _before(step: int) -> str:
    return "the initial ones" if step == 1 else f"those from before step {step}"

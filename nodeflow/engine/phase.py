"""The phase of a run: training or inference. It affects dropout, random numbers and rounding.

A run trains if it executes an update of an optimizer, as a fetch or as a dependency of a fetch.
An update is an assign with `update`, which optimizers generate and Unpack copies. Such a run is
a step of the training loop: it draws the random numbers of the optimizer's next step, and its
updates flush denormals. So a loop of ``session.run(train)`` and the training loop compute the
same bits in one tier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.graph import Tensor
from nodeflow.ops.training_mode import is_flag


@dataclass(frozen=True, slots=True)
class Phase:
    """The phase of one run: training or inference.

    Attributes:
        training: value of the flags that dropout and similar layers read. None leaves the flags
            their sample values, which are false unless the user changed them.
        optimizers: names of the optimizers whose updates run; for an unpacked optimizer, names
            of its assigns.
    """

    training: bool | None
    optimizers: tuple[str, ...] = ()

    @property
    def is_step(self) -> bool:
        """Whether the run is a training step of an optimizer.

        Its random ops then draw the numbers of that step.
        """
        return bool(self.training and self.optimizers)

    def feed(self, flag: Tensor) -> np.ndarray | None:
        """Return the value of a training flag for this run, if the user does not feed the flag. A
        training flag is a tensor that tells layers whether the run trains.

        Return None if the tensor keeps its sample value.
        """
        return np.array(self.training) if self.training is not None and is_flag(flag) else None


INFERENCE = Phase(None)


class PhaseRule:
    """The rule that determines the phase of each run of one schedule.

    Attributes:
        usual: the phase if neither feeds nor arguments determine it.
    """

    __slots__ = ("_flags", "_optimizers", "usual")

    def __init__(self, schedule: Schedule, fed: Iterable[Tensor]) -> None:
        self._optimizers = optimizers_of(schedule)
        self._flags = [tensor for tensor in fed if is_flag(tensor)]
        self.usual = Phase(True, self._optimizers) if self._optimizers else INFERENCE

    def phase(self, fed: Mapping[Tensor, np.ndarray], training: bool | None = None) -> Phase:
        """Return whether a run is training or inference.

        A fed training flag has precedence, then the argument ``training``. Otherwise a run that
        executes an optimizer's update is a training step.
        """
        if self._flags:
            return Phase(any(bool(fed[flag]) for flag in self._flags), self._optimizers)
        return self.usual if training is None else Phase(training, self._optimizers)


def optimizers_of(schedule: Schedule) -> tuple[str, ...]:
    """Return the name of each optimizer whose updates a schedule executes. For an update without an
    optimizer, return the name of its assign node.
    """
    updates = (node for node in schedule.assigns if node.attrs["update"])
    return tuple(dict.fromkeys(node.made_by or node.name for node in updates))


def steps_before(counts: Mapping[str, int], optimizers: Iterable[str]) -> int:
    """Return the number of steps that the given optimizers have made so far: the largest of their
    counts.
    """
    return max((counts.get(name, 0) for name in optimizers), default=0)

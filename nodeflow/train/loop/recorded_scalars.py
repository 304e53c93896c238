"""The scalars, besides the loss, that the engine records in each step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from nodeflow.graph.graph import Tensor
from nodeflow.train.watched_tensors.breakpoints import Breakpoints
from nodeflow.train.watched_tensors.plotted_values import probes


class RecordedScalars:
    """The recorded scalars of breakpoints, of plots, and of bounds, in this order.

    Attributes:
        breakpoints: the breakpoints of the training.
        probes: the tensors to record, for each phase of the training.
    """

    def __init__(
        self,
        breakpoints: Breakpoints,
        plotted: Mapping[str, Tensor],
        bounds: Iterable[Iterable[Tensor]],
    ) -> None:
        self.breakpoints = breakpoints
        self._plotted = tuple(plotted)
        watched = (*breakpoints.probes, *probes(plotted))
        self.probes = tuple((*watched, *of_phase) for of_phase in bounds)

    def hits(self, scalars: np.ndarray) -> tuple[str, ...]:
        """Return the nodes whose breakpoints a step hits, from the record of the step."""
        return self.breakpoints.hits(scalars[1 : 1 + len(self.breakpoints.probes)])

    def plotted(self, scalars: np.ndarray) -> dict[str, np.ndarray]:
        """Return the values of plotted nodes in a chunk of steps, by the names of their curves."""
        first = 1 + len(self.breakpoints.probes)
        return {key: scalars[:, first + i] for i, key in enumerate(self._plotted)}

    def nothing(self) -> np.ndarray:
        """Return an empty record, for no steps."""
        return np.zeros((0, 1 + len(self.probes[0])))

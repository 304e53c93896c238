"""A step of a run as Python reads it: `KeptRun.at`."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from nodeflow.engine.fetches import flatten_fetches
from nodeflow.errors import RunError
from nodeflow.graph.graph import Graph, Node
from nodeflow.graph.query import Query
from nodeflow.public import public_methods
from nodeflow.run_store.past import RunPast
from nodeflow.train.rewind.replay import Report
from nodeflow.train.rewind.stream_replay import replay_of


@public_methods("run", "go_to")
class RunStep:
    """The values of one step of a run, computed again: to the bit, where nothing differs.

    Variables have their values from before the step's updates; batch, dropout and gradients are
    those of the step. In a ``with`` statement it gives its memory back at the end.

    Attributes:
        graph: the one that was trained in this step: another one after an edit.
        step: its number, counted from 1; `go_to` shows another one.
    """

    def __init__(self, found: RunPast) -> None:
        self._found = found
        self._replay = replay_of(found.past)
        self.graph: Graph = self._replay.session.graph
        self.step = 0

    def go_to(self, step: int, report: Report = lambda done, total: None) -> Self:
        """Go to another step.

        Args:
            report: is called with how many steps are computed, of how many.

        Raises:
            RunError: the run has no such step, has no copy from before it, or the data set that was
                given ends before it.
        """
        self._found.check(step)
        part, _ = self._found.at(step)
        if part is not self._replay.past:
            self._replay.close()
            self._replay = replay_of(part)
            self.graph = self._replay.session.graph
        self._replay.go_to(step, report)
        self._replay.begin_epoch()  # raises where a given data set ends before the step
        self.step = step
        return self

    def run(self, fetches: Any) -> Any:
        """The values of fetches in this step, in the structure of ``fetches``: arrays, numpy
        scalars for rank 0, None for nodes without outputs.

        Args:
            fetches: as of `Session.run`: names, tensors, nodes, or lists, tuples and dicts of them.

        Raises:
            FetchError, UnknownName: a fetch is nothing that can be fetched.
            RunError: an op fails in this step, or nothing feeds what is fetched.
        """
        targets, pack = flatten_fetches(self.graph, fetches, _no_query)
        tensors = [target for target in targets if not isinstance(target, Node)]
        loss = self._replay.past.training.loss  # it says whether the step is what it was
        values = self._replay.values(list(dict.fromkeys([loss, *tensors])))
        found = [None if isinstance(t, Node) else values.get(t) for t in targets]
        return pack([v[()] if v is not None and v.ndim == 0 else v for v in found])

    def variables(self) -> dict[str, np.ndarray]:
        """The variables from before the step's updates, by name."""
        return dict(self._replay.session.variables.items())

    @property
    def epoch(self) -> int:
        """The epoch that the step belongs to."""
        self._replay.begin_epoch()
        return self._replay.epoch

    @property
    def differs_from(self) -> int | None:
        """The first step computed so far whose loss is not the recorded one; None if all are."""
        return self._replay.differs_from

    @property
    def notices(self) -> tuple[str, ...]:
        """What is not as it was: data, version, processor; and from which step losses differ."""
        return self._found.notices(self.differs_from)

    def close(self) -> None:
        """Give its memory back."""
        self._replay.close()
        self._found.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<step {self.step} of {self._found.run.id}>"


def _no_query(query: Query) -> Any:
    raise RunError("a question to a session has no answer in a step of a run")

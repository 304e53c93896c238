"""A step of a run, as `KeptRun.at` returns it in Python."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from nodeflow.engine.fetches import flatten_fetches
from nodeflow.errors import RunError
from nodeflow.graph.graph import Graph, Node
from nodeflow.graph.session_hooks.session_query import Query
from nodeflow.public import public_methods
from nodeflow.run_store.past_steps import RunPast
from nodeflow.train.rewind.replay import Report
from nodeflow.train.rewind.stream_replay import replay_of


@public_methods("run", "go_to")
class RunStep:
    """The values of one step of a run, computed again with the same bits, if nothing has changed.

    Variables have their values from before the step's updates; batch, dropout and gradients are
    those of the step. A ``with`` statement frees the memory at its end.

    Attributes:
        graph: the graph of this step, which edits may have changed.
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
            report: called with the number of computed steps, and of all steps.

        Raises:
            RunError: the run has no such step, has no snapshot from before it, or the given data
                set ends before it.
        """
        self._found.check(step)
        part, _ = self._found.at(step)
        if part is not self._replay.past:
            self._replay.close()
            self._replay = replay_of(part)
            self.graph = self._replay.session.graph
        self._replay.go_to(step, report)
        self._replay.begin_epoch()  # raises if the given data set ends before the step
        self.step = step
        return self

    def run(self, fetches: Any) -> Any:
        """Return the values of fetches in this step, in the structure of ``fetches``.

        The values are arrays, numpy scalars for rank 0, and None for nodes without outputs.

        Args:
            fetches: see `Session.run`: names, tensors, nodes, or lists, tuples and dicts of them.

        Raises:
            FetchError, UnknownName: a fetch is not a tensor or node.
            RunError: an op fails in this step, or a fetch depends on a placeholder without a feed.
        """
        targets, pack = flatten_fetches(self.graph, fetches, _no_query)
        tensors = [target for target in targets if not isinstance(target, Node)]
        loss = self._replay.past.training.loss  # the loss shows whether the step has changed
        values = self._replay.values(list(dict.fromkeys([loss, *tensors])))
        found = [None if isinstance(t, Node) else values.get(t) for t in targets]
        return pack([v[()] if v is not None and v.ndim == 0 else v for v in found])

    def variables(self) -> dict[str, np.ndarray]:
        """Return the values that all variables have before this training step updates them, by
        name.
        """
        return dict(self._replay.session.variables.items())

    @property
    def epoch(self) -> int:
        """The epoch of the step."""
        self._replay.begin_epoch()
        return self._replay.epoch

    @property
    def differs_from(self) -> int | None:
        """The first computed step whose loss differs from the recorded one; None if none does."""
        return self._replay.differs_from

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices for the user about everything that differs from the recorded run when a step is
        computed again: data, version, processor, and the first step with another loss.
        """
        return self._found.notices(self.differs_from)

    def close(self) -> None:
        """Close the sessions, and free their memory."""
        self._replay.close()
        self._found.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<step {self.step} of {self._found.run.id}>"


def _no_query(query: Query) -> Any:
    raise RunError("a step of a run cannot answer a query to a session")

"""A graph whose tensors are computed on given inputs, such as a learner's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import GradientError, NodeflowError, RunError
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import TensorType
from nodeflow.lessons.probes import Case

SMALL = 1 << 16
"""Elements of the largest intermediate values that a search for milestones looks at."""


class TestedGraph:
    """A built document and a session for it. Close it, or use it in a ``with`` statement.

    Values are kept by case, so that several checks may ask for the same one.

    Args:
        seed: the seed of random ops and initial values.
    """

    __test__ = False
    """Tells pytest that this is no test."""

    def __init__(self, document: Document, seed: int = 1) -> None:
        self.document = document
        self.task = Task(document)
        self._seed = seed
        self._session: Session | None = None
        self._kept: dict[tuple[Case, str], np.ndarray] = {}
        self._gradients: dict[tuple[str, str], Tensor] = {}

    def __enter__(self) -> TestedGraph:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    @property
    def problems(self) -> list[Problem]:
        """The errors that prevent nodes of the graph from running."""
        return [p for p in self.task.build.problems if p.severity == "error"]

    def type_of(self, name: str) -> TensorType:
        """Return the inferred type of a tensor; raise a NodeflowError as `value` does."""
        return self.task.tensor(name).type

    def types(self) -> dict[str, TensorType]:
        """Return a dict from the name of each node that has exactly one output to the output's
        type.
        """
        nodes = self.task.graph.nodes
        return {n.name: n.outputs[0].type for n in nodes if len(n.outputs) == 1}

    def value(self, name: str, case: Case) -> np.ndarray:
        """Compute a tensor of the graph for a case, which holds the values of the inputs. Results
        are cached.

        Raises:
            NodeflowError: there is no such tensor, it cannot run, or the case lacks an input.
        """
        key = (case, name)
        if key not in self._kept:
            self._kept[key] = self._run([self.task.tensor(name)], case)[0]
        return self._kept[key]

    def gradient(self, of: str, by: str, case: Case) -> np.ndarray:
        """Compute the gradient of the sum of tensor ``of`` with respect to tensor ``by``, for one
        case of input values.

        Raises:
            GradientError: ``of`` does not depend on ``by``.
            NodeflowError: a tensor does not exist or cannot run, or the case lacks an input.
        """
        found = self._gradients.get((of, by))
        if found is None:
            derived = gradients(self.task.tensor(of), [self.task.tensor(by)])[0]
            if derived is None:
                raise GradientError(f"{of} does not depend on {by}")
            found = self._gradients[of, by] = derived
        return self._run([found], case)[0]

    def everything(self, case: Case) -> dict[str, np.ndarray]:
        """Compute all tensors of the graph for a case. Return name -> value for tensors of nodes
        that the user drew, but not of the nodes that are derived from these.

        Tensors that cannot be computed, and large values, are left out.
        """
        nodes = [n for n in self.task.graph.nodes if self._is_drawn(n)]
        tensors = [t for n in nodes for t in n.outputs]
        try:
            values = self._run(tensors, case)
        except NodeflowError:  # one of them cannot run: find the others
            return self._one_by_one(tensors, case)
        return {t.name: v for t, v in zip(tensors, values, strict=True) if v.size <= SMALL}

    def _one_by_one(self, tensors: list[Tensor], case: Case) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for tensor in tensors:
            try:
                value = self._run([tensor], case)[0]
            except RunError:
                continue
            if value.size <= SMALL:
                found[tensor.name] = value
        return found

    def _is_drawn(self, node: Node) -> bool:
        return not node.name.startswith("gradients/") and bool(node.outputs)

    def _run(self, tensors: list[Tensor], case: Case) -> list[np.ndarray]:
        session = self._opened()
        given = {self.task.tensor(name): value for name, value in case.feeds.items()}
        feeds: dict[Any, Any] = {**self._other_feeds(tensors, given), **given}
        return [np.asarray(value) for value in session.run(tensors, feeds)]

    def _other_feeds(
        self, tensors: list[Tensor], given: Mapping[Tensor, np.ndarray]
    ) -> dict[Tensor, Any]:
        """Return rows of data sets for the placeholders that the case does not feed."""
        missing = [
            name
            for name in self.task.build.bindings
            if name in self.task.graph and self.task.graph.tensor(name) not in given
        ]
        if not missing:
            return {}
        found = self.task.feeds(tensors)
        return {tensor: value for tensor, value in found.items() if tensor.name in missing}

    def _opened(self) -> Session:
        """Return the session that computes the answer's values. Open and initialize it at the first
        call.

        The interpreter computes everything, because small graphs run once on each case.
        """
        if self._session is None:
            self._session = Session(self.task.graph, tier="reference", seed=self._seed)
            self._session.initialize()
        return self._session

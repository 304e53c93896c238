"""The base of all checks, their outcome, and the facts that they look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nodeflow.document.model.document import Document
from nodeflow.lessons import fields as f
from nodeflow.lessons.fields import field
from nodeflow.lessons.probes import Case

if TYPE_CHECKING:  # the window reads lessons, and loads no engine
    from nodeflow.lessons.tested_graph import TestedGraph


@dataclass(frozen=True)
class Quantity:
    """A number or array that is asked of a graph on each case.

    Attributes:
        node: the name of a tensor.
        by: the name of the tensor by which to differentiate it; empty for its value.
    """

    node: str
    by: str = ""

    def of(self, graph: TestedGraph, case: Case) -> np.ndarray:
        """Compute the quantity in a graph, for one case of input values.

        Raises:
            NodeflowError: the graph has no such tensor or gradient, or cannot run.
        """
        return graph.gradient(self.node, self.by, case) if self.by else graph.value(self.node, case)

    @property
    def text(self) -> str:
        return f"the gradient of {self.node} by {self.by}" if self.by else self.node


DIVERGED, UNCHANGED, SHORT = "diverged", "unchanged", "short"
"""Kinds of symptoms: a value is not finite; the training changed nothing, or too little."""


@dataclass(frozen=True)
class Symptom:
    """How a training ended that failed its check.

    Attributes:
        value: the value that was measured; NaN if the training diverged.
    """

    kind: str
    value: float


@dataclass(frozen=True)
class Outcome:
    """The verdict of a check.

    Attributes:
        passed: whether the answer passes.
        said: one sentence for the learner, with the learner's numbers; empty if it passes.
        symptom: how a failed training ended; None for other checks.
    """

    passed: bool
    said: str = ""
    symptom: Symptom | None = None


PASSED = Outcome(True)


@dataclass(frozen=True)
class Evidence:
    """What a check looks at.

    Attributes:
        answer: the learner's graph.
        cases: the inputs to try.
        expected: returns the solution's value of a quantity in a case.
        start: the graph that the learner began with.
        stop: whether the check shall end, asked now and then in a training.
    """

    answer: TestedGraph
    cases: list[Case]
    expected: Callable[[Quantity, Case], np.ndarray]
    start: Document
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check of an answer.

    Attributes:
        id: its name in the lesson.
        credit: its share of the marks, relative to the other checks.
    """

    KIND: ClassVar[str]
    IS_LIVE: ClassVar[bool] = True
    """Whether the check is fast enough to run after each edit."""

    id: str = field(f.text)
    kind: str = field(f.text)
    credit: float = field(f.number, 1.0)

    def quantities(self) -> Iterator[Quantity]:
        """Yield the values and gradients of the solution that this check needs. By default there
        are none.
        """
        return iter(())

    def watched(self) -> list[Quantity]:
        """Return the tensors and gradients that are compared with typical mistakes when an answer
        fails this check.
        """
        node = getattr(self, "node", "")
        return list(self.quantities()) or ([Quantity(node)] if node and self.IS_LIVE else [])

    def run(self, evidence: Evidence) -> Outcome:
        """Run the check on a student's answer, and return whether it passed and why.

        Raises:
            NodeflowError: the answer cannot be computed.
        """
        raise NotImplementedError


KINDS: dict[str, type[Check]] = {}
"""The kinds of checks, by name."""


def kind(cls: type[Check]) -> type[Check]:
    """Register a kind of check."""
    KINDS[cls.KIND] = cls
    return cls


def check_of(data: Any, place: str) -> Check:
    """Return the check that a JSON object describes.

    Raises:
        LessonProblem: its kind is unknown, or a field is wrong.
    """
    name = data.get("kind") if isinstance(data, Mapping) else None
    found = KINDS.get(name) if isinstance(name, str) else None
    if found is None and isinstance(data, Mapping):
        f.one_of(*sorted(KINDS))(name, f"{place}.kind")
    return f.read(found or Check, data, place)

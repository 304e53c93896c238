"""The check that a training reaches a value."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nodeflow.document.model.document import Document
from nodeflow.errors import Cancelled, NonFiniteError
from nodeflow.lessons import fields as f
from nodeflow.lessons.checks.check import (
    DIVERGED,
    PASSED,
    SHORT,
    UNCHANGED,
    Check,
    Evidence,
    Outcome,
    Symptom,
    kind,
)
from nodeflow.lessons.equality import shown
from nodeflow.lessons.fields import field, many, optional, whole

SAME = 0.01
"""A training that changes a value by at most this part of it has changed nothing."""


@kind
@dataclass(frozen=True, kw_only=True)
class Trains(Check):
    """After a training, a scalar has reached a floor or a ceiling.

    Attributes:
        node: the scalar to measure.
        split: the rows to measure it on.
        at_least, at_most: the bounds.
        epochs: passes over the data; default: those of the answer's settings.
        seeds: the seeds of the trainings.
        any: whether one seed suffices; otherwise all have to reach it.
    """

    KIND = "trains"
    IS_LIVE = False

    node: str = field(f.text)
    split: str = field(f.text, "test")
    at_least: float | None = field(optional(f.number), None)
    at_most: float | None = field(optional(f.number), None)
    epochs: int | None = field(optional(whole(1)), None)
    seeds: tuple[int, ...] = field(many(whole(0), 1), (1,))
    any: bool = field(f.flag, False)

    def run(self, evidence: Evidence) -> Outcome:
        found: list[Outcome] = []
        for seed in self.seeds:
            found.append(self._with_seed(evidence, seed))
            if found[-1].passed == self.any:
                return found[-1]
        return found[-1]

    def _with_seed(self, evidence: Evidence, seed: int) -> Outcome:
        document, stop = evidence.answer.document, evidence.stop
        try:
            before, value = trained(document, self.node, self.split, seed, self.epochs, stop)
        except NonFiniteError as error:
            said = f"The training ends: {error.message}."
            return Outcome(False, said, Symptom(DIVERGED, math.nan))
        wanted = ""
        if self.at_least is not None and not value >= self.at_least:
            wanted = f"at least {self.at_least:g}"
        if self.at_most is not None and not value <= self.at_most:
            wanted = f"at most {self.at_most:g}"
        if not wanted:
            return PASSED
        same = abs(value - before) <= SAME * abs(before)
        said = f"After the training, {self.node} is {shown(value)}, expected {wanted}."
        return Outcome(False, said, Symptom(UNCHANGED if same else SHORT, float(value)))


def trained(
    document: Document,
    node: str,
    split: str,
    seed: int,
    epochs: int | None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[np.float64, np.float64]:
    """Train a document's model from its initial values. Return the value of a scalar tensor before
    and after the training, computed on one split of the data.

    Args:
        node: name of the scalar tensor.
        split: the split of the data, such as the validation data.
        epochs: passes over the data; None for the number in the settings.
        stop: returns whether to end the training.

    Raises:
        Cancelled: ``stop`` returned True.
        NodeflowError: there is nothing to train, or the training failed.
    """
    # the window reads lessons, and loads no engine
    from nodeflow.document.to_graph.task import Task
    from nodeflow.engine.session import Session
    from nodeflow.train.control import Control
    from nodeflow.train.evaluation.evaluate_split import evaluate
    from nodeflow.train.events import Epoch, Steps
    from nodeflow.train.loop.event_stream import train

    task = Task(document)
    tensor = task.tensor(node)
    training = task.training(seed)
    bindings = {**training.bindings, **task.bindings([tensor.node])}
    training = replace(training, metrics=(), plotted={}, bindings=bindings)
    if epochs is not None:
        training = replace(training, epochs=epochs)

    def measure() -> np.float64:
        return np.float64(evaluate(session, training, [tensor], split)[0])

    with Session(task.graph, seed=seed) as session:
        session.initialize()
        before = measure()
        for event in train(session, training, Control()):
            if isinstance(event, (Steps, Epoch)) and stop():
                raise Cancelled("the training was stopped")
        return before, measure()

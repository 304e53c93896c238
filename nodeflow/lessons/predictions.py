"""The right answers to the questions of a lesson, computed from its solution."""

from __future__ import annotations

from typing import Any

from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.probes import Case
from nodeflow.lessons.schema import CHOICE, NUMBER, Lesson, Prediction
from nodeflow.lessons.tested_graph import TestedGraph

PREDICTIONS = "predictions"
"""The field of a student's copy with the right answers, by the id of the step."""


def right_answers(document: Document, lesson: Lesson) -> dict[str, Any]:
    """Return the right answers by step: a number, a shape as a list, or the index of a choice.

    Raises:
        LessonProblem: a question names a node that has no value, or no number.
    """
    if lesson.expected is not None:
        return dict(lesson.expected.get(PREDICTIONS, {}))
    asked = {step.id: step.predict for step in lesson.steps if step.predict is not None}
    with TestedGraph(document) as graph:
        return {i: _right(graph, i, prediction) for i, prediction in asked.items()}


def _right(graph: TestedGraph, step: str, prediction: Prediction) -> Any:
    if prediction.kind == CHOICE:
        return prediction.right
    here = Case("the graph", {})
    try:
        changed = {n: graph.value(n, here) + amount for n, amount in prediction.change.items()}
        value = graph.value(prediction.node, Case("changed", changed))
        if prediction.kind != NUMBER:
            return list(value.shape)
        number = float(value)
        return (
            number - float(graph.value(prediction.node, here)) if prediction.difference else number
        )
    except (NodeflowError, TypeError) as error:
        raise LessonProblem(f"lesson.steps.{step}.predict: {error}") from None

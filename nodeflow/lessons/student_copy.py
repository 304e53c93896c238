"""A lesson's file for students: given nodes, texts, and the values to compare with.

It holds neither the solution nor the graphs of typical mistakes. Their values on the public inputs
stand in it as arrays, so that an answer is checked and gets its hints without them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.lessons.checks.check import Quantity
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.predictions import PREDICTIONS, right_answers
from nodeflow.lessons.reference import SOLUTION, key_of, stored, twin_key
from nodeflow.lessons.schema import lesson_of
from nodeflow.number_text import counted


def student_copy(document: Document, stop: Callable[[], bool] = lambda: False) -> Document:
    """Return the copy of a teacher's document for students, without a path.

    Args:
        stop: returns whether to give up; called now and then.

    Raises:
        Cancelled: ``stop`` returned True.
        LessonProblem: the document has no lesson, is a student's copy, or its solution fails.
        NodeflowError: the solution has no value that a check compares.
    """
    with Marker(document) as marker:
        lesson = marker.lesson
        if lesson.is_student_copy:
            raise LessonProblem("the file is a student's copy and has no solution")
        refuse_wrong(marker, document, stop)
        content = json.loads(flow.dumps(marker.start))
        expected = {**_values(marker), PREDICTIONS: right_answers(document, lesson)}
        twins = [
            {name: value for name, value in twin.items() if name != "graph"}
            for twin in document.lesson.get("twins", ())
        ]
        content["lesson"] = {**document.lesson, "twins": twins, "expected": expected}
    return flow.loads(json.dumps(content))


def left_out(document: Document, copy: Document) -> str:
    """Return two sentences: one lists the content of a student's copy, the other the parts of the
    lesson that are left out.
    """
    lesson = lesson_of(copy)
    assert lesson is not None
    given = len(copy.nodes)
    others = len(document.nodes) - given
    graphs = sum(twin.get("graph") is not None for twin in document.lesson.get("twins", ()))
    kept = f"The copy holds {counted(given, 'given node')}, the texts, and values to compare with."
    parts = [f"the {counted(others, 'other node')} of the solution"]
    if graphs:
        parts.append(
            f"the {counted(graphs, 'graph')} of mistakes"
            if graphs > 1
            else "the graph of the mistake"
        )
    return f"{kept} It leaves out {' and '.join(parts)}."


def refuse_wrong(
    marker: Marker, document: Document, stop: Callable[[], bool] = lambda: False
) -> None:
    """Check that the solution passes all checks of a lesson, and that no typical mistake does.

    Args:
        stop: returns whether to give up; called now and then.

    Raises:
        Cancelled: ``stop`` returned True.
        LessonProblem: it does not pass, or a mistake passes.
    """
    for verdict in marker.mark(document, stop=stop).verdicts:
        if verdict.check.credit and not verdict.passed:
            raise LessonProblem(
                f"the solution fails the check {verdict.check.id!r}: {verdict.outcome.said}",
                hint="Correct the graph or the check.",
            )
    for twin in marker.lesson.twins:
        if twin.graph is None:
            continue
        mark = marker.mark(marker.twin_document(twin), stop=stop)
        if mark.passed:
            raise LessonProblem(
                f"the mistake {twin.id!r} passes all checks",
                hint="Add a check or an input that tells it from the solution.",
            )
        if mark.twin is not twin:
            other = mark.twin.id if mark.twin else "none"
            raise LessonProblem(
                f"the mistake {twin.id!r} is taken for {other!r}",
                hint="Add an input that tells them apart, or remove one of them.",
            )


def _values(marker: Marker) -> dict[str, Any]:
    """Return the values that a student's copy stores for comparison: key of solution or mistake ->
    key of quantity -> one array per case.
    """
    lesson, found = marker.lesson, {}
    needed = [q for check in lesson.checks for q in check.quantities()]
    needed += [Quantity(milestone.node) for milestone in lesson.milestones]
    found[SOLUTION] = {
        key_of(q): [stored(marker.reference.expected(q, case)) for case in marker.cases]
        for q in dict.fromkeys(needed)
    }
    watched = dict.fromkeys(q for check in lesson.checks for q in check.watched())
    for twin in lesson.twins:
        if twin.graph is None:
            continue
        found[twin_key(twin)] = {
            key_of(q): [
                _stored_or_none(marker.reference.mistaken(twin, q, case)) for case in marker.cases
            ]
            for q in watched
        }
    return found


def _stored_or_none(array: np.ndarray | None) -> dict[str, Any] | None:
    return None if array is None else stored(array)

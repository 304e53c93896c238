"""Answers to a lesson get the verdict, hint and credit that they deserve."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.lessons.errors import LessonProblem, NewerLesson
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.schema import lesson_of
from nodeflow.lessons.student_copy import refuse_wrong, student_copy
from nodeflow.resources import example
from tests.lessons import softmax_lesson as softmax


@pytest.fixture(scope="module")
def marker() -> Iterator[Marker]:
    with Marker(softmax.lesson(), seeds=(11,)) as found:
        yield found


@pytest.mark.parametrize("build", softmax.RIGHT)
def test_right_answers_pass_however_they_are_built(
    marker: Marker, build: Callable[[], None]
) -> None:
    mark = marker.mark(softmax.document(build))
    assert mark.passed
    assert (mark.credit, mark.twin) == (1.0, None)


@pytest.mark.parametrize("mistake", softmax.MISTAKES)
def test_a_typical_mistake_is_recognized(marker: Marker, mistake: str) -> None:
    mark = marker.mark(softmax.document(softmax.MISTAKES[mistake]))
    assert not mark.passed
    assert mark.twin is not None
    assert mark.twin.id == mistake


def test_a_hint_names_the_broken_row_in_the_learners_numbers(marker: Marker) -> None:
    mark = marker.mark(softmax.document(softmax.not_divided))
    said = {v.check.id: v.outcome.said for v in mark.verdicts}
    z = marker.cases[0].feeds["z"]
    wrong = np.exp(z - z.max(1, keepdims=True)).sum()
    assert said["rows"] == f"With a batch of 1, row 0 of p sums to {wrong:.4g}, expected 1."
    assert mark.milestones == {"powers": "powers"}
    assert mark.credit == pytest.approx((2 * 0.5 + 0.5 + 1) / 4)


def test_a_missing_node_is_named(marker: Marker) -> None:
    mark = marker.mark(softmax.document(softmax.given))
    assert mark.verdicts[0].outcome.said == "No node is named p yet."
    assert mark.credit == 0


def test_constants_with_the_public_values_fail_by_secret_seeds() -> None:
    with Marker(softmax.lesson(), seeds=(5,)) as marker:
        first, second = (c for c in marker.cases if c.label == "a batch of 7")
        assert not np.array_equal(first.feeds["z"], second.feeds["z"])
        e = np.exp(first.feeds["z"] - first.feeds["z"].max(1, keepdims=True))

        def copied() -> None:
            softmax.given()
            nf.constant(e / e.sum(1, keepdims=True), name="p")

        marker.cases[:] = [first]
        assert marker.mark(softmax.document(copied)).passed
        marker.cases[:] = [first, second]
        assert not marker.mark(softmax.document(copied)).passed


def test_changed_given_nodes_are_reported(marker: Marker) -> None:
    answer = softmax.document(softmax.solution)
    record = answer.node_named("z")
    assert record is not None
    commands.set_attr(answer, record.id, "shape", [None, 11])
    assert marker.mark(answer).altered == ("z",)


def test_a_students_copy_marks_alike_and_holds_no_solution() -> None:
    text = flow.dumps(student_copy(softmax.lesson()))
    assert "divide" not in text
    assert "reduce_max" not in text
    assert list(flow.loads(text).nodes) == list(softmax.document(softmax.given).nodes)
    with Marker(softmax.lesson()) as whole, Marker(flow.loads(text)) as copy:
        for build in (*softmax.RIGHT, *softmax.MISTAKES.values(), softmax.not_divided):
            answer = softmax.document(build)
            expected, found = whole.mark(answer), copy.mark(answer)
            assert (found.credit, found.milestones) == (expected.credit, expected.milestones)
            assert (found.twin and found.twin.id) == (expected.twin and expected.twin.id)


def test_a_wrong_solution_and_a_mistake_that_passes_are_refused() -> None:
    wrong = json.loads(flow.dumps(softmax.changed(milestones=[])))
    wrong.update(softmax.graph_json(softmax.without_maximum))
    document = flow.loads(json.dumps(wrong))
    with Marker(document) as marker, pytest.raises(LessonProblem, match="solution fails"):
        refuse_wrong(marker, document)
    passing = [{"id": "none", "graph": softmax.graph_json(softmax.in_one_op)}]
    document = softmax.changed(
        twins=passing, texts={"title": "Softmax", "twins.none.hint": "Nothing is wrong."}
    )
    with Marker(document) as marker, pytest.raises(LessonProblem, match="'none' passes all"):
        refuse_wrong(marker, document)


def test_the_start_has_only_given_nodes(marker: Marker) -> None:
    assert [record.name for record in marker.start.nodes.values()] == ["z"]
    assert not marker.start.wires
    assert not marker.start.is_modified
    assert lesson_of(marker.start) is None


def test_settings_may_start_otherwise_than_in_the_solution() -> None:
    document = flow.load(example("linear_regression"))
    commands.set_training(document, patience=4, epochs=7)
    lesson = {
        "schema": 1,
        "id": "line",
        "given": list(document.nodes),
        "start": {"training": {"patience": None, "epochs": 3}},
        "texts": {"title": "Line"},
    }
    data = {**json.loads(flow.dumps(document)), "lesson": lesson}
    with Marker(flow.loads(json.dumps(data))) as marker:
        assert "patience" not in marker.start.training
        assert marker.start.training["epochs"] == 3


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"given": ["n77"]}, "the given node 'n77' is not in the graph"),
    (
        {"checks": [{"id": "a", "kind": "telepathy"}]},
        r"checks\[0\]\.kind: expected one of attribute, between",
    ),
    ({"checks": [{"id": "a", "kind": "values"}]}, r"checks\[0\]: the field 'node' is missing"),
    ({"minutes": "ten"}, "lesson.minutes: expected a whole number from 1 to 999"),
    ({"colour": 1}, "lesson: there is no field 'colour'"),
    ({"twins": [{"id": "a"}, {"id": "a"}]}, "two of the twins have the id 'a'"),
    ({"steps": [{"id": "a", "checks": ["b"]}]}, "step 'a' names the check 'b'"),
    ({"steps": [{"id": "a"}]}, "the text 'steps.a.title' is missing"),
    ({"milestones": [{"id": "a", "node": "q"}]}, "there is no node 'q'"),
    ({"probes": {"batches": []}}, "lesson.probes.batches: expected at least 1 items, not 0"),
    ({"probes": {"inputs": {"z": 3}}}, "lesson.probes.inputs.z: expected an object, not an int"),
]


@pytest.mark.parametrize(("fields", "said"), WRONG)
def test_a_malformed_lesson_is_an_error_with_its_place(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(LessonProblem, match=said):
        lesson_of(softmax.changed(**fields))


def test_a_newer_lesson_is_refused_in_words() -> None:
    with pytest.raises(NewerLesson, match="schema 2, and this program reads up to 1"):
        lesson_of(softmax.changed(schema=2))

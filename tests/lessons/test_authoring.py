"""The edits of a lesson: each is one undo step, and together they make a whole lesson."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.lessons.authoring import edits, mistakes, questions
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.reference import array_of, stored
from nodeflow.lessons.schema import lesson_of
from nodeflow.lessons.student_copy import refuse_wrong, student_copy
from tests.lessons.softmax_lesson import RIGHT, by_columns, document, solution, twice


def authored():
    """Return a lesson about softmax, made by edits alone."""
    return flow.loads(_authored())


@cache
def _authored() -> str:
    doc = document(solution)
    edits.begin(doc, "Softmax")
    edits.set_given(doc, [doc.node_named("z").id], True)
    edits.toggle_required(doc, "p")
    edits.toggle_milestone(doc, "e")
    edits.add_twin(doc, {"graph": mistakes.graph_of(document(by_columns))}, "What sums to 1?")
    edits.add_check(doc, "sums_to", node="p")
    return flow.dumps(doc)


def test_edits_make_a_lesson_that_marks_right_and_wrong_answers():
    doc = authored()
    lesson = lesson_of(doc)
    assert lesson.given == (doc.node_named("z").id,)
    assert [c.id for c in lesson.checks] == ["p-values", "p-sums-to"]
    assert lesson.steps[0].checks == ("p-values", "p-sums-to")
    with Marker(doc, seeds=[5]) as marker:
        refuse_wrong(marker, doc)
        assert all(marker.mark(document(build)).passed for build in RIGHT)
        wrong = marker.mark(document(by_columns))
        assert wrong.twin.id == "mistake-1"
        assert lesson.text("twins.mistake-1.hint") == "What sums to 1?"
        assert not marker.mark(document(twice)).passed
    before = flow.dumps(doc)
    copy = student_copy(doc)
    assert flow.dumps(doc) == before
    assert {r.name for r in copy.nodes.values()} == {"z"}


def test_each_edit_is_one_undo_step():
    doc = document(solution)
    before = flow.dumps(doc)
    edits.begin(doc, "Softmax")
    texts = [before, flow.dumps(doc)]
    z = doc.node_named("z").id
    for act in (
        lambda: edits.set_given(doc, [z], True),
        lambda: edits.set_locked(doc, z, False),
        lambda: edits.set_drawn(doc, "z", {"values": "uniform"}),
        lambda: edits.toggle_required(doc, "p"),
        lambda: edits.toggle_milestone(doc, "e"),
        lambda: edits.set_course(doc, "First Steps"),
        lambda: edits.add_step(doc),
        lambda: edits.move_item(doc, "steps", "step-2", -1),
        lambda: edits.drop_item(doc, "checks", "p-values"),
        lambda: edits.toggle_milestone(doc, "e"),
        lambda: edits.set_given(doc, [z], False),
        lambda: edits.remove(doc),
    ):
        act()
        texts.append(flow.dumps(doc))
    assert len(set(texts)) == len(texts) - 1  # without the lesson, the text is the first one
    for text in reversed(texts[:-1]):
        doc.undo()
        assert flow.dumps(doc) == text
    assert not doc.can_undo


def test_typing_in_one_text_is_one_undo_step():
    doc = document(solution)
    edits.begin(doc, "S")
    for text in ("So", "Sof"):
        edits.set_text(doc, "title", text)
    doc.undo()
    assert edits.text_of(doc, "title") == "S"


def test_what_a_lesson_names_follows_renamed_and_removed_nodes():
    doc = authored()
    commands.rename(doc, doc.node_named("p").id, "probabilities")
    commands.rename(doc, doc.node_named("z").id, "logits")
    lesson = lesson_of(doc)
    assert {c.node for c in lesson.checks} == {"probabilities"}
    assert list(lesson.probes.inputs) == ["logits"]
    with Marker(doc) as marker:
        refuse_wrong(marker, doc)  # the mistake has the new names, too
    doc.undo()
    doc.undo()
    assert lesson_of(doc).checks[0].node == "p"
    commands.remove(doc, [doc.node_named("z").id])
    assert lesson_of(doc).given == ()


def test_a_renamed_node_changes_no_text_and_no_other_node():
    doc = authored()
    edits.set_text(doc, "summary", "p")
    edits.set_item(doc, "twins", "mistake-1", lacks=["p"])
    commands.rename(doc, doc.node_named("p").id, "q")
    assert edits.text_of(doc, "summary") == "p"
    assert edits.item(doc, "twins", "mistake-1")["lacks"] == ["p"]
    twin = edits.item(doc, "twins", "mistake-1")["graph"]
    assert [n["name"] for n in twin["nodes"] if n["op"] == "divide"] == ["q"]


def test_a_mistake_is_kept_and_the_solution_comes_back():
    doc = authored()
    right = mistakes.snapshot(doc)
    before = doc.digest()
    sums = next(r for r in doc.nodes.values() if r.op == "reduce_sum")
    commands.set_attr(doc, sums.id, "axis", 0)
    new = commands.add_node(doc, "negate", (0, 0))
    commands.connect(doc, doc.node_named("p").id, "out", new, "x")
    assert any("axis" in text for text in mistakes.changes(right, doc))
    id = mistakes.keep(doc, "Which axis?", right)
    assert id == "mistake-2"
    assert mistakes.changes(right, doc) == ()
    assert new not in doc.nodes
    with Marker(doc) as marker:
        refuse_wrong(marker, doc)
    doc.undo()  # the mistake is drawn again, and not kept
    assert new in doc.nodes
    for _ in range(3):
        doc.undo()
    assert doc.digest() == before


def test_a_mistake_may_change_a_subgraph():
    doc = document(solution)
    edits.begin(doc, "Softmax")
    chosen = [r.id for r in doc.nodes.values() if r.op in ("reduce_sum", "divide")]
    create(doc, chosen)
    right, before = mistakes.snapshot(doc), flow.dumps(doc)
    (inside,) = doc.definitions()
    sums = next(r for r in inside.nodes.values() if r.op == "reduce_sum")
    commands.set_attr(inside, sums.id, "axis", 0)
    commands.remove(doc, [next(r.id for r in doc.nodes.values() if r.op == "exp")])
    mistakes.keep(doc, "?", right)
    assert mistakes.changes(right, doc) == ()
    kept = flow.dumps(doc)
    doc.undo()
    doc.redo()
    assert flow.dumps(doc) == kept
    edits.drop_item(doc, "twins", "mistake-1")
    assert flow.dumps(doc) == before


@pytest.mark.parametrize("fields", [{}, {"node": 5}, {"node": "p", "nodes": 1}])
def test_a_wrong_check_is_refused_and_changes_nothing(fields):
    doc = authored()
    before = flow.dumps(doc)
    with pytest.raises(LessonProblem):
        edits.add_check(doc, "values", **fields)
    with pytest.raises(LessonProblem):
        edits.change_check(doc, "p-sums-to", **{"node": None, **fields})
    assert flow.dumps(doc) == before


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 2)])
def test_stored_values_keep_their_shape(shape):
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape).T
    again = array_of(stored(array), "here")
    assert again.shape == array.shape
    assert np.array_equal(again, array)


def test_a_question_is_asked_changed_and_removed():
    doc = authored()
    before = flow.dumps(doc)
    questions.ask(doc, "step-1", "choice")
    questions.set_choices(doc, "step-1", ["rows", "columns", "both"])
    questions.change(doc, "step-1", right=2)
    edits.set_text(doc, "steps.step-1.question", "What sums to 1?")
    asked = lesson_of(doc).steps[0].predict
    assert (asked.kind, asked.choices, asked.right) == ("choice", 3, 2)
    questions.set_choices(doc, "step-1", ["rows"])
    assert lesson_of(doc).steps[0].predict.right == 1  # there are always two
    questions.ask(doc, "step-1", "number")
    questions.change(doc, "step-1", node="p", change=questions.amounts_of("z + 1, p - 0.5"))
    assert dict(lesson_of(doc).steps[0].predict.change) == {"z": 1.0, "p": -0.5}
    assert edits.text_of(doc, "steps.step-1.question") == "What sums to 1?"
    assert not any("choices" in key for key in edits.texts(doc))
    questions.ask(doc, "step-1", "")
    assert flow.dumps(doc) == before


@pytest.mark.parametrize("text", ["b", "b + ", "b plus 1", "+"])
def test_a_change_needs_a_name_and_a_number(text):
    with pytest.raises(LessonProblem):
        questions.amounts_of(text)
    assert questions.amounts_text(questions.amounts_of("b+1, c - 0.5")) == "b + 1, c - 0.5"

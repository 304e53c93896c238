"""A part that was built in one lesson is a subgraph of a later one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nodeflow.document.analysis.subgraphs.subgraph_interface import port_names
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.definitions import add_instance
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, OUTPUTS
from nodeflow.document.starters.drawing import Drawing
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.parts import part_of, with_own_parts
from nodeflow.lessons.probes import Case
from nodeflow.lessons.schema import Lesson, Part, lesson_of
from nodeflow.lessons.start import copied, start_of
from nodeflow.lessons.student_copy import student_copy
from nodeflow.lessons.tested_graph import TestedGraph
from nodeflow.resources import resource

NEURON = Part("neuron", ("x", "W", "b"), "y")


def course_file(name: str) -> tuple[Document, Lesson]:
    document = flow.load(resource(f"lessons/{name}.flow"))
    lesson = lesson_of(document)
    assert lesson is not None
    return document, lesson


def own_neuron() -> Document:
    """Return an answer to the lesson about a neuron, built by exponentials and with more in it."""
    e = Drawing()
    e.group("", "math")
    e.add("placeholder", "x", dtype="float32", shape=[None, 2], sample=[[1.0, 2.0]])
    e.add("variable", "W", dtype="float32", value=[[1.0], [-2.0]])
    e.add("variable", "b", dtype="float32", value=[0.5])
    e.add("matmul", "product", "x", "W")
    e.add("add", "z", "b", "product")
    e.add("negative", "minus", "z")
    e.add("exp", "power", "minus")
    e.add("constant", "one", dtype="float32", value=1.0)
    e.add("add", "below", "one", "power")
    e.add("divide", "y", "one", "below")
    e.add("square", "aside", "product")
    e.add("identity", "after", "y")
    return e.doc


def layer(start: Document, part: str) -> Document:
    """Return a lesson's start with a layer of three neurons made of a part, and its layer after."""
    document = copied(start)
    e = Drawing()
    e.doc = document
    e.ids = {record.name: record.id for record in document.nodes.values()}
    e.group("", "math")
    for name, shape in (("W", [2, 3]), ("b", [3])):
        e.add("variable", name, dtype="float32", shape=shape, initializer={"op": "random_normal"})
    instance = add_instance(document, part, (0, 0))
    for name in ("x", "W", "b"):
        commands.connect(document, e.ids[name], "out", instance, name)
    e.ids["part"] = instance
    e.add("layers/dense", "score", units=1)
    e.wire("part:y", "score:x")
    e.wire("score", "wrong:logits")
    e.wire("score", "p:x")
    return document


def test_a_part_has_the_nodes_between_its_inputs_and_its_value() -> None:
    part = part_of(own_neuron(), NEURON)
    assert list(part.subgraphs) == ["neuron"]
    definition = part.definition("neuron")
    assert definition is not None
    assert port_names(definition, INPUTS) == ["x", "W", "b"]
    assert port_names(definition, OUTPUTS) == ["y"]
    inner = {record.name for record in definition.nodes.values()}
    assert inner == {"product", "z", "minus", "power", "one", "below", "y", "inputs", "outputs"}


def test_an_unused_input_is_a_port_as_well() -> None:
    answer = own_neuron()
    for name, source in (("z", "product"),):
        node, other = answer.node_named(name), answer.node_named(source)
        assert node is not None
        assert other is not None
        commands.connect(answer, other.id, "out", node.id, "x")
    definition = part_of(answer, NEURON).definition("neuron")
    assert definition is not None
    assert port_names(definition, INPUTS) == ["x", "W", "b"]


@pytest.mark.parametrize("part", [Part("p", ("x", "none"), "y"), Part("p", ("x",), "x")])
def test_a_part_of_what_is_not_there_is_an_error(part: Part) -> None:
    with pytest.raises(LessonProblem, match=r"the answer has no .* that is made from its inputs"):
        part_of(own_neuron(), part)


def test_a_lesson_offers_the_part_of_an_earlier_solution() -> None:
    document, lesson = course_file("07-exclusive-or")
    assert lesson.uses == {"neuron": "one-neuron"}
    start = start_of(document, lesson)
    definition = start.definition("neuron")
    assert definition is not None
    assert {r.op for r in definition.nodes.values()} >= {"matmul", "add", "sigmoid"}


def test_the_learners_own_part_takes_its_place() -> None:
    document, lesson = course_file("07-exclusive-or")
    asked = []

    def own(earlier: str) -> Document:
        asked.append(earlier)
        return part_of(own_neuron(), NEURON)

    start = with_own_parts(start_of(document, lesson), lesson, own)
    assert asked == ["one-neuron"]
    assert list(start.subgraphs) == ["neuron"]
    definition = start.definition("neuron")
    assert definition is not None
    assert {r.op for r in definition.nodes.values()} >= {"matmul", "exp", "divide"}
    assert not start.is_modified
    assert flow.dumps(flow.loads(flow.dumps(start))) == flow.dumps(start)
    given = with_own_parts(start_of(document, lesson), lesson, lambda earlier: None)
    assert given.definition("neuron") is not None


def test_a_part_computes_what_it_computed_in_its_lesson() -> None:
    document, lesson = course_file("07-exclusive-or")
    start = with_own_parts(
        start_of(document, lesson), lesson, lambda _: part_of(own_neuron(), NEURON)
    )
    with TestedGraph(layer(start, "neuron")) as graph:
        x = np.array([[0.5, -1.0], [2.0, 0.0]], np.float32)
        case = Case("two points", {"x": x})
        w, b = graph.value("W", case), graph.value("b", case)
        expected = 1 / (1 + np.exp(-(x @ w + b)))
        np.testing.assert_allclose(graph.value("neuron", case), expected, rtol=1e-5)


@pytest.mark.thorough
def test_exclusive_or_is_learned_by_a_layer_of_neurons() -> None:
    document, _ = course_file("07-exclusive-or")
    with Marker(document) as marker:
        answer = layer(marker.start, "neuron")
        train = answer.node_named("train")
        assert train is not None
        commands.set_attr(answer, train.id, "learning_rate", 3.0)
        mark = marker.mark(answer)
    assert mark.passed, [v.outcome.said for v in mark.verdicts]
    assert not mark.altered


def test_a_students_copy_offers_the_part() -> None:
    document, _ = course_file("16-soft-look-up")
    assert "row_softmax" in student_copy(document).subgraphs


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"uses": {"none": "one-neuron"}}, "the subgraph 'none', which the lesson uses, is not in the"),
    ({"builds": {"name": "a", "inputs": ["none"], "node": "y"}}, "there is no node 'none', named"),
    ({"builds": {"name": "a", "inputs": [], "node": "y"}}, "builds.inputs: expected at least 1"),
]


@pytest.mark.parametrize(("fields", "said"), WRONG)
def test_a_malformed_part_is_an_error_with_its_place(fields: dict[str, Any], said: str) -> None:
    data = json.loads(flow.dumps(course_file("03-one-neuron")[0]))
    data["lesson"].update(fields)
    with pytest.raises(LessonProblem, match=said):
        lesson_of(flow.loads(json.dumps(data)))

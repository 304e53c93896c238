"""The course: its solutions and other right answers pass, and mistakes get their hints."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.python_graphs.save_and_load import graph_of, save
from nodeflow.errors import NodeflowError
from nodeflow.lessons.marking import Marker
from nodeflow.lessons.schema import lesson_of
from nodeflow.lessons.start import copied
from nodeflow.lessons.student_copy import refuse_wrong
from nodeflow.lessons.tested_graph import TestedGraph
from nodeflow.resources import resource
from tests.lessons.right_answers import ANSWERS
from tests.lessons.trained_answers import MISTAKEN, RIGHT, drawn
from tools.make_lessons import documents

FOLDER = Path(str(resource("lessons")))
NAMES = sorted(path.name for path in FOLDER.glob("*.flow"))
TRAINED = (
    "exclusive-or",
    "digits",
    "learning-rates",
    "see-it-learn",
    "honest-measurement",
    "what-helps",
    "the-clinic",
    "invent-names",
    "mask-and-block",
)
"""Lessons whose answers are judged by a training."""
ALIKE = (
    ("add", "subtract", "multiply", "divide", "maximum", "minimum", "squared_difference"),
    ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min"),
    ("sigmoid", "tanh", "exp", "abs", "negative", "square", "relu", "identity", "softplus", "sign"),
    ("softmax", "log_softmax"),
    ("transpose", "identity"),
)
"""Ops that take each other's place in a mutant."""


def lesson_id(name: str) -> str:
    return name[3:].removesuffix(".flow")


@cache
def loaded(name: str) -> Document:
    return flow.load(FOLDER / name)


def compares_values(name: str) -> bool:
    return any(check["kind"] == "values" for check in loaded(name).lesson["checks"])


@pytest.fixture(scope="module")
def markers() -> Iterator[Any]:
    """Markers by lesson. Lessons whose signs depend on the number of images name the bundled
    ones, so marks do not depend on whether the full set is at hand.
    """
    with ExitStack() as stack:
        found: dict[str, Marker] = {}

        def marker(name: str) -> Marker:
            if name not in found:
                found[name] = stack.enter_context(Marker(loaded(name), seeds=(71,)))
            return found[name]

        yield marker


@pytest.mark.thorough
def test_the_files_are_what_the_tool_writes() -> None:
    made = {name: flow.dumps(document) for name, document in documents().items()}
    assert {name: (FOLDER / name).read_text() for name in NAMES} == made


@pytest.mark.parametrize("name", [n for n in NAMES if lesson_id(n) not in TRAINED])
def test_the_solution_passes_and_mistakes_are_told_apart(name: str, markers: Any) -> None:
    refuse_wrong(markers(name), loaded(name))


@pytest.mark.thorough
@pytest.mark.parametrize("name", [n for n in NAMES if lesson_id(n) in TRAINED])
def test_the_solution_trains(name: str, markers: Any) -> None:
    refuse_wrong(markers(name), loaded(name))


def answered(marker: Marker, build: Any, path: Path) -> Document:
    """Return the start of a lesson with an answer that a function adds in Python."""
    graph = graph_of(copied(marker.start))
    with graph.as_default():
        build({node.name: node.outputs[0] for node in graph.nodes if len(node.outputs) == 1})
    save(graph, path)
    return flow.load(path)


@pytest.mark.parametrize(
    ("lesson", "number"), [(i, k) for i, builds in ANSWERS.items() for k in range(len(builds))]
)
def test_other_right_answers_pass(lesson: str, number: int, markers: Any, tmp_path: Path) -> None:
    marker = markers(next(n for n in NAMES if lesson_id(n) == lesson))
    mark = marker.mark(
        answered(marker, ANSWERS[lesson][number], tmp_path / "answer.flow"), live=True
    )
    assert mark.passed, [v.outcome.said for v in mark.verdicts]
    assert not mark.altered


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("lesson", "number"), [(i, k) for i, edits in RIGHT.items() for k in range(len(edits))]
)
def test_other_right_answers_that_train_pass(lesson: str, number: int, markers: Any) -> None:
    marker = markers(next(n for n in NAMES if lesson_id(n) == lesson))
    mark = marker.mark(drawn(copied(marker.start), RIGHT[lesson][number]))
    assert mark.passed, [v.outcome.said for v in mark.verdicts]
    assert not mark.altered


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("lesson", "mistake"), [(i, k) for i, edits in MISTAKEN.items() for k in edits]
)
def test_a_mistake_is_known_by_its_signs(lesson: str, mistake: str, markers: Any) -> None:
    marker = markers(next(n for n in NAMES if lesson_id(n) == lesson))
    mark = marker.mark(drawn(copied(marker.start), MISTAKEN[lesson][mistake]))
    assert not mark.passed
    assert mark.twin is not None, [v.outcome.said for v in mark.verdicts]
    assert mark.twin.id == mistake


def test_marks_for_digits_do_not_depend_on_the_full_set() -> None:
    """On the full set a double softmax reaches the goal, so the lesson names the bundled images."""
    digits = loaded("10-digits.flow").node_named("digits")
    assert digits is not None
    assert digits.attrs["bundled"] is True


def test_each_lesson_has_other_right_answers_and_typical_mistakes() -> None:
    for name in NAMES:
        lesson = lesson_of(loaded(name))
        assert lesson is not None
        assert len((*ANSWERS.get(lesson.id, ()), *RIGHT.get(lesson.id, ()))) >= 5, lesson.id
        assert len(lesson.twins) >= 5, lesson.id


def others(op: str) -> list[str]:
    """Return the ops that may take the place of one in a mutant."""
    return [other for other in next((ops for ops in ALIKE if op in ops), ()) if other != op]


def mutants(name: str) -> Iterator[Document]:
    """Yield graphs that differ from a solution in one op, axis, operand or constant."""
    content = json.loads(flow.dumps(loaded(name)))
    given = set(content["lesson"]["given"])
    own = [n for n in content["nodes"] if n["id"] not in given]
    content.pop("lesson")

    def with_node(node: dict[str, Any], **fields: Any) -> Document:
        nodes = [{**n, **fields} if n is node else n for n in content["nodes"]]
        return flow.loads(json.dumps({**content, "nodes": nodes}))

    for node in own:
        for op in others(node["op"]):
            yield with_node(node, op=op)
        if "axis" in node["attrs"]:
            for axis in (0, 1, None):
                if axis != node["attrs"]["axis"]:
                    yield with_node(node, attrs={**node["attrs"], "axis": axis})
        if "value" in node["attrs"]:
            value = np.array(node["attrs"]["value"])
            for place in range(value.size):
                for change in (-2.0, -0.5, 0.5, 2.0):
                    other = value.copy()
                    other.flat[place] += change
                    yield with_node(node, attrs={**node["attrs"], "value": other.tolist()})
        for attr, other in (("padding", "same"), ("strides", [2, 2]), ("dilations", [2, 2])):
            if attr in node["attrs"] or node["op"] == "conv2d":
                yield with_node(node, attrs={**node["attrs"], attr: other})
    own_ids = {n["id"] for n in own}
    sources = sorted({wire[0] for wire in content["wires"]} | own_ids)
    for index, wire in enumerate(content["wires"]):
        if wire[2] not in own_ids:
            continue
        for source in sources:
            if source == wire[0]:
                continue
            wires = list(content["wires"])
            wires[index] = [source, "out", *wire[2:]]
            try:
                yield flow.loads(json.dumps({**content, "wires": wires}))
            except NodeflowError:  # a cycle, or a node without this output
                continue
    swapped = [n for n in own if any(n["op"] in ops for ops in ALIKE)]
    for first, second in itertools.combinations(swapped, 2):
        for one, two in itertools.product(others(first["op"]), others(second["op"])):
            changed = {first["id"]: one, second["id"]: two}
            nodes = [{**n, "op": changed.get(n["id"], n["op"])} for n in content["nodes"]]
            yield flow.loads(json.dumps({**content, "nodes": nodes}))


def differs(marker: Marker, solution: TestedGraph, mutant: Document) -> bool:
    """Return whether a checked node of a mutant has another value than the solution's on some of
    many inputs, beyond the rounding that a lesson allows."""
    nodes = {c.node for c in marker.lesson.checks if c.KIND == "values"}  # type: ignore[attr-defined]
    with TestedGraph(mutant) as graph:
        types = TestedGraph(marker.start).types()
        for seed in range(1000, 1020):
            for case in marker.lesson.probes.cases(types, seed):
                for node in nodes:
                    expected = solution.value(node, case)
                    try:
                        value = graph.value(node, case)
                    except NodeflowError:
                        return True
                    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
                    near = np.allclose(value, expected, rtol=0, atol=1e-3 * scale + 1e-5)
                    if value.shape != expected.shape or not near:
                        return True
    return False


@pytest.mark.thorough
@pytest.mark.parametrize("name", [n for n in NAMES if compares_values(n)])
def test_mutants_of_a_solution_fail(name: str, markers: Any) -> None:
    """Nothing that differs from the solution passes: of at least fifty changed graphs, all fail
    that compute something else on many other inputs."""
    marker, tried, different = markers(name), 0, 0
    with TestedGraph(loaded(name)) as solution:
        for mutant in mutants(name):
            tried += 1
            passed = marker.mark(mutant, live=True).passed
            if passed:
                assert not differs(marker, solution, mutant), flow.dumps(mutant)
            different += not passed
            if tried >= 120:
                break
    assert tried >= 50
    assert different >= 40

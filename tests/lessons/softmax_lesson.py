"""A lesson about softmax, with right answers, typical mistakes and half answers, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import nodeflow as nf
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document


def document(build: Callable[[], object]) -> Document:
    """Return the document of the graph that a function builds."""
    return flow.loads(text(build))


@cache
def text(build: Callable[[], object]) -> str:
    """Return the file of that document; arranging its nodes is most of the work."""
    graph = nf.Graph()
    with graph.as_default():
        build()
    return flow.dumps(from_graph(graph))


def given() -> Any:
    return nf.placeholder(nf.float32, [None, 10], name="z")


def solution() -> None:
    z = given()
    e = nf.exp(z - nf.reduce_max(z, 1, keepdims=True), name="e")
    nf.divide(e, nf.reduce_sum(e, 1, keepdims=True), name="p")


def in_one_op() -> None:
    nf.softmax(given(), name="p")


def by_logarithms() -> None:
    nf.exp(nf.log_softmax(given()), name="p")


def by_columns() -> None:
    z = given()
    e = nf.exp(z - nf.reduce_max(z, 0, keepdims=True))
    nf.divide(e, nf.reduce_sum(e, 0, keepdims=True), name="p")


def without_maximum() -> None:
    e = nf.exp(given())
    nf.divide(e, nf.reduce_sum(e, 1, keepdims=True), name="p")


def twice() -> None:
    nf.softmax(nf.softmax(given()), name="p")


def not_divided() -> None:
    z = given()
    nf.identity(nf.exp(z - nf.reduce_max(z, 1, keepdims=True), name="powers"), name="p")


RIGHT = (solution, in_one_op, by_logarithms)
MISTAKES = {"columns": by_columns, "overflow": without_maximum, "twice": twice}


def graph_json(build: Callable[[], object]) -> dict[str, Any]:
    """Return a graph as a typical mistake of a lesson holds it."""
    data = json.loads(flow.dumps(document(build)))
    return {key: data[key] for key in ("nodes", "wires")}


def lesson_json(start: Document) -> dict[str, Any]:
    """Return the lesson for the solution's document."""
    first = start.node_named("z")
    assert first is not None
    return {
        "schema": 1,
        "id": "softmax",
        "version": 3,
        "given": [first.id],
        "probes": {"inputs": {"z": {}}},
        "checks": [
            {"id": "values", "kind": "values", "node": "p", "credit": 2},
            {"id": "rows", "kind": "sums_to", "node": "p"},
            {"id": "finite", "kind": "finite", "node": "p"},
        ],
        "twins": [{"id": i, "graph": graph_json(build)} for i, build in MISTAKES.items()],
        "milestones": [{"id": "powers", "node": "e", "credit": 0.5}],
        "texts": {
            "title": "Softmax",
            "twins.columns.hint": "What sums to 1?",
            "twins.overflow.hint": "How large is exp(1000)?",
            "twins.twice.hint": "Why is no probability above 0.23?",
        },
    }


def lesson() -> Document:
    """Return the teacher's document."""
    return changed()


def changed(**fields: Any) -> Document:
    """Return the teacher's document with other fields of the lesson."""
    solved = document(solution)
    data = json.loads(flow.dumps(solved))
    data["lesson"] = {**lesson_json(solved), **fields}
    return flow.loads(json.dumps(data))

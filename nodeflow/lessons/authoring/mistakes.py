"""Graphs of typical mistakes: the author draws one in place of the solution, and goes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nodeflow.document.diff.text import described
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import ONLY, SCOPED, Json
from nodeflow.document.model.transaction import Transaction
from nodeflow.lessons.authoring import edits
from nodeflow.lessons.checks.check import DIVERGED, SHORT, UNCHANGED
from nodeflow.lessons.start import copied

PARTS = ("nodes", "wires", "subgraphs", "training")
"""The fields of a file that a mistaken graph has."""
SIGNS: dict[str, dict[str, Json]] = {
    "The training diverges": {"symptom": {"kind": DIVERGED}},
    "The training changes nothing": {"symptom": {"kind": UNCHANGED}},
    "The training falls short": {"symptom": {"kind": SHORT}},
    "Shapes do not fit": {"error": {"kind": "ShapeError"}},
}
"""Signs that an author chooses for a mistake, in words."""


def graph_of(document: Document) -> dict[str, Json]:
    """Return the graph of a document as JSON fields, as a lesson stores the graph of a typical
    mistake.
    """
    data = json.loads(flow.dumps(document.root))
    return {part: data[part] for part in PARTS if data.get(part)}


def changes(solution: Document, document: Document) -> tuple[str, ...]:
    """Return the differences between a document and the solution, in words, without positions and
    notes.
    """
    return described(solution, document.root)


def keep(document: Document, hint: str, solution: Document | None) -> str:
    """Add the graph of a document as a typical mistake, as one undo step; return its id.

    Args:
        solution: the graph that the document has afterwards; None to leave it as it is.
    """
    with document.root.transaction("Add a mistake") as t:
        id = edits.add_twin(document, {"graph": graph_of(document)}, hint)
        if solution is not None:
            _become(document.root, t, solution)
    return id


def said(twin: Mapping[str, Json]) -> str:
    """Return a short description of how a typical mistake is recognised, if it is by one of the
    signs in `SIGNS`. Otherwise return the mistake's id.
    """
    signs = {key: value for key, value in twin.items() if key != "id"}
    return next((words for words, known in SIGNS.items() if known == signs), str(twin["id"]))


def snapshot(document: Document) -> Document:
    """Return a copy of a document, which later edits of the document do not change."""
    return copied(document.root)


def _become(document: Document, t: Transaction, other: Document) -> None:
    """Make the graphs, subgraphs and training settings of a document equal to another document's,
    as edits of the transaction ``t``.
    """
    for scope in ("", *sorted({*other.subgraphs, *document.subgraphs})):
        graph, there = document.graph(scope), other.graph(scope)
        within = t.within(graph)
        for kind in ("wire", "node", "frame"):
            for key in [key for key in graph.tables[kind] if key not in there.tables[kind]]:
                within.edit(kind, key, None)
        for kind in SCOPED:
            _put(graph, within, kind, there.tables[kind])
    for name in [name for name in document.subgraphs if name not in other.subgraphs]:
        t.edit("subgraph", name, None)
    _put(document, t, "subgraph", other.subgraphs)
    if document.training != other.training:
        t.edit("training", ONLY, other.training or None)


def _put(graph: Document, t: Transaction, kind: str, wanted: Mapping[Any, Any]) -> None:
    for key, record in wanted.items():
        if graph.tables[kind].get(key) != record:
            t.edit(kind, key, record)

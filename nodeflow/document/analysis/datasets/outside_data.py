"""Data outside the document's folder that the user has not allowed it to read, and the nodes that
refer to such data.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.data.document_folder import shown_path
from nodeflow.data.errors import OutsideData
from nodeflow.document.analysis.datasets.dataset_node import DATASET, document_folder, place_of
from nodeflow.document.analysis.subgraphs.instance_paths import find_name
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import NodeRecord

WEIGHTS = "weights"
"""The document's field that names a file, and the port of its problem."""
INITIAL_VALUES = "initial_values"
"""The field that names the file of the variables' initial values."""


LONGEST = 44
"""The maximum number of characters of a path on a button."""


@dataclass(frozen=True)
class Outside:
    """A file or folder that the document may not read.

    Attributes:
        name: the name of the dataset node, or the field of the document, that refers to it.
        place: its path, which has not been checked to exist.
    """

    name: str
    place: str


def outside_place(doc: Document, record: NodeRecord) -> str | None:
    """Return the path of a node's data if the document may not read them; else None."""
    place = place_of(doc, record.attrs.get("source")) if record.op == DATASET else None
    return None if place is None else document_folder(doc.root).leaves(place)


def outside_weights(doc: Document) -> str | None:
    """Return the path of the file of trained variables if it is outside the document's folder.

    Such a file is not read without the user's permission. Return None if the path is inside.
    """
    folder = document_folder(doc.root)
    place = folder.place(doc.root.weights) if doc.root.weights and folder.path else None
    return None if place is None else folder.leaves(place)


def outside_initial_values(doc: Document) -> str | None:
    """Return the path of the file of initial values if the document may not read it; else None."""
    folder, written = document_folder(doc.root), initial_values(doc)
    place = folder.place(written) if written and folder.path else None
    return None if place is None else folder.leaves(place)


def initial_values(doc: Document) -> str:
    """Return the path of the file of initial values as stored in the document; "" if there is
    none.
    """
    found = doc.root.extra.get(INITIAL_VALUES)
    return found if isinstance(found, str) else ""


def outside_data(doc: Document) -> list[Outside]:
    """Return all files and folders that any graph of a file refers to but may not read."""
    found = [
        Outside(record.name, place)
        for graph in (doc.root, *doc.root.definitions())
        for record in graph.nodes.values()
        if (place := outside_place(graph, record)) is not None
    ]
    others = {WEIGHTS: outside_weights(doc), INITIAL_VALUES: outside_initial_values(doc)}
    return [*found, *(Outside(name, place) for name, place in others.items() if place is not None)]


def place_of_problem(doc: Document, problem: Problem) -> str | None:
    """Return the path of the forbidden data that caused a problem; None for other problems."""
    if problem.kind != OutsideData.__name__:
        return None
    if not problem.node:
        return outside_weights(doc)
    found = find_name(doc.root, problem.node)
    return None if found is None else outside_place(doc, found[-1])


def allow_title(place: str) -> str:
    """Return the text of a button that allows reading a path; a long path is shortened.

    >>> allow_title("/data/a.csv") 'Allow reading /data/a.csv'
    """
    shown = shown_path(place)
    shown = shown if len(shown) <= LONGEST else f"{shown[:14]}…{shown[15 - LONGEST :]}"
    return f"Allow reading {shown}"


def weights_problem(doc: Document) -> Problem | None:
    """Return the problem of a document whose file of weights may not be read; else None."""
    place = outside_weights(doc)
    if place is None:
        return None
    return Problem.of(document_folder(doc.root).refusal(place, port=WEIGHTS), "")

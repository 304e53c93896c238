"""What inference found before: nodes of a large graph, and undo, ask the same questions again.

A question holds all that the answer depends on, so an answer is never out of date: the op itself
(one that is declared again is another), the attributes, and what is wired into which port.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from nodeflow.document.analysis.dataset_node import DATASET
from nodeflow.document.analysis.inference import Inferred, Outputs
from nodeflow.document.analysis.passthrough import REROUTE
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.port_names import DONE
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, SUBGRAPH, Json, NodeRecord, mode_of
from nodeflow.graph.declaration import NodeDeclaration

MOST = 50_000
"""Answers that are kept; with more, all are forgotten."""
_CARRY = {DATASET, REROUTE, SUBGRAPH, INPUTS}
"""Ops whose outputs may be something else than values."""

Question = tuple


class InferenceCache:
    """Answers without problems, by question. Problems name nodes, so those are found anew."""

    def __init__(self) -> None:
        self._found: dict[Question, tuple[dict[str, Json], Inferred]] = {}

    def get(self, question: Question) -> Inferred | None:
        """Returns the answer that was kept, or None."""
        found = self._found.get(question)
        return None if found is None else found[1]

    def keep(self, question: Question, record: NodeRecord, answer: Inferred) -> None:
        """Keeps the answer for a node, unless it has problems."""
        if answer.problems:
            return
        if len(self._found) >= MOST:
            self._found.clear()
        # The attributes are held, so that no others can get their identity.
        self._found[question] = (record.attrs, answer)

    def clear(self) -> None:
        """Forgets everything."""
        self._found.clear()


def cache_key(
    doc: Document, record: NodeRecord, out_types: Callable[[str], Outputs | None]
) -> Question | None:
    """Returns the question that a node asks; None for the few that look further than their wires.

    `out_types(id)` gives what is known of a source. Attributes are compared by identity, since
    they are never changed in place: moving and renaming keep them.
    """
    op = plain_declaration(record.op)
    if op is None or names_others(op) or mode_of(record):
        return None
    wired = []
    for port, wire in doc.incoming.get(record.id, _NO_WIRES).items():
        source, source_port = wire.source, wire.source_port
        if doc.nodes[source].op in _CARRY or source_port == DONE:
            return None
        out = out_types(source)
        known = None if out is None else out.get(source_port)
        if out is not None and known is None:
            return None  # there is no such output
        wired.append((port, known))
    if len(wired) > 1:
        wired.sort(key=_port)  # wires come back in another order when they are undone
    return (op, id(record.attrs) if record.attrs else 0, *wired)


@lru_cache(maxsize=1024)
def names_others(op: NodeDeclaration) -> bool:
    """Says whether an attribute of the op names other nodes."""
    return any(attr.kind == "names" for attr in op.attrs)


_NO_WIRES: dict = {}


def _port(wired: tuple) -> str:
    return wired[0]

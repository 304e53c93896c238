"""Edits that resolve the problems of a node, to offer as buttons; each is one undo step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nodeflow.document.analysis.analysis import Analysis
from nodeflow.document.edit.conversions import GAP, Offer, insert_conversion, offers
from nodeflow.document.edit.give_shape import shapes_for_node
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire

MOST = 3


@dataclass(frozen=True)
class Fix:
    """An edit on offer: its text for a button, and the edit."""

    title: str
    apply: Callable[[], object]


def node_fixes(doc: Document, analysis: Analysis, node_id: str) -> list[Fix]:
    """Returns at most `MOST` edits for a node, the likeliest first.

    They give a shape to a variable that is still a single number (the node, or one that is
    connected to it), or insert what makes a refused wire fit.
    """
    if doc.locked or node_id not in doc.nodes:
        return []
    found = [
        Fix(offer.title, partial(offer.apply, doc))
        for offer in shapes_for_node(doc, analysis, node_id)
    ]
    if not found:
        for problem in analysis.problems_of(node_id):
            wire = doc.wires.get((node_id, problem.port or ""))
            if wire is not None and problem.severity == "error":
                found += [_insertion(doc, wire, offer) for offer in offers(doc, analysis, wire)]
    return found[:MOST]


def _insertion(doc: Document, wire: Wire, offer: Offer) -> Fix:
    x, y = doc.nodes[wire.target].pos
    place = (x - GAP * len(offer.steps), y)
    return Fix(offer.title, partial(insert_conversion, doc, offer, wire, place))

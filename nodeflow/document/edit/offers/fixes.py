"""Edits that resolve the problems of a node, to offer as buttons; each is one undo step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.inference.variable_shapes import is_scalar_variable
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.edit.data.dataset_placeholders import PLACEHOLDER, fit_to_column
from nodeflow.document.edit.offers.conversions import GAP, Offer, insert_conversion, offers
from nodeflow.document.edit.offers.give_shape import shapes_for_node
from nodeflow.document.edit.subgraphs.move_out import can_move_out, move_out
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire

MOST = 3


@dataclass(frozen=True)
class Fix:
    """An offered edit and the text of its button."""

    title: str
    apply: Callable[[], object]


def node_fixes(doc: Document, analysis: Analysis, node_id: str) -> list[Fix]:
    """Return at most `MOST` edits for a node, the likeliest first.

    An edit gives a shape to a variable that is still a single number (the node, or one connected to
    it), fits a placeholder to the column that feeds it, moves a node out of a loop or branch that
    cannot hold it, or inserts a conversion into a refused wire.
    """
    if doc.locked or node_id not in doc.nodes:
        return []
    broken = any(problem.severity == "error" for problem in analysis.problems_of(node_id))
    if not broken and not is_scalar_variable(doc, node_id):
        return []
    found = [
        Fix(offer.title, partial(offer.apply, doc))
        for offer in shapes_for_node(doc, analysis, node_id)
    ]
    found += _column_fixes(doc, analysis, node_id)
    if analysis.is_body and can_move_out(doc, node_id):
        title = f"Move {doc.nodes[node_id].name} out of the loop or branch"
        found.insert(0, Fix(title, partial(move_out, doc, node_id)))
    if not found:
        for problem in analysis.problems_of(node_id):
            wire = doc.wires.get((node_id, problem.port or ""))
            if wire is not None and problem.severity == "error":
                found += [_insertion(doc, wire, offer) for offer in offers(doc, analysis, wire)]
    return found[:MOST]


def _column_fixes(doc: Document, analysis: Analysis, node_id: str) -> list[Fix]:
    """Return the edit that fits a placeholder to a column of another type."""
    wire = doc.wires.get((node_id, FEED))
    record = doc.nodes[node_id]
    type_ = analysis.type_of(wire.source, wire.source_port) if wire is not None else None
    wrong = any(p.port == FEED and p.severity == "error" for p in analysis.problems_of(node_id))
    if record.op != PLACEHOLDER or type_ is None or not wrong:
        return []
    title = f"Fit {record.name} to its column ({type_})"
    return [Fix(title, partial(fit_to_column, doc, node_id, type_))]


def _insertion(doc: Document, wire: Wire, offer: Offer) -> Fix:
    x, y = doc.nodes[wire.target].pos
    place = (x - GAP * len(offer.steps), y)
    return Fix(offer.title, partial(insert_conversion, doc, offer, wire, place))

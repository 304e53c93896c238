"""Giving a layer the number of units that the labels require, as an offer and as an edit."""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.wire_check import check_type
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire
from nodeflow.graph.types import TensorType

SIZES = {
    "layers/dense": "units", "layers/conv1d": "filters", "layers/conv2d": "filters",
    "layers/conv3d": "filters",
}  # fmt: skip
"""Layers, and the attribute with the size of their result's last axis."""
LABELS, SCORES = "labels", ("logits", "predictions")


@dataclass(frozen=True)
class GiveUnits:
    """A number of units on offer for a layer, with the type of its result."""

    layer: str
    name: str
    attr: str
    count: int
    type: TensorType
    steps: tuple[()] = ()
    """The inserted nodes: none."""
    port: str = ""

    @property
    def title(self) -> str:
        """The text for the user: `Give dense_1 10 units`."""
        return f"Give {self.name} {self.count} {self.attr}"

    def apply(self, doc: Document) -> None:
        """Set the number, as one undo step."""
        with doc.transaction(self.title):
            commands.set_attr(doc, self.layer, self.attr, self.count)


def units_for_wire(doc: Document, analysis: Analysis, wire: Wire) -> list[GiveUnits]:
    """Return the number of units that makes a layer's result fit the labels of a loss or metric.

    The layer or the labels are wired there already, and this wire brings the other; it need not be
    in the document.
    """
    wires = {each.target_port: each for each in doc.wires_into(wire.target)}
    wires[wire.target_port] = wire
    labels = wires.get(LABELS)
    scores = next((wires[port] for port in SCORES if port in wires), None)
    if labels is None or scores is None or wire not in (labels, scores):
        return []
    record = doc.nodes[scores.source]
    wanted = analysis.type_of(labels.source, labels.source_port)
    given = analysis.type_of(scores.source, scores.source_port)
    if wanted is None or given is None or record.op not in SIZES:
        return []
    if not wanted.ndims or not given.ndims:
        return []
    count = wanted.shape[-1]
    if count is None or count < 1 or count == given.shape[-1]:
        return []
    made = given.with_shape((*given.shape[:-1], count))
    target = doc.nodes[wire.target]
    if wire == scores:
        fits = check_type(doc, analysis, made, target, scores.target_port) is None
    else:
        fits = wanted.rank == made.rank and wanted.dtype == made.dtype
    offer = GiveUnits(record.id, record.name, SIZES[record.op], count, made)
    return [offer] if fits else []

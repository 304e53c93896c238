"""Giving a variable the shape that its connections require, as an offer and as an edit."""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.inference.variable_shapes import (
    Sizes,
    is_scalar_variable,
    likely_shapes,
    sizes_text,
)
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire
from nodeflow.graph.types import TensorType

INITIALIZER = "glorot_uniform"


@dataclass(frozen=True)
class GiveShape:
    """A shape on offer for a variable that is a single number, with the resulting type."""

    variable: str
    name: str
    type: TensorType
    steps: tuple[()] = ()
    """The inserted nodes: none."""

    @property
    def title(self) -> str:
        """The text for the user: `Give W the shape 784 × 300`."""
        return f"Give {self.name} the shape {self.sizes}"

    @property
    def sizes(self) -> str:
        """The shape as a text, such as `784 × 300`."""
        return sizes_text(tuple(d or 0 for d in self.type.shape))

    def apply(self, doc: Document) -> None:
        """Set the shape, as one undo step.

        A matrix or filter of zeros also gets an initializer, because units with equal weights learn
        the same.
        """
        record = doc.node(self.variable)
        attrs: dict[str, object] = {"shape": list(self.type.shape)}
        floats = self.type.dtype.startswith("float")
        if len(self.type.shape) > 1 and floats and not record.attrs.get("value", 0.0):
            attrs["initializer"] = {"op": INITIALIZER}
        with doc.transaction(self.title):
            for name, value in attrs.items():
                commands.set_attr(doc, self.variable, name, value)


def shapes_for_wire(doc: Document, analysis: Analysis, wire: Wire) -> list[GiveShape]:
    """Return shapes for scalar variables connected to a wire's target, likeliest first.

    The wire need not be in the document.
    """
    wires = {each.target_port: each for each in doc.wires_into(wire.target)}
    wires[wire.target_port] = wire

    def type_of(node: str, port: str) -> TensorType | None:
        if (node, port) == wire.key:
            return analysis.type_of(wire.source, wire.source_port)
        return analysis.type_of(node, port)

    return [
        _offer(doc, analysis, each.source, shape)
        for each in wires.values()
        if is_scalar_variable(doc, each.source)
        for shape in likely_shapes(doc, type_of, each)
    ]


def shapes_for_node(doc: Document, analysis: Analysis, node_id: str) -> list[GiveShape]:
    """Return shapes for a scalar variable, or for the scalar variables connected to a node."""
    if is_scalar_variable(doc, node_id):
        wires = doc.wires_out_of(node_id)
    else:
        wires = doc.wires_into(node_id)
    found: list[GiveShape] = []
    for wire in wires:
        if is_scalar_variable(doc, wire.source):
            shapes = likely_shapes(doc, analysis.type_of, wire)
            found += [_offer(doc, analysis, wire.source, shape) for shape in shapes]
    return list(dict.fromkeys(found))


def _offer(doc: Document, analysis: Analysis, variable: str, shape: Sizes) -> GiveShape:
    known = analysis.type_of(variable, "out")
    dtype = "float32" if known is None else known.dtype
    return GiveShape(variable, doc.nodes[variable].name, TensorType(dtype, shape))

"""The declarations of a subgraph's instances and of the two border nodes in its definition."""

from __future__ import annotations

from typing import Any

from nodeflow.document.analysis.frozen_weights import TRAINABLE
from nodeflow.document.analysis.inference.body_types import Flow
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.inference.node_inference import Carried
from nodeflow.document.analysis.subgraphs.loops_and_branches import (
    FLOW,
    FLOW_DOCS,
    FLOW_TITLES,
    SCAN,
    flow_attrs,
    flow_inputs,
    flow_outputs,
    is_flow,
)
from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    DEFINITION,
    PORTS,
    border_inputs,
    border_outputs,
    instance_inputs,
    instance_outputs,
    port_names,
)
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import UnknownSubgraph
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, NodeRecord
from nodeflow.errors import GraphError, NodeflowError
from nodeflow.graph.declaration import Attr, NodeDeclaration
from nodeflow.graph.types import TensorType


class BorderDeclaration(NodeDeclaration):
    """The declaration of a subgraph's inputs node or outputs node."""

    category = "Subgraph"
    attrs = (Attr(PORTS, "json", None, "Names of the ports, in order."),)
    hidden = True
    computes = False

    def __init__(self, record: NodeRecord) -> None:
        self.id = record.op
        self.inputs = border_inputs(record)
        self.outputs = border_outputs(record)
        side = "inputs" if record.op == INPUTS else "outputs"
        self.doc = f"The {side} of the subgraph.\n\nEach port is a port of the subgraph."

    @property
    def title(self) -> str:
        return "From outside" if self.id == INPUTS else "To the outside"

    def infer(self, *types: TensorType, **attrs: Any) -> list[TensorType]:
        """Return no types for the outputs node; raise an error for the inputs node, because its
        types differ between instances.
        """
        if self.outputs:
            raise GraphError("the types of a subgraph's inputs depend on the instance")
        return []


class SubgraphDeclaration(NodeDeclaration):
    """The declaration of an instance of a subgraph, with the ports of the definition."""

    id = SUBGRAPH
    category = "Subgraph"
    doc = "A graph as one node.\n\nEnter it to see and edit what is inside."
    attrs = (
        Attr(DEFINITION, "string", "", "Name of the definition in this file."),
        Attr(TRAINABLE, "bool", True, "Let optimizers change the variables inside."),
    )
    hidden = True

    def __init__(
        self, definition: Document | None = None, record: NodeRecord | None = None
    ) -> None:
        self.definition = definition
        self.inputs = () if definition is None else instance_inputs(definition)
        self.outputs = () if definition is None else instance_outputs(definition)
        self.record = record if record is not None and is_flow(record) else None
        if self.record is not None:
            self.attrs = (*self.attrs[:1], *flow_attrs(str(self.record.attrs[FLOW])))
            self.category = "Control flow"
            self.doc = FLOW_DOCS[str(self.record.attrs[FLOW])]
        if self.record is not None and definition is not None:
            self.inputs = flow_inputs(definition, self.record)
            self.outputs = flow_outputs(definition, self.record)

    @property
    def title(self) -> str:
        if self.record is not None:
            carries = bool(self.outputs) and self.outputs[0].name in {p.name for p in self.inputs}
            kind = str(self.record.attrs[FLOW])
            return "Map" if kind == SCAN and not carries else FLOW_TITLES[kind]
        return f"Subgraph {self.definition.scope}" if self.definition is not None else "Subgraph"

    def infer(self, *types: TensorType, **attrs: Any) -> list[TensorType]:
        """Return the types of all outputs; raise the first error found inside the definition."""
        if self.definition is None:
            raise UnknownSubgraph("there is no such subgraph")
        given = {port.name: Carried(t) for port, t in zip(self.inputs, types, strict=False)}
        problems: list[Problem] = []
        flow = None
        if self.record is not None:
            flow = Flow(self.definition, self.record, given)
            given = flow.entering(problems)
        inside = Analysis(self.definition, given=given)
        made = {name: inside.leaving(name) for name in port_names(self.definition, OUTPUTS)}
        if flow is not None:
            made = flow.leaving(made, problems)
        for problem in [*problems, *inside.all_problems()]:
            if problem.severity == "error":
                error = problem.as_error()
                raise NodeflowError(f"{error.where}: {error.message}", hint=error.hint)
        found = [made[port.name].type for port in self.outputs]
        known = [found_type for found_type in found if found_type is not None]
        if len(known) < len(found):
            raise NodeflowError("the types of the inputs do not determine the types of all outputs")
        return known

"""Conversion of a loop or branch into one node of its op, with the body as text.

The body is flattened first, so nested subgraphs and loops need no special care here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.passthrough_nodes import MUTED, mode_of
from nodeflow.document.analysis.port_names import input_names, split_port
from nodeflow.document.analysis.subgraphs.loops_and_branches import (
    COND,
    FLOW,
    SCAN,
    WHILE,
    Roles,
    roles,
)
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER, definition_of
from nodeflow.document.analysis.traversal import in_order, upstream
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, OUTPUTS, NodeRecord, stream_of
from nodeflow.errors import GraphError, MissingInput
from nodeflow.ops import REGISTRY


def op_record(flat: Any, doc: Document, record: NodeRecord) -> tuple[NodeRecord, Roles]:
    """Convert a loop or branch, which is drawn as a subgraph, to a node of its op. Return the
    node's record, and the roles of the subgraph's ports.

    Args:
        flat: a function that flattens a definition.

    Raises:
        NodeflowError: a node inside cannot run.
    """
    definition = definition_of(doc, record)
    assert definition is not None
    role = roles(definition, record)
    attrs: dict[str, Any] = {}
    if role.problem:
        raise GraphError(role.problem)
    inner = flat(definition)
    for body, outputs in role.ends.items():
        attrs[body] = _text(inner, role.inputs, outputs)
    if role.kind != COND:
        attrs["carried"] = len(role.carried)
    if role.kind == SCAN:
        attrs["sequences"] = len(role.sequences)
        attrs["reverse"] = bool(record.attrs.get("reverse"))
    if role.kind == WHILE:
        attrs["maximum_iterations"] = record.attrs.get("maximum_iterations")
        shapes: Any = record.attrs.get("invariants")
        if isinstance(shapes, dict):
            attrs["invariants"] = [shapes.get(name) for name in role.carried]
    kept = {k: v for k, v in record.extra.items() if k in ("stream", "mode")}
    op = str(record.attrs[FLOW])
    return NodeRecord(record.id, op, record.name, attrs, record.pos, kept), role


def _text(doc: Document, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """Convert the body of a loop or branch, which the user drew as a subgraph, to text in the
    format of `scan_body`. The body contains no further subgraphs.
    """
    analysis = Analysis(doc)
    nodes: list[Any] = []
    place: dict[str, int] = {}
    source = _Source(doc, analysis, inputs, place)
    ends = {w.target_port: w for w in doc.wires_into(_border(doc, OUTPUTS))}
    for name in outputs:
        if name not in ends:
            raise MissingInput(f"nothing is connected to the output `{name}` inside")
    wanted = upstream(doc, [ends[name].source for name in outputs])
    for node_id in in_order(doc, wanted):
        record = doc.nodes[node_id]
        if record.op in BORDER or analysis.passes(node_id) is not None:
            continue
        if record.op not in REGISTRY or mode_of(record) == MUTED:
            raise GraphError(f"`{record.name}` inside cannot run")
        op = REGISTRY.lookup(record.op)
        wired = {w.target_port: w for w in doc.wires_into(node_id)}
        sources = []
        for port in input_names(op.inputs, wired):
            if port not in wired:
                raise MissingInput(f"nothing is connected to `{port}` of `{record.name}` inside")
            sources.append(source.of(wired[port]))
        place[node_id] = len(nodes)
        stream = [stream_of(record)] if stream_of(record) != record.name else []
        nodes.append([record.op, record.attrs, sources, record.name, *stream])
    return json.dumps([len(inputs), nodes, [source.of(ends[n]) for n in outputs], list(inputs)])


def _border(doc: Document, op: str) -> str:
    """Return the id of the input or output node of a subgraph definition, or "". It is found by a
    search, because flat definitions have no index.
    """
    return next((record.id for record in doc.nodes.values() if record.op == op), "")


class _Source:
    """A finder of the node that a wire's value comes from, through dots and bypassed nodes."""

    def __init__(
        self, doc: Document, analysis: Analysis, inputs: Sequence[str], place: dict[str, int]
    ) -> None:
        self.doc = doc
        self.analysis = analysis
        self.inputs = list(inputs)
        self.place = place
        self.border = _border(doc, INPUTS)

    def end(self, wire: Any) -> tuple[str, str]:
        """Return (node, port) where the value of a wire is computed, beyond dots and bypassed
        nodes.

        Raises:
            MissingInput: no value comes through.
        """
        seen = set()
        while (routes := self.analysis.passes(wire.source)) is not None:
            before = self.doc.wires.get((wire.source, routes.get(wire.source_port, "")))
            if before is None or before.key in seen:
                raise MissingInput(f"no value comes through `{self.doc.nodes[wire.source].name}`")
            seen.add(before.key)
            wire = before
        return wire.source, wire.source_port

    def of(self, wire: Any) -> tuple[int, int]:
        """Return a reference to the value of a wire for the text of a loop body: (-1, number) for
        an input, or (node's number, output).
        """
        node, port = self.end(wire)
        if node == self.border:
            if port not in self.inputs:
                raise GraphError(f"`{port}` chooses the branch, and has no value inside")
            return -1, self.inputs.index(port)
        op = REGISTRY.lookup(self.doc.nodes[node].op)
        index = split_port(port)[1]
        names = [p.name for p in op.outputs]
        if node not in self.place or (index is None and port not in names):
            name = self.doc.nodes[node].name
            raise GraphError(f"`{name}` inside has no value `{port}`")
        return self.place[node], names.index(port) if index is None else len(names) - 1 + index

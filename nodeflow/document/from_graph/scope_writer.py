"""Writing the nodes of a graph into a document, with repeated scopes as instances of subgraphs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nodeflow.document.analysis.port_names import split_port
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION, PORTS, is_port_name
from nodeflow.document.from_graph.flow_names import out_port
from nodeflow.document.from_graph.flow_records import Defined
from nodeflow.document.from_graph.foreign_names import foreign_fields
from nodeflow.document.from_graph.inner_variables import inner_record, inner_variables, inner_wire
from nodeflow.document.from_graph.kept_collections import kept_fields
from nodeflow.document.from_graph.node_records import (
    End,
    owner_beside,
    record_of,
    wired_inputs,
    wires_into,
)
from nodeflow.document.from_graph.repeated_scopes import (
    Alike,
    Likeness,
    RepeatedScopes,
    Value,
    outside_values,
)
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, NodeRecord, Wire
from nodeflow.graph.graph import Graph, Node


@dataclass(eq=False)
class Part:
    """One graph of the file being written: the file's own graph, or a definition.

    Attributes:
        nodes: its nodes, in order; for a definition, the nodes of its first instance.
        ids: the ids of nodes in this graph itself.
        held: node in an instance -> that instance's id, its definition, and the node there.
        inputs: for a definition: value from outside -> port.
        outputs: for a definition: (node, its port) -> port.
    """

    graph: Document
    nodes: Sequence[Node]
    prefix: str = ""
    ids: dict[Node, str] = field(default_factory=dict)
    held: dict[Node, tuple[str, Part, Node]] = field(default_factory=dict)
    inputs: dict[Value, str] = field(default_factory=dict)
    outputs: dict[End, str] = field(default_factory=dict)

    def end(self, node: Node, port: str) -> End:
        """Return the (id, port) in this graph that provides the value of a node's output.

        The id belongs to the node itself, to an instance that contains it, or to the definition's
        inputs.
        """
        if node in self.ids:
            return self.ids[node], port
        if node in self.held:
            instance, definition, twin = self.held[node]
            return instance, definition.leaving(twin, port)
        index = next(i for i, _ in enumerate(node.outputs) if out_port(node, i) == port)
        return self.graph.borders[INPUTS], self.inputs[node, index]

    def leaving(self, node: Node, port: str) -> str:
        """Return the output of a definition that has the value of an inner node; add one if
        needed.
        """
        source = self.end(node, port)
        if source not in self.outputs:
            own = node.name.rpartition("/")[2]
            wanted = own if len(node.outputs) < 2 else f"{own}_{port}"
            self.outputs[source] = self._add_port(OUTPUTS, wanted)
            target = self.graph.borders[OUTPUTS]
            wire = Wire(*source, target, self.outputs[source])
            self.graph.fill("wire", wire.key, wire)
        return self.outputs[source]

    def add_inputs(self, alike: Sequence[Sequence[Node]]) -> None:
        """Add an input for each outside value that the instances of a definition read.

        The first instance serves as the definition, so its nodes read these inputs. An input is
        named after its value if all instances read the same value, otherwise after its reader.
        """
        values = zip(*(outside_values(nodes).items() for nodes in alike), strict=True)
        for (value, reader), *others in values:
            same = all(other == value for other, _ in others)
            own = value[0].name.rpartition("/")[2]
            wanted = own if same else split_port(reader)[0]
            self.inputs[value] = self._add_port(INPUTS, wanted)

    def _add_port(self, side: str, wanted: str) -> str:
        border = self.graph.nodes[self.graph.borders[side]]
        taken = {*self.inputs.values(), *self.outputs.values()}
        name = re.sub(r"[^A-Za-z0-9_]", "_", wanted)[:80]
        name = FreeNames().fresh(name if is_port_name(name) else f"_{name}", taken)
        attrs = {PORTS: [*border.attrs[PORTS], name]}
        self.graph.fill("node", border.id, replace(border, attrs=attrs))
        return name


class ScopeWriter:
    """A writer of nodes into a document, in the order of their creation.

    Ids follow that order, through instances and definitions, so the file builds the same graph.

    Attributes:
        root: the content of the file's own graph.

    Raises:
        NotInFile: a node uses a derived node, which a document cannot express.
    """

    def __init__(
        self, doc: Document, nodes: Sequence[Node], folded: Mapping[str, str] | None = None
    ) -> None:
        self._folded = folded or {}
        self._doc = doc
        self._known = set(nodes)
        self._kept = _kept(nodes[0].graph) if nodes else {}
        self._repeated = RepeatedScopes(nodes, self._kept, self._folded)
        self._definitions: dict[Likeness, Part] = {}
        self.root = Part(doc, nodes)
        self._write(self.root)
        for definition in self._definitions.values():
            if not definition.outputs:
                _show_ends(definition)

    def _write(self, part: Part) -> None:
        scopes = self._repeated.find(part.nodes, part.prefix)
        scope_of = {node: scope for scope, alike in scopes.items() for node in alike.nodes}
        instances = {}
        for node in part.nodes:
            scope = scope_of.get(node)
            if scope is None:
                part.ids[node] = self.new_id()
                fields = self._kept.get(node)
                owner = owner_beside(node, part.ids)
                record = record_of(node, part.ids[node], part.prefix, self, fields, owner)
                part.graph.fill("node", record.id, record)
            elif scope not in instances:
                instances[scope] = self._add_instance(part, scope, scopes)
        made = list(part.ids.items())
        self._add_inner_variables(part)
        for node, node_id in made:
            owner = owner_beside(node, part.ids)
            for wire in wires_into(node, node_id, self._known, part.end, owner):
                part.graph.fill("wire", wire.key, wire)
        for scope, instance in instances.items():
            ports = self._definitions[scopes[scope].kind].inputs.values()
            for (source, index), port in zip(
                outside_values(scopes[scope].nodes), ports, strict=True
            ):
                start = part.end(source, out_port(source, index))
                part.graph.fill("wire", (instance, port), Wire(*start, instance, port))

    def _add_inner_variables(self, part: Part) -> None:
        """Add a node for each variable of a layer that other nodes of a graph use."""
        for variable in inner_variables(part.nodes, self._known):
            part.ids[variable] = node_id = self.new_id()
            record = inner_record(variable, node_id, part.graph.names)
            wire = inner_wire(variable, node_id, part.end)
            part.graph.fill("node", node_id, record)
            part.graph.fill("wire", wire.key, wire)
            self._known.add(variable)

    def _add_instance(self, part: Part, scope: str, scopes: Mapping[str, Alike]) -> str:
        """Add an instance of a scope's definition and return its id; the first one makes the
        definition."""
        alike = scopes[scope]
        definition = self._definitions.get(alike.kind)
        own = scope.rpartition("/")[2]
        wanted = self._folded.get(scope) or re.sub(r"_?[0-9]+$", "", own) or own
        name = FreeNames().fresh(wanted, self._doc.subgraphs)
        if definition is not None:
            name = definition.graph.scope
        instance = self.new_id()
        attrs = {DEFINITION: name}
        record = NodeRecord(instance, SUBGRAPH, scope.removeprefix(part.prefix), attrs)
        part.graph.fill("node", instance, record)
        if definition is None:
            definition = self._define(name, scope, alike.nodes)
            others = [s.nodes for s in scopes.values() if s.kind == alike.kind and s is not alike]
            definition.add_inputs([alike.nodes, *others])
            self._definitions[alike.kind] = definition
            self._write(definition)
        twins = zip(alike.nodes, definition.nodes, strict=True)
        part.held.update({node: (instance, definition, twin) for node, twin in twins})
        return instance

    def _define(self, name: str, scope: str, nodes: Sequence[Node]) -> Part:
        """Add an empty definition and return it."""
        self._doc.fill("subgraph", name, {})
        graph = self._doc.graph(name)
        taken = {node.name.removeprefix(f"{scope}/") for node in nodes}
        for side, called in ((INPUTS, "inputs"), (OUTPUTS, "outputs")):
            called = FreeNames().fresh(called, taken)
            record = NodeRecord(self.new_id(), side, called, {PORTS: []})
            graph.fill("node", record.id, record)
        return Part(graph, nodes, f"{scope}/")

    # ---- for the bodies of loops and branches -----------------------------------------------

    def new_id(self) -> str:
        """Return the id of a new node."""
        self._doc.next_id += 1
        return f"n{self._doc.next_id - 1}"

    def define(self, wanted: str) -> Defined:
        """Add the definition of a loop's or branch's body."""
        name = FreeNames().fresh(wanted, self._doc.subgraphs)
        self._doc.fill("subgraph", name, {})
        graph = self._doc.graph(name)
        return Defined(
            name,
            lambda record: graph.fill("node", record.id, record),
            lambda wire: graph.fill("wire", wire.key, wire),
        )


def _kept(graph: Graph) -> dict[Node, dict[str, Any]]:
    """Return a dict: node -> fields that its record in the file stores besides attributes, such as
    collections and foreign names.
    """
    found = kept_fields(graph)
    for node, fields in foreign_fields(graph).items():
        found[node] = {**found.get(node, {}), **fields}
    return found


def _show_ends(definition: Part) -> None:
    """Add an output for each unused value of a definition whose instances no node reads."""
    read = {(t.node, t.index) for node in definition.nodes for _, t in wired_inputs(node)}
    for node in definition.nodes:
        for index, _ in enumerate(node.outputs):
            if (node, index) not in read:
                definition.leaving(node, out_port(node, index))

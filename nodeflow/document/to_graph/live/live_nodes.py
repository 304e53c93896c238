"""The nodes of a graph that follows its document, with the derived nodes of macro nodes.

`LiveBuild` decides which nodes an edit affects and when to derive them again. This module places,
changes, removes and derives one node at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nodeflow.document.analysis.subgraphs.instance_paths import variables_of
from nodeflow.document.from_graph.inner_variables import OP as INNER_VARIABLE
from nodeflow.document.model.records import NodeRecord, same, stream_of
from nodeflow.document.to_graph.build_result import Build
from nodeflow.document.to_graph.expansion.derived_nodes import (
    Segment,
    changed_numbers,
    derives_late,
    inside_owner,
    is_trained,
    number_constants,
)
from nodeflow.document.to_graph.live.live_graph import LiveGraph, Patch
from nodeflow.document.to_graph.node_placement import add, connect, skip, sources_of
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.ops import REGISTRY
from nodeflow.ops.training_mode import FLAG


class BuildAnew(Exception):
    """A signal that an edit requires a complete new build."""


class LiveNodes:
    """The nodes of a build and, for each node of the document, the graph's nodes that stand for it.

    Attributes:
        build: the document's nodes with their nodes in the graph.
        stale: ids of the nodes whose derived nodes are out of date.
    """

    build: Build
    stale: set[str]
    _graph: LiveGraph
    _patch: Patch
    _in_order: bool
    """Whether the graph has the order, and the derived nodes, of a fresh build."""
    _mixed: bool
    """Whether the document has names in scopes of derived names."""
    _awaiting: set[str]
    """Nodes that are left out until `settle`."""
    _segments: dict[str, Segment]
    _macros: dict[str, str]
    """Name -> id of the nodes that derive others."""
    _deriving: list[str]
    """Nodes whose derived nodes depend on everything upstream, in the order of the graph."""
    _before: dict[str, set[str]]
    """Each such node -> the nodes that it depends on."""

    def _place(self, record: NodeRecord) -> None:
        """Add the graph node for a document node that can run, or update its existing graph node. A
        new optimizer or gradients node waits for `settle`.
        """
        op = REGISTRY.lookup(record.op)
        segment = self._segments.get(record.id)
        if segment is not None and segment.node.op is not op:
            self._take_out(record.id)
            segment = None
        if derives_late(record):
            if segment is None:
                self._awaiting.add(record.id)
            if segment is None or not self._set_numbers(record, segment):
                self.stale.add(record.id)
                self._in_order = False
        elif segment is None:
            self._add(record)
        elif not op.macro:
            self._change(record, segment)
        elif self._differs(record, segment):
            self._derive_again(record, segment)

    def _differs(self, record: NodeRecord, segment: Segment) -> bool:
        """Return whether a macro node (layer, optimizer or gradients) must be rebuilt, because its
        inputs, attributes or weights differ from those that it was built with.

        Args:
            segment: the graph node, the nodes that it derived, and what they were built from.
        """
        sources, controls = sources_of(self.build, record)
        stand_ins = dict(enumerate(segment.node.inputs))
        inputs = [stand_ins.get(i) if t is None else t for i, t in enumerate(sources)]
        types = tuple(t.type for t in inputs if t is not None)
        before = (segment.node.inputs, segment.types, segment.controls)
        inside = inside_owner(self.build, self._segments, record)
        if before != (tuple(inputs), types, tuple(controls)) or segment.inside != inside:
            return True
        old = segment.record
        return stream_of(old) != stream_of(record) or not same(old.attrs, record.attrs)

    def _set_numbers(self, record: NodeRecord, segment: Segment) -> bool:
        """If only numbers of an optimizer changed, such as its learning rate, set the constants
        that hold them. Return whether the node is then up to date, so that it need not be rebuilt.
        """
        if not self._differs(record, segment):
            return True
        names = changed_numbers(segment.record, record)
        rest = replace(record, attrs=segment.record.attrs)
        if not names or record.id in self.stale or self._differs(rest, segment):
            return False
        node = segment.node
        try:
            bound = node.op.bind_attrs(record.attrs)
        except NodeflowError:
            return False
        self._set_attrs(node, bound)
        for constant, name in number_constants(segment.derived, record.name, names):
            self._set_attrs(constant, {**constant.attrs, "value": float(bound[name])})
        self._keep(record.id, node, segment.derived)
        return True

    def _set_attrs(self, node: Node, attrs: Mapping[str, Any]) -> None:
        types = [tensor.type for tensor in node.outputs]
        self._graph.change(node, attrs, node.inputs, node.control_inputs, types)
        self._patch.changed.add(node)

    def _change(self, record: NodeRecord, segment: Segment) -> None:
        """Apply a changed record to its graph node in place. Replace the node by a new one if the
        number of its outputs changed.
        """
        node, op, old = segment.node, segment.node.op, segment.record
        sources, waits = sources_of(self.build, record)
        inputs = tuple(t for t in sources if t is not None)
        controls = tuple(dict.fromkeys(waits))
        if len(inputs) < len(sources):  # its stand-in is derived together with it
            self._take_out(record.id)
            self._add(record)
            return
        try:
            bound = op.bind_attrs(record.attrs)
            types = infer_types(op, [t.type for t in inputs], bound, record.name)
            op.check_inputs(inputs)
        except NodeflowError as error:
            self._take_out(record.id)
            skip(self.build, record, error.at(record.name))
            return
        if len(types) != len(node.outputs):
            self._take_out(record.id)
            self._add(record)
            return
        wired = (node.inputs, node.control_inputs) != (inputs, controls)
        typed = any(t.type != new for t, new in zip(node.outputs, types, strict=True))
        valued = not same(old.attrs, record.attrs)
        redrawn, node.stream = node.stream != stream_of(record), stream_of(record)
        if wired or typed or valued:
            self._graph.change(node, bound, inputs, controls, types)
        self._keep(record.id, node, ())
        self.build.forget_name(record.name)
        connect(self.build, record, node)
        if wired or typed or valued or redrawn or record.op == "placeholder":
            self._patch.changed.add(node)
        if wired or typed or (valued and (inputs or is_trained(old) != is_trained(record))):
            self._touch(record)

    def _add(self, record: NodeRecord) -> None:
        mark = len(self._graph.nodes)
        self._graph.reserve([record.name])
        self.build.found.pop(record.id, None)
        add(self.build, record)
        self._in_order = False
        self._touch(record)
        node = self.build.nodes.get(record.id)
        if node is not None:
            derived = tuple(self._graph.nodes[mark:-1])
            self._keep(record.id, node, derived)
            self._patch.changed.update((*derived, node))

    def _derive_again(self, record: NodeRecord, old: Segment) -> None:
        """Rebuild the nodes that a macro node (a layer or optimizer) derives. If its outputs
        correspond to the old ones, the macro node itself stays the same object.
        """
        self._take_out(record.id)
        self._add(record)
        new = self._segments.get(record.id)
        if new is not None and len(new.node.outputs) == len(old.node.outputs):
            self._replace(record, old, new)

    def _keep(self, node_id: str, node: Node, derived: tuple[Node, ...]) -> None:
        record = self.build.document.nodes[node_id]
        controls: list[Node] = []
        if node.op.macro:
            self._macros[node.name] = node_id
            controls = sources_of(self.build, record)[1]
        types = tuple(t.type for t in node.inputs)
        inside = inside_owner(self.build, self._segments, record)
        self._segments[node_id] = Segment(node, derived, record, types, tuple(controls), inside)

    def _remove(self, record: NodeRecord) -> None:
        """Remove a node from the graph, because the document no longer has it."""
        self._take_out(record.id)
        self.build.forget(record)
        self.build.muted.pop(record.id, None)
        self.build.skipped.pop(record.id, None)
        self._awaiting.discard(record.id)
        self.stale.discard(record.id)
        if record.id in self._before:
            del self._before[record.id]
            self._in_order = False

    def _take_out(self, node_id: str) -> None:
        """Remove a node and its derived nodes from the graph, if present."""
        segment = self._segments.pop(node_id, None)
        if segment is None:
            return
        gone = [*segment.derived, segment.node]
        if segment.derived:
            users = (self.build.document.nodes.get(w.target) for w in
                     self.build.document.wires_out_of(node_id))  # fmt: skip
            if any(user is not None and user.op == INNER_VARIABLE for user in users):
                raise BuildAnew  # others hold the variable itself
            self._check_flag(set(gone))
            if self._mixed:
                raise BuildAnew
        self._graph.take_out(gone)
        self._patch.removed.update(gone)
        self._patch.changed.difference_update(gone)
        self.build.forget(segment.record)
        self._macros.pop(segment.node.name, None)
        self._in_order = False
        self._touch(segment.record)

    def _check_flag(self, gone: set[Node]) -> None:
        """Raise BuildAnew if the training flag (the placeholder that says whether a run trains) is
        about to be removed while other nodes use it.
        """
        for flag in self._graph.get_collection(FLAG):
            if flag.node not in gone:
                continue
            late = {self._names(i) for i in self._deriving}  # these are derived again anyway
            users = self._graph.users.get(flag.node, ())
            if any(user not in gone and user.derived_from not in late for user in users):
                raise BuildAnew

    def _touch(self, record: NodeRecord) -> None:
        """Mark the optimizers and gradients nodes that depend on a changed node as stale, so that
        their derived nodes are built again.
        """
        has_variable = record.op == "variable" or bool(variables_of(record))
        for macro, before in self._before.items():
            owner = self.build.document.nodes.get(macro)
            named = owner is not None and owner.attrs.get("variables") and has_variable
            if record.id in before or record.op == "assign" or named:
                self.stale.add(macro)
                self._in_order = False

    def _replace(self, record: NodeRecord, old: Segment, new: Segment) -> None:
        """Copy the state of a newly derived node to the node object that the graph already has.

        So the object's tensors stay valid.
        """
        self._graph.become(old.node, new.node)
        self._patch.removed.discard(old.node)
        self._patch.changed.discard(new.node)
        self._patch.changed.add(old.node)
        connect(self.build, record, old.node)
        self._keep(record.id, old.node, new.derived)

    def _names(self, node_id: str) -> str | None:
        return self._segments[node_id].node.name if node_id in self._segments else None

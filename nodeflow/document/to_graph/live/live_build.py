"""A build that follows its document edit by edit, in a time that depends on the edit.

`follow` changes the affected nodes of the graph in place. Nodes that macro nodes derive from them
stay the same until `settle` derives them again; then the build equals a fresh one.

A rare edit builds everything again: one that may affect names chosen by other derived nodes, or the
set of instances.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.passthrough_nodes import MUTED, mode_of
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.analysis.traversal import in_order, topological, upstream
from nodeflow.document.from_graph.kept_collections import seed_of
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change, NodeRecord, kind_of, stream_of
from nodeflow.document.to_graph.build import fill
from nodeflow.document.to_graph.build_result import Build
from nodeflow.document.to_graph.expansion.derived_nodes import (
    Segment,
    derives_late,
    is_trained,
    only_values,
    shared_inside,
)
from nodeflow.document.to_graph.live.live_flat import LiveFlat
from nodeflow.document.to_graph.live.live_graph import Interrupted, LiveGraph, Patch, after_sources
from nodeflow.document.to_graph.live.live_nodes import BuildAnew, LiveNodes
from nodeflow.document.to_graph.node_placement import behind_dots, connect, pass_on, skip_behind
from nodeflow.errors import CycleError
from nodeflow.graph.graph import Node
from nodeflow.graph.op import Op
from nodeflow.ops import REGISTRY
from nodeflow.ops.training_mode import FLAG

GRADIENTS = "gradients"


_Checked = dict[tuple[Op, int], MappingProxyType[str, Any]]
"""Checked attributes: all copies of a definition's node share one entry."""


class LiveBuild(LiveNodes):
    """A build that is kept equal to a document.

    Call `follow` after each of the document's changes. `stale` holds the ids of nodes whose derived
    nodes are out of date until `settle`.
    """

    def __init__(self, document: Document, base_dir: str | os.PathLike | None = None) -> None:
        self._document = document
        self._base_dir = base_dir
        self.start()

    def start(self) -> None:
        """Build everything again."""
        self._live_flat = LiveFlat(self._document)
        flat = self._live_flat.flat
        self._graph = LiveGraph()
        analysis = Analysis(flat.document, base_dir=self._base_dir)
        self.build = Build(self._document, flat, analysis, self._graph)
        fill(self.build)
        self.stale: set[str] = set()
        self._awaiting: set[str] = set()
        self._in_order = True
        self._stopped = False
        self._patch = Patch()
        self._segments: dict[str, Segment] = {}
        self._macros: dict[str, str] = {}
        self._note_segments()
        nodes = self.build.document.nodes
        self._mixed = any(map(self._may_clash, self.build.document.names)) and bool(self._macros)
        self._deriving = [i for i in self._segments if derives_late(nodes[i])]
        failed = [i for i in self.build.skipped if i in nodes and derives_late(nodes[i])]
        self._before = {i: upstream(self.build.document, [i]) for i in [*self._deriving, *failed]}

    def _note_segments(self) -> None:
        """Record which nodes each layer, optimizer or gradients node derived.

        In a new graph, these nodes come directly before it.
        """
        analysis = self.build.analysis
        own = {n: i for i, n in self.build.nodes.items() if analysis.passes(i) is None}
        derived: list[Node] = []
        for node in self._graph.nodes:
            if node.derived_from is not None:
                derived.append(node)
            else:
                self._keep(own[node], node, tuple(derived))
                derived = []

    @property
    def users(self) -> Mapping[Node, Iterable[Node]]:
        """For each node of the graph, the nodes that depend on it: they read its outputs, wait for
        it, or forward its values.
        """
        return self._graph.users

    def nodes(self) -> Iterable[Node]:
        """Return the graph nodes that nodes of the document became, in no particular order. Derived
        nodes are not included.
        """
        return (segment.node for segment in self._segments.values())

    @property
    def is_settled(self) -> bool:
        """True if `settle` has nothing to do."""
        return self._in_order

    @property
    def awaits(self) -> bool:
        """Whether optimizers or gradients nodes of the document are still missing in the graph.
        `settle` adds them.
        """
        return bool(self._awaiting)

    def pending(self) -> set[Node]:
        """Return the ids of nodes that are stale: `settle` has to derive them again after the last
        edits.
        """
        stale = (self._segments.get(i) for i in self.stale)
        return {segment.node for segment in stale if segment is not None}

    # ---- following ----------------------------------------------------------------------------

    def follow(self, change: Change) -> Patch:
        """Follow a change of the document."""
        flat_change = self._live_flat.follow(change)
        if flat_change is None or _changes_seed(change):
            return self._rebuilt()
        changed = self.build.analysis.update(flat_change)
        if flat_change.only_moves:
            return Patch()
        if any(kind_of(e.table) != "node" or not only_values(*e[2:]) for e in change.edits):
            self.build.__dict__.pop("settings", None)
        self._patch = Patch()
        try:
            self._check_names(flat_change)
            self._follow(flat_change.within(""), changed)
        except BuildAnew:
            return self._rebuilt()
        return self._patch

    def _rebuilt(self) -> Patch:
        self.start()
        return Patch(rebuilt=True)

    def _check_names(self, change: Change) -> None:
        """Raise BuildAnew if a new or changed name may be equal to the name of a derived node.

        A fresh build then gives derived nodes names that the document does not use.
        """
        own = change.within("")
        named = [*own.nodes_added, *own.nodes_removed]
        named += [r for pair in own.nodes_changed if pair[0].name != pair[1].name for r in pair]
        for record in named:
            derives = record.op in REGISTRY and REGISTRY.lookup(record.op).macro
            scope = f"{record.name}/"
            if derives and any(n.startswith(scope) for n in self.build.document.slashed):
                raise BuildAnew
            if self._macros and self._may_clash(record.name):
                raise BuildAnew

    def _may_clash(self, name: str) -> bool:
        """Return whether a name could clash with names of derived nodes, because it lies in the
        scope of a macro node or of gradients.
        """
        if name.startswith(GRADIENTS):
            return True
        end = name.find("/")
        while end >= 0:
            if name[:end] in self._macros:
                return True
            end = name.find("/", end + 1)
        return False

    def _follow(self, change: Change, changed: set[str]) -> None:
        nodes, count = self.build.document.nodes, len(self._graph.nodes)
        checked: _Checked = {}
        for record in change.nodes_removed:
            self._remove(record)
        waiting = {i for i in changed if i in nodes}
        waiting.update(record.id for record in change.nodes_added)
        for before, after in change.nodes_changed:
            if after.id not in changed and self._set_value(before, after, checked):
                continue
            waiting.add(after.id)
            if before.name != after.name:
                self._rename(before, after)
        waiting.update(w.target for w in change.wires_added if w.target in nodes)
        waiting.update(w.target for w in change.wires_removed if w.target in nodes)
        if change.wires_added or change.wires_removed or change.nodes_added:
            self._in_order = False
        self._update_all(waiting | behind_dots(self.build.document, waiting))
        if len(self._graph.nodes) != count:
            self._in_order = False  # a node that can run now comes after its consumers

    def _set_value(self, before: NodeRecord, after: NodeRecord, checked: _Checked) -> bool:
        """Set new attributes of a graph node in place, if the edit changes nothing but attributes
        that do not affect its types.

        Return whether this was so.
        """
        segment = self._segments.get(after.id)
        if segment is None or segment.node.op.macro or after.op == "placeholder":
            return False
        if not only_values(before, after):
            return False
        node, segment.record = segment.node, after
        attrs = checked.get((node.op, id(after.attrs)))
        if attrs is None:
            attrs = MappingProxyType(node.op.bind_attrs(after.attrs))
            checked[node.op, id(after.attrs)] = attrs
        node.attrs = attrs
        self._patch.changed.add(node)
        if node.inputs or is_trained(before) != is_trained(after):
            self._touch(after)
        return True

    def _update_all(self, waiting: set[str]) -> None:
        """Bring the graph up to date for these changed nodes of the document, then for the nodes
        downstream that they affect.
        """
        while waiting:
            order, looping = topological(self.build.document, waiting)
            order = [*looping, *(i for i in order if i not in looping)]
            later, waiting = set(order), set()
            for node_id in order:
                later.discard(node_id)
                if self._update(node_id):
                    wires = self.build.document.wires_out_of(node_id)
                    waiting.update(w.target for w in wires if w.target not in later)

    def _rename(self, before: NodeRecord, after: NodeRecord) -> None:
        self.build.forget_name(before.name)
        segment = self._segments.get(after.id)
        if segment is None:
            return
        if segment.node.op.macro:
            self._take_out(after.id)
        else:
            self._graph.rename(segment.node, after.name, stream_of(after))
            self._patch.changed.add(segment.node)
            self._touch(after)

    def _update(self, node_id: str) -> bool:
        """Update the graph to match one node of the document. Return whether its consumers need an
        update.
        """
        build, record = self.build, self.build.document.nodes[node_id]
        was = self._known(node_id)
        build.muted.pop(node_id, None)
        build.skipped.pop(node_id, None)
        self._awaiting.discard(node_id)
        if node_id not in self._segments:
            build.forget(record)
        sources = [wire.source for wire in build.document.wires_into(node_id)]
        if self._loops(node_id):  # in a loop a node is its own source
            sources = []
            before = upstream(build.document, [node_id])
            if any(mode_of(build.document.nodes[i]) == MUTED for i in before):
                build.muted[node_id] = None
        if node_id in build.muted:
            pass
        elif mode_of(record) == MUTED or any(map(self._is_muted, sources)):
            build.muted[node_id] = None
        elif self._is_broken(node_id) or any(map(self._has_error, sources)):
            build.skipped[node_id] = None
        passes = build.analysis.passes(node_id)
        if node_id in build.muted or node_id in build.skipped or record.op == DATASET:
            self._take_out(node_id)
        elif any(source in self._awaiting for source in sources):
            self._take_out(node_id)
            self._awaiting.add(node_id)
        elif passes is not None:
            self._take_out(node_id)
            pass_on(build, record, passes)
        elif skip_behind(build, record):
            found = build.found.get(node_id)
            self._take_out(node_id)
            if found:
                build.found[node_id] = found
        else:
            self._place(record)
        now = self._known(node_id)
        if was != now:
            self._touch(record)
        return was != now

    def _known(self, node_id: str) -> tuple:
        """Return the properties of a node that its consumers depend on, such as its tensors and
        their types. Consumers are built again when one of these changes.
        """
        build = self.build
        state = build.muted.get(node_id, _RUNS), build.skipped.get(node_id, _RUNS)
        outputs = [(p, build.tensors[node_id, p]) for p in build.ports.get(node_id, ())]
        types = [(port, tensor, tensor.type) for port, tensor in outputs]
        inside = shared_inside(self._segments.get(node_id))
        return (*state, node_id in self._awaiting, build.nodes.get(node_id), types, inside)

    def _is_muted(self, node_id: str) -> bool:
        """Return whether a node does not run because a node upstream is muted. A node that only
        waits for a bypassed optimizer runs.
        """
        return self.build.muted.get(node_id, _RUNS) is None

    def _has_error(self, node_id: str) -> bool:
        return self.build.skipped.get(node_id, _RUNS) is None

    def _loops(self, node_id: str) -> bool:
        problems = self.build.analysis.problems_of(node_id)
        return any(problem.kind == CycleError.__name__ for problem in problems)

    def _is_broken(self, node_id: str) -> bool:
        problems = self.build.analysis.problems_of(node_id)
        return any(problem.severity == "error" for problem in problems)

    # ---- derived nodes ------------------------------------------------------------------------

    def settle(self, interrupted: Callable[[], bool] | None = None) -> Patch:
        """Finish postponed work: derive stale nodes again, and order the graph like a fresh build.

        Return the patch with all changes. When `interrupted` returns true, stop and leave the rest
        stale (see `is_settled`).
        """
        if self._in_order:
            return Patch()
        self._patch = Patch()
        self._graph.interrupted, self._stopped = interrupted, False
        try:
            self._settle()
        except BuildAnew:
            return self._rebuilt()
        finally:
            self._graph.interrupted = None
        return self._patch

    def put_in_order(self) -> None:
        """Sort the graph's nodes so that each follows its sources, if edits have changed the order.
        Do not build derived nodes.

        For callers that cannot wait until `settle` brings the graph up to date.
        """
        if not self._in_order:
            self._graph.arrange(after_sources(self._graph.nodes))

    def _settle(self) -> None:
        doc = self.build.document
        runs = {i for i in doc.nodes if not self._is_muted(i) and not self._has_error(i)}
        order = in_order(doc, runs, late=lambda i: is_optimizer(doc.nodes[i].op))
        passes = self.build.analysis.passes
        deriving = [i for i in order if derives_late(doc.nodes[i]) and passes(i) is None]
        if self.stale and deriving != self._deriving:
            self.stale.update(deriving)  # the names of the scopes depend on this order
        placed = [i for i in deriving if i in self._segments]
        self._arrange(order)
        if (
            not self._stopped
            and len(deriving) > 1
            and placed != [i for i in deriving if i in self._segments]
        ):
            self.stale.update(deriving)
            self._arrange(order)
        if self._stopped:
            return
        self._check_flag_owner(order)
        self.build.found = {i: self.build.found[i] for i in order if i in self.build.found}
        self._deriving = deriving
        for macro in self.stale.intersection(deriving):
            self._before[macro] = upstream(doc, [macro])
        self.stale.clear()
        self._in_order = True

    def _arrange(self, order: list[str]) -> None:
        """Put the nodes of the graph into document order. Build stale nodes again, with the nodes
        that they derive.
        """
        doc, nodes = self.build.document, self._graph.nodes
        old = {i: self._segments[i] for i in self.stale if i in self._segments}
        for node_id in old:
            self._take_out(node_id)
        nodes.clear()
        moved: set[str] = set()
        for node_id in order:
            passes = self.build.analysis.passes(node_id) is not None  # bypassed: it derives nothing
            if node_id in self.stale and derives_late(doc.nodes[node_id]) and not passes:
                if self._derive(doc.nodes[node_id], old.get(node_id)):
                    moved.add(node_id)
            elif any(w.source in moved for w in doc.wires_into(node_id)) and self._update(node_id):
                moved.add(node_id)
            segment = self._segments.get(node_id)
            if segment is not None and not (nodes and nodes[-1] is segment.node):
                for node in (*segment.derived, segment.node):
                    node.index = len(nodes)
                    nodes.append(node)

    def _derive(self, record: NodeRecord, old: Segment | None) -> bool:
        """Build the nodes that a macro node (an optimizer or gradients) derives from the nodes
        upstream. Return whether its consumers have to be updated.
        """
        awaited, mark = record.id in self._awaiting, len(self._graph.nodes)
        self._awaiting.discard(record.id)
        self.build.skipped.pop(record.id, None)
        try:
            if self._stopped:
                raise Interrupted
            self._add(record)
        except Interrupted:
            self._stopped = True
            self._graph.give_up(mark, record.name)
            self._put_back(record, old)
            return False
        new = self._segments.get(record.id)
        if old is None or new is None or len(new.node.outputs) != len(old.node.outputs):
            return awaited or old is not None or new is not None
        types = [t.type for t in old.node.outputs]
        self._replace(record, old, new)
        return types != [t.type for t in old.node.outputs]

    def _put_back(self, record: NodeRecord, old: Segment | None) -> None:
        """Add an optimizer or gradients node that is to be rebuilt to the graph, without the nodes
        that it derives. `settle` derives them later.

        If the graph did not contain the node before, only note it, and `settle` adds it.
        """
        if old is None:
            self._awaiting.add(record.id)
            return
        self._graph.put_back(old.node)
        self._patch.removed.discard(old.node)
        self._segments[record.id] = replace(old, derived=())
        self._macros[old.node.name] = record.id
        connect(self.build, record, old.node)

    def _check_flag_owner(self, order: list[str]) -> None:
        """Raise BuildAnew if another node than before would create the training flag, the
        placeholder that says whether a run trains.

        In a fresh build, the first node that needs the flag creates it.
        """
        for flag in self._graph.get_collection(FLAG):
            users = self._graph.users.get(flag.node)
            if not users or flag.name not in self._graph:
                continue
            names = {node.derived_from or node.name for node in users}
            first = next((i for i in order if self._names(i) in names), None)
            if first is not None and self._names(first) != flag.node.derived_from:
                raise BuildAnew


_RUNS = object()


def _changes_seed(change: Change) -> bool:
    edits = change.of("extra")
    return any(seed_of(e.before or {}) != seed_of(e.after or {}) for e in edits)

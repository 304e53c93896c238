"""Types at every port and problems of every node, kept up to date edit by edit.

After an edit, the edited nodes are inferred again, and nodes downstream as long as types change.

Types inside an instance of a subgraph depend on the types wired into it. So an analysis contains
one analysis of the definition for each instance, and passes the input types and all changes to it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from nodeflow.document.analysis.datasets.dataset_node import DATASET, document_folder
from nodeflow.document.analysis.inference.body_types import Flow
from nodeflow.document.analysis.inference.feed_check import COLUMN
from nodeflow.document.analysis.inference.inference_cache import (
    InferenceCache,
    cache_key,
    names_others,
)
from nodeflow.document.analysis.inference.node_inference import (
    OPEN,
    ORDER,
    TENSOR,
    Carried,
    Inferred,
    Outputs,
    check_wires,
    in_mode,
    infer_node,
    missing_input,
)
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.port_names import DONE, port_order
from nodeflow.document.analysis.subgraphs.instance_paths import (
    instance_problem,
    instances_in,
    uses,
    variables_of,
)
from nodeflow.document.analysis.subgraphs.loops_and_branches import (
    body_problem,
    flow_inputs,
    is_flow,
)
from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    BORDER,
    DEFINITION,
    border_inputs,
    border_problems,
    definition_of,
    leaving_wire,
    port_names,
)
from nodeflow.document.analysis.training_settings import training_problems
from nodeflow.document.analysis.traversal import closes_loop, downstream, topological, upstream
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, Change, NodeRecord, Wire
from nodeflow.document.model.snapshots import Snapshots
from nodeflow.errors import CycleError
from nodeflow.graph.types import TensorType

TRAINING = ""
"""The key of `Analysis.problems` for the problems of the training settings."""

FEW = 8
"""Up to this many new wires, edited nodes are inferred before nodes downstream are visited."""

_UNKNOWN = Inferred(None)


class _Snapshot(NamedTuple):
    """The results of an analysis for one state of its document; the tables are copies."""

    stamp: object
    results: dict[str, Inferred]
    problems: dict[str, list[Problem]]
    watchers: set[str]
    looping: set[str]
    given: dict[str, Carried]
    inside: dict[str, tuple[Analysis, _Snapshot]]


class Analysis:
    """The types and problems of a document.

    `base_dir` is the start of relative data paths; by default the document's folder. `known` has
    the output types of nodes that need no inference. `given` has the types wired into the inputs of
    a definition, for one instance of it.

    Call `update(change)` for each of the file's changes.

    `inside` holds the analysis of each instance of a subgraph, by the instance's id. `stamp` is a
    new object whenever types or problems change; undo restores the former object with them.
    """

    def __init__(
        self,
        doc: Document,
        *,
        base_dir: str | os.PathLike | None = None,
        known: Mapping[str, Outputs] | None = None,
        given: Mapping[str, Carried] | None = None,
        is_body: bool = False,
    ) -> None:
        self.doc = doc
        self.is_body = is_body
        self.inside: dict[str, Analysis] = {}
        self._given = dict(given or {})
        self._touched: set[str] = set()
        self._known = known or {}
        self.base_dir = base_dir
        self.problems: dict[str, list[Problem]] = {}
        self._results: dict[str, Inferred] = {}
        self._cache = InferenceCache()
        self._watchers: set[str] = set()
        self._looping: set[str] = set()
        self._ancestors: tuple[int, str, set[str]] | None = None
        self._snapshots: Snapshots[_Snapshot] = Snapshots(doc.state)
        self.stamp = object()
        self._propagate(doc.nodes)
        self._update_training()

    # ---- reading ----------------------------------------------------------------------------

    def type_of(self, node_id: str, port: str) -> TensorType | None:
        """Return the type at a port, or None if it is unknown.

        The type at an input port is the type of the output that is wired to it.
        """
        out = self._results.get(node_id, _UNKNOWN).out
        if out is not None and port in out:
            return out[port]
        wire = self.doc.wires.get((node_id, port))
        if wire is None:
            return None
        return (self.out_types(wire.source) or {}).get(wire.source_port)

    def out_types(self, node_id: str) -> Outputs | None:
        """Return the type of each output port of a node, or None if unknown."""
        return self._results.get(node_id, _UNKNOWN).out

    def passes(self, node_id: str) -> Mapping[str, str] | None:
        """Return output port -> input port of a node that forwards values (a dot or a bypassed
        node), or None for a node that computes them."""
        return self._results.get(node_id, _UNKNOWN).passes

    def kind_of(self, wire: Wire) -> str:
        """Return the kind of a wire: `tensor`, `column` of a data set, `order`, or `open` if
        unknown.
        """
        source = self.doc.nodes.get(wire.source)
        if source is not None and source.op == DATASET:
            return COLUMN
        return self._results.get(wire.source, _UNKNOWN).kinds.get(wire.source_port, TENSOR)

    def leaving(self, port: str) -> Carried:
        """Return the tensor type of an output of this subgraph, and its kind, such as a tensor
        or a list.
        """
        wire = leaving_wire(self.doc, port)
        if wire is None or wire.source not in self.doc.nodes:
            return Carried(None, OPEN)
        return self._carried(wire)

    def at(self, path: Iterable[str]) -> Analysis | None:
        """Return the analysis inside an instance, by a path of ids; None if there is none."""
        found: Analysis | None = self
        for node_id in path:
            found = None if found is None else found.inside.get(node_id)
        return found

    def take_touched(self) -> set[str]:
        """Return the nodes whose types or problems changed since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def problems_of(self, node_id: str) -> list[Problem]:
        """Return a node's problems, most severe first."""
        return self.problems.get(node_id, [])

    def all_problems(self) -> list[Problem]:
        """Return all problems, sorted by the names of their nodes; the training settings come
        last."""
        nodes = [key for key in self.problems if key != TRAINING]
        nodes.sort(key=lambda key: self.doc.nodes[key].name)
        keys = [*nodes, *([TRAINING] if TRAINING in self.problems else [])]
        return [problem for key in keys for problem in self.problems[key]]

    def broken(self) -> set[str]:
        """Return the nodes that cannot run because of an error at them or upstream."""
        return downstream(self.doc, [i for i, r in self._results.items() if r.broken])

    def ancestors(self, node_id: str) -> set[str]:
        """Return a node and all nodes upstream; cached until the next edit."""
        cached = self._ancestors
        if cached is None or cached[:2] != (self.doc.revision, node_id):
            found = upstream(self.doc, [node_id])
            cached = self._ancestors = (self.doc.revision, node_id, found)
        return cached[2]

    # ---- updating --------------------------------------------------------------------------

    def update(self, change: Change) -> set[str]:
        """Follow a change of the document; return the nodes whose types or problems changed.

        Removed nodes are included; "" represents the training settings.
        """
        snapshot = self._snapshots.follow(change, self._take_snapshot)
        if change.only_moves:
            return set()
        changed = (
            self._update(change, change.scopes, _renames(change))
            if snapshot is None
            else self._restore(snapshot)
        )
        if snapshot is not None:  # data files may have changed meanwhile
            changed |= self._refresh_datasets()
        if self._update_training():
            changed.add(TRAINING)
            self._touched.add(TRAINING)
        return changed

    def _update(self, change: Change, scopes: set[str], renames: bool) -> set[str]:
        own = change.within(self.doc.scope)
        changed: set[str] = set()
        dirty: set[str] = set()
        for record in own.nodes_removed:
            self._results.pop(record.id, None)
            self.problems.pop(record.id, None)
            self.inside.pop(record.id, None)
            self._watchers.discard(record.id)
            changed.add(record.id)
        names = {record.name for record in (*own.nodes_added, *own.nodes_removed)}
        dirty.update(record.id for record in own.nodes_added)
        many = len(own.nodes_changed) > 1
        for before, after in own.nodes_changed:
            alike = before.op == after.op and before.name == after.name
            if many and alike and self._stays(after):
                continue  # the order does not matter for copies of an edited node in all instances
            dirty.add(after.id)
            if before.name != after.name or before.op != after.op:  # problems downstream mention it
                dirty.update(w.target for w in self.doc.wires_out_of(after.id))
                names |= {before.name, after.name}
        if self.doc.sharers and any(own.of("node")):
            dirty.update(self.doc.sharers)  # the owner of their weights may be another node
        dirty.update(wire.target for wire in own.wires_added)
        dirty.update(wire.target for wire in own.wires_removed)
        dirty |= self._update_instances(own, change, scopes, names, renames)
        changed |= {i for i in dirty & self.inside.keys() if self._has_other_ports(i, change)}
        if changed:
            self.stamp = object()
        if renames or scopes != {self.doc.scope}:
            dirty |= self._watchers
        self._touched |= changed
        few = len(own.wires_added) <= FEW and not self._looping
        if few and not any(closes_loop(self.doc, wire) for wire in own.wires_added):
            return changed | self._infer_few(dirty)
        return changed | self._propagate(dirty)

    def _update_instances(
        self, own: Change, change: Change, scopes: set[str], names: set[str], renames: bool
    ) -> set[str]:
        """Update the analyses inside instances; return the instances that may differ."""
        dirty: set[str] = set()
        others = bool(scopes - {self.doc.scope})
        if others or renames:
            for node_id, inside in self.inside.items():
                if not (others and inside.inside) and not inside._is_reached(scopes, renames):
                    continue
                # The definition's ports may have changed, and an input may have become required or
                # optional, so infer the instance again.
                if inside._update(change, scopes, renames) or inside._holds(scopes):
                    dirty.add(node_id)
        tables = {edit.key for edit in own.of("subgraph")}
        scoped = {name.rpartition("/")[0] for name in names if "/" in name}
        if tables or scoped or scopes - {self.doc.scope}:
            for record in instances_in(self.doc):
                unknown = record.id not in self.inside or record.attrs.get(DEFINITION) in tables
                scope = f"{record.name}/"
                if unknown or any(f"{other}/".startswith(scope) for other in scoped):
                    dirty.add(record.id)
        return dirty

    def _is_reached(self, scopes: set[str], renames: bool) -> bool:
        """Return whether a change of these definitions or of names can affect this analysis."""
        if self.doc.scope in scopes or (renames and self._watchers):
            return True
        if any(i._is_reached(scopes, renames) for i in self.inside.values()):
            return True
        return self._loops_through(scopes)

    def _holds(self, scopes: set[str]) -> bool:
        """Return whether this graph, or an instance inside it, has one of these definitions."""
        if self.doc.scope in scopes or any(i._holds(scopes) for i in self.inside.values()):
            return True
        return self._loops_through(scopes)

    def _loops_through(self, scopes: set[str]) -> bool:
        """Return whether an instance on a cycle of wires uses one of these definitions.

        Such an instance has no analysis inside.
        """
        records = (self.doc.nodes.get(node_id) for node_id in self._looping)
        return any(_contains(self.doc, r, scopes) for r in records if r is not None)

    def _has_other_ports(self, node_id: str, change: Change) -> bool:
        """Return whether the ports of an instance changed. Ports are shown even without types."""
        inside = change.within(self.inside[node_id].doc.scope)
        return any(after.op in BORDER for _, after in inside.nodes_changed)

    def refresh_datasets(self) -> set[str]:
        """Infer the data sets again, after their files or the document's folder changed."""
        self._snapshots.clear()
        return self._refresh_datasets()

    def _refresh_datasets(self) -> set[str]:
        dirty = {i for i, n in self.doc.nodes.items() if n.op == DATASET}
        dirty |= {i for i, inside in self.inside.items() if inside._refresh_datasets()}
        return self._propagate(dirty)

    def give(self, given: Mapping[str, Carried]) -> None:
        """Set the types wired into the inputs of this definition."""
        if self._given != given:
            self._given = dict(given)
            border = self.doc.borders.get(INPUTS)
            self._propagate(set() if border is None else {border})

    def refresh_ops(self, ops: Collection[str]) -> set[str]:
        """Infer the nodes of redeclared or removed ops again.

        Return these nodes and all other nodes whose types or problems changed.
        """
        self._cache.clear()
        self._snapshots.clear()
        self.stamp = object()
        nodes = {i for i, n in self.doc.nodes.items() if n.op in ops}
        nodes |= {i for i, inside in self.inside.items() if inside.refresh_ops(ops)}
        changed = self._propagate(nodes) | nodes
        if self._update_training():
            changed.add(TRAINING)
        return changed

    def _stays(self, record: NodeRecord) -> bool:
        """Return whether a node's result is still valid for the current types of its sources."""
        now = self._infer_cached(record)
        return now is not None and now == self._results.get(record.id)

    def _infer_few(self, dirty: set[str]) -> set[str]:
        """Infer these nodes, and nodes downstream only if types change.

        Works only in a graph without cycles; `_propagate` works in any graph.
        """
        order, _ = topological(self.doc, {node for node in dirty if node in self.doc.nodes})
        changed: set[str] = set()
        following: set[str] = set()
        for node_id in order:
            following.discard(node_id)
            targets = self._learn(node_id, self._infer_again(node_id))
            if targets is not None:
                changed.add(node_id)
                following |= targets
        if changed:
            self.stamp = object()
        self._touched |= changed
        return changed | self._propagate(following) if following else changed

    def _propagate(self, dirty: Iterable[str]) -> set[str]:
        """Infer the dirty nodes, and nodes downstream as long as types change."""
        nodes = self.doc.nodes
        waiting = {node for node in dirty if node in nodes}
        affected = waiting if len(waiting) == len(nodes) else downstream(self.doc, waiting)
        order, looping = topological(self.doc, affected)
        if self._looping or looping:
            waiting |= self._looping & affected  # members of loops that were opened
            self._looping = (self._looping - affected) | set(looping)
        del affected
        changed: set[str] = set()
        for node_id in order:
            if node_id in looping:
                self.inside.pop(node_id, None)
                now = Inferred(None, (self._loop_problem(nodes[node_id], looping),))
            elif node_id in waiting:
                now = self._infer_again(node_id)
            else:
                continue
            targets = self._learn(node_id, now)
            if targets is not None:
                changed.add(node_id)
                waiting |= targets
        if changed:
            self.stamp = object()
        self._touched |= changed
        return changed

    def _infer_again(self, node_id: str) -> Inferred:
        record = self.doc.nodes[node_id]
        result = self._infer(record)
        self._watch(record)
        return result

    def _learn(self, node_id: str, now: Inferred) -> set[str] | None:
        """Store the result of a node; return the consumers to infer again, or None if nothing
        changed."""
        was = self._results.get(node_id)
        if was is now:
            return None
        if was is not None and was == now and list(was.out or ()) == list(now.out or ()):
            return None  # the order matters to hints, which list the outputs
        self._results[node_id] = now
        self._note(node_id, now.problems)
        wires = self.doc.wires_out_of(node_id)
        return {w.target for w in wires if was is None or _differ(was, now, w.source_port)}

    def _take_snapshot(self) -> _Snapshot:
        """Return the current results, to restore when the document returns to this content."""
        return _Snapshot(
            self.stamp,
            dict(self._results),
            dict(self.problems),
            set(self._watchers),
            set(self._looping),
            dict(self._given),
            {node_id: (inside, inside._take_snapshot()) for node_id, inside in self.inside.items()},
        )

    def _restore(self, snapshot: _Snapshot) -> set[str]:
        """Restore earlier results; return the nodes whose results differ."""
        was, problems = self._results, self.problems
        changed = {i for i, now in snapshot.results.items() if was.get(i) is not now}
        changed |= was.keys() - snapshot.results.keys()
        changed |= self.inside.keys() | snapshot.inside.keys()
        self.stamp = snapshot.stamp
        self._results, self.problems = snapshot.results, snapshot.problems
        self._watchers, self._looping = snapshot.watchers, snapshot.looping
        self._given = snapshot.given
        if TRAINING in problems:  # kept, because the caller compares them
            self.problems[TRAINING] = problems[TRAINING]
        else:
            self.problems.pop(TRAINING, None)
        self.inside = {node_id: inside for node_id, (inside, _) in snapshot.inside.items()}
        for inside, then in snapshot.inside.values():
            inside._restore(then)
        self._touched |= changed
        return changed

    def _infer(self, record: NodeRecord) -> Inferred:
        try:
            found = self._inferred(record)
        except Exception as error:  # a file may hold anything
            self.inside.pop(record.id, None)
            what = f"{record.op} cannot be analysed"
            found = Inferred(None, (Problem.unforeseen(error, record.name, what),))
        problem = body_problem(record) if self.is_body else None
        return found if problem is None else replace(found, problems=(*found.problems, problem))

    def _inferred(self, record: NodeRecord) -> Inferred:
        if record.id in self._known:
            return Inferred(self._known[record.id])
        if record.op == SUBGRAPH:
            return in_mode(self.doc, record, self._infer_instance(record), self.out_types)
        self.inside.pop(record.id, None)
        if record.id in self.doc.borders.values():
            return self._infer_border(record)
        found = self._infer_cached(record)
        if found is None:
            return infer_node(self.doc, record, self.out_types, self.kind_of, self.base_dir)
        return found

    def _infer_cached(self, record: NodeRecord) -> Inferred | None:
        """Return the cached or new result of a node whose types depend only on its wires; else
        None.
        """
        key = cache_key(self.doc, record, self.out_types)
        if key is None:
            return None
        found = self._cache.get(key)
        if found is None:
            found = infer_node(self.doc, record, self.out_types, _is_tensor, self.base_dir)
            found = self._cache.put(key, record, found)
        return found

    def _infer_border(self, record: NodeRecord) -> Inferred:
        """Infer the node in a subgraph that stands for its inputs or its outputs.

        The inputs node has the types that are wired into the instance, as far as they are known.
        The outputs node has a problem for each output without a wire.
        """
        problems = border_problems(self.doc, record.op)
        if record.op == INPUTS:
            ports = port_names(self.doc, INPUTS)
            found = {port: self._given.get(port, Carried(None, OPEN)) for port in ports}
            return _inferred(found, problems)
        inputs = border_inputs(record)
        wired = {wire.target_port: wire for wire in self.doc.wires_into(record.id)}
        check_wires(self.doc, record, inputs, wired, self.kind_of, problems)
        problems += [missing_input(record.name, p.name) for p in inputs if p.name not in wired]
        return Inferred({}, tuple(problems))

    def _infer_instance(self, record: NodeRecord) -> Inferred:
        """Infer the output types of an instance from its input types, and collect the problems
        inside."""
        problem, definition = instance_problem(self.doc, record), definition_of(self.doc, record)
        if problem is not None or definition is None:
            self.inside.pop(record.id, None)
            return Inferred(None, (problem,) if problem else ())
        inputs, problems = flow_inputs(definition, record), []
        wired = {wire.target_port: wire for wire in self.doc.wires_into(record.id)}
        check_wires(self.doc, record, inputs, wired, self.kind_of, problems)
        given = {p.name: self._carried(wired[p.name]) for p in inputs if p.name in wired}
        flow = Flow(definition, record, given) if is_flow(record) else None
        if flow is not None:
            given = flow.entering(problems)
        missing = [p.name for p in inputs if p.name not in wired and not p.optional]
        problems += [missing_input(record.name, port) for port in missing]
        inside = self.inside.get(record.id)
        is_body = flow is not None
        if inside is None or inside.doc is not definition or inside.is_body != is_body:
            folder = self._folder()
            inside = Analysis(definition, base_dir=folder, given=given, is_body=is_body)
            self.inside[record.id] = inside
        else:
            inside.give(given)
        problems += [
            replace(found, node=f"{record.name}/{found.node}") for found in inside.all_problems()
        ]
        outputs = port_names(definition, OUTPUTS)
        found = {name: inside.leaving(name) for name in outputs}
        return _inferred(found if flow is None else flow.leaving(found, problems), problems)

    def _carried(self, wire: Wire) -> Carried:
        kind = self.kind_of(wire)
        if wire.source_port == DONE:
            kind = ORDER
        found = (self.out_types(wire.source) or {}).get(wire.source_port)
        return Carried(found, OPEN if found is None and kind == TENSOR else kind)

    def _folder(self) -> str | os.PathLike | None:
        return document_folder(self.doc, self.base_dir)

    def _note(self, key: str, problems: Iterable[Problem]) -> None:
        found = sorted(problems, key=lambda problem: _SEVERITIES.index(problem.severity))
        if found:
            self.problems[key] = found
        else:
            self.problems.pop(key, None)

    def _watch(self, record: NodeRecord) -> None:
        """Record whether a node has to be inferred again when names change, because it refers to
        names.
        """
        op = plain_declaration(record.op)
        if op is not None and names_others(op):
            self._watchers.add(record.id)
        else:
            self._watchers.discard(record.id)

    def _loop_problem(self, record: NodeRecord, looping: Mapping[str, str]) -> Problem:
        loop = looping[record.id]
        wires = self.doc.wires_into(record.id)
        inside = [w.target_port for w in wires if looping.get(w.source) == loop]
        port = min(inside, key=port_order, default=None)
        return Problem(
            record.name,
            port,
            f"`{record.name}` is part of a loop: it depends on itself",
            "Remove one of the wires of the loop.",
            kind=CycleError.__name__,
        )

    def _update_training(self) -> bool:
        if self.doc.scope:
            return False
        was = self.problems.get(TRAINING, [])
        try:
            found = training_problems(self.doc, self._output_types())
        except Exception as error:
            found = [Problem.unforeseen(error, "", "the training settings cannot be checked")]
        self._note(TRAINING, found)
        return self.problems.get(TRAINING, []) != was

    def _output_types(self) -> Mapping[str, Outputs | None]:
        wanted = [self.doc.training.get("loss")]
        metrics = [*(self.doc.training.get("metrics") or [])]
        metrics += [m for m in [self.doc.training.get("monitor")] if m]
        wanted += [metric["node"] for metric in metrics]
        return {key: self._types_at(key) for key in wanted if isinstance(key, str)}

    def _types_at(self, path: str) -> Outputs | None:
        """Return the output types of a node that may be inside an instance."""
        *steps, node_id = path.split("/")
        inside = self.at(steps)
        return None if inside is None else inside.out_types(node_id)


def _renames(change: Change) -> bool:
    """Return whether a change adds, removes or renames nodes or variables in any graph."""
    for scope in change.scopes:
        own = change.within(scope)
        if own.nodes_added or own.nodes_removed:
            return True
        for before, after in own.nodes_changed:
            if (before.name, before.op) != (after.name, after.op):
                return True
            if before.attrs != after.attrs and variables_of(before) != variables_of(after):
                return True
    return False


def _contains(doc: Document, record: NodeRecord, scopes: set[str]) -> bool:
    """Return whether an instance has one of these definitions, or contains such an instance."""
    name = record.attrs.get(DEFINITION) if record.op == SUBGRAPH else None
    if not isinstance(name, str):
        return False
    definitions = map(doc.definition, uses(doc, name))
    return any(each is not None and each.scope in scopes for each in definitions)


def _is_tensor(_: Wire) -> str:
    """Return `TENSOR`, the kind of a wire from a source whose outputs are all values."""
    return TENSOR


def _differ(was: Inferred, now: Inferred, port: str) -> bool:
    """Return whether a node's two results, before and after an edit, differ for one output.

    The output differs if its type or kind does. If the node has no such output, the names of its
    outputs are compared, because the error message lists them.
    """
    if was.passes != now.passes or (was.out is None) != (now.out is None):
        return True
    before, after = was.out or {}, now.out or {}
    if port not in after and list(before) != list(after):
        return True
    return before.get(port) != after.get(port) or was.kinds.get(port) != now.kinds.get(port)


def _inferred(found: Mapping[str, Carried], problems: Iterable[Problem]) -> Inferred:
    """Return the result for the inputs node of a definition: the types and kinds wired into it."""
    out = {port: carried.type for port, carried in found.items() if carried.type is not None}
    kinds = {port: carried.kind for port, carried in found.items() if carried.kind != TENSOR}
    return Inferred(out, tuple(problems), kinds=kinds)


_SEVERITIES = ("error", "warning", "info")

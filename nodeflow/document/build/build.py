"""From the document to the graph that is run.

Subgraphs are replaced by what is inside them first (`flatten`).

One broken node does not keep the rest from running: it is left out with all that depends on it,
and its problem is kept for whoever asks for one of them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.document.analysis.analysis import Analysis
from nodeflow.document.analysis.dataset_node import DATASET
from nodeflow.document.analysis.passthrough import MUTED, mode_of, origin
from nodeflow.document.analysis.port_names import FEED, input_names, is_control, port_order
from nodeflow.document.analysis.training_settings import is_optimizer, training_settings
from nodeflow.document.analysis.traversal import downstream, in_order, upstream
from nodeflow.document.build.flatten import Flat, flatten
from nodeflow.document.build.from_graph import from_graph
from nodeflow.document.io.flow import natural
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import NodeRecord
from nodeflow.errors import GraphError, NodeflowError, UnknownName, suggest, suggest_or_list
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.types import literal
from nodeflow.ops import REGISTRY
from nodeflow.train.settings import TrainingSettings


@dataclass
class Build:
    """A graph with what connects it to its document.

    Attributes:
        graph: the nodes that can run; named as in the document.
        nodes: document id -> node of the graph.
        tensors: (document id, output port) -> tensor.
        names: document id -> name, of every node in the document.
        bindings: placeholder's name -> (dataset's document id, column).
        samples: placeholder's name -> its sample as an array.
        optimizer: the node to train with, or None.
        settings: how to train.
        problems: everything that is wrong, warnings and notes included.
        skipped: id of a node that cannot run -> the problems that keep it from running.
        muted: id of a node that is muted, or depends on one that is -> a problem that says so.
        passed: name of a dot or bypassed node -> output port -> the tensor it passes on.
        document: what was built: the document, each subgraph replaced by the nodes inside; ids
            in all of the above are this document's.
        instances: name of a replaced instance -> output port -> (id, port) of its value, or None.
    """

    graph: Graph = field(default_factory=Graph)
    nodes: dict[str, Node] = field(default_factory=dict)
    tensors: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, tuple[str, str]] = field(default_factory=dict)
    samples: dict[str, np.ndarray] = field(default_factory=dict)
    optimizer: Node | None = None
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    problems: list[Problem] = field(default_factory=list)
    skipped: dict[str, list[Problem]] = field(default_factory=dict)
    muted: dict[str, Problem] = field(default_factory=dict)
    passed: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    document: Document = field(default_factory=Document)
    instances: dict[str, dict[str, tuple[str, str] | None]] = field(default_factory=dict)

    def require(self, ids: Iterable[str]) -> None:
        """Raises the error that keeps the first of these nodes (by id) from running, if any."""
        for node_id in ids:
            if node_id in self.skipped:
                raise self.skipped[node_id][0].as_error()
            if node_id in self.muted:
                raise self.muted[node_id].as_error()

    def fetch(self, name: str) -> Tensor | Node:
        """Returns what a fetch names: `add`, `split:1`, `split:PORT`, or a node without outputs.

        Raises:
            UnknownName: there is nothing of this name; the hint lists near names.
            NodeflowError: it cannot run; the message says why.
        """
        node_name = name.partition(":")[0]
        self.require(i for i in (*self.skipped, *self.muted) if self.names[i] == node_name)
        if node_name in self.instances:
            return self.leaving(name)
        if self.passed.get(node_name):
            return self._passed(name)
        if name in self.graph and not self.graph.node(name).outputs:
            return self.graph.node(name)
        if node_name not in self.graph:
            if node_name in self.names.values():
                raise UnknownName(f"{node_name} has no value to fetch", hint=_DATASET_HINT)
            known = [*self.names.values(), *self.instances]
            raise UnknownName(
                f"there is no node {node_name!r}", hint=suggest_or_list(node_name, known)
            )
        return self.graph.tensor(name)

    def _passed(self, name: str) -> Tensor:
        node_name, _, port = name.partition(":")
        found = self.passed[node_name]
        by_index = dict(enumerate(found.values())).get(int(port)) if port.isdecimal() else None
        tensor = by_index or found.get(port or next(iter(found)))
        if tensor is None:
            raise UnknownName(f"{node_name} has no output {port!r}", hint=suggest(port, found))
        return tensor

    def leaving(self, name: str) -> Tensor:
        """Returns the value at an output of a subgraph: `dense`, `dense:1` or `dense:PORT`.

        Raises as `fetch`.
        """
        node_name, _, port = name.partition(":")
        found = self.instances[node_name]
        if not found:
            scope = f"{node_name}/"
            first = next((n for n in self.names.values() if n.startswith(scope)), f"{scope}NAME")
            hint = f"Fetch a node inside it, such as {first}."
            raise UnknownName(f"{node_name} has no outputs", hint=hint)
        ports = list(found)
        if port.isdecimal() and port not in found and int(port) < len(ports):
            port = ports[int(port)]
        port = port or ports[0]
        if port not in found:
            hint = suggest(port, ports) or f"It has {', '.join(ports)}."
            raise UnknownName(f"{node_name} has no output {port!r}", hint=hint)
        source = found[port]
        if source is None:
            raise UnknownName(f"nothing is wired into {node_name}'s output {port!r}")
        self.require([source[0]])
        if source not in self.tensors:
            raise UnknownName(f"{node_name}:{port} has no value to fetch", hint=_DATASET_HINT)
        return self.tensors[source]

    def ends(self) -> list[str]:
        """Returns the names to fetch if none are given: what nothing consumes.

        Optimizers, assigns, groups and datasets are left out.
        """
        nodes = [node for node in self.graph.nodes if node.derived_from is None]
        used = {t.node for node in nodes if node.outputs or not node.op.macro for t in node.inputs}
        return [
            tensor.name
            for node in nodes
            if node not in used and node.op.id not in _ACTIONS
            for tensor in node.outputs
        ]


_DATASET_HINT = "Fetch the placeholder that it feeds instead."
_ACTIONS = ("assign", "group")


def build(
    doc: Document,
    *,
    only: Collection[str] | None = None,
    partial: bool = False,
    base_dir: str | os.PathLike | None = None,
    analysis: Analysis | None = None,
) -> Build:
    """Returns the graph of a document.

    Args:
        only: ids or names of nodes; the result holds these and what they depend on. Default: all.
        partial: leave out what has problems; otherwise the first error is raised.
        base_dir: where relative data paths start; default: the document's folder.
        analysis: of this document and up to date, if there is one already.

    Raises:
        UnknownName: `only` names a node that is not there.
        NodeflowError: not `partial`, and a node has an error; it names node and port.
    """
    settings, flat = training_settings(doc), flatten(doc)
    if flat is not doc:
        doc, analysis = flat, None
        only = None if only is None else _inside(flat, only)
    analysis = analysis or Analysis(doc, base_dir=base_dir)
    result = Build(
        document=doc,
        instances=flat.instances if isinstance(flat, Flat) else {},
        names={node.id: node.name for node in doc.nodes.values()},
        settings=settings,
        problems=analysis.all_problems(),
    )
    named = _named(doc, only)
    wanted = upstream(doc, named)
    _leave_muted(doc, wanted, result)
    if only is not None and not partial:
        result.require(named)
    wanted -= result.muted.keys()
    broken = analysis.broken() & wanted
    for node_id in sorted(broken, key=natural):
        result.skipped[node_id] = _causes(doc, analysis, node_id)
    _raise_first(result, partial)
    result.graph.reserve(doc.nodes[node_id].name for node_id in wanted - broken)
    for node_id in in_order(doc, wanted - broken, late=lambda i: is_optimizer(doc.nodes[i].op)):
        record = doc.nodes[node_id]
        passes = analysis.passes(node_id)
        if passes is not None:
            _pass(doc, record, passes, result)
        elif record.op != DATASET:
            _add(doc, record, result)
    _raise_first(result, partial)
    optimizer = result.settings.optimizer
    result.optimizer = None if optimizer is None else result.nodes.get(optimizer)
    return result


def _raise_first(result: Build, partial: bool) -> None:
    if not partial:
        for problems in result.skipped.values():
            raise problems[0].as_error()


def _named(doc: Document, only: Collection[str] | None) -> set[str]:
    if only is None:
        return set(doc.nodes)
    ids = set()
    for key in only:
        record = doc.nodes.get(key) or doc.node_named(key)
        if record is None:
            raise UnknownName(f"there is no node {key!r}", hint=suggest_or_list(key, doc.names))
        ids.add(record.id)
    return ids


def _inside(flat: Document, only: Collection[str]) -> list[str]:
    """Ids and names of nodes, with what is inside for those of instances."""
    found: list[str] = []
    for key in only:
        scope = f"{key}/"
        if isinstance(flat, Flat) and (key in flat.instances or key in flat.instance_names):
            for node in flat.nodes.values():
                if node.id.startswith(scope) or node.name.startswith(scope):
                    found.append(node.id)
        else:
            found.append(key)
    return found


def _leave_muted(doc: Document, wanted: set[str], result: Build) -> None:
    """Notes the nodes that do not run because they, or what they depend on, are muted."""
    muted_by = doc.muted_by if isinstance(doc, Flat) else {}
    for node in doc.nodes.values():
        if mode_of(node) != MUTED or node.id not in wanted:
            continue
        for node_id in downstream(doc, [node.id]) - result.muted.keys():
            name = doc.nodes[node_id].name
            owner = muted_by.get(node.id, node.name)
            said = "is muted" if node_id == node.id else f"depends on `{owner}`, which is muted"
            hint = f"Unmute `{owner}` to run it."
            result.muted[node_id] = Problem(
                name, None, f"`{name}` {said}", hint, "info", kind=GraphError.__name__
            )


def _pass(doc: Document, record: NodeRecord, passes: Mapping[str, str], result: Build) -> None:
    """Lets what uses a dot or a bypassed node use what is wired into it."""
    wired = {wire.target_port: wire for wire in doc.wires_into(record.id)}
    if not passes:  # an optimizer: there is nothing to pass, so this only leaves it out
        text = f"`{record.name}` is bypassed"
        result.muted[record.id] = Problem(record.name, None, text, severity="info")
    for port, source in passes.items():
        wire = wired.get(source)
        if wire is None:
            continue
        if wire.source in result.skipped:
            result.skipped[record.id] = result.skipped[wire.source]
            return
        tensor = result.tensors.get((wire.source, wire.source_port))
        if tensor is not None:  # else a dataset's column on its way to a placeholder
            result.tensors[record.id, port] = tensor
            result.passed.setdefault(record.name, {})[port] = tensor
            result.nodes[record.id] = tensor.node


def _add(doc: Document, record: NodeRecord, result: Build) -> None:
    """Adds one node to the graph; a node that fails is skipped, with what depends on it."""
    op = REGISTRY.lookup(record.op)
    wired = {wire.target_port: wire for wire in doc.wires_into(record.id)}
    sources = [wire.source for port, wire in wired.items() if port != FEED]
    behind = next((source for source in sources if source in result.skipped), None)
    if behind is not None:
        result.skipped[record.id] = result.skipped[behind]
        return
    inputs = [
        result.tensors[wired[port].source, wired[port].source_port]
        for port in input_names(op.inputs, wired)
    ]
    controls = [
        result.nodes[wired[port].source]
        for port in sorted(filter(is_control, wired), key=port_order)
        if wired[port].source in result.nodes  # a bypassed node orders nothing
    ]
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            node = result.graph.add_node(
                op, inputs, record.attrs, name=record.name, control_inputs=controls
            )
    except NodeflowError as error:
        _skip(record, error, result)
        return
    for warning in said:
        text = str(warning.message).removeprefix(f"{record.name}: ")
        result.problems.append(Problem(record.name, None, text, severity="warning"))
    result.nodes[record.id] = node
    for index, tensor in enumerate(node.outputs):
        result.tensors[record.id, op.output_name(index)] = tensor
    if record.op == "placeholder":
        feed = wired.get(FEED)
        _bind(record, node, feed and origin(doc, feed), result)


def _bind(record: NodeRecord, node: Node, wire: Any, result: Build) -> None:
    if wire is not None:
        result.bindings[record.name] = (wire.source, wire.source_port)
    if node.attrs.get("sample") is not None:
        result.samples[record.name] = literal(node.attrs["sample"], node.outputs[0].dtype)


def _skip(record: NodeRecord, error: NodeflowError, result: Build) -> None:
    """Keeps the problem of a node that only building finds (a gradient that does not exist)."""
    inner = error.where if error.node and error.node != record.name else ""
    text = f"{inner}: {error.message}" if inner else error.message
    problem = Problem(record.name, error.port, text, error.hint, kind=type(error).__name__)
    result.skipped[record.id] = [problem]
    result.problems.append(problem)


def _causes(doc: Document, analysis: Analysis, node_id: str) -> list[Problem]:
    """The errors that keep a node from running: its own, else those upstream."""
    for candidate in [node_id, *sorted(upstream(doc, [node_id]))]:
        errors = [p for p in analysis.problems_of(candidate) if p.severity == "error"]
        if errors:
            return errors
    return []


__all__ = ["Build", "build", "from_graph"]

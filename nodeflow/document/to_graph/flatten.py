"""Flattening: a document without subgraphs, with every instance replaced by its nodes.

A node inside an instance gets its path as id (`n9/n4`) and a name with a scope (`dense/W`), like
name scopes in TensorFlow 1. Wires through border nodes become wires between the nodes at their
ends. So building and running need no subgraphs.

An instance stays if it cannot be replaced (the analysis then finds its problem) or if it is
bypassed, because it only passes on its inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.frozen_weights import TRAINABLE, can_freeze, is_switched_off
from nodeflow.document.analysis.inference.node_inference import matching_variables
from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.passthrough_nodes import BYPASSED, MUTED, REROUTE, mode_of
from nodeflow.document.analysis.port_names import DONE, free_control, is_control
from nodeflow.document.analysis.subgraphs.instance_paths import (
    find_name,
    instance_problem,
    instances_in,
)
from nodeflow.document.analysis.subgraphs.loops_and_branches import FLOW, is_flow, roles
from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    BORDER,
    definition_of,
    leaving_wire,
    port_names,
)
from nodeflow.document.edit.references import variable_names, with_variables
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import (
    INPUTS,
    ONLY,
    OUTPUTS,
    Json,
    NodeRecord,
    Wire,
    stream_of,
)
from nodeflow.document.to_graph.body_text import op_record
from nodeflow.document.to_graph.shared_nodes import (
    owner_wire,
    takes_wire,
    variable_name,
    without_own_weights,
)
from nodeflow.errors import NodeflowError
from nodeflow.graph.name_patterns import is_pattern


@dataclass
class Flat:
    """A document without subgraphs, and a record of the replaced instances.

    Attributes:
        document: the flat document; the original itself if it has no instances.
        instances: name of each instance -> its outputs: port -> (id, port) of the node with the
            value, or None for an unwired output. For a loop or branch, that node is the loop or
            branch itself.
        instance_names: path of ids of each of these instances -> its name.
        muted_by: id of a node -> name of the muted instance around it.
        places: the graphs of the file, once per instance; the file's own graph is first.
        problems: id of a loop or branch -> why its body cannot run.
    """

    document: Document
    instances: dict[str, dict[str, tuple[str, str] | None]] = field(default_factory=dict)
    instance_names: dict[str, str] = field(default_factory=dict)
    muted_by: dict[str, str] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    problems: dict[str, Problem] = field(default_factory=dict)


class _End(NamedTuple):
    """A port of a node, and the `Place` of that node."""

    place: Place
    node: str
    port: str


@dataclass(eq=False)
class Place:
    """One graph of the file, as it occurs in one instance of a subgraph.

    Attributes:
        graph: the graph: a subgraph's definition, or the file's own graph.
        ids, names, streams: prefixes for the ids, names and random streams of the nodes inside,
            such as ``n9/`` and ``dense/``; empty for the file's own graph.
        outer: the place that contains the instance, or None.
        instance: the instance's node, or None.
        muted: the name of the muted instance around the place, or "".
        frozen: whether an instance around the place is frozen, and so everything inside.
    """

    graph: Document
    ids: str = ""
    names: str = ""
    streams: str = ""
    outer: Place | None = None
    instance: NodeRecord | None = None
    muted: str = ""
    frozen: bool = False

    def __post_init__(self) -> None:
        self.inner: dict[str, Place] = {}


def has_subgraphs(doc: Document) -> bool:
    """Return whether a document has instances of subgraphs."""
    return bool(doc.subgraphs) and bool(instances_in(doc))


def flatten(doc: Document) -> Flat:
    """Replace all subgraph instances of a document by their content, and return the new document.

    Return the document itself if it has no instances and no layer shares weights.
    """
    if not has_subgraphs(doc) and not doc.sharers:
        return Flat(doc)
    flat = Flat(Document())
    flat.document.locked = "made from another document, to be run"
    flat.document.use_file_of(doc)
    flat.document.use_definitions(doc)
    flat.places = list(_places(doc))
    for place in flat.places:
        _add_nodes(flat, place)
    for place in flat.places:
        _add_wires(flat.document, place)
    for place in flat.places:
        note_instance(flat, place)
    flat.document.fill("training", ONLY, flat_training(flat, doc) or None)
    flat.document.fill("weights", ONLY, doc.root.weights)
    return flat


def flat_training(flat: Flat, doc: Document) -> dict[str, Json]:
    """Return the training settings for the flattened document, where subgraph instances are
    expanded.

    A setting that names an instance then names the node that computes the instance's first output.
    """

    def node(key: Json) -> Json:
        name = flat.instance_names.get(key) if isinstance(key, str) else None
        first = next(iter(flat.instances[name].values()), None) if name else None
        return key if first is None else first[0]

    settings = dict(doc.root.training)
    if "loss" in settings:
        settings["loss"] = node(settings["loss"])
    if settings.get("schedule"):
        phases = settings["schedule"]
        settings["schedule"] = [
            {**p, "loss": node(p["loss"])} if "loss" in p else p for p in phases
        ]
    if settings.get("metrics"):
        settings["metrics"] = [{**m, "node": node(m["node"])} for m in settings["metrics"]]
    if settings.get("monitor"):
        settings["monitor"] = {**settings["monitor"], "node": node(settings["monitor"]["node"])}
    return settings


def _places(doc: Document) -> Iterator[Place]:
    """Yield the document's graph and the graphs inside all nested instances, outer graphs first."""
    waiting = [Place(doc)]
    for place in waiting:
        yield place
        for record in instances_in(place.graph):
            inside = definition_of(place.graph, record)
            mode = mode_of(record)
            if inside is None or mode == BYPASSED or instance_problem(place.graph, record):
                continue
            if is_flow(record):
                continue
            name, prefix = place.names + record.name, stream_of(record)
            inner = Place(
                inside,
                f"{place.ids}{record.id}/",
                f"{name}/",
                place.streams + (f"{prefix}/" if prefix else ""),
                place,
                record,
                place.muted or (name if mode == MUTED else ""),
                place.frozen or is_switched_off(record),
            )
            place.inner[record.id] = inner
            waiting.append(inner)


def stays(place: Place, record: NodeRecord) -> bool:
    """Return whether a node also occurs in the flat document (without subgraphs). It does not if it
    is a subgraph instance or the input or output node of a subgraph.
    """
    return record.id not in place.inner and not (place.outer and record.op in BORDER)


def _add_nodes(flat: Flat, place: Place) -> None:
    for record in place.graph.nodes.values():
        if stays(place, record):
            flat.document.fill("node", place.ids + record.id, flat_record(flat, place, record))
        if is_flow(record) and (inside := definition_of(place.graph, record)) is not None:
            key, name, role = (
                place.ids + record.id,
                place.names + record.name,
                roles(inside, record),
            )
            flat.instance_names[key] = name
            flat.instances[name] = {port: (key, role.out_port(port)) for port in role.outputs}


def flat_record(flat: Flat, place: Place, record: NodeRecord) -> NodeRecord:
    """Return the record of a node as it appears in the flat document, where subgraphs are replaced
    by their content. A loop or branch, which is drawn as a subgraph, becomes a node of its op.
    """
    if is_flow(record):
        record = _as_op(flat, place, record)
    record = without_own_weights(place, _in_scope(place, record))
    if place.outer is None:
        return record
    key, name = place.ids + record.id, place.names + record.name
    stream = place.streams + stream_of(record)
    attrs = record.attrs
    if place.frozen and can_freeze(record):
        attrs = {**attrs, TRAINABLE: False}
    record = NodeRecord(key, record.op, name, attrs, record.pos, record.extra)
    if stream != stream_of(record):
        record = with_field(record, "stream", stream)
    if place.muted:
        flat.muted_by[record.id] = place.muted
        record = with_field(record, "mode", MUTED)
    return record


def _as_op(flat: Flat, place: Place, record: NodeRecord) -> NodeRecord:
    key = place.ids + record.id
    flat.problems.pop(key, None)
    problem = instance_problem(place.graph, record)
    try:
        if problem is None:
            return op_record(lambda inside: flatten(inside).document, place.graph, record)[0]
    except NodeflowError as error:
        problem = Problem.of(error, place.names + record.name)
    except Exception as error:  # a file may hold anything
        what = f"the subgraph of this {record.attrs[FLOW]} cannot run"
        problem = Problem.unforeseen(error, place.names + record.name, what)
    flat.problems[key] = problem
    return NodeRecord(record.id, str(record.attrs[FLOW]), record.name, {}, record.pos)


def _op_end(end: _End) -> _End:
    """Translate an output to the flat document (without subgraphs). At a loop or branch, which is
    drawn as a subgraph, its port becomes the port of the op; other outputs stay the same.
    """
    record = end.place.graph.nodes[end.node]
    inside = definition_of(end.place.graph, record) if is_flow(record) else None
    if inside is None:
        return end
    return end._replace(port=roles(inside, record).out_port(end.port))


def _op_input(place: Place, target: str, port: str) -> str:
    """Translate the name of an input port to the flat document (without subgraphs). At a loop or
    branch, which is drawn as a subgraph, it becomes the port name of the op; otherwise it stays the
    same.
    """
    record = place.graph.nodes[target]
    inside = definition_of(place.graph, record) if is_flow(record) else None
    return port if inside is None else roles(inside, record).in_port(port)


def _in_scope(place: Place, record: NodeRecord) -> NodeRecord:
    """Return the record of a node with full variable names in its attributes. Inside a subgraph
    instance, attributes name variables relative to the instance; the flat document (without
    subgraphs) needs full names.
    """
    names = variable_names(record)
    if names is None:
        return record
    full = [_full_name(place, name) for name in names]
    once = [name for i, name in enumerate(full) if name not in full[:i] or name == names[i]]
    return with_variables(record, once)


def _full_name(place: Place | None, name: Json) -> Json:
    while isinstance(name, str) and place is not None:
        if (variable := variable_name(place, name)) is not None:
            return variable
        if find_name(place.graph, name):
            return place.names + name
        if is_pattern(name) and matching_variables(place.graph, name):
            return place.names + name
        place = place.outer
    return name


def _add_wires(flat: Document, place: Place) -> None:
    for record in place.graph.nodes.values():
        if stays(place, record) and (shared := owner_wire(place, record)) is not None:
            flat.fill("wire", shared.key, shared)
    for wire in place.graph.wires.values():
        record = place.graph.nodes[wire.target]
        if not takes_wire(place, record, wire.target_port):
            continue
        if not stays(place, record):
            if record.id in place.inner and is_control(wire.target_port):
                for node in _all_nodes(place.inner[record.id]):
                    _order(flat, place, wire, node)
        elif is_control(wire.target_port):
            _order(flat, place, wire, place.ids + wire.target, wire.target_port)
        else:
            found = flat_wire(place, wire)
            if found is not None:
                flat.fill("wire", found.key, found)


def flat_wire(place: Place, wire: Wire) -> Wire | None:
    """Return the wire of the flat document (without subgraphs) that a wire inside a subgraph
    instance becomes. Return None if no node computes its value, or if it is not needed there.
    """
    if not takes_wire(place, place.graph.nodes[wire.target], wire.target_port):
        return None
    start = _start(_End(place, wire.source, wire.source_port))
    if start is None or start.node in start.place.inner:
        return None
    key = (place.ids + wire.target, _op_input(place, wire.target, wire.target_port))
    return Wire(start.place.ids + start.node, start.port, *key)


def _order(flat: Document, place: Place, wire: Wire, target: str, port: str | None = None) -> None:
    """Make a node of the flat document (without subgraphs) wait for the source of a control wire.

    If the source is a subgraph instance, the node waits for the last nodes inside.

    Args:
        target: id of the node in the flat document.
        port: the control port for the wire; None for any free one.
    """
    start = _start(_End(place, wire.source, wire.source_port))
    if start is None:
        return
    sources = [(start.place.ids + start.node, start.port)]
    if start.node in start.place.inner:
        sources = [(key, DONE) for key in _last_nodes(start.place.inner[start.node])]
    for source, out in sources:
        if port is None or (target, port) in flat.wires:
            port = _free_control(flat, target)
        flat.fill(
            "wire", (target, port), Wire(source, _order_port(flat, source, out), target, port)
        )


def _order_port(flat: Document, node: str, port: str) -> str:
    """Return the output port where a control wire starts.

    In place of `done`, this is the first output of a node that has outputs.
    """
    record = flat.nodes[node]
    op = None if record.op == DATASET else declaration(record, flat)
    return op.output_name(0) if port == DONE and op is not None and op.outputs else port


def _free_control(flat: Document, target: str) -> str:
    return free_control({wire.target_port for wire in flat.wires_into(target)})


def _all_nodes(place: Place) -> Iterable[str]:
    """Yield the ids, in the flat document (without subgraphs), of all op nodes inside a subgraph
    instance, including nested instances.
    """
    waiting = [place]
    for inner in waiting:
        waiting += inner.inner.values()
        for record in inner.graph.nodes.values():
            if stays(inner, record) and _is_computed(inner.graph, record):
                yield inner.ids + record.id


def _is_computed(graph: Document, record: NodeRecord) -> bool:
    return record.op not in (DATASET, REROUTE) and declaration(record, graph) is not None


def _last_nodes(place: Place) -> list[str]:
    """Return the ids of the nodes in an instance on which no other node in the instance depends.

    A node outside that waits for the instance waits for these nodes.
    """
    keys = list(_all_nodes(place))
    waited: set[str] = set()
    waiting = [place]
    for inner in waiting:
        waiting += inner.inner.values()
        for wire in inner.graph.wires.values():
            if inner.graph.nodes[wire.target].op not in BORDER:
                start = _start(_End(inner, wire.source, wire.source_port))
                if start is not None:
                    waited.add(start.place.ids + start.node)
    return [key for key in keys if key not in waited]


def _start(end: _End | None) -> _End | None:
    """Follow wires back from a port, into and out of subgraph instances, to the op that computes
    it.

    Return that op's output, or None if no value arrives. The result may also be port `done` of an
    instance, which stands for the instance's last nodes.
    """
    seen = set()
    while end is not None:
        place, node, port = end
        key = (place.ids, node, port)
        if key in seen:
            return None  # an output wired to its own input
        seen.add(key)
        if node in place.inner and port != DONE:
            inner = place.inner[node]
            wire = leaving_wire(inner.graph, port) if _has(inner.graph, OUTPUTS, port) else None
            end = None if wire is None else _End(inner, wire.source, wire.source_port)
        elif place.outer is not None and node == place.graph.borders.get(INPUTS):
            assert place.instance is not None
            wire = place.outer.graph.wires.get((place.instance.id, port))
            known = wire is not None and _has(place.graph, INPUTS, port)
            end = _End(place.outer, wire.source, wire.source_port) if wire and known else None
        elif place.outer is not None and place.graph.nodes[node].op in BORDER:
            return None  # the outputs node has no output ports
        else:
            return _op_end(end)
    return None


def _has(graph: Document, op_id: str, port: str) -> bool:
    return port in port_names(graph, op_id)


def note_instance(flat: Flat, place: Place) -> None:
    """Record in ``flat`` which node and port of the flat document (without subgraphs) computes each
    output of a subgraph instance.
    """
    if place.outer is None or place.instance is None:
        return
    found: dict[str, tuple[str, str] | None] = {}
    for port in port_names(place.graph, OUTPUTS):
        start = _start(_End(place.outer, place.instance.id, port))
        found[port] = None if start is None else (start.place.ids + start.node, start.port)
    name = place.names.removesuffix("/")
    flat.instances[name] = found
    flat.instance_names[place.ids.removesuffix("/")] = name

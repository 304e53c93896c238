"""The derived nodes of a macro node, as a document to view (`expansion`) or nodes to edit
(`unpack`).

A file stores an optimizer or a gradients node as one node; the nodes that it derives are made when
the graph is built. Both functions read them from that graph, so the window shows and copies the
nodes that run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.port_names import CONTROL, DONE, GROUP, is_control
from nodeflow.document.analysis.subgraphs.instance_paths import at_path, scoped_name, source_of
from nodeflow.document.analysis.subgraphs.shared_weights import owner_of, sharers_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import definition_of, port_names
from nodeflow.document.analysis.training_settings import (
    is_optimizer,
    minimized_by,
    training_settings,
)
from nodeflow.document.edit.references import rewrite_settings
from nodeflow.document.edit.streams import draws, with_stream
from nodeflow.document.from_graph.node_attributes import attributes
from nodeflow.document.from_graph.node_records import layer_record, owner_beside
from nodeflow.document.layout.layered import Position
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import INPUTS, SUBGRAPH, FrameRecord, Json, NodeRecord, Wire
from nodeflow.document.model.transaction import Transaction
from nodeflow.document.to_graph.build import Build, build
from nodeflow.document.to_graph.expansion.expand_layout import arrange, block_frames, free_place
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import TensorType
from nodeflow.ops import REGISTRY
from nodeflow.ops.layers.sharing import can_share

Source = tuple[str, str]
"""An output port: (document id, port)."""


class Expansion(Document):
    """The derived nodes of one macro node: a read-only document.

    A macro node, such as an optimizer, stands for nodes that are made when the graph is built.

    Attributes:
        owner: name of the macro node.
        updates: whether the macro node is an optimizer.
        outer: ids of the nodes at the border, which are copies from the enclosing document: nodes
            whose outputs the derived nodes read, and the macro node itself, which takes the
            results.
        outer_ids: for each node at the border, its id here -> its id in the enclosing document.
        types: id here -> output port -> type, for all nodes.
    """

    def __init__(self, owner: str, updates: bool = False) -> None:
        super().__init__()
        self.owner = owner
        self.updates = updates
        self.locked = f"generated from {owner}: Unpack to edit"
        self.outer_ids: dict[str, str] = {}
        self.outer = self.outer_ids.keys()
        self.types: dict[str, dict[str, TensorType]] = {}

    def analyse(self) -> Analysis:
        """Return an analysis of this document's types. Types that the document alone does not
        determine are taken from the graph that it was derived from.
        """
        return Analysis(self, known=self.types)


def can_expand(doc: Document, node_id: str) -> bool:
    """Return whether a node is a layer, an optimizer or gradients, so that it derives other
    nodes.
    """
    record = doc.nodes.get(node_id)
    return record is not None and record.op in REGISTRY and REGISTRY.lookup(record.op).macro


def opens(doc: Document, node_id: str) -> bool:
    """Return whether a user can open a node to see its inside.

    This is so for a subgraph, for a data set with rows, and for a node that derives others, such as
    an optimizer.
    """
    record = doc.nodes.get(node_id)
    if record is None:
        return False
    is_instance = record.op == SUBGRAPH and definition_of(doc, record) is not None
    return is_instance or record.op == DATASET or can_expand(doc, node_id)


def expansion(
    doc: Document,
    node_id: str,
    *,
    base_dir: str | os.PathLike | None = None,
    analysis: Analysis | None = None,
) -> Expansion:
    """Return the nodes that a macro node derives, as a document that is laid out for viewing.

    A macro node, such as an optimizer, stands for nodes that are made when the graph is built. The
    document also has copies of the nodes whose outputs the derived nodes read, at its border.

    Args:
        node_id: id of the macro node; inside a subgraph of `doc`, its path of ids (``n9/n4``).
        base_dir: the folder from which relative data paths start; default: the document's folder.
        analysis: an existing analysis of this document, up to date.

    Raises:
        DocumentError: the node derives no nodes.
        NodeflowError: the node cannot run. The error names a node and a port, and has a hint.
    """
    return derive(doc, node_id, base_dir=base_dir, analysis=analysis).placed()


@dataclass(frozen=True)
class UnplacedExpansion:
    """The derived nodes of a macro node, read from the graph and not yet laid out.

    The layout of many nodes takes a second. Another thread may do it, because no other object
    refers to `inner`.
    """

    inner: Expansion
    derived: dict[str, str]
    """The names of the derived nodes, by id."""

    def placed(self) -> Expansion:
        """Lay out the derived nodes, put a frame around each name scope, and return the
        document.
        """
        for frame in _lay_out(self.inner, self.derived, self.inner.outer):
            key = f"f{self.inner.next_id}"
            self.inner.fill("frame", key, replace(frame, id=key))
        return self.inner


def derive(
    doc: Document,
    node_id: str,
    *,
    base_dir: str | os.PathLike | None = None,
    analysis: Analysis | None = None,
) -> UnplacedExpansion:
    """Return the nodes that a macro node, such as a layer or an optimizer, adds to the graph. They
    get no positions, which saves the time for a layout.

    Arguments and errors are the same as for `expansion`.
    """
    macro, derived, built = _derived(doc, node_id, base_dir, analysis)
    inner, ids = _read(built.document, macro, derived)
    return UnplacedExpansion(inner, {ids[node]: node.name for node in derived})


def unpack(
    doc: Document,
    node_id: str,
    *,
    base_dir: str | os.PathLike | None = None,
    analysis: Analysis | None = None,
    places: Mapping[str, Position] | None = None,
) -> list[str]:
    """Replace a macro node by copies of its derived nodes, as one undo step; return their ids.

    An optimizer becomes a `group` with the same id and name. The group runs the copied assigns and
    the other assigns that the optimizer runs with each step. So nodes that wait for it, fetches and
    trainings still work. Consumers of a gradients node use the copies. Other arguments are the
    same as for `expansion`.

    Args:
        places: the position of each node by name, as in an expansion; default: a new layout.

    Raises:
        DocumentError: the node derives nothing, or it uses nodes that another macro node derived.
        NodeflowError: the node cannot run. The error names a node and a port, and has a hint.
    """
    built = _derived(doc, node_id, base_dir, analysis)[2]
    graph, record = at_path(doc, node_id) or (doc, doc.node(node_id))
    path = node_id[: -len(record.id)]
    members = _sharing(graph, record)
    for member in members:
        _check_sharing(graph, member)
    sources = _outer_sources(built, doc, graph, path)
    streams = next(p.streams for p in built.flat.places if p.ids == path) if path else ""
    made: list[str] = []
    copies: dict[Node, str] = {}
    with graph.transaction(f"Unpack {record.name}") as t:
        for member in members:
            macro, derived = _nodes_of(built, path + member.id)
            _check_reach(doc, macro, derived, sources, built, path)
            shared = _check_instances(doc, graph, path + member.id, macro, derived, built)
            scope = macro.name[: -len(member.name)]
            new = {node: t.new_id() for node in derived}
            copies |= new
            sources.update({o: (new[n], _port(o)) for n in derived for o in n.outputs})
            for node in derived:
                name = _name_inside(node.name, scope, shared)
                name = graph.fresh_name(name) if graph.node_named(name) else name
                copy = layer_record(node, new[node], name, attributes(node), copies)
                if draws(copy):
                    copy = with_stream(copy, node.stream.removeprefix(streams))
                t.put_node(copy)
            for node in derived:
                for wire in _wires(node, new[node], new, sources, owner_beside(node, copies)):
                    t.put_wire(wire)
            _place(
                graph, t, built.document, macro, derived, {**new, macro: member.id}, places or {}
            )
            if macro.outputs:
                _replace_outputs(graph, t, member.id, macro, sources)
            else:
                _become_group(graph, t, member.id, macro, sources)
            made += new.values()
    return made


def _sharing(graph: Document, record: NodeRecord) -> list[NodeRecord]:
    """Return all layers that share weights with a layer, the owner of the weights first.

    They can only be unpacked together. For any other node, return a list of only this node.
    """
    owner = owner_of(graph, record) if can_share(record.op) else None
    if owner is None:
        return [record]
    return [owner, *(graph.nodes[i] for i in sharers_of(graph, owner.id))]


# ---- reading the graph --------------------------------------------------------------------------


def _derived(
    doc: Document, node_id: str, base_dir: str | os.PathLike | None, analysis: Analysis | None
) -> tuple[Node, list[Node], Build]:
    """Build the graph and return a macro node (layer, optimizer or gradients) in it, the nodes that
    it derived, sources first, and the build.
    """
    found = at_path(doc, node_id)
    graph, record = found or (doc, doc.node(node_id))
    if not can_expand(graph, record.id):
        raise DocumentError(
            f"{record.op} derives no nodes",
            node=record.name,
            hint="Expand and Unpack are for layers, optimizers and gradients.",
        )
    built = build(doc, base_dir=base_dir, partial=True, analysis=analysis)
    return *_nodes_of(built, node_id), built


def _nodes_of(built: Build, path: str) -> tuple[Node, list[Node]]:
    """Return the graph node that a macro node (layer, optimizer or gradients) became, and the nodes
    that it derived.

    Raise DocumentError if the node takes no part in a run.
    """
    built.require([path])
    if path not in built.nodes:
        name = built.document.nodes[path].name
        raise DocumentError("it takes no part in a run, so it derives nothing", node=name)
    macro = built.nodes[path]
    return macro, [node for node in built.graph.nodes if node.made_by == macro.name]


def _read(doc: Document, macro: Node, derived: list[Node]) -> tuple[Expansion, dict[Node, str]]:
    """Return a document of the nodes that a macro node derived, without a layout, and the id of
    each node in it. The document also contains the macro node and the nodes that derived nodes
    read.
    """
    inner = Expansion(macro.name, is_optimizer(macro.op.id))
    inner.use_file_of(doc)
    ids: dict[Node, str] = {}
    inside = set(derived)
    outside = _in_order({t.node for node in derived for t in node.inputs} - inside)
    for node in [*outside, *derived, macro]:
        key = ids[node] = f"n{len(ids) + 1}"
        inner.types[key] = {_port(tensor): tensor.type for tensor in node.outputs}
        original = None if node in inside else doc.node_named(node.name)
        attrs = attributes(node) if original is None else original.attrs
        record = layer_record(node, key, node.name, attrs, ids)
        if original is not None:
            record = replace(record, pos=original.pos)
        if node not in inside:
            inner.outer_ids[key] = original.id if original else ""
        inner.fill("node", key, record)
    sources = {t: (ids[node], _port(t)) for node in ids for t in node.outputs}
    wires = [
        wire
        for node in derived
        for wire in _wires(node, ids[node], ids, sources, owner_beside(node, ids))
    ]
    for wire in [*wires, *_results(macro, ids, sources)]:
        inner.fill("wire", wire.key, wire)
    return inner, ids


def _lay_out(
    inner: Expansion,
    derived: dict[str, str],
    others: Iterable[str],
    known: Mapping[str, Position] | None = None,
) -> list[FrameRecord]:
    """Set the positions of all nodes in a document of derived nodes. Return a frame for each name
    scope.

    Args:
        derived: names of the derived nodes, by id.
        others: ids of the other nodes.
        known: positions by name. They are used if they include all nodes; otherwise the nodes are
            arranged anew.
    """
    analysis, others = inner.analyse(), list(others)
    names = {i: inner.nodes[i].name for i in [*derived, *others]}
    if known and all(name in known for name in names.values()):
        places = {i: known[name] for i, name in names.items()}
    else:
        places = arrange(inner, derived, analysis, inner.owner, others)
    for node_id, pos in places.items():
        inner.fill("node", node_id, replace(inner.nodes[node_id], pos=pos))
    return block_frames(inner, derived, analysis, inner.owner, inner.updates)


def _in_order(nodes: Iterable[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: node.index)


def _port(tensor: Tensor) -> str:
    return tensor.node.op.output_name(tensor.index)


def _wires(
    node: Node,
    node_id: str,
    ids: dict[Node, str],
    sources: dict[Tensor, Source],
    owner: str | None = None,
) -> list[Wire]:
    """Return the wires into a node that a macro node derived. If the node shares the weights of an
    ``owner``, leave out the wire of its first input.
    """
    wires = [
        Wire(*sources[tensor], node_id, node.op.input_name(index))
        for index, tensor in enumerate(node.inputs)
        if owner is None or index > 0
    ]
    before = [other for other in node.control_inputs if other in ids]
    for index, other in enumerate(before):
        port = other.op.output_name(0) if other.outputs else DONE
        wires.append(Wire(ids[other], port, node_id, f"{CONTROL}.{index}"))
    return wires


def _updates(macro: Node) -> list[Node]:
    """Return the assigns that an optimizer derived and runs."""
    return [node for node in macro.control_inputs if node.derived_from == macro.name]


def _along(macro: Node) -> list[Node]:
    """Return the assigns that run with each step of an optimizer but that it did not derive.

    They are averages and counters, for example.
    """
    others = (node for node in macro.control_inputs if node.derived_from != macro.name)
    return [node for node in others if node.op.id == "assign" and node.attrs["each_step"]]


def _results(macro: Node, ids: dict[Node, str], sources: dict[Tensor, Source]) -> list[Wire]:
    """Return wires from derived nodes to the layer, optimizer or gradients node that derived them.

    They show where its results come from: the tensors that its outputs forward, or the assigns that
    it runs.
    """
    wires = []
    for index, tensor in enumerate(macro.alias):
        if tensor is not None and tensor in sources:
            wires.append(Wire(*sources[tensor], ids[macro], macro.op.output_name(index)))
    for index, node in enumerate(_updates(macro)):
        port = node.op.output_name(0)
        wires.append(Wire(ids[node], port, ids[macro], f"{CONTROL}.{index}"))
    return wires


# ---- unpacking ----------------------------------------------------------------------------------


def _name_inside(name: str, scope: str, shared: bool) -> str:
    """Return the name that the copy of a derived node gets in a subgraph's definition.

    `net/train/net/W/step` keeps its full name, so that trained values are found. If other instances
    share the definition, it becomes `train/W/step`. `gradients/net/loss_grad/divide` becomes
    `gradients/loss_grad/divide`.

    Args:
        name: the full name of the derived node.
        scope: the name scope of the instance, such as `net/`; empty outside subgraphs.
        shared: whether other instances share the definition.
    """
    own = name.startswith(scope)
    name = name.removeprefix(scope)
    return name if not scope or (own and not shared) else name.replace(f"/{scope}", "/", 1)


def _outer_sources(built: Build, doc: Document, graph: Document, path: str) -> dict[Tensor, Source]:
    """Return, for each tensor, the node and port in a graph of the document that provide it. A
    macro node also provides the tensors that it forwards.

    For a graph inside a subgraph instance, `path` is the path of the instance. Values from outside
    come from the subgraph's input node.
    """
    sources: dict[Tensor, Source] = {}
    found = [
        ((node.removeprefix(path), port), tensor)
        for (node, port), tensor in built.tensors.items()
        if node.startswith(path) and node not in built.flat.instance_names
    ]
    for key, name in built.flat.instance_names.items():
        for port, source in built.flat.instances[name].items():
            if key.startswith(path) and source in built.tensors:
                found.append(((key.removeprefix(path), port), built.tensors[source]))
    for port in port_names(graph, INPUTS) if path else ():
        outer = source_of(doc, path[:-1], port)
        if outer is not None and outer in built.tensors:
            found.append(((graph.borders[INPUTS], port), built.tensors[outer]))
    for source, tensor in found:
        if source[0] not in graph.nodes:
            continue  # inside another instance
        sources.setdefault(tensor, source)
        alias = tensor.node.alias[tensor.index] if tensor.node.alias else None
        if alias is not None:
            sources.setdefault(alias, source)
    return sources


def _check_sharing(graph: Document, record: NodeRecord) -> None:
    """Raise DocumentError if other nodes use the variables of a layer that is to be unpacked.

    Such nodes are wired to the layer itself.
    """
    for wire in graph.wires_out_of(record.id):
        user = graph.nodes[wire.target]
        ports = REGISTRY.lookup(user.op).inputs if user.op in REGISTRY else ()
        if any(port.by_node and port.name == wire.target_port for port in ports):
            raise DocumentError(
                f"`{user.name}` uses its variables",
                node=record.name,
                hint=f"Replace {user.name} by a layer of its own first.",
            )


def _check_reach(
    doc: Document,
    macro: Node,
    derived: list[Node],
    sources: dict[Tensor, Source],
    built: Build,
    path: str,
) -> None:
    """Raise DocumentError if a derived node reads a value that is not available in the graph into
    which it is to be copied, such as a value inside another subgraph instance.
    """
    inside, ids = set(derived), {node: key for key, node in built.nodes.items()}
    read = [tensor for node in derived for tensor in node.inputs]
    read += [node.outputs[0] for node in _along(macro)]
    for tensor in [*read, *(t for t in macro.alias if t is not None)]:
        if tensor in sources or tensor.node in inside:
            continue
        if tensor.node.derived_from is None:
            where = _to_unpack(doc, path, ids.get(tensor.node, ""))
            what = "in another subgraph" if ids.get(tensor.node, "").startswith(path) else "outside"
            raise DocumentError(
                f"its generated nodes use {tensor.name}, which is {what}",
                node=macro.name,
                hint=f"Unpack the subgraph {where} first." if where else None,
            )
        raise DocumentError(
            f"its generated nodes use {tensor.name}, which is generated from "
            f"{tensor.node.derived_from}",
            node=macro.name,
            hint=f"Unpack {tensor.node.derived_from} first.",
        )


def _to_unpack(doc: Document, here: str, there: str) -> str | None:
    """Return the name of a subgraph instance to unpack, because a node lies in another graph than
    the one that uses it. Return None if both are in the same graph.

    Args:
        here: path of a node in the first graph.
        there: path of the other node.
    """
    own, other = here.split("/")[:-1], there.split("/")[:-1]
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(own, other)))
    steps = own[: shared + 1] if shared < len(own) else other[: shared + 1]
    return scoped_name(doc, "/".join(steps)) if len(steps) > shared else None


def _check_instances(
    doc: Document, graph: Document, node_id: str, macro: Node, derived: list[Node], built: Build
) -> bool:
    """Return whether the subgraph definition that contains the macro node has several instances.

    Its nodes are about to be replaced by copies in all instances, so raise DocumentError unless the
    macro node derives the same nodes in each.
    """
    last = node_id.rpartition("/")[2]
    others = {i: node for i, node in built.nodes.items() if i.rpartition("/")[2] == last}
    if len(others) < 2:
        return False
    wanted = _outline(derived, _outer_sources(built, doc, graph, node_id[: -len(last)]))
    for path, other in others.items():
        nodes = [node for node in built.graph.nodes if node.made_by == other.name]
        sources = _outer_sources(built, doc, graph, path[: -len(last)])
        if path != node_id and _outline(nodes, sources) != wanted:
            raise DocumentError(
                f"{other.name} derives other nodes in another instance of the subgraph",
                node=macro.name,
                hint="Make the instance independent first.",
            )
    return True


def _outline(derived: list[Node], sources: dict[Tensor, Source]) -> list:
    """Return a description of derived nodes without their names, to compare two instances.

    It lists, for each node, the op, the attributes, the sources of its inputs, and the positions of
    the nodes that it waits for.
    """
    places = {node: place for place, node in enumerate(derived)}

    def of(tensor: Tensor) -> tuple | None:
        place = places.get(tensor.node)
        return sources.get(tensor) if place is None else (place, tensor.index)

    return [
        (
            node.op.id,
            attributes(node),
            [of(tensor) for tensor in node.inputs],
            [places.get(other) for other in node.control_inputs],
        )
        for node in derived
    ]


def _names(path: str, node_id: str) -> bool:
    """Return whether a path of ids ends in this node id."""
    return path.rpartition("/")[2] == node_id


def _with_loss(doc: Document, phase: dict[str, Json], node_id: str) -> dict[str, Json]:
    """If a phase of the training schedule uses this optimizer and names no loss, return the phase
    with the loss that the optimizer minimizes. Return any other phase unchanged.
    """
    if not _names(phase["optimizer"], node_id) or phase.get("loss") is not None:
        return phase
    loss = minimized_by(doc, phase["optimizer"])
    return phase if loss is None else {**phase, "loss": loss}


def _become_group(
    doc: Document,
    t: Transaction,
    node_id: str,
    macro: Node,
    sources: dict[Tensor, Source],
) -> None:
    """Turn the optimizer's node into a group node that runs the copies of its assigns. Training
    settings that name the optimizer now also name its loss.
    """
    settings = training_settings(doc)
    if any(_names(phase["optimizer"], node_id) for phase in settings.schedule):
        phases = [_with_loss(doc, phase, node_id) for phase in settings.schedule]
        t.set_training({**doc.training, "schedule": phases})
    if settings.optimizer is not None and _names(settings.optimizer, node_id):
        named = {"optimizer": settings.optimizer, "loss": settings.loss}
        t.set_training({**doc.training, **named})
    for wire in doc.wires_into(node_id):
        if not is_control(wire.target_port):
            t.drop_wire(wire.key)
    t.put_node(replace(doc.nodes[node_id], op=GROUP, attrs={}))
    for index, node in enumerate([*_updates(macro), *_along(macro)]):
        t.put_wire(Wire(*sources[node.outputs[0]], node_id, f"values.{index}"))


def _replace_outputs(
    doc: Document,
    t: Transaction,
    node_id: str,
    macro: Node,
    sources: dict[Tensor, Source],
) -> None:
    """Wire the consumers of a gradients node to the copies, and remove the node.

    A gradient that does not exist had no value: its wires are removed, and their targets report the
    missing input.
    """
    stands_for = {
        macro.op.output_name(index): None if tensor is None else sources.get(tensor)
        for index, tensor in enumerate(macro.alias)
    }
    for wire in doc.wires_out_of(node_id):
        source = stands_for.get(wire.source_port)
        if source is not None:
            t.put_wire(Wire(*source, wire.target, wire.target_port))
    first = stands_for.get(macro.op.output_name(0))
    rewrite_settings(doc, t, lambda steps: _instead(steps, node_id, first and first[0]))
    t.drop_node(node_id)


def _instead(steps: list[str], old: str, new: str | None) -> list[str] | None:
    """Return a path of node ids. If its last step is the removed node `old`, replace that by `new`,
    or return None if `new` is None.
    """
    if steps[-1] != old:
        return steps
    return [*steps[:-1], new] if new else None


def _place(
    doc: Document,
    t: Transaction,
    flat: Document,
    macro: Node,
    derived: list[Node],
    new: dict[Node, str],
    known: Mapping[str, Position],
) -> None:
    """Move the copies of derived nodes, and the group that replaces an optimizer, to a free area of
    the document. Arrange them with a frame around each scope.
    """
    inner, ids = _read(flat, macro, derived)
    group = [] if macro.outputs else [macro]
    frames = _lay_out(
        inner, {ids[node]: node.name for node in derived}, [ids[node] for node in group], known
    )
    places = {new[node]: inner.nodes[ids[node]].pos for node in [*derived, *group]}
    dx, dy = free_place(doc, set(doc.nodes) - set(new.values()), places)
    for key, (x, y) in places.items():
        t.put_node(replace(doc.nodes[key], pos=(x + dx, y + dy)))
    for frame in frames:
        x, y, width, height = frame.rect
        t.put_frame(replace(frame, id=t.new_id("f"), rect=(x + dx, y + dy, width, height)))

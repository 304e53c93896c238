"""Guessed inputs of a new node: the value it was added for, the data's labels, the only loss.

Nothing is guessed if there is a choice: with two candidates, neither is wired.
"""

from __future__ import annotations

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.passthrough_nodes import origin
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.analysis.subgraphs.instance_paths import variables_of
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.analysis.traversal import downstream
from nodeflow.document.analysis.wiring.op_matching import takes
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.analysis.wiring.wire_check import check_type
from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.conversions import (
    Conversion,
    insert_conversion,
    to_layer,
    to_scalar,
)
from nodeflow.document.edit.offers.give_units import units_for_wire
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.layout.layered import COLUMN_GAP
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire

Source = tuple[str, str]
"""An output port: (node id, port)."""
LABELS = frozenset("class classes label labels target targets y y_true".split())
SCORES = ("logits", "predictions")
PLACEHOLDER, LAYERS = "placeholder", "Layers"


def wire_new(
    doc: Document, analysis: Analysis, node_id: str, source: Source | None = None
) -> list[str]:
    """Wire a new node: `source` into the port that fits it best, and other obvious inputs.

    A layer for pictures takes rows of pixels through a reshape. A loss or a metric takes the data's
    labels and the network's result, if each is unique. An optimizer takes the only loss, through a
    mean if the loss is one number per row.

    Args:
        analysis: the analysis of the document before the node was added.

    Returns:
        The ids of nodes inserted between the source and the new node.
    """
    record = doc.node(node_id)
    op = declaration(record, doc)
    if op is None:
        return []
    if is_optimizer(record.op):
        found = source if source is not None else _only(_losses(doc, analysis))
        return [] if found is None else _wire_loss(doc, analysis, node_id, found)
    ports = [port.name for port in in_ports(doc, record)]
    if source is not None:
        port = main_port(doc, analysis, record, source)
        if port is not None:
            commands.connect(doc, *source, node_id, port)
        elif (found := _reshaped(doc, analysis, record, source)) is not None:
            return _insert(doc, found[1], Wire(*source, node_id, found[0]))
    if "labels" not in ports:
        return []
    for port in ports:
        if (node_id, port) in doc.wires or port not in ("labels", *SCORES):
            continue
        candidates = _label_sources(doc) if port == "labels" else _results(doc, analysis)
        taken = {wire.source for wire in doc.wires_into(node_id)}
        fitting = [
            found
            for found in candidates
            if found[0] not in taken and _takes(doc, analysis, node_id, port, found)
        ]
        found = _only(fitting)
        if found is not None:
            commands.connect(doc, *found, node_id, port)
    return []


def main_port(doc: Document, analysis: Analysis, record: NodeRecord, source: Source) -> str | None:
    """Return the free in-port of a node that fits a value best; None if none takes it.

    `record` need not be in the document yet. Scores go into the scores of a loss, labels into its
    labels, whatever the order of its ports.
    """
    wired = {wire.target_port for wire in doc.wires_into(record.id)} if record.id else set()
    given = analysis.type_of(*source)
    free = [p for p in in_ports(doc, record) if p.kind == "tensor" and p.name not in wired]
    if given is not None and any(given.dtype in p.dtypes for p in free if not p.optional):
        # an optional state must not take the value meant for the sequence
        free = [p for p in free if not p.optional]
    names = [port.name for port in free]
    if "labels" in names and not is_labels(doc, source[0]):
        names.sort(key=lambda name: name == "labels")
    for name in names:
        if given is None or check_type(doc, analysis, given, record, name) is None:
            return name
    return None


def takes_from(
    doc: Document, analysis: Analysis, record: NodeRecord, node_id: str
) -> Source | None:
    """Return the output of `node_id` that a new node could take; None if there is none.

    For a dataset node, return the placeholder of its first column.
    """
    source = first_output(doc, analysis, node_id)
    op = declaration(record, doc)
    if source is None or op is None:
        return None
    given = analysis.type_of(*source)
    if is_optimizer(record.op):
        return source if given is not None and given.is_float else None
    fits = given is None or takes(op, given)
    if fits and main_port(doc, analysis, record, source) is not None:
        return source
    return source if _reshaped(doc, analysis, record, source) is not None else None


def first_output(doc: Document, analysis: Analysis, node_id: str) -> Source | None:
    """Return a node's first output port, or None if that port does not exist or carries no tensor.

    For a dataset node, return the output of the placeholder that its first wired column feeds.
    """
    record = doc.nodes[node_id]
    if record.op == DATASET:
        columns = [port.name for port in out_ports(doc, record, analysis)]
        fed = {w.source_port: w.target for w in doc.wires_out_of(node_id) if w.target_port == FEED}
        target = next((fed[name] for name in columns if name in fed), None)
        return None if target is None else first_output(doc, analysis, target)
    ports = out_ports(doc, record, analysis)
    return (node_id, ports[0].name) if ports and ports[0].kind == "tensor" else None


def is_labels(doc: Document, node_id: str) -> bool:
    """Return whether a node is a placeholder for labels, judged by its name or its column's
    name.
    """
    record = doc.nodes[node_id]
    if record.op != PLACEHOLDER:
        return False
    wire = doc.wires.get((node_id, FEED))
    found = None if wire is None else origin(doc, wire)
    return (record.name if found is None else found.source_port).lower() in LABELS


# ---- candidates ---------------------------------------------------------------------------------


def _label_sources(doc: Document) -> list[Source]:
    return [(i, "out") for i, r in doc.nodes.items() if r.op == PLACEHOLDER and is_labels(doc, i)]


def _results(doc: Document, analysis: Analysis) -> list[Source]:
    """Return the results of a network: values that depend on trained variables and lead only to
    losses and metrics."""
    after = downstream(doc, _of_kind(doc, "Loss"))
    return [s for s in _learned(doc, analysis) if s[0] not in after and _is_end(doc, s[0])]


def _losses(doc: Document, analysis: Analysis) -> list[Source]:
    """Return the losses, or values computed from losses, that lead only to optimizers.

    Without a loss, return single numbers that depend on trained variables and lead only to
    optimizers.
    """
    ends = [
        source
        for source in _learned(doc, analysis)
        if all(is_optimizer(doc.nodes[w.target].op) for w in doc.wires_out_of(source[0]))
    ]
    after = downstream(doc, _of_kind(doc, "Loss"))
    measured = [source for source in ends if source[0] in after]
    if measured:
        return measured
    return [s for s in ends if (t := analysis.type_of(*s)) is not None and t.shape == ()]


def _learned(doc: Document, analysis: Analysis) -> list[Source]:
    """Return the float outputs that depend on variables, except the outputs of metrics."""
    nodes = doc.nodes.values()
    variables = [r.id for r in nodes if r.op == "variable" or variables_of(r)]
    measured = downstream(doc, _of_kind(doc, "Metric"))
    found = []
    for node_id in downstream(doc, variables) - measured:
        if doc.nodes[node_id].op == "variable":
            continue
        source = first_output(doc, analysis, node_id)
        given = None if source is None else analysis.type_of(*source)
        if source is not None and given is not None and given.is_float:
            found.append(source)
    return found


def _of_kind(doc: Document, category: str) -> list[str]:
    return [i for i in doc.nodes if _kind(doc, i) == category]


def _is_end(doc: Document, node_id: str) -> bool:
    after = [wire.target for wire in doc.wires_out_of(node_id)]
    return all(_kind(doc, i) in ("Loss", "Metric") for i in after)


def _kind(doc: Document, node_id: str) -> str:
    record = doc.nodes.get(node_id)
    op = None if record is None else declaration(record, doc)
    return "" if op is None else op.category


def _only(found: list[Source]) -> Source | None:
    return found[0] if len(found) == 1 else None


def _takes(doc: Document, analysis: Analysis, node_id: str, port: str, source: Source) -> bool:
    """Return whether a port takes a value, or would take it with another number of units of its
    layer.

    That number is offered where the problem is shown.
    """
    given = analysis.type_of(*source)
    if given is None:
        return False
    if check_type(doc, analysis, given, doc.node(node_id), port) is None:
        return True
    return bool(units_for_wire(doc, analysis, Wire(*source, node_id, port)))


def _reshaped(
    doc: Document, analysis: Analysis, record: NodeRecord, source: Source
) -> tuple[str, Conversion] | None:
    """Return the in-port of a layer that takes a value after a reshape, and that reshape."""
    op, given = declaration(record, doc), analysis.type_of(*source)
    if op is None or given is None or op.category != LAYERS or not op.inputs:
        return None
    port = op.inputs[0].name
    found = to_layer(doc, analysis, record, port, given)
    return None if found is None else (port, found)


def _insert(doc: Document, found: Conversion, wire: Wire) -> list[str]:
    """Put a conversion at the new node's position, and move the new node to the right of it."""
    record = doc.node(wire.target)
    made = insert_conversion(doc, found, wire, record.pos)
    width = node_size(doc, doc.node(made[-1]))[0]
    x, y = record.pos
    commands.move(doc, {wire.target: (x + width + COLUMN_GAP, y)})
    return made


def _wire_loss(doc: Document, analysis: Analysis, node_id: str, source: Source) -> list[str]:
    """Wire a loss into an optimizer; one number per row goes through a mean."""
    given = analysis.type_of(*source)
    wire = Wire(*source, node_id, "loss")
    if given is None or given.shape == ():
        commands.connect(doc, *wire)
        return []
    mean = to_scalar(given)
    return [] if mean is None else _insert(doc, mean, wire)

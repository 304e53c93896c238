"""Adding one node of a document to a build's graph, after its sources."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.node_flags import device_of
from nodeflow.document.analysis.passthrough_nodes import REROUTE, origin
from nodeflow.document.analysis.port_names import FEED, input_names, is_control, port_order
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import NodeRecord, Wire, stream_of
from nodeflow.document.to_graph.build_result import Build
from nodeflow.errors import MissingInput, NodeflowError
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import literal
from nodeflow.ops import REGISTRY


def place(build: Build, record: NodeRecord) -> None:
    """Build the graph node of a document node. A bypassed node or dot only forwards its inputs, and
    a dataset adds no graph node.
    """
    passes = build.analysis.passes(record.id)
    if passes is not None:
        pass_on(build, record, passes)
    elif record.op != DATASET:
        add(build, record)


def pass_on(build: Build, record: NodeRecord, passes: Mapping[str, str]) -> None:
    """Make the values wired into a reroute dot or bypassed node available as its outputs, so that
    its consumers read them.
    """
    wired = wires_into(build, record)
    if not passes:  # an optimizer has nothing to pass on, so it is only left out
        text = f"`{record.name}` is bypassed"
        build.muted[record.id] = Problem(record.name, None, text, severity="info")
    for port, source in passes.items():
        wire = wired.get(source)
        if wire is None:
            continue
        if wire.source in build.skipped:
            build.skipped[record.id] = build.skipped[wire.source]
            return
        tensor = build.tensors.get((wire.source, wire.source_port))
        if tensor is not None:  # else a dataset's column on its way to a placeholder
            build.set_output(record.id, port, tensor)
            build.passed.setdefault(record.name, {})[port] = tensor
            build.nodes[record.id] = tensor.node


def wires_into(build: Build, record: NodeRecord) -> dict[str, Wire]:
    """Return the wires into a node by in-port."""
    return {wire.target_port: wire for wire in build.document.wires_into(record.id)}


def skip_behind(build: Build, record: NodeRecord) -> bool:
    """Mark a node as skipped if one of its sources is skipped or a required source has no value.
    Return whether the node is skipped.
    """
    wired = wires_into(build, record)
    sources = [wire.source for port, wire in wired.items() if port != FEED]
    behind = next((source for source in sources if source in build.skipped), None)
    if behind is not None:
        build.skipped[record.id] = build.skipped[behind]
        return True
    for port in input_names(REGISTRY.lookup(record.op).inputs, wired):
        wire = wired.get(port)
        if wire is None:
            continue  # an unwired optional port has a stand-in
        if (wire.source, wire.source_port) not in build.tensors:
            source = build.document.nodes[wire.source].name
            skip(build, record, MissingInput(f"no value comes through `{source}`", port=port))
            return True
    return False


def sources_of(build: Build, record: NodeRecord) -> tuple[list[Tensor | None], list[Node]]:
    """Return the tensors that a node reads, and the nodes that it waits for.

    A tensor is None if the port's default value is to be used.
    """
    wired = wires_into(build, record)
    inputs = [
        _seen(build.tensors[wired[port].source, wired[port].source_port]) if port in wired else None
        for port in input_names(REGISTRY.lookup(record.op).inputs, wired)
    ]
    controls = [
        _waited_for(build.nodes[wired[port].source])
        for port in sorted(filter(is_control, wired), key=port_order)
        if wired[port].source in build.nodes  # a bypassed node orders nothing
    ]
    return inputs, controls


def _waited_for(node: Node) -> Node:
    """Return the node to wait for in place of ``node``. If it is transparent, it only forwards the
    value of another node, so return that one.
    """
    alias = node.alias[0] if node.op.transparent and node.alias else None
    return node if alias is None else alias.node


def _seen(tensor: Tensor) -> Tensor | None:
    """Return the tensor that a consumer reads, looking through transparent nodes."""
    node = tensor.node
    return node.alias[tensor.index] if node.op.transparent and node.alias else tensor


def add(build: Build, record: NodeRecord) -> None:
    """Add one node to the graph. If that fails, skip the node and all its dependents."""
    if skip_behind(build, record):
        return
    op = REGISTRY.lookup(record.op)
    inputs, controls = sources_of(build, record)
    if build.for_edits:
        op = op.for_edits(inputs, record.attrs)
    try:
        device = build.graph.device(device_of(record) or None)
        with device, warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            node = build.graph.add_node(
                op,
                inputs,
                record.attrs,
                name=record.name,
                control_inputs=controls,
                stream=stream_of(record),
            )
    except NodeflowError as error:
        skip(build, record, error)
        return
    except Exception as error:  # a file may hold anything
        found = [Problem.unforeseen(error, record.name, f"{record.op} cannot be built")]
        build.skipped[record.id] = found
        build.found.setdefault(record.id, []).extend(found)
        return
    for warning in said:
        text = str(warning.message).removeprefix(f"{record.name}: ")
        problem = Problem(record.name, None, text, severity="warning")
        build.found.setdefault(record.id, []).append(problem)
    connect(build, record, node)


def connect(build: Build, record: NodeRecord, node: Node) -> None:
    """Record in ``build`` which graph node a document node became, and its output tensors. For a
    placeholder, also record the dataset column that feeds it.
    """
    build.nodes[record.id] = node
    for index, tensor in enumerate(node.outputs):
        build.set_output(record.id, node.op.output_name(index), tensor)
    if record.op != "placeholder":
        return
    feed = wires_into(build, record).get(FEED)
    wire = feed and origin(build.document, feed)
    if wire is not None:
        build.bindings[record.name] = (wire.source, wire.source_port)
    if node.attrs.get("sample") is not None:
        build.samples[record.name] = literal(node.attrs["sample"], node.outputs[0].dtype)


def skip(build: Build, record: NodeRecord, error: NodeflowError) -> None:
    """Skip a node because of an error, and record the error as a problem of the node.

    Some errors appear only when the graph is built, such as a gradient that does not exist.
    """
    inner = error.where if error.node and error.node != record.name else ""
    text = f"{inner}: {error.message}" if inner else error.message
    problem = Problem(record.name, error.port, text, error.hint, kind=type(error).__name__)
    build.skipped[record.id] = [problem]
    build.found.setdefault(record.id, []).append(problem)


def behind_dots(doc: Document, ids: Iterable[str]) -> set[str]:
    """Return the nodes that the given reroute dots (nodes that only forward a wire) lead to, also
    through further dots.

    The dots carry a column of a dataset for which the graph has no tensor.
    """
    found: set[str] = set()
    stack = [i for i in ids if doc.nodes[i].op == REROUTE]
    while stack:
        for wire in doc.wires_out_of(stack.pop()):
            if wire.target not in found:
                found.add(wire.target)
                if doc.nodes[wire.target].op == REROUTE:
                    stack.append(wire.target)
    return found

"""Types and problems of one node, given the types wired into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from nodeflow.document.analysis.datasets.column_types import StillReading
from nodeflow.document.analysis.datasets.dataset_node import DATASET, dataset_types, document_folder
from nodeflow.document.analysis.foreign_nodes import foreign_outputs, foreign_problem, is_foreign
from nodeflow.document.analysis.inference.feed_check import COLUMN, Outputs, check_feed
from nodeflow.document.analysis.inference.variable_shapes import example_shape, sizes_text
from nodeflow.document.analysis.passthrough_nodes import (
    BYPASSED,
    MUTED,
    REROUTE,
    bypass_routes,
    mode_of,
)
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.port_names import (
    CONTROL,
    DONE,
    FEED,
    input_names,
    is_control,
    port_order,
    split_port,
    stand_in_type,
)
from nodeflow.document.analysis.subgraphs.instance_paths import (
    find_name,
    find_variable,
    scoped_name,
    variables_of,
    walk,
)
from nodeflow.document.analysis.subgraphs.loops_and_branches import flow_inputs, flow_outputs
from nodeflow.document.analysis.subgraphs.shared_weights import sharing_problem
from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    BORDER,
    border_inputs,
    border_outputs,
    definition_of,
)
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import SUBGRAPH, NodeRecord, Wire
from nodeflow.errors import (
    GraphError,
    MissingInput,
    MissingShape,
    NodeflowError,
    UnknownName,
    UnknownOp,
    suggest,
)
from nodeflow.graph.declaration import NodeDeclaration, Port
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.name_patterns import is_meant, is_pattern
from nodeflow.graph.types import TensorType
from nodeflow.ops import REGISTRY
from nodeflow.ops.user import PLUGINS, plugin_folder

TENSOR, ORDER, OPEN = "tensor", "order", "open"
"""Kinds of wires besides a data set's `COLUMN`: a value, only an order, or unknown because nothing
is wired into the port of a subgraph."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """The inferred output types of a node by port (None: unknown), and its problems.

    `passes` is only for nodes that forward values: output port -> input port. `kinds` has the kinds
    of outputs that are not values.
    """

    out: Outputs | None
    problems: tuple[Problem, ...] = ()
    passes: Mapping[str, str] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def broken(self) -> bool:
        """True if the node cannot run because of its own error."""
        return any(problem.severity == "error" for problem in self.problems)


class Carried(NamedTuple):
    """The type (if known) and kind of a wire that crosses the border of a subgraph."""

    type: TensorType | None
    kind: str = TENSOR


def infer_node(
    doc: Document,
    record: NodeRecord,
    outputs_of: Callable[[str], Outputs | None],
    kind_of: Callable[[Wire], str],
    folder: str | os.PathLike | None = None,
) -> Inferred:
    """Return the types and problems of a node.

    `outputs_of(id)` returns the types of a source, `kind_of(wire)` the kind of a wire.
    """
    problems: list[Problem] = []
    out: Outputs | None = None
    known = _Known(outputs_of, kind_of)
    try:
        out = _infer(doc, record, known, document_folder(doc, folder), problems)
    except StillReading as error:
        problems.append(Problem.of(error, record.name, "info"))
    except NodeflowError as error:
        problems.append(_needs_shape(doc, record, known) or Problem.of(error, record.name))
    except Exception as error:
        what = f"{record.op} cannot tell its type"
        problems.append(Problem.unforeseen(error, record.name, what))
    if record.extra and (problem := sharing_problem(doc, record)) is not None:
        problems.append(problem)
    found = Inferred(out, tuple(problems))
    if record.op == REROUTE:
        wire = doc.wires.get((record.id, "x"))
        kind = TENSOR if wire is None else kind_of(wire)
        found = replace(found, passes={"out": "x"}, kinds={} if kind == TENSOR else {"out": kind})
    return in_mode(doc, record, found, outputs_of)


def _needs_shape(doc: Document, record: NodeRecord, known: _Known) -> Problem | None:
    """Return the problem that a variable which is a single number feeds a node that needs an
    array.
    """

    def type_of(node: str, port: str) -> TensorType | None:
        wire = doc.wires.get((node, port))
        source, port = (node, port) if wire is None else (wire.source, wire.source_port)
        return None if source == record.id else (known.outputs_of(source) or {}).get(port)

    for wire in doc.wires_into(record.id):
        given = type_of(wire.source, wire.source_port)
        if doc.nodes[wire.source].op == "variable" and given is not None and given.shape == ():
            shape = example_shape(doc, type_of, wire)
            if shape is not None:
                text = f"`{doc.nodes[wire.source].name}` is a single number"
                hint = f"Give it a shape, for example {sizes_text(shape)}."
                return Problem(
                    record.name, wire.target_port, text, hint, kind=MissingShape.__name__
                )
    return None


@dataclass(frozen=True, slots=True)
class _Known:
    """The known types and kinds of a node's inputs."""

    outputs_of: Callable[[str], Outputs | None]
    kind_of: Callable[[Wire], str]


def in_mode(
    doc: Document,
    record: NodeRecord,
    found: Inferred,
    outputs_of: Callable[[str], Outputs | None],
) -> Inferred:
    """Adapt the result of a node to its mode: a muted or bypassed node has no errors."""
    mode = mode_of(record)
    if mode == MUTED:
        quiet = (replace(p, severity="info") for p in found.problems)
        return replace(found, problems=tuple(quiet))
    ports = None if mode != BYPASSED or record.op == REROUTE else _ports(doc, record)
    if ports is None:
        return found
    inputs_declared, outputs_declared = ports
    wired = {wire.target_port: wire for wire in doc.wires_into(record.id)}
    names = [port for port in input_names(inputs_declared, wired) if port in wired]
    types = {port: (outputs_of(wired[port].source) or {}) for port in names}
    inputs = [(port, types[port].get(wired[port].source_port)) for port in names]
    routes, problem = bypass_routes(record, inputs, found.out, outputs_declared)
    known = dict(inputs)
    types_out = ((port, known[source]) for port, source in routes.items())
    out = {port: kind for port, kind in types_out if kind is not None}
    complete = len(out) == len(routes) and problem is None
    return Inferred(out if complete else None, (problem,) if problem else (), routes)


def _ports(doc: Document, record: NodeRecord) -> tuple[Sequence[Port], Sequence[Port]] | None:
    """Return the declared inputs and outputs of a node that can be bypassed; None for any other."""
    if record.op == SUBGRAPH:
        definition = definition_of(doc, record)
        if definition is None:
            return (), ()
        return flow_inputs(definition, record), flow_outputs(definition, record)
    if record.op in BORDER:
        return border_inputs(record), border_outputs(record)
    op = plain_declaration(record.op)
    return None if op is None else (op.inputs, op.outputs)


def _infer(
    doc: Document,
    record: NodeRecord,
    known: _Known,
    folder: str | os.PathLike | None,
    problems: list[Problem],
) -> Outputs | None:
    if record.op == DATASET:
        if doc.wires_into(record.id):
            raise GraphError("a dataset has no inputs", hint="Remove the wire.")
        return dataset_types(record.attrs, base_dir=folder)
    if record.op in BORDER:
        raise GraphError(
            "inputs and outputs of a subgraph exist only inside one", hint="Remove the node."
        )
    op = plain_declaration(record.op)
    if op is None and is_foreign(record):
        problems.append(foreign_problem(record))
        return foreign_outputs(record)
    if op is None:
        raise UnknownOp(
            f"there is no op {record.op!r}",
            hint=_op_hint(record.op),
        )
    op.check_usable()
    wired = {wire.target_port: wire for wire in doc.wires_into(record.id)}
    types, complete = _input_types(doc, record, op, wired, known, problems)
    bound = op.bind_attrs(record.attrs)
    _check_names(doc, record, op, bound, problems)
    if not complete:
        return None
    result = infer_types(op, types, bound, record.name)
    out = {op.output_name(i): t for i, t in enumerate(result)}
    if record.op == "placeholder":
        wire = wired.get(FEED)
        if wire is not None and known.kind_of(wire) == OPEN:
            wire = None  # a port of the subgraph without a wire
        kind = TENSOR if wire is None else known.kind_of(wire)
        check_feed(doc, record, bound, result[0], wire, kind, known.outputs_of, problems)
    return out


def _input_types(
    doc: Document,
    record: NodeRecord,
    op: NodeDeclaration,
    wired: Mapping[str, Wire],
    known: _Known,
    problems: list[Problem],
) -> tuple[list[TensorType], bool]:
    """Return the types of the inputs, and whether all of them are known."""
    complete = check_wires(doc, record, op.inputs, wired, known.kind_of, problems)
    types: list[TensorType] = []
    for port in input_names(op.inputs, wired):
        wire = wired.get(port)
        if wire is None and (stand_in := stand_in_type(op, port, record.attrs)) is not None:
            types.append(stand_in)
            continue
        if wire is None:
            problems.append(missing_input(record.name, port))
            complete = False
            continue
        found = known.outputs_of(wire.source)
        if found is None:
            complete = False
        elif wire.source_port not in found:
            if known.kind_of(wire) == TENSOR and wire.source_port != DONE:
                problems.append(_no_output(doc, record, wire, found))
            complete = False
        else:
            types.append(found[wire.source_port])
    return types, complete


def check_wires(
    doc: Document,
    record: NodeRecord,
    inputs: Sequence[Port],
    wired: Mapping[str, Wire],
    kind_of: Callable[[Wire], str],
    problems: list[Problem],
) -> bool:
    """Add problems of wires with an unknown port or a wrong kind; return whether all fit."""
    complete = True
    takes_all = record.op in (REROUTE, SUBGRAPH, *BORDER)
    names = {port.name for port in inputs if not port.variadic}
    bases = {port.name for port in inputs if port.variadic}
    for port, wire in sorted(wired.items(), key=_by_port):  # undo restores wires in another order
        base, index = split_port(port)
        feed = port == FEED and record.op == "placeholder"
        if not (port in names or (index is not None and base in bases) or feed or is_control(port)):
            problems.append(_no_port(record, inputs, port))
            complete = False
            continue
        if takes_all and wire.source_port != DONE:
            continue
        kind = kind_of(wire)
        if not feed and not takes_all and kind == COLUMN:
            problems.append(_column_into_op(doc, record, wire))
            complete = False
        elif base != CONTROL and _is_order(record, wire, kind):
            problems.append(_no_value(doc, record, wire))
            complete = False
    return complete


def _by_port(wired: tuple[str, Wire]) -> tuple[str, int]:
    return port_order(wired[0])


def _is_order(record: NodeRecord, wire: Wire, kind: str) -> bool:
    """Return whether a wire carries no value and only orders two nodes.

    Return False at a port of a subgraph, which takes any wire.
    """
    if record.op == SUBGRAPH or record.op in BORDER:
        return False
    return wire.source_port == DONE or kind == ORDER


def missing_input(node: str, port: str) -> Problem:
    """Return the problem of a required in-port without a wire."""
    return Problem(
        node,
        port,
        f"nothing is connected to `{port}`",
        "Connect an output to it.",
        kind=MissingInput.__name__,
    )


def _no_port(record: NodeRecord, inputs: Sequence[Port], port: str) -> Problem:
    names = [p.name for p in inputs]
    known = f"It has {', '.join(names)}." if names else f"{record.op} takes no inputs."
    text = f"{record.op} has no in-port {port!r}"
    return Problem(record.name, port, text, suggest(port, names) or known, kind="UnknownName")


def _no_output(doc: Document, record: NodeRecord, wire: Wire, found: Outputs) -> Problem:
    source = doc.nodes[wire.source].name
    return Problem(
        record.name,
        wire.target_port,
        f"`{source}` has no output {wire.source_port!r}",
        suggest(wire.source_port, found) or (f"It has {', '.join(found)}." if found else None),
        kind="UnknownName",
    )


def _column_into_op(doc: Document, record: NodeRecord, wire: Wire) -> Problem:
    return Problem(
        record.name,
        wire.target_port,
        f"`{doc.nodes[wire.source].name}` is a dataset, and its columns can only feed placeholders",
        "Insert a placeholder: connect the column to its `feed`, and its output here.",
        kind="FeedError",
    )


def _no_value(doc: Document, record: NodeRecord, wire: Wire) -> Problem:
    text = (
        f"`{doc.nodes[wire.source].name}` has no value, only the control output "
        f"`{wire.source_port}`"
    )
    return Problem(record.name, wire.target_port, text, kind="FetchError")


def variables_in(doc: Document) -> list[str]:
    """Return the names of the variables of one graph, including the variables of its layers."""
    found = []
    for record in doc.nodes.values():
        if record.op == "variable":
            found.append(record.name)
        found += [f"{record.name}/{own}" for own in variables_of(record)]
    return found


def all_variables(doc: Document) -> list[str]:
    """Return the scoped names of all variables of a graph, also inside its subgraph instances."""
    found = []
    for path, _, record in walk(doc):
        own = [f"/{each}" for each in variables_of(record)]
        if record.op == "variable" or own:
            name = scoped_name(doc, path) or record.name
            found += [name + each for each in own or [""]]
    return found


def matching_variables(doc: Document, pattern: str) -> list[str]:
    """Return the variables of a graph and its instances that match a pattern."""
    return [name for name in all_variables(doc) if is_meant(name, [pattern])]


def is_variable(doc: Document, name: str) -> bool:
    """Return whether a name belongs to a variable of this graph, its instances, or the root
    graph.
    """
    for graph in dict.fromkeys((doc, doc.root)):
        if find_variable(graph, name) is not None:
            return True
        if find_name(graph, name) is not None:
            return False
    return False


def _op_hint(op: str) -> str:
    """Return the closest known op, or the folder for the user's own ops."""
    near = suggest(op, [DATASET, *(known.id for known in REGISTRY if not known.hidden)])
    if PLUGINS.problems:
        return f"A file of the plugin folder does not load: {PLUGINS.problems[0]}"
    folder = PLUGINS.folder or plugin_folder()
    if near and not folder.is_dir():
        return near
    return f"{near or 'It is kept as it is.'} Ops of your own come from files in {folder}."


def _check_names(
    doc: Document,
    record: NodeRecord,
    op: NodeDeclaration,
    bound: Mapping[str, Any],
    problems: list[Problem],
) -> None:
    """Add problems of attributes that name variables which do not exist."""
    for attr in op.attrs:
        if attr.kind != "names" or not bound.get(attr.name):
            continue
        for name in bound[attr.name]:
            if is_pattern(name):
                if not matching_variables(doc, name) and not matching_variables(doc.root, name):
                    text = f"no variable matches {name!r}"
                    problems.append(
                        Problem(record.name, attr.name, text, kind=UnknownName.__name__)
                    )
            elif not is_variable(doc, name):
                variables = variables_in(doc)
                text = f"there is no variable {name!r}"
                hint = suggest(name, variables)
                problems.append(
                    Problem(record.name, attr.name, text, hint, kind=UnknownName.__name__)
                )

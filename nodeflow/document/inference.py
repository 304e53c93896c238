"""Types and problems of one node, given the types of what is wired into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nodeflow.document.dataset_op import DATASET, dataset_types
from nodeflow.document.declarations import declaration
from nodeflow.document.feed_check import Outputs, check_feed
from nodeflow.document.model import Document
from nodeflow.document.passing import BYPASSED, MUTED, REROUTE, mode_of, origin, passed
from nodeflow.document.ports import (
    CONTROL,
    DONE,
    FEED,
    base_dir,
    input_names,
    is_control,
    split_port,
)
from nodeflow.document.problems import Problem
from nodeflow.document.records import NodeRecord, Wire
from nodeflow.errors import (
    MissingInput,
    NodeflowError,
    UnknownName,
    UnknownOp,
    suggest,
)
from nodeflow.graph.infer import infer_types
from nodeflow.graph.op import Op
from nodeflow.graph.types import TensorType


@dataclass(frozen=True, slots=True)
class Inferred:
    """What is known of a node: its output types by port (None: unknown), and its problems.

    `passes` is for nodes the graph has no node for: output port -> the input port that it is.
    """

    out: Outputs | None
    problems: tuple[Problem, ...] = ()
    passes: Mapping[str, str] | None = None

    @property
    def broken(self) -> bool:
        """True if an error keeps this node itself from running."""
        return any(problem.severity == "error" for problem in self.problems)


def infer_node(
    doc: Document,
    record: NodeRecord,
    outputs_of: Callable[[str], Outputs | None],
    folder: str | os.PathLike | None = None,
) -> Inferred:
    """Returns the types and problems of a node. `outputs_of(id)` gives those of its sources."""
    problems: list[Problem] = []
    out: Outputs | None = None
    try:
        out = _infer(doc, record, outputs_of, folder or base_dir(doc), problems)
    except NodeflowError as error:
        problems.append(Problem.of(error, record.name))
    except (ArithmeticError, TypeError, ValueError, LookupError, MemoryError) as error:
        # An op of a plugin, or a value that an op did not foresee: a problem of this node alone.
        text = f"{record.op} cannot tell its type: {type(error).__name__}: {error}"
        problems.append(Problem(record.name, None, text, kind=type(error).__name__))
    found = Inferred(out, tuple(problems))
    if record.op == REROUTE:
        found = replace(found, passes={"out": "x"})
    return _in_mode(doc, record, found, outputs_of)


def _in_mode(
    doc: Document,
    record: NodeRecord,
    found: Inferred,
    outputs_of: Callable[[str], Outputs | None],
) -> Inferred:
    """What a node is like that is muted or bypassed: it does not run, so its errors are none."""
    mode, op = mode_of(record), declaration(record)
    if mode == MUTED:
        quiet = (replace(p, severity="info") for p in found.problems)
        return replace(found, problems=tuple(quiet))
    if mode != BYPASSED or op is None or record.op in (DATASET, REROUTE):
        return found
    wired = {wire.target_port: wire for wire in doc.wires_into(record.id)}
    names = [port for port in input_names(op, wired) if port in wired]
    types = {port: (outputs_of(wired[port].source) or {}) for port in names}
    inputs = [(port, types[port].get(wired[port].source_port)) for port in names]
    routes, problem = passed(record, inputs, found.out, op)
    known = dict(inputs)
    types_out = ((port, known[source]) for port, source in routes.items())
    out = {port: kind for port, kind in types_out if kind is not None}
    complete = len(out) == len(routes) and problem is None
    return Inferred(out if complete else None, (problem,) if problem else (), routes)


def _infer(
    doc: Document,
    record: NodeRecord,
    outputs_of: Callable[[str], Outputs | None],
    folder: str | os.PathLike | None,
    problems: list[Problem],
) -> Outputs | None:
    if record.op == DATASET:
        if doc.wires_into(record.id):
            raise MissingInput("a dataset takes no wires", hint="Remove the wire.")
        return dataset_types(record.attrs, base_dir=folder)
    op = declaration(record)
    if op is None:
        raise UnknownOp(
            f"there is no op {record.op!r}",
            hint=_op_hint(record.op) or "It is kept as it is; remove it to run the rest.",
        )
    wired = {wire.target_port: wire for wire in doc.wires_into(record.id)}
    types, complete = _input_types(doc, record, op, wired, outputs_of, problems)
    bound = op.bind_attrs(record.attrs)
    _check_names(doc, record, op, bound, problems)
    if not complete:
        return None
    result = infer_types(op, types, bound, record.name)
    out = {op.output_name(i): t for i, t in enumerate(result)}
    if record.op == "placeholder":
        check_feed(doc, record, bound, result[0], wired.get(FEED), outputs_of, problems)
    return out


def _input_types(
    doc: Document,
    record: NodeRecord,
    op: Op,
    wired: Mapping[str, Wire],
    outputs_of: Callable[[str], Outputs | None],
    problems: list[Problem],
) -> tuple[list[TensorType], bool]:
    """The types of the op's inputs, and whether all of them are there and known."""
    complete = True
    names = {port.name for port in op.inputs if not port.variadic}
    bases = {port.name for port in op.inputs if port.variadic}
    for port, wire in wired.items():
        base, index = split_port(port)
        feed = port == FEED and record.op == "placeholder"
        if not (port in names or (index is not None and base in bases) or feed or is_control(port)):
            problems.append(_no_port(record, op, port))
            complete = False
        elif not feed and record.op != REROUTE and _is_column(doc, wire):
            problems.append(_column_into_op(doc, record, wire))
            complete = False
        elif wire.source_port == DONE and base != CONTROL:
            problems.append(_no_value(doc, record, wire))
            complete = False
    types: list[TensorType] = []
    for port in input_names(op, wired):
        wire = wired.get(port)
        if wire is None:
            problems.append(missing_input(record.name, port))
            complete = False
            continue
        found = outputs_of(wire.source)
        if found is None:
            complete = False
        elif wire.source_port not in found:
            if doc.nodes[wire.source].op != DATASET and wire.source_port != DONE:
                problems.append(_no_output(doc, record, wire, found))
            complete = False
        else:
            types.append(found[wire.source_port])
    return types, complete


def _is_column(doc: Document, wire: Wire) -> bool:
    return doc.nodes[origin(doc, wire).source].op == DATASET


def missing_input(node: str, port: str) -> Problem:
    """Returns the problem of an in-port that needs a wire."""
    return Problem(
        node,
        port,
        f"`{node}` needs a wire into `{port}`",
        "Drag one from an output port.",
        kind=MissingInput.__name__,
    )


def _no_port(record: NodeRecord, op: Op, port: str) -> Problem:
    names = [p.name for p in op.inputs]
    known = f"It has {', '.join(names)}." if names else f"{op.id} takes no inputs."
    text = f"{op.id} has no in-port {port!r}"
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
        f"`{doc.nodes[wire.source].name}` is a dataset, and its columns feed placeholders",
        "Put a placeholder between: the column into its `feed`, its output here.",
        kind="FeedError",
    )


def _no_value(doc: Document, record: NodeRecord, wire: Wire) -> Problem:
    text = f"`{doc.nodes[wire.source].name}` has no value, only the order `done`"
    return Problem(record.name, wire.target_port, text, kind="FetchError")


def _op_hint(op: str) -> str | None:
    from nodeflow.document.declarations import declarations

    return suggest(op, [declared.id for declared in declarations()])


def _check_names(
    doc: Document,
    record: NodeRecord,
    op: Op,
    bound: Mapping[str, Any],
    problems: list[Problem],
) -> None:
    """Attributes that name variables must name some."""
    for attr in op.attrs:
        if attr.kind != "names" or not bound.get(attr.name):
            continue
        variables = [node.name for node in doc.nodes.values() if node.op == "variable"]
        for name in bound[attr.name]:
            if name not in variables:
                text = f"there is no variable {name!r}"
                hint = suggest(name, variables)
                problems.append(
                    Problem(record.name, attr.name, text, hint, kind=UnknownName.__name__)
                )

"""Checks whether a wire may be drawn, with the reason; called for each port under a dragged wire.

The op's inference checks the types of all inputs that the target would have. So a refusal states
the same problem that the wire would cause.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.feed_check import COLUMN, feed_problem
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.inference.node_inference import OPEN, TENSOR
from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.analysis.port_names import (
    CONTROL,
    DONE,
    FEED,
    GROUP,
    NEW,
    input_names,
    known_types,
    split_port,
)
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import OUTPUTS, SUBGRAPH, NodeRecord, Wire
from nodeflow.errors import AttributeProblem, MissingInput, NodeflowError, suggest
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.inference.infer_types import any_of, infer_types, keeps_more
from nodeflow.graph.types import TensorType

_TAKE_ALL = (REROUTE, SUBGRAPH, OUTPUTS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer whether a wire may be drawn, with the reason.

    Attributes:
        ok: whether it may be drawn.
        reason: the reason for a refusal; for an allowed wire a note, such as that it replaces one.
        hint: a suggestion.
        cast: the dtype of a Cast that would make the wire fit, or None.
    """

    ok: bool
    reason: str = ""
    hint: str | None = None
    cast: str | None = None


def check_wire(
    doc: Document,
    analysis: Analysis,
    source: str,
    source_port: str,
    target: str,
    target_port: str,
) -> Verdict:
    """Return whether a wire from an output port to an input port may be drawn, and the reason.

    Args:
        analysis: up to date with `doc`.

    Raises:
        NoSuchNode: there is no node with one of the ids.
    """
    wire = Wire(source, source_port, target, target_port)
    giver, taker = doc.node(source), doc.node(target)
    if source_port == NEW and target_port == NEW:
        return Verdict(False, "a new port needs a node inside the subgraph", "Connect it to one.")
    refused = _check_ends(doc, analysis, wire, giver, taker)
    if refused is None and target in analysis.ancestors(source):
        refused = Verdict(
            False,
            f"`{giver.name}` depends on `{taker.name}`: the wire would close a loop",
            "A graph cannot contain loops.",
        )
    if refused is None:
        refused = _check_types(doc, analysis, wire, taker)
    if refused is not None:
        return refused
    if taker.op == GROUP and source_port == DONE:
        return Verdict(True)  # it becomes one more control wire
    replaced = doc.wires.get(wire.key)
    if replaced == wire:
        return Verdict(True, "already connected")
    if replaced is not None:
        name = doc.nodes[replaced.source].name
        return Verdict(True, f"replaces the wire from `{name}`")
    return Verdict(True)


def fits_by_type(doc: Document, analysis: Analysis, wire: Wire) -> bool:
    """Return whether a wire's ports and types fit. The caller must know that it closes no loop."""
    giver, taker = doc.node(wire.source), doc.node(wire.target)
    if _check_ends(doc, analysis, wire, giver, taker) is not None:
        return False
    return _check_types(doc, analysis, wire, taker) is None


def _check_ends(
    doc: Document, analysis: Analysis, wire: Wire, giver: NodeRecord, taker: NodeRecord
) -> Verdict | None:
    """Return a refusal if a wire does not lead from an output to an input; else None."""
    if wire.source == wire.target:
        return Verdict(False, "a node cannot be wired to itself")
    outputs = [port.name for port in out_ports(doc, giver, analysis)]
    control = split_port(wire.target_port)[0] == CONTROL
    if wire.source_port not in outputs and declaration(giver, doc) is not None:
        known = f"It has {', '.join(outputs)}." if outputs else "It has none."
        hint = suggest(wire.source_port, outputs) or known
        return Verdict(False, f"`{giver.name}` has no output `{wire.source_port}`", hint)
    inputs = [port.name for port in in_ports(doc, taker)]
    if wire.target_port not in inputs and not control and declaration(taker, doc) is not None:
        if wire.target_port in [port.name for port in out_ports(doc, taker, analysis)]:
            text = f"`{wire.target_port}` is an output of `{taker.name}`"
            return Verdict(False, text, "Wires end at inputs, on the left of a node.")
        known = f"It has {', '.join(inputs)}." if inputs else "It has no inputs."
        return Verdict(False, f"`{taker.name}` has no input `{wire.target_port}`", known)
    column = analysis.kind_of(wire) == COLUMN
    if column and wire.target_port != FEED and taker.op not in _TAKE_ALL:
        return Verdict(
            False,
            "a dataset column can only feed a placeholder",
            "Insert a placeholder: connect the column to its `feed`, and its output here.",
        )
    if wire.source_port == DONE and not control and taker.op not in (SUBGRAPH, OUTPUTS, GROUP):
        return Verdict(False, f"`{giver.name}` has no value, only the control output `done`")
    return None


def _check_types(
    doc: Document, analysis: Analysis, wire: Wire, taker: NodeRecord
) -> Verdict | None:
    op = declaration(taker, doc)
    if op is None or split_port(wire.target_port)[0] == CONTROL:
        return None
    found = analysis.out_types(wire.source)
    if taker.op == "placeholder" and wire.target_port == FEED:
        declared = (analysis.out_types(taker.id) or {}).get("out")
        kind = analysis.kind_of(wire)
        if declared is None or kind == OPEN:
            return None
        problem = feed_problem(doc, taker, declared, wire, kind, found)
        return None if problem is None else Verdict(False, problem.message, problem.hint)
    given = None if found is None else found.get(wire.source_port)
    if given is None:
        return None  # an unknown type is no reason to refuse
    if taker.op == OUTPUTS or (taker.op == SUBGRAPH and analysis.kind_of(wire) != TENSOR):
        return None
    if taker.op == REROUTE:
        return _check_beyond(doc, analysis, wire, taker)
    return check_type(doc, analysis, given, taker, wire.target_port)


def _check_beyond(doc: Document, analysis: Analysis, wire: Wire, dot: NodeRecord) -> Verdict | None:
    """Return a refusal if a node behind a reroute dot does not take the wire into the dot."""
    dots, seen = [dot.id], {dot.id}
    while dots:
        for beyond in doc.wires_out_of(dots.pop()):
            target = doc.nodes[beyond.target]
            if target.op == REROUTE:
                dots += [] if target.id in seen else [target.id]
                seen.add(target.id)
                continue
            through = Wire(wire.source, wire.source_port, beyond.target, beyond.target_port)
            refused = _check_ends(doc, analysis, through, doc.nodes[wire.source], target)
            refused = refused or _check_types(doc, analysis, through, target)
            if refused is not None:
                return refused
    return None


def check_type(
    doc: Document, analysis: Analysis, given: TensorType, taker: NodeRecord, port: str
) -> Verdict | None:
    """Return a refusal if a node does not take a type at a port; None if it does."""
    op = declaration(taker, doc)
    if op is None:
        return None
    wired = {w.target_port: analysis.type_of(taker.id, w.target_port) for w in _into(doc, taker)}
    wired[port] = given
    return _verdict(op, taker, wired, port)


def _into(doc: Document, record: NodeRecord) -> list[Wire]:
    return [w for w in doc.wires_into(record.id) if split_port(w.target_port)[0] != CONTROL]


def _verdict(
    op: NodeDeclaration, taker: NodeRecord, wired: dict[str, TensorType | None], port: str
) -> Verdict | None:
    """Return a refusal by the op's inference if all inputs are known, else by the dtypes alone."""
    names = input_names(op.inputs, wired)
    mismatch = _dtype_mismatch(op, names, wired, port)
    if mismatch is not None:
        return mismatch
    types = known_types(op, wired, taker.attrs)
    if any(t is None for t in types):
        return None
    try:
        infer_types(op, [t for t in types if t is not None], op.bind_attrs(taker.attrs))
    except (AttributeProblem, MissingInput):
        return None  # the problem exists without this wire as well
    except NodeflowError as error:
        return Verdict(False, error.message, error.hint)
    except (ArithmeticError, TypeError, ValueError, LookupError) as error:
        return Verdict(False, f"{op.id} does not take this: {error}")
    return None


def _dtype_mismatch(
    op: NodeDeclaration, names: list[str], wired: dict[str, TensorType | None], port: str
) -> Verdict | None:
    """Return a refusal if the port does not take the dtype, or inputs of its group have another
    one.
    """
    given = wired[port]
    if given is None or port not in names:
        return None
    declared = op.input_port(names.index(port))
    if given.dtype not in declared.dtypes:
        wanted = any_of(declared.dtypes)
        cast = declared.dtypes[0]
        hint = f"Insert a Cast to {cast} between them."
        if op.id == "divide":
            hint = "Use floor_divide for integers, or a Cast to float32."
        return Verdict(False, f"`{port}` takes {wanted}, not {given.dtype}", hint, cast)
    for index, name in enumerate(names):
        other = wired.get(name)
        same_group = declared.group is not None and op.input_port(index).group == declared.group
        if name != port and same_group and other is not None and other.dtype != given.dtype:
            hint = f"Insert a Cast to {other.dtype} between them."
            if keeps_more(other.dtype, given.dtype):
                hint = f"Insert a Cast to {given.dtype} before `{name}`."
            return Verdict(
                False,
                f"`{port}` would be {given.dtype} and `{name}` is {other.dtype}",
                hint,
                other.dtype,
            )
    return None

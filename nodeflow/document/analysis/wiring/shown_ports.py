"""The ports of a node as the canvas shows them, derived from declaration, wires and types.

A variadic port shows one port per wire (`values.0`, `values.1`, ...) and a free slot for the next.
A placeholder has the in-port `feed`. A node of an unknown op has a port for each of its wires, so
that a file with unknown ops can be shown and saved.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import is_unfolded
from nodeflow.document.analysis.port_names import (
    CONTROL,
    DONE,
    FEED,
    NEW,
    is_control,
    port_order,
    variadic_indices,
)
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, NodeRecord
from nodeflow.graph.declaration import NodeDeclaration, Port


@dataclass(frozen=True, slots=True)
class PortView:
    """A port as the canvas shows it.

    `kind` is `tensor`, `feed` (of a placeholder), `slot` (the free slot of a variadic port),
    `control` (order without a value), or `unknown` (of an unknown op). A port that `folds` only
    overrides a setting and has no wire; cards show it only if the node is unfolded.
    """

    name: str
    label: str
    kind: str = "tensor"
    optional: bool = False
    doc: str = ""
    dtypes: tuple[str, ...] = ()
    keyword: bool = False
    folds: bool = False


_DECLARED = (SUBGRAPH, INPUTS)
"""Ops whose number of outputs is declared, even while their types are unknown."""
_NEW_PORT = PortView(NEW, "new", "slot", optional=True, doc="Another port of the subgraph.")


def in_ports(doc: Document, record: NodeRecord) -> list[PortView]:
    """Return the input ports of a node, in the order they are shown."""
    op = declaration(record, doc)
    wired = [wire.target_port for wire in doc.wires_into(record.id)]
    if record.id in doc.outer:
        return [_outer_port(name) for name in sorted(wired, key=port_order)]
    if op is None:
        return [PortView(name, name, "unknown") for name in sorted(wired, key=port_order)]
    ports: list[PortView] = []
    for port in op.inputs:
        folds = port.name in op.overriding and port.name not in wired
        ports += _several(port, wired) if port.variadic else [_view(port, folds=folds)]
    if record.op == "placeholder":
        ports.append(PortView(FEED, FEED, FEED, optional=True, doc="A dataset's column."))
    if record.id == doc.borders.get(OUTPUTS):
        ports.append(_NEW_PORT)
    controls = sorted((name for name in wired if is_control(name)), key=port_order)
    return ports + [PortView(name, "after", CONTROL, optional=True) for name in controls]


def card_ports(doc: Document, record: NodeRecord, unfolded: bool = False) -> list[PortView]:
    """Return the input ports that a node's card shows.

    Args:
        unfolded: whether to include ports that fold, as on an unfolded node.
    """
    ports = in_ports(doc, record)
    return ports if unfolded or is_unfolded(record) else [port for port in ports if not port.folds]


def out_ports(
    doc: Document, record: NodeRecord, analysis: Analysis | None = None
) -> list[PortView]:
    """Return the output ports of a node.

    The length of a variadic output (split, gradients) follows from its types, so pass `analysis` if
    there is one. Without it the length follows from the wires.
    """
    op = declaration(record, doc)
    wired = {wire.source_port for wire in doc.wires_out_of(record.id)}
    if op is None:
        return [PortView(name, name, "unknown") for name in sorted(wired, key=port_order)]
    known = None if analysis is None or record.op in _DECLARED else analysis.out_types(record.id)
    count = len(known) if known is not None else _outputs_by_wires(op, wired)
    names = [op.output_name(i) for i in range(count)]
    ports = [_view(op.outputs[min(i, len(op.outputs) - 1)], name) for i, name in enumerate(names)]
    if record.id == doc.borders.get(INPUTS):
        return [*ports, _NEW_PORT]
    if not op.outputs and op.computes:
        return [PortView(DONE, DONE, CONTROL, optional=True)]
    return ports


def _outer_port(name: str) -> PortView:
    return PortView(name, "after", CONTROL) if is_control(name) else PortView(name, name)


@lru_cache(maxsize=4096)
def _view(port: Port, name: str | None = None, folds: bool = False) -> PortView:
    name = name or port.name
    return PortView(name, name, "tensor", port.optional, port.doc, port.dtypes, port.keyword, folds)


def _several(port: Port, wired: list[str]) -> list[PortView]:
    """Return the wired ports of a variadic port, including gaps, and the free slot after them."""
    indices = variadic_indices(port.name, wired)
    views = [_view(port, f"{port.name}.{i}") for i in indices]
    slot = f"{port.name}.{indices[-1] + 1 if indices else 0}"
    return [*views, PortView(slot, slot, "slot", True, port.doc, port.dtypes)]


def _outputs_by_wires(op: NodeDeclaration, wired: set[str]) -> int:
    if not op.outputs or not op.outputs[-1].variadic:
        return len(op.outputs)
    return len(op.outputs) - 1 + max(len(variadic_indices(op.outputs[-1].name, wired)), 1)

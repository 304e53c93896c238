"""The ports of a node as the canvas shows them, derived from declaration, wires and types.

A variadic port shows one port per wire (`values.0`, `values.1`, ...) and a free slot for the
next. A placeholder has the in-port `feed`. A node of an unknown op has the ports that its wires
touch, so that a file of a later version can still be seen and kept.

Any node can wait for others: `control.0`, `control.1`, ... are in-ports that carry no value. They
show only where they are wired, and end at any output, or at `done` of a node without outputs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from nodeflow.document.analysis.dataset_op import DATASET
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, NodeRecord
from nodeflow.graph.declaration import Port
from nodeflow.graph.op import Op

if TYPE_CHECKING:
    from nodeflow.document.analysis.analysis import Analysis

FEED = "feed"
CONTROL = "control"
DONE = "done"
_SEVERAL = re.compile(r"(.+)\.(0|[1-9][0-9]{0,5})")


NEW = "+"
"""The free slot of a border node: a wire there makes another port of the subgraph."""


@dataclass(frozen=True, slots=True)
class PortView:
    """One port as shown.

    `kind` is `tensor`, `feed` (a placeholder's), `slot` (the free one of a variadic port),
    `control` (order without a value), or `unknown` (of an op that is not known).
    """

    name: str
    label: str
    kind: str = "tensor"
    optional: bool = False
    doc: str = ""
    dtypes: tuple[str, ...] = ()


_DECLARED = (SUBGRAPH, INPUTS)
"""Ops with as many outputs as they declare, of whatever is known of their types."""
_NEW_PORT = PortView(NEW, "new", "slot", optional=True, doc="Another port of the subgraph.")


def in_ports(doc: Document, record: NodeRecord) -> list[PortView]:
    """Returns the input ports of a node, in the order they are shown."""
    op = declaration(record, doc, base_dir=base_dir(doc))
    wired = [wire.target_port for wire in doc.wires_into(record.id)]
    if record.id in doc.outer:
        return [_outer_port(name) for name in sorted(wired, key=port_order)]
    if op is None:
        return [PortView(name, name, "unknown") for name in sorted(wired, key=port_order)]
    ports: list[PortView] = []
    for port in op.inputs:
        ports += _several(port, wired) if port.variadic else [_view(port)]
    if record.op == "placeholder":
        ports.append(PortView(FEED, FEED, FEED, optional=True, doc="A dataset's column."))
    if record.id == doc.borders.get(OUTPUTS):
        ports.append(_NEW_PORT)
    controls = sorted((name for name in wired if is_control(name)), key=port_order)
    return ports + [PortView(name, "after", CONTROL, optional=True) for name in controls]


def out_ports(
    doc: Document, record: NodeRecord, analysis: Analysis | None = None
) -> list[PortView]:
    """Returns the output ports of a node.

    How many a variadic output has (split, gradients) is known by its types, so give `analysis`
    where there is one; else as many show as attributes and wires tell.
    """
    op = declaration(record, doc, base_dir=base_dir(doc))
    wired = {wire.source_port for wire in doc.wires_out_of(record.id)}
    if op is None:
        return [PortView(name, name, "unknown") for name in sorted(wired, key=port_order)]
    known = None if analysis is None or record.op in _DECLARED else analysis.out_types(record.id)
    count = len(known) if known is not None else _outputs_by_wires(op, wired)
    names = [op.output_name(i) for i in range(count)]
    ports = [_view(op.outputs[min(i, len(op.outputs) - 1)], name) for i, name in enumerate(names)]
    if record.id == doc.borders.get(INPUTS):
        return [*ports, _NEW_PORT]
    if not op.outputs and record.op not in (DATASET, OUTPUTS, INPUTS):
        return [PortView(DONE, DONE, CONTROL, optional=True)]
    return ports


def out_port_names(op: Op, count: int) -> list[str]:
    """Returns the names of an op's first `count` outputs: `out`, or `parts.0`, `parts.1`."""
    return [op.output_name(i) for i in range(count)]


def is_control(port: str) -> bool:
    """Says whether an in-port only orders: `control.0`, `control.1`, ..."""
    base, index = split_port(port)
    return base == CONTROL and index is not None


def split_port(port: str) -> tuple[str, int | None]:
    """Returns (`values`, 2) for `values.2`, and (`x`, None) for `x`."""
    match = _SEVERAL.fullmatch(port)
    return (match[1], int(match[2])) if match else (port, None)


def port_order(port: str) -> tuple[str, int]:
    """Returns a sort key that puts `values.10` after `values.9`."""
    base, index = split_port(port)
    return (base, -1 if index is None else index)


def base_dir(doc: Document) -> os.PathLike[str] | None:
    """Returns the folder that a document's relative paths start at, or None if it has no file."""
    return None if doc.path is None else _folder(doc.path)


@lru_cache(maxsize=16)
def _folder(path: Path) -> Path:
    return path.parent


def input_names(op: Op, wired: Collection[str]) -> list[str]:
    """Returns the in-ports that a run reads, in order: those that need a wire, and optional
    ones up to the last that has one. Not all of them need be in `wired`."""
    names: list[str] = []
    optional: list[bool] = []
    for port in op.inputs:
        found = (
            [f"{port.name}.{i}" for i in _indices(port.name, wired)]
            if port.variadic
            else [port.name]
        )
        names += found
        optional += [port.optional] * len(found)
    while names and optional[-1] and names[-1] not in wired:
        names.pop()
        optional.pop()
    return names


def _outer_port(name: str) -> PortView:
    return PortView(name, "after", CONTROL) if is_control(name) else PortView(name, name)


@lru_cache(maxsize=4096)
def _view(port: Port, name: str | None = None) -> PortView:
    name = name or port.name
    return PortView(name, name, "tensor", port.optional, port.doc, port.dtypes)


def _several(port: Port, wired: list[str]) -> list[PortView]:
    """The wired ports of a variadic one, gaps included, and the free slot after them."""
    indices = _indices(port.name, wired)
    views = [_view(port, f"{port.name}.{i}") for i in indices]
    slot = f"{port.name}.{indices[-1] + 1 if indices else 0}"
    return [*views, PortView(slot, slot, "slot", True, port.doc, port.dtypes)]


def _outputs_by_wires(op: Op, wired: set[str]) -> int:
    if not op.outputs or not op.outputs[-1].variadic:
        return len(op.outputs)
    return len(op.outputs) - 1 + max(len(_indices(op.outputs[-1].name, wired)), 1)


def _indices(base: str, wired: Iterable[str]) -> list[int]:
    """The numbers of a variadic port's places: 0 to the highest wired one.

    A file may say `values.999999`; then only what is wired is shown.
    """
    numbers = sorted(i for name, i in map(split_port, wired) if name == base and i is not None)
    if not numbers:
        return []
    dense = numbers[-1] < 4 * len(numbers) + 64
    return list(range(numbers[-1] + 1)) if dense else [*numbers, numbers[-1] + 1]

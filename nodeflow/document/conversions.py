"""What could be put between a wire and a port that refuses it: a cast, a transpose, new axes...

Each offer has been tried: the op takes the value, and the port takes what the op makes of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nodeflow.document import commands
from nodeflow.document.analysis import Analysis
from nodeflow.document.check import check_type, check_wire
from nodeflow.document.declarations import op_of
from nodeflow.document.model import Document
from nodeflow.document.ports import FEED
from nodeflow.document.records import NodeRecord, Wire
from nodeflow.errors import NodeflowError
from nodeflow.graph.infer import infer_types
from nodeflow.graph.types import TensorType


@dataclass(frozen=True)
class Conversion:
    """An op with its attributes that makes a value fit, and the type it gives."""

    op: str
    attrs: dict[str, Any]
    type: TensorType

    @property
    def title(self) -> str:
        """What the user is offered: `Insert Cast to float32`."""
        return f"Insert {_TITLES[self.op].format(**self.attrs)}"


_TITLES = {
    "cast": "Cast to {dtype}",
    "transpose": "Transpose",
    "expand_dims": "Expand dims, axis {axis}",
    "reshape": "Reshape to {shape}",
}


def conversions(doc: Document, analysis: Analysis, wire: Wire) -> list[Conversion]:
    """Returns what would make a refused wire fit, the likeliest first; [] where nothing would."""
    given = analysis.type_of(wire.source, wire.source_port)
    target = doc.nodes[wire.target]
    verdict = check_wire(doc, analysis, *wire)
    if given is None or verdict.ok or wire.target_port == FEED or op_of(target) is None:
        return []
    if wire.target in analysis.ancestors(wire.source):
        return []
    for candidates in (_candidates(given, verdict.cast), _less_likely(given)):
        found: dict[TensorType, Conversion] = {}
        for op, attrs in candidates:
            made = _applied(op, attrs, given)
            if made is None or made in found:
                continue
            if check_type(doc, analysis, made, target, wire.target_port) is None:
                found[made] = Conversion(op, attrs, made)
        if found:
            return list(found.values())
    return []


def _candidates(given: TensorType, cast: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    if cast is not None:
        yield "cast", {"dtype": cast}
        return
    rank = len(given.shape)
    if rank == 0:
        yield "reshape", {"shape": [1]}
        yield "reshape", {"shape": [1, 1]}
    if rank == 2:
        yield "transpose", {}
        yield from _pictures(given.shape[1])
    if rank == 1:
        yield from _EXPANDED
    if rank > 2 and None not in given.shape[1:]:
        yield "reshape", {"shape": [-1, math.prod(d for d in given.shape[1:] if d is not None)]}
    if rank == 2 and given.shape[1] == 1:
        yield "reshape", {"shape": [-1]}


_EXPANDED = (("expand_dims", {"axis": 0}), ("expand_dims", {"axis": -1}))


def _less_likely(given: TensorType) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is offered where nothing else fits."""
    rank = len(given.shape)
    if rank > 2:
        yield "transpose", {"perm": [*range(rank - 2), rank - 1, rank - 2]}
    if rank > 1:
        yield from _EXPANDED


def _pictures(size: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of as many numbers as a square grey picture has, as such pictures."""
    side = math.isqrt(size or 0)
    if side > 1 and side * side == size:
        yield "reshape", {"shape": [-1, side, side, 1]}


def _applied(op_id: str, attrs: dict[str, Any], given: TensorType) -> TensorType | None:
    op = op_of(NodeRecord(id="", op=op_id, name="conversion"))
    if op is None:
        return None
    try:
        return infer_types(op, [given], op.bind_attrs(attrs))[0]
    except NodeflowError:
        return None


def insert_conversion(
    doc: Document,
    found: Conversion,
    wire: Wire,
    pos: tuple[float, float],
    picked: tuple[str, str] | None = None,
) -> str:
    """Adds the conversion and both wires as one undo step; returns the new node's id.

    `picked` is a wire that was taken off its port for this, and goes.
    """
    with doc.transaction(f"{found.title} before {doc.node(wire.target).name}"):
        if picked is not None and picked != wire.key:
            commands.disconnect(doc, picked)
        node = commands.add_node(doc, found.op, pos, attrs=found.attrs)
        port = op_of(doc.node(node)).inputs[0].name  # type: ignore[union-attr]
        commands.connect(doc, wire.source, wire.source_port, node, port)
        out = op_of(doc.node(node)).output_name(0)  # type: ignore[union-attr]
        commands.connect(doc, node, out, wire.target, wire.target_port)
    return node

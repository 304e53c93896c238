"""Conversions that make a refused wire fit: a cast, a transpose, axes, a variable's shape.

Each conversion has been checked: the op takes the value, and the port takes its result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.port_names import FEED, input_names
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.analysis.wiring.wire_check import Verdict, check_type, check_wire
from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.give_shape import GiveShape, shapes_for_wire
from nodeflow.document.edit.offers.give_units import GiveUnits, units_for_wire
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.errors import NodeflowError
from nodeflow.graph.inference.infer_types import infer_types, keeps_more
from nodeflow.graph.types import TensorType

Step = tuple[str, dict[str, Any]]
"""An op and its attributes."""

GAP = 224.0


@dataclass(frozen=True)
class Conversion:
    """A conversion of a value, so that a refused wire fits.

    Attributes:
        steps: the nodes to insert: an op, or a cast and an op.
        type: the resulting type.
        port: "" if the refused wire itself is converted. Otherwise it is another in-port of the
            target whose wire is converted, so that the refused wire fits unchanged.
    """

    steps: tuple[Step, ...]
    type: TensorType
    port: str = ""

    @property
    def title(self) -> str:
        """The text for the user: `Insert Cast to float32 and Transpose`."""
        title = f"Insert {' and '.join(map(_title, self.steps))}"
        return f"{title} before {self.port}" if self.port else title


_TITLES = {
    "cast": "Cast to {dtype}",
    "transpose": "Transpose",
    "expand_dims": "Expand dims, axis {axis}",
    "reshape": "Reshape to {shape}",
    "reduce_mean": "Reduce mean",
}


def _title(step: Step) -> str:
    op, attrs = step
    return _TITLES[op].format(**attrs)


Offer = Conversion | GiveShape | GiveUnits


def offers(doc: Document, analysis: Analysis, wire: Wire) -> list[Offer]:
    """Return conversions that make a refused wire fit, the likeliest first.

    For a wire that fits, return shapes for a variable that is still a single number where arrays
    are usual, such as a bias.
    """
    shapes: list[Offer] = [*shapes_for_wire(doc, analysis, wire)]
    verdict = check_wire(doc, analysis, *wire)
    if verdict.ok or shapes:
        return shapes
    units: list[Offer] = [*units_for_wire(doc, analysis, wire)]
    return units or [*_conversions(doc, analysis, wire, verdict.cast)]


def _takes_values(doc: Document, target: NodeRecord) -> bool:
    return target.op != DATASET and declaration(target, doc) is not None


def _conversions(
    doc: Document, analysis: Analysis, wire: Wire, cast: str | None
) -> list[Conversion]:
    given = analysis.type_of(wire.source, wire.source_port)
    target = doc.nodes[wire.target]
    if given is None or wire.target_port == FEED or not _takes_values(doc, target):
        return []
    if wire.target in analysis.ancestors(wire.source):
        return []
    before: tuple[Step, ...] = ()
    if cast is not None:
        beside = _cast_beside(doc, analysis, wire, given.dtype)
        before = (("cast", {"dtype": cast}),)
        given = TensorType(cast, given.shape)
        if check_type(doc, analysis, given, target, wire.target_port) is None:
            return [*beside, Conversion(before, given)]
    is_loss = is_optimizer(target.op) and wire.target_port == "loss"
    if is_loss and (mean := to_scalar(given)) is not None:
        return [replace(mean, steps=(*before, *mean.steps))]
    for candidates in (_candidates(given), _less_likely(given)):
        found: dict[TensorType, Conversion] = {}
        for op, attrs in candidates:
            made = _applied(op, attrs, given)
            if made is None or made in found:
                continue
            if check_type(doc, analysis, made, target, wire.target_port) is None:
                found[made] = Conversion((*before, (op, attrs)), made)
        if found:
            return list(found.values())
    return []


def _cast_beside(doc: Document, analysis: Analysis, wire: Wire, dtype: str) -> list[Conversion]:
    """Return a cast of the target's other input, if only that input conflicts and the cast loses
    less.
    """
    target = doc.nodes[wire.target]
    op = declaration(target, doc)
    into = {w.target_port: w for w in doc.wires_into(target.id)}
    names = input_names(op.inputs, [*into, wire.target_port]) if op is not None else []
    if op is None or wire.target_port not in names:
        return []
    declared = op.input_port(names.index(wire.target_port))
    found: list[Conversion] = []
    for index, name in enumerate(names):
        given = analysis.type_of(target.id, name) if name in into else None
        same_group = declared.group is not None and op.input_port(index).group == declared.group
        if name == wire.target_port or given is None or not same_group or given.dtype == dtype:
            continue
        if not keeps_more(given.dtype, dtype):
            return []
        made = TensorType(dtype, given.shape)
        found.append(Conversion((("cast", {"dtype": dtype}),), made, name))
    return found if len(found) == 1 else []


def to_layer(
    doc: Document, analysis: Analysis, record: NodeRecord, port: str, given: TensorType
) -> Conversion | None:
    """Return the reshape that turns rows of pixels into the pictures or lines that a layer takes.

    Return None if there is none. `record` need not be in the document yet.
    """
    pictures = [*_pictures(given.shape[1])] if given.ndims == 2 else []
    lines = [(op, {"shape": attrs["shape"][:-1]}) for op, attrs in pictures]
    for op, attrs in (*pictures, *lines):
        made = _applied(op, attrs, given)
        if made is not None and check_type(doc, analysis, made, record, port) is None:
            return Conversion(((op, attrs),), made)
    return None


def to_scalar(given: TensorType) -> Conversion | None:
    """Return the mean that turns a loss per row into one loss; None if that makes no sense."""
    made = _applied("reduce_mean", {}, given) if given.is_float and given.shape != () else None
    return None if made is None else Conversion((("reduce_mean", {}),), made)


def advised(doc: Document, analysis: Analysis, wire: Wire, verdict: Verdict) -> Verdict:
    """Return a refusal of a wire with a hint that is enough to make the wire fit.

    A Cast alone may not be enough, and a variable that is still a single number needs a shape.
    """
    if not verdict.ok and (shapes := shapes_for_wire(doc, analysis, wire)):
        return replace(
            verdict,
            reason=f"`{shapes[0].name}` is a single number",
            hint=f"Give it a shape, for example {shapes[0].sizes}.",
            cast=None,
        )
    given = analysis.type_of(wire.source, wire.source_port)
    target = doc.nodes[wire.target]
    if verdict.cast is None or given is None or not _takes_values(doc, target):
        return verdict
    beyond = check_type(
        doc, analysis, TensorType(verdict.cast, given.shape), target, wire.target_port
    )
    if beyond is None:
        return verdict
    found = _conversions(doc, analysis, wire, verdict.cast)
    if not found:
        return replace(verdict, hint=f"And after a Cast to {verdict.cast}: {beyond.reason}.")
    both = " and then ".join(map(_title, found[0].steps))
    return replace(verdict, hint=f"Insert {both} between them.")


def _candidates(given: TensorType) -> Iterator[Step]:
    rank = given.ndims
    if rank is None:
        return
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


def _less_likely(given: TensorType) -> Iterator[Step]:
    """Yield the conversions to try after all others: a transpose, and new axes."""
    rank = given.ndims or 0
    if rank > 2:
        yield "transpose", {"perm": [*range(rank - 2), rank - 1, rank - 2]}
    if rank > 1:
        yield from _EXPANDED


def _pictures(size: int | None) -> Iterator[Step]:
    """Yield a reshape of flat rows to square grey images, if the row length is a square number."""
    side = math.isqrt(size or 0)
    if side > 1 and side * side == size:
        yield "reshape", {"shape": [-1, side, side, 1]}


def _applied(op_id: str, attrs: dict[str, Any], given: TensorType) -> TensorType | None:
    op = plain_declaration(op_id)
    if op is None:
        return None
    try:
        return infer_types(op, [given], op.bind_attrs(attrs))[0]
    except NodeflowError:
        return None


def offer_label(doc: Document, found: Offer, wire: Wire) -> str:
    """Return the label of the undo step that applies an offer, such as ``Insert Cast before x``."""
    if isinstance(found, (GiveShape, GiveUnits)) or found.port:
        return found.title
    return f"{found.title} before {doc.node(wire.target).name}"


def insert_conversion(
    doc: Document,
    found: Offer,
    wire: Wire,
    pos: tuple[float, float],
    picked: tuple[str, str] | None = None,
    step: float = GAP,
) -> list[str]:
    """Make a wire fit as offered, and add the wire, as one undo step; return the new nodes' ids.

    Args:
        pos: the corner of the first new card.
        picked: a wire that the user dragged off its port for this; it is removed.
        step: the distance between the left edges of new cards.
    """
    new: list[str] = []
    with doc.transaction(offer_label(doc, found, wire)):
        if picked is not None and picked != wire.key:
            commands.disconnect(doc, picked)
        refused = wire
        if isinstance(found, Conversion) and found.port:
            if (wire.target, found.port) not in doc.wires:
                commands.connect(doc, *wire)  # the wire in conflict was the one picked up
                return []
            wire = converted_wire(doc, found, wire)
            commands.disconnect(doc, wire.key)
        source, source_port = wire.source, wire.source_port
        if isinstance(found, (GiveShape, GiveUnits)):
            found.apply(doc)
        for index, (op, attrs) in enumerate(found.steps):
            node = commands.add_node(doc, op, (pos[0] + step * index, pos[1]), attrs=attrs)
            declared = plain_declaration(op)
            assert declared is not None
            commands.connect(doc, source, source_port, node, declared.inputs[0].name)
            source, source_port = node, declared.output_name(0)
            new.append(node)
        if doc.wires.get(wire.key) != (source, source_port, *wire.key):
            commands.connect(doc, source, source_port, wire.target, wire.target_port)
        if refused is not wire:
            commands.connect(doc, refused.source, refused.source_port, *refused.key)
    return new


def converted_wire(doc: Document, found: Offer, wire: Wire) -> Wire:
    """Return the wire that a conversion applies to: the refused wire, or the wire at another
    port.
    """
    beside = isinstance(found, Conversion) and found.port
    return doc.wires.get((wire.target, beside), wire) if beside else wire

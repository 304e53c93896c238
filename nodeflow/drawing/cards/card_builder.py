"""The content of a card, built from a node: ports, types, problems, value."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from nodeflow.document.analysis.bound_attributes import bound_attributes
from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.folded_values import folded_text
from nodeflow.document.analysis.frozen_weights import is_frozen
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import (
    bounds_text,
    device_of,
    has_breakpoint,
    is_collapsed,
    is_plotted,
    is_unfolded,
    slider_of,
    view_of,
)
from nodeflow.document.analysis.passthrough_nodes import REROUTE, mode_of
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_loop
from nodeflow.document.analysis.subgraphs.shared_weights import owner_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER
from nodeflow.document.analysis.wiring import shown_ports
from nodeflow.document.edit.node_value import value_of
from nodeflow.document.layout.card_size import Label, card_width, folds
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, SUBGRAPH, NodeRecord, share_of
from nodeflow.drawing.cards import card_data
from nodeflow.drawing.cards.card_data import CardData, PortData
from nodeflow.drawing.cards.inactive_nodes import InactiveNodes
from nodeflow.drawing.message_text import plain
from nodeflow.drawing.views.view import ShownView
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.host.protocol import ViewValue
from nodeflow.number_text import number

FROZEN = "frozen"
"""The word on the card of a node whose weights optimizers do not change."""
_HIDDEN_ATTRS = {
    "body",
    "definition",
    "ports",
    "value",
    "initializer",
    "dtype",
    "shape",
    "sample",
    "seed",
    "names",
    "trainable",
}


_SPECIAL = {DATASET, SUBGRAPH, *BORDER}
"""Ops whose declaration is not in the registry."""
MOST_SHARED = 16384
"""Kinds of cards in the cache. With more, the cache is cleared."""


class _Sides(NamedTuple):
    """The parts that cards of equal nodes share.

    Attributes:
        kind: the title of the op.
        subtitle: the op with its settings, as text.
        shows_value: whether the card may show a value.
        left, right: the name and the type of each input and each output, as texts.
        fold: the state of the mark that hides unused ports; "" without such a mark.
    """

    kind: str
    subtitle: str
    category: str
    shows_value: bool
    inputs: tuple[PortData, ...]
    outputs: tuple[PortData, ...]
    left: tuple[Label, ...]
    right: tuple[Label, ...]
    fold: str


class CardBuilder:
    """A builder of card contents; a card is the box that represents a node on the canvas.

    It keeps what cards show in addition to the document: the current value and the run state of
    each node, by node id.
    """

    def __init__(self, document: Document, analysis: Analysis) -> None:
        self.document = document
        self.analysis = analysis
        self.values: dict[str, Any] = {}
        self.serials: dict[str, int] = {}
        self.views: dict[str, ViewValue] = {}
        self._shown: dict[str, tuple[ShownView, int]] = {}
        self.status: dict[str, str] = {}
        self.inactive = InactiveNodes(document)
        self.noted: Mapping[str, Sequence[Any]] = {}
        """Problems of nodes that the analysis does not know, such as conflicts of a merge."""
        self.iterations: dict[str, tuple[int, int]] = {}
        """The shown iteration and the number of iterations, by loop id."""
        self.overridden: frozenset[str] = frozenset()
        """Nodes whose value is overridden."""
        self.peeked = ""
        """The node that shows all its ports for now, because a wire is dragged near it."""
        self._next_serial = 1
        self._shared: dict[tuple, tuple[Any, _Sides]] = {}

    def set_values(self, values: Mapping[str, Any]) -> list[str]:
        """Store previews (drawable summaries of values) by node id; return the ids that changed."""
        changed = []
        for node_id, preview in values.items():
            if self.values.get(node_id) is not preview:
                self.values[node_id] = preview
                self.serials[node_id] = self._next_serial
                self._next_serial += 1
                changed.append(node_id)
        return changed

    def set_views(self, values: Mapping[str, ViewValue]) -> None:
        """Store the views, such as plots, that cards show instead of values, by node id."""
        self.views.update(values)

    def _value(self, node_id: str) -> tuple[Any, int]:
        """Return the value that a node's card shows (a view such as a plot if the node has one,
        else a preview) and its serial number.
        """
        record = self.document.nodes.get(node_id)
        view = view_of(record) if record is not None and record.extra else None
        if view is None:
            return self.values.get(node_id), self.serials.get(node_id, 0)
        value = self.views.get(node_id)
        if value is not None and value.spec.kind != view["kind"]:
            value = None
        found = self._shown.get(node_id)
        if found is None or found[0].view != view["kind"] or found[0].value is not value:
            shown = ShownView(str(view["kind"]), value)
            found = self._shown[node_id] = (shown, self._next_serial)
            self._next_serial += 1
        return found

    def forget_values(self, node_ids: Iterable[str]) -> list[str]:
        """Drop the previews of nodes; return the ids of the nodes that had one."""
        gone = [i for i in node_ids if self.values.pop(i, None) is not None]
        for node_id in gone:
            self.serials.pop(node_id, None)
        return gone

    def build(self, record: NodeRecord) -> CardData:
        """Return the current card of a node."""
        problems, sides = self._problems(record.id), self._sides(record)
        title, form = record.name, card_data.CARD_FORM
        if record.op == REROUTE:
            form, width = card_data.DOT_FORM, card_data.DOT
        elif is_collapsed(record):
            form, width = card_data.TITLE_FORM, card_width(title, sides.kind, (), ())
        else:
            view = view_of(record) is not None
            width = card_width(title, sides.kind, sides.left, sides.right, view)
        value, serial = self._value(record.id)
        frozen = is_frozen(self.document, record)
        subtitle = self._shown_iteration(record) or self._sharing(record, sides)
        problem = min(problems, key=_loudness) if problems else None
        return CardData(
            title=title,
            subtitle=f"{subtitle}, {FROZEN}" if frozen else subtitle,
            op=record.op,
            category=sides.category,
            inputs=sides.inputs,
            outputs=sides.outputs,
            problem=plain(problem.message) if problem else "",
            severity=problem.level if problem else "",
            status=self._status(record.id),
            stops=bool(record.extra) and has_breakpoint(record),
            is_plotted=is_plotted(record),
            bounds=bounds_text(record) if record.extra else "",
            is_overridden=record.id in self.overridden,
            shows_value=sides.shows_value,
            value=value,
            value_serial=serial,
            width=width,
            form=form,
            passes=self._passes(record.id, sides.inputs, sides.outputs),
            slider=self._slider(record),
            fold=sides.fold,
            is_frozen=frozen,
            device=device_of(record),
        )

    def _sides(self, record: NodeRecord) -> _Sides:
        """Return the parts of a node's card that do not depend on its name and value: ports, texts
        and category.

        Many nodes of a large graph have equal parts, so the parts are cached by op, attributes,
        wired ports and types.
        """
        document, node_id = self.document, record.id
        op = declaration(record, document)
        special = op is None or record.op in _SPECIAL or node_id in document.outer
        if special or self._problems(node_id):  # a problem may be at a port
            return self._make_sides(record, op)
        into = document.incoming.at(node_id)
        out = document.outgoing.at(node_id)
        known = self.analysis.out_types(node_id)
        key = (
            op,
            id(record.attrs) if record.attrs else 0,
            frozenset(
                [
                    (w.target_port, self._type(w.source, w.source_port), folded_text(document, w))
                    for w in into
                ]
            ),
            frozenset([w.source_port for w in out]),
            None if known is None else tuple(known.items()),
            self._shows_all(record),
        )
        found = self._shared.get(key)
        if found is None:
            if len(self._shared) >= MOST_SHARED:
                self._shared.clear()
            # The attributes are kept, so that no others can get their identity.
            found = self._shared[key] = (record.attrs, self._make_sides(record, op))
        return found[1]

    def _slider(self, record: NodeRecord) -> float | None:
        """Return the position of the slider on a card, from 0 to 1, or None without a slider.

        It sets the node's number, or selects the iteration that a loop shows.
        """
        if is_loop(record):
            number, count = self.iterations.get(record.id, (1, 2))
            return number / (count - 1) if count > 1 else None
        return _slider(self.document, record) if record.extra else None

    def _shown_iteration(self, record: NodeRecord) -> str:
        """Return a text such as ``Iteration 2 of 0–9`` for the iteration that a loop's card shows.

        Return "" for the last iteration.
        """
        number, count = self.iterations.get(record.id, (0, 0))
        return f"Iteration {number} of 0–{count - 1}" if number < count - 1 else ""

    def _sharing(self, record: NodeRecord, sides: _Sides) -> str:
        """Return the subtitle of a card.

        For a node that shares weights, it names the node that owns them.
        """
        if not share_of(record):
            return sides.subtitle
        owner = owner_of(self.document, record)
        return f"weights of {owner.name if owner else 'a missing node'}"

    def _shows_all(self, record: NodeRecord) -> bool:
        return record.id == self.peeked or is_unfolded(record)

    def _fold(self, record: NodeRecord) -> str:
        if not folds(self.document, record):
            return ""
        return card_data.UNFOLDED if self._shows_all(record) else card_data.FOLDED

    def _make_sides(self, record: NodeRecord, op: NodeDeclaration | None) -> _Sides:
        inputs, outputs = self._inputs(record), self._outputs(record)
        subtitle = _subtitle(record, op, bound_attributes(self.document, record))
        return _Sides(
            op.title if op else subtitle,
            subtitle,
            op.category if op else "unknown",
            op is not None and op.id not in (DATASET, *BORDER),
            inputs,
            outputs,
            tuple((port.label, port.type_text) for port in inputs),
            tuple((port.label, port.type_text) for port in outputs),
            self._fold(record),
        )

    def revalue(self, card: CardData, node_id: str) -> CardData:
        """Update a card to the node's current value and state. Return the same object if neither
        has changed.
        """
        status, (value, serial) = self._status(node_id), self._value(node_id)
        if (node_id in self.overridden) != card.is_overridden:
            card = replace(card, is_overridden=not card.is_overridden)
        if (card.status, card.value_serial) == (status, serial) and card.value is value:
            return card
        return card.showing(value, serial, status)

    def _status(self, node_id: str) -> str:
        record = self.document.nodes.get(node_id)
        mode = mode_of(record) if record is not None else ""
        if mode or node_id in self.inactive.ids:
            return mode or "inactive"
        stop = "breakpoint" if record is not None and has_breakpoint(record) else ""
        at_border = node_id in self.document.borders.values()
        outer = "outer" if at_border or node_id in self.document.outer else ""
        return self.status.get(node_id) or stop or outer

    def _inputs(self, record: NodeRecord) -> tuple[PortData, ...]:
        wired = {wire.target_port: wire for wire in self.document.wires_into(record.id)}
        faulty = {p.port: p.level for p in reversed(self._problems(record.id))}
        result = []
        for port in shown_ports.card_ports(self.document, record, record.id == self.peeked):
            wire = wired.pop(port.name, None)
            kind = self._type(wire.source, wire.source_port) if wire else None
            card = _port(port, kind, wire is not None, faulty.get(port.name, ""))
            numbers = folded_text(self.document, wire) if wire else ""
            result.append(replace(card, type_text=numbers) if numbers else card)
        for name, wire in sorted(wired.items()):
            kind = self._type(wire.source, wire.source_port)
            result.append(
                PortData(name, name, card_data.type_text(kind), connected=True, fault="error")
            )
        return tuple(result)

    def _outputs(self, record: NodeRecord) -> tuple[PortData, ...]:
        used = {wire.source_port for wire in self.document.wires_out_of(record.id)}
        shown = shown_ports.out_ports(self.document, record, self.analysis)
        result = []
        for port in shown:
            kind = self._type(record.id, port.name)
            card = _port(port, kind, port.name in used, "")
            if len(shown) == 1 and card.type_text and record.op != INPUTS:
                card = replace(card, label="")
            result.append(card)
        known = {port.name for port in shown}
        for name in sorted(used - known):
            result.append(PortData(name, name, connected=True, fault="error"))
        return tuple(result)

    def _passes(
        self, node_id: str, inputs: tuple[PortData, ...], outputs: tuple[PortData, ...]
    ) -> tuple[tuple[int, int], ...]:
        """Return (input index, output index) for each input that a bypassed node forwards to an
        output.
        """
        found = self.analysis.passes(node_id)
        if not found:
            return ()
        places = {port.name: index for index, port in enumerate(inputs)}
        return tuple(
            (places[found[port.name]], index)
            for index, port in enumerate(outputs)
            if found.get(port.name) in places
        )

    def _type(self, node_id: str, port: str) -> Any | None:
        return self.analysis.type_of(node_id, port)

    def _problems(self, node_id: str) -> list[Any]:
        known = self.analysis.problems.get(node_id, [])
        return [*self.noted[node_id], *known] if node_id in self.noted else known


def _slider(document: Document, record: NodeRecord) -> float | None:
    """Return where the slider on a node's card stands, from 0 to 1. Return None if the node has no
    slider or no value.
    """
    ends = slider_of(record)
    found = value_of(document, record.id) if ends is not None else None
    if ends is None or found is None:
        return None
    low, high = ends
    return min(max((float(found.value) - low) / (high - low), 0.0), 1.0)


def _loudness(problem: Any) -> int:
    return {"error": 0, "warning": 1, "incomplete": 2}.get(problem.level, 3)


@lru_cache(maxsize=16384)
def _port(port: Any, kind: Any | None, connected: bool, fault: str) -> PortData:
    return PortData(
        name=port.name,
        label=port.label or port.name,
        type_text=card_data.type_text(kind),
        dtype=kind.dtype if kind is not None else "",
        kind=port.kind,
        optional=bool(port.optional),
        connected=connected,
        fault=fault,
    )


def _subtitle(record: NodeRecord, op: NodeDeclaration | None, given: Collection[str] = ()) -> str:
    """Return the op's title, followed by the settings that are not defaults: `Dense 300, relu`.

    Args:
        given: attributes to leave out because wires give them.
    """
    if op is None:
        return f"unknown op {record.op}"
    own = [name for name in op.shown_attrs if name not in given]
    values = {name: record.attrs.get(name, op.attr(name).default) for name in own}
    shown = [_bare(value) for value in values.values() if value not in (None, "linear")]
    parts = [" ".join([op.title, *shown[:1]]), *shown[1:]]
    for attr in op.attrs:
        if attr.name in op.shown_attrs or attr.name in given:
            continue
        value = record.attrs.get(attr.name, attr.default)
        if attr.name in _HIDDEN_ATTRS or attr.hidden or value is None:
            continue
        if value == attr.default:
            continue
        if isinstance(value, (bool, int, float, str)) or _is_short_list(value):
            parts.append(_setting(attr.name, value))
    return ", ".join(parts[:3])


def _is_short_list(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) <= 4
        and not any(isinstance(v, (list, dict)) for v in value)
    )


def _bare(value: object) -> str:
    """Return an attribute's value as text without the attribute's name; a list of sizes becomes
    `3×3`.
    """
    if isinstance(value, (list, tuple)):
        return "×".join(map(str, value))
    return str(value)


def _setting(name: str, value: Any) -> str:
    label = name.replace("_", " ")
    if isinstance(value, bool):
        return label if value else f"no {label}"
    if isinstance(value, (list, tuple)):
        return f"{label} {'×'.join('?' if v is None else str(v) for v in value)}"
    if isinstance(value, str):
        return value.rsplit("/", 1)[-1]
    return f"{label} {number(value)}"

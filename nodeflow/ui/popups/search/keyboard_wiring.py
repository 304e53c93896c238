"""Wiring by keyboard: from a port of the selected node to a port of another node, found by
typing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nodeflow.document.analysis.wiring.shown_ports import PortView, in_ports, out_ports
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.conversions import Offer, offers
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.drawing.cards import card_data
from nodeflow.drawing.message_text import plain
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.popups.search.fuzzy_match import score
from nodeflow.ui.popups.search.quick_pick import QuickPick, Row

MOST_NODES = 40
"""Maximum number of nodes whose ports are checked for one list: those with the best matching
names, or else the nearest.
"""
MOST_CONVERTED = 8
"""Maximum number of refusing ports for which conversions are searched."""


class End(NamedTuple):
    """A port of a node; ``side`` is ``in`` or ``out``."""

    node: str
    side: str
    port: str


class KeyboardWiring:
    """The questions for the two ports of a new wire.

    W asks for the output, if there are several, and then for the target; Enter connects.
    Shift+W does the same starting from an input.
    """

    def __init__(self, popup: QuickPick, canvas: CanvasView) -> None:
        self._popup, self._canvas = popup, canvas
        self._start = End("", "out", "")

    def begin(self, side: str = "out") -> None:
        """Start a wire at the selected node."""
        canvas = self._canvas
        chosen = canvas.selection.nodes()
        if canvas.document.locked:
            canvas.signals.message.emit(canvas.document.locked)
            return
        if len(chosen) != 1:
            what = "leaves" if side == "out" else "goes into"
            canvas.signals.message.emit(f"Select the node that the wire {what}.")
            return
        record = canvas.document.nodes[chosen[0]]
        ports = self._ports_of(record, side)
        if not ports:
            canvas.signals.message.emit(
                f"{record.name} has no {'out' if side == 'out' else 'in'}puts."
            )
        elif len(ports) == 1:
            self.begin_at(record.id, side, ports[0].name)
        else:
            self._ask_port(record, side, ports)

    def begin_at(self, node: str, side: str, port: str) -> None:
        """Start a wire at a port, and ask for its other end."""
        canvas = self._canvas
        if canvas.document.locked:
            canvas.signals.message.emit(canvas.document.locked)
            return
        self._start = End(node, side, port)
        name, kind = canvas.document.nodes[node].name, self._kind(node, port)
        kind = f"  {kind}" if kind else ""
        out = side == "out"
        self._popup.open(
            self.rows,
            self._picked,
            title="Target" if out else "Source",
            hint="Type a node, or node:port",
            heading=f"Wire from {name}{kind} to" if out else f"Wire into {name}:{port}{kind} from",
            nothing=f"No node of this name {'takes' if out else 'gives'} wires.",
            back=canvas,
            cancelled=self._end,
        )
        canvas.selection.open_port = self._start

    def _end(self) -> None:
        self._canvas.selection.open_port = None

    def pick(self) -> None:
        """Let the user pick a wire of the selected node, and select the wire."""
        canvas = self._canvas
        document, node = canvas.document, canvas.selection.nodes()[0]
        rows = []
        for wire in (*document.wires_into(node), *document.wires_out_of(node)):
            name = f"{document.nodes[wire.source].name}:{wire.source_port}"
            title = f"{name} → {document.nodes[wire.target].name}:{wire.target_port}"
            hidden = "hidden" if canvas.edits.is_wire_hidden(wire.key) else ""
            rows.append(Row(title, hidden, self._kind(*wire[:2]), wire.key, "cable"))
        self._popup.open(
            lambda query: [r for r in rows if score(query, r.title) > 0],
            self._pick,
            title="Wire",
            heading=f"Which wire of {document.nodes[node].name}?",
            back=canvas,
        )

    def _pick(self, row: Row) -> None:
        self._canvas.selection.select_wire(row.data)
        self._canvas.signals.message.emit(
            f"{row.title}: Del removes it, Shift+H hides it, arrows lead to its ends."
        )

    def _ask_port(self, record: NodeRecord, side: str, ports: Sequence[PortView]) -> None:
        document, rows = self._canvas.document, []
        for port in ports:
            wire = document.wires.get((record.id, port.name)) if side == "in" else None
            taken = f"wired to {document.nodes[wire.source].name}" if wire else ""
            data = (wire is not None, port.name)
            rows.append(Row(port.label, taken, self._kind(record.id, port.name), data, "cable"))
        rows.sort(key=lambda row: row.data[0])
        what = "from" if side == "out" else "into"
        title = "Output" if side == "out" else "Input"
        self._popup.open(
            lambda query: [r for r in rows if score(query, r.title) > 0],
            lambda row: self.begin_at(record.id, side, row.data[1]),
            title=title,
            heading=f"Wire {what} {record.name}: which {title.lower()}?",
            back=self._canvas,
        )

    def _ports_of(self, record: NodeRecord, side: str) -> list[PortView]:
        document = self._canvas.document
        if side == "out":
            return out_ports(document, record, self._canvas.scene.analysis)
        return in_ports(document, record)

    def _kind(self, node: str, port: str) -> str:
        return card_data.type_text(self._canvas.scene.analysis.type_of(node, port))

    def rows(self, query: str) -> Sequence[Row]:
        """Return the ports that match the query. Free ports that accept the wire come first."""
        name, _, wanted = query.partition(":")
        ranked = []
        for place, record in enumerate(self._nearest(name)):
            for index, row in enumerate(self._ports(record, wanted)):
                taken = row.data[2] and not name  # a named port may already be connected
                ranked.append((not row.enabled, taken, place, row.data[2], index, row))
        rows = [row for *_, row in sorted(ranked, key=lambda item: item[:5])]
        refused = [row for row in rows if not row.enabled][:MOST_CONVERTED]
        made = [other for row in refused for other in self._converted(row)]
        at = sum(row.enabled for row in rows)
        return [*rows[:at], *made, *rows[at:]]

    def _converted(self, row: Row) -> list[Row]:
        """Return rows for a port that refuses the wire: one for each conversion that makes the
        wire fit.
        """
        canvas = self._canvas
        node, port, taken, _ = row.data
        wire = Wire(*self._ends(node, port))
        return [
            Row(
                row.title,
                offer.title,
                f"gives {card_data.type_text(offer.type)}",
                (node, port, taken, offer),
                icon="plus",
            )
            for offer in offers(canvas.document, canvas.scene.analysis, wire)
        ]

    def _nearest(self, name: str) -> list[NodeRecord]:
        document = self._canvas.document
        start = document.nodes[self._start.node].pos
        forth = 1 if self._start.side == "out" else -1
        scored = []
        for record in document.nodes.values():
            value = score(name, record.name)
            if value > 0 and record.id != self._start.node:
                x, y = record.pos
                behind = 4000 if (x - start[0]) * forth < 0 else 0
                far = abs(x - start[0]) + abs(y - start[1]) + behind
                scored.append((-value, far, record.name, record))
        return [record for *_, record in sorted(scored, key=lambda s: s[:3])[:MOST_NODES]]

    def _ports(self, record: NodeRecord, wanted: str) -> list[Row]:
        canvas, rows = self._canvas, []
        op, out = op_on_card(canvas, record), self._start.side == "out"
        ports = self._ports_of(record, "in" if out else "out")
        for port in ports:
            if wanted and score(wanted, port.label) <= 0 and score(wanted, port.name) <= 0:
                continue
            ends = self._ends(record.id, port.name)
            verdict = check_wire(canvas.document, canvas.scene.analysis, *ends)
            taken = out and (record.id, port.name) in canvas.document.wires
            kind = self._kind(record.id, port.name)
            alone = len(ports) == 1 and not out
            rows.append(
                Row(
                    record.name if alone else f"{record.name}:{port.label}",
                    plain(verdict.reason) or (op if not taken else "taken"),
                    kind if taken or not out else ("" if verdict.ok else "does not fit"),
                    (record.id, port.name, taken, None),
                    enabled=verdict.ok,
                    good=verdict.ok,
                )
            )
        return rows

    def _ends(self, node: str, port: str) -> tuple[str, str, str, str]:
        """Return source and target of the wire to another node's port."""
        start = self._start
        if start.side == "out":
            return start.node, start.port, node, port
        return node, port, start.node, start.port

    def _picked(self, row: Row) -> None:
        canvas = self._canvas
        self._end()
        node, port, _, offer = row.data
        with canvas.signals.reporting():
            if offer is not None:
                self._convert(Wire(*self._ends(node, port)), offer)
                return
            commands.connect(canvas.document, *self._ends(node, port))
            own = canvas.document.nodes[self._start.node].name
            if self._start.side == "out":
                canvas.signals.message.emit(f"Connected {own} to {row.title}.")
            else:
                canvas.signals.message.emit(f"Connected {row.title} to {own}:{self._start.port}.")

    def _convert(self, wire: Wire, offer: Offer) -> None:
        canvas = self._canvas
        canvas.selection.select(canvas.conversions.insert(offer, wire))
        canvas.signals.message.emit(f"{offer.title.replace('Insert', 'Inserted', 1)}.")


def op_on_card(canvas: CanvasView, record: NodeRecord) -> str:
    """Return the name of a node's op as its card shows it."""
    slot = canvas.scene.nodes.get(record.id)
    return record.op if slot is None else canvas.scene.card(slot).subtitle

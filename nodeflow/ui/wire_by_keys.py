"""Wiring by keyboard: from the focused node's output, by typing, to the port of another node."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.document import commands
from nodeflow.document.check import check_wire
from nodeflow.document.ports import in_ports, out_ports
from nodeflow.document.records import NodeRecord
from nodeflow.ui.canvas import CanvasView, faces
from nodeflow.ui.fuzzy import score
from nodeflow.ui.pick_list import PickList, Row

MOST_NODES = 40
"""Nodes whose ports are judged for one list: nearest names, else nearest places."""


class WireByKeys:
    """W asks for the output, if there are several, then for the port; Enter connects."""

    def __init__(self, popup: PickList, canvas: CanvasView) -> None:
        self._popup, self._canvas = popup, canvas
        self._node, self._port = "", ""

    def begin(self) -> None:
        """Start a wire at the selected node."""
        canvas = self._canvas
        chosen = canvas.selected_nodes()
        if canvas.document.locked:
            canvas.say(canvas.document.locked)
            return
        if len(chosen) != 1:
            canvas.say("Select the node that the wire leaves.")
            return
        self._node = chosen[0]
        record = canvas.document.nodes[self._node]
        ports = out_ports(canvas.document, record, canvas.analysis)
        if not ports:
            canvas.say(f"{record.name} has no outputs.")
        elif len(ports) == 1:
            self._ask_target(ports[0].name)
        else:
            rows = [Row(p.label, self._kind(p.name), data=p.name, icon="cable") for p in ports]
            self._popup.open(
                lambda query: [r for r in rows if score(query, r.title) > 0],
                lambda row: self._ask_target(row.data),
                title="Output",
                heading=f"Wire from {record.name}: which output?",
                back=canvas,
            )

    def _kind(self, port: str) -> str:
        return faces.type_text(self._canvas.analysis.type_of(self._node, port))

    def _ask_target(self, port: str) -> None:
        self._port = port
        record = self._canvas.document.nodes[self._node]
        kind = self._kind(port)
        self._popup.open(
            self.rows,
            self._picked,
            title="Target",
            hint="Type a node, or node:port",
            heading=f"Wire from {record.name}{f'  {kind}' if kind else ''} to",
            nothing="No node of this name takes wires.",
            back=self._canvas,
        )

    def rows(self, query: str) -> Sequence[Row]:
        """Ports of the nodes that answer the query: free ones that take the wire come first."""
        name, _, wanted = query.partition(":")
        ranked = []
        for place, record in enumerate(self._nearest(name)):
            for index, row in enumerate(self._ports(record, wanted)):
                taken = row.data[2] and not name  # a port that is named may well be taken
                ranked.append((not row.enabled, taken, place, row.data[2], index, row))
        return [row for *_, row in sorted(ranked, key=lambda item: item[:5])]

    def _nearest(self, name: str) -> list[NodeRecord]:
        document = self._canvas.document
        start = document.nodes[self._node].pos
        scored = []
        for record in document.nodes.values():
            value = score(name, record.name)
            if value > 0 and record.id != self._node:
                x, y = record.pos
                behind = 4000 if x < start[0] else 0
                far = abs(x - start[0]) + abs(y - start[1]) + behind
                scored.append((-value, far, record.name, record))
        return [record for *_, record in sorted(scored, key=lambda s: s[:3])[:MOST_NODES]]

    def _ports(self, record: NodeRecord, wanted: str) -> list[Row]:
        canvas, rows = self._canvas, []
        op = faces_op(canvas, record)
        for port in in_ports(canvas.document, record):
            if wanted and score(wanted, port.label) <= 0 and score(wanted, port.name) <= 0:
                continue
            ends = (self._node, self._port, record.id, port.name)
            verdict = check_wire(canvas.document, canvas.analysis, *ends)
            taken = (record.id, port.name) in canvas.document.wires
            found = canvas.analysis.type_of(record.id, port.name)
            rows.append(
                Row(
                    f"{record.name}:{port.label}",
                    verdict.reason or (op if not taken else "taken"),
                    faces.type_text(found) if taken else ("" if verdict.ok else "does not fit"),
                    (record.id, port.name, taken),
                    enabled=verdict.ok,
                    good=verdict.ok,
                )
            )
        return rows

    def _picked(self, row: Row) -> None:
        canvas = self._canvas
        target, port, _ = row.data
        with canvas.reporting():
            commands.connect(canvas.document, self._node, self._port, target, port)
            source, name = canvas.document.nodes[self._node].name, row.title
            canvas.say(f"Connected {source} to {name}.")


def faces_op(canvas: CanvasView, record: NodeRecord) -> str:
    """What a node is, as its card says."""
    slot = canvas.scene.nodes.get(record.id)
    return record.op if slot is None else canvas.scene.face(slot).subtitle

"""Examples in another precision."""

from __future__ import annotations

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document


def compute_in_float64(document: Document) -> None:
    """Cast what the data feed, so that all that follows is float64."""
    for node in [n for n in document.nodes.values() if n.op == "placeholder"]:
        wires = [wire for wire in document.wires.values() if wire.source == node.id]
        cast = commands.add_node(document, "cast", (0, 0), attrs={"dtype": "float64"})
        commands.connect(document, node.id, "out", cast, "x")
        for wire in wires:
            commands.connect(document, cast, "out", wire.target, wire.target_port)

"""Spoken descriptions of the canvas, its nodes and ports, for screen readers."""

from __future__ import annotations

from nodeflow.document.diff.comparison_view import INSIDE
from nodeflow.document.layout.card_size import ANY_SHAPE
from nodeflow.document.model.document import Document
from nodeflow.drawing.cards import value_preview
from nodeflow.drawing.cards.card_data import CardData, PortData
from nodeflow.graph.types import shape_text
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection

MARKS = {INSIDE: "changes inside"}
"""Spoken names of comparison marks, where they differ from the marks' internal names."""
MOST_JOINED = 5
MOST_NAMED = 5
STATES = {
    "running": "running",
    "done": "done",
    "stale": "out of date",
    "muted": "muted",
    "bypassed": "bypassed",
    "inactive": "not run, because something before it is muted",
    "breakpoint": "breakpoint",
    "hit": "training stopped at its breakpoint",
    "outer": "from the surrounding graph",
}


def canvas_state(scene: SceneModel, selection: Selection) -> str:
    """Describe the canvas: ``3 nodes; selected: add``."""
    document = scene.document
    names = [document.nodes[i].name for i in selection.nodes()[:MOST_NAMED]]
    if selection.is_frame:
        names = [f"frame {document.frames[selection.frame].title}".rstrip()]
    chosen = f"; selected: {', '.join(names)}" if names else ""
    return f"{len(scene.nodes)} nodes{chosen}"


def node_name(card: CardData, mark: str = "") -> str:
    """Describe a node: ``add, Add node, output float32 (3,), value 9``, then state and problem.

    In a comparison its ``mark`` comes first: ``removed: add, Add node``.
    """
    op = card.subtitle if card.category == "unknown" else card.subtitle.split(",")[0]
    title = f"{MARKS.get(mark, mark)}: {card.title}" if mark else card.title
    parts = [title, f"{op} node"]
    if card.form == "dot":
        parts = [title, "dot on a wire"]
    for port in card.outputs:
        if port.kind != "control" and port.type_text:
            name = f"{port.name} " if len(card.outputs) > 1 else ""
            parts.append(f"output {name}{type_words(port)}")
    value = value_words(card)
    if value and card.shows_value:
        parts.append(f"value {value}")
    parts += ["frozen"] if card.is_frozen else []
    parts += _states(card)
    if card.problem:
        parts.append(f"{card.severity or 'note'}: {card.problem}")
    return ", ".join(parts)


def node_state(card: CardData) -> str:
    """Return the settings, state and problem of a node, without shortening."""
    parts = [card.subtitle, *_states(card), card.problem]
    return ". ".join(part for part in parts if part)


def _states(card: CardData) -> list[str]:
    """Return the node's state, breakpoint, plot, bounds, override and device, where present."""
    stops = "breakpoint" if card.stops and card.status not in ("breakpoint", "hit") else ""
    plotted = "plotted over steps" if card.is_plotted else ""
    bounds = f"allowed range {card.bounds}" if card.bounds else ""
    overridden = "overridden" if card.is_overridden else ""
    device = f"device {card.device}" if card.device else ""
    found = (STATES.get(card.status, ""), stops, plotted, bounds, overridden, device)
    return [words for words in found if words]


def value_words(card: CardData) -> str:
    """Return the shown value of a node in words."""
    return value_preview.plain_text(card.value)


def type_words(port: PortData) -> str:
    """Describe a type: ``float32 (3,)``, or that it is unknown."""
    if not port.type_text:
        return "type not known"
    dims = port.type_text.partition(" ")[2]
    if dims == ANY_SHAPE:
        return f"{port.dtype}, any shape"
    shape = tuple(None if d == "?" else int(d) for d in dims.split("×") if d)
    return f"{port.dtype} {shape_text(shape)}"


def port_data(card: CardData | None, side: str, name: str) -> PortData | None:
    """Return the port of this name, or None."""
    ports = () if card is None else card.inputs if side == "in" else card.outputs
    return next((port for port in ports if port.name == name), None)


def port_name(document: Document, node: str, card: CardData, side: str, name: str) -> str:
    """Describe a port: ``input x, float32 (3,), connected to b``."""
    port = port_data(card, side, name)
    if port is None:
        return ""
    kind = "input" if side == "in" else "output"
    parts = [f"{kind} {port.name}"]
    if port.kind == "control":
        parts.append("order only")
    elif port.type_text or not port.optional:
        parts.append(type_words(port))
    others = joined(document, node, side, name)
    if others:
        more = len(others) - MOST_JOINED
        shown = ", ".join(others[:MOST_JOINED]) + (f" and {more} more" if more > 0 else "")
        parts.append(f"connected to {shown}")
    else:
        parts.append("optional, not connected" if port.optional else "not connected")
    if port.fault:
        parts.append(port.fault)
    return ", ".join(parts)


def joined(document: Document, node: str, side: str, name: str) -> list[str]:
    """Return the names of the ports that a port's wires lead to: ``b``, ``split:parts.1``."""
    if side == "in":
        wire = document.wires.get((node, name))
        ends = [] if wire is None else [(wire.source, wire.source_port)]
    else:
        wires = document.wires_out_of(node)
        ends = [(w.target, w.target_port) for w in wires if w.source_port == name]
    return [
        document.nodes[other].name + ("" if port == "out" else f":{port}") for other, port in ends
    ]

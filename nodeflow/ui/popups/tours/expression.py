"""The first tour: build the graph a = (b + c) * (c + 2)."""

from __future__ import annotations

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.ui.popups.tours.tour import Step, Tour, never

SOURCES = ("constant", "variable", "placeholder")


def named(document: Document, name: str, value: float) -> NodeRecord | None:
    """Return a constant with this name and value, or None."""
    record = document.node_named(name)
    good = record is not None and record.op in SOURCES and record.attrs.get("value") == value
    return record if good else None


def _has_sources(document: Document, count: int) -> bool:
    return sum(record.op in SOURCES for record in document.nodes.values()) >= count


def inputs_of(document: Document, record: NodeRecord) -> list[NodeRecord]:
    """Return the nodes that are wired into a node."""
    return [document.nodes[wire.source] for wire in document.wires_into(record.id)]


def sum_of(document: Document, first: str, other: float | str) -> NodeRecord | None:
    """Return an add node of the node ``first`` and another node, given by name or as a
    constant's value; None if there is none.
    """
    for record in document.nodes.values():
        if record.op != "add":
            continue
        sources = inputs_of(document, record)
        names = [s.name for s in sources]
        if len(sources) != 2 or first not in names:
            continue
        rest = sources[1 - names.index(first)]
        if isinstance(other, str):
            good = rest.name == other
        else:  # not b, whose value is 2 as well, but which belongs to the other sum
            good = rest.name != "b" and rest.attrs.get("value") == other
        if good:
            return record
    return None


def product(document: Document) -> NodeRecord | None:
    """Return a multiply node of the two sums, or None."""
    d, e = sum_of(document, "b", "c"), sum_of(document, "c", 2)
    if d is None or e is None:
        return None
    products = (record for record in document.nodes.values() if record.op == "multiply")
    both = {d.id, e.id}
    return next((r for r in products if {s.id for s in inputs_of(document, r)} == both), None)


STEPS = (
    Step(
        "Add a constant for b",
        "Drag Constant from the list on the left onto the canvas. Or press Tab on the canvas, "
        "type “const” and press Enter.",
        lambda p: _has_sources(p.document, 1),
        "constant",
    ),
    Step(
        "Name it b and make it 2",
        "Press F2 to name it b. Then type 2 as its Value in the inspector on the right.",
        lambda p: named(p.document, "b", 2) is not None,
    ),
    Step(
        "Add a second constant: c is 1",
        "The same again: another Constant, named c, with the value 1.",
        lambda p: named(p.document, "c", 1) is not None,
        "constant",
    ),
    Step(
        "Add b and c",
        "Put an Add beside them. Drag from the port at the right of b to the upper port at the "
        "left of Add, and from c to the lower one. It shows 3 at once.",
        lambda p: sum_of(p.document, "b", "c") is not None,
        "add",
    ),
    Step(
        "Add c and 2",
        "A third Constant with the value 2, and a second Add: wire c and the 2 into it. An output "
        "can feed as many inputs as you like.",
        lambda p: sum_of(p.document, "c", 2) is not None,
        "add",
    ),
    Step(
        "Multiply the two sums",
        "Put a Multiply to the right and wire both sums into it.",
        lambda p: product(p.document) is not None,
        "multiply",
    ),
    Step(
        "Name it a",
        "Select the Multiply and press F2. Read the result off the node: (2 + 1) × (1 + 2) = 9.",
        lambda p: (found := product(p.document)) is not None and found.name == "a",
    ),
)

DONE = Step(
    "a is 9",
    "Change b or c and watch the values follow. Show order (Ctrl+L) numbers what can run at the "
    "same time: both sums are 1, a is 2.",
    never,
)

EXPRESSION = Tour(
    "tutorial",
    "Build a = (b + c) × (c + 2)",
    STEPS,
    DONE,
    "a = (b + c) × (c + 2) is 9",
    next="tour_line",
)

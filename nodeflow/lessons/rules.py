"""What a learner may not do in a lesson: change given nodes, or use ops that are not offered."""

from __future__ import annotations

from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, Change, NodeRecord
from nodeflow.lessons.schema import Lesson

FREE = frozenset({SUBGRAPH, INPUTS, OUTPUTS, REROUTE, "constant"})
"""Ops that a lesson cannot leave out: parts of subgraphs, dots, and numbers."""


def refusal(lesson: Lesson, start: Document, change: Change) -> str:
    """Return one sentence that says why the lesson forbids a change. Return an empty string if the
    change is allowed.

    The rules apply to every change, whether by search, formula, paste, expand or unpack.
    """
    for before, after in _nodes(change):
        if before is not None and lesson.locks(before.id) and before.id in start.nodes:
            kept = after is not None and (after.op, after.attrs, after.name) == (
                before.op,
                before.attrs,
                before.name,
            )
            if not kept:
                return f"{before.name} is given in this lesson and stays as it is."
        new = after.op if after is not None and (before is None or before.op != after.op) else ""
        if new and not is_offered(lesson, new):
            return f"{new} is not offered in this lesson."
    for wire in change.wires_removed:
        given = start.wires.get(wire.key)
        if given == wire and lesson.locks(wire.target) and wire.target in start.nodes:
            return f"The wire into {start.nodes[wire.target].name} is given in this lesson."
    return ""


def is_offered(lesson: Lesson, op: str) -> bool:
    """Return whether a learner may use an op."""
    return lesson.offered is None or op in lesson.offered or op in FREE


def shown_ops(lesson: Lesson) -> frozenset[str] | None:
    """Return the ids of the ops that the lesson offers to the learner. Return None if it offers
    all.
    """
    return None if lesson.offered is None else frozenset((*lesson.offered, "constant"))


def _nodes(change: Change) -> list[tuple[NodeRecord | None, NodeRecord | None]]:
    return [(e.before, e.after) for e in change.edits if e.table.partition("@")[0] == "node"]

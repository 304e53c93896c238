"""The immutable pieces a document is made of, and the edits between two states.

A document is a handful of tables of these records. Nothing in it changes but by `Edit`s, each of
which carries what stood under a key before and what stands there after. So undo is right by
construction (swap the two), and the same edits keep a mirror in another process or replay a crash
journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nodeflow.document.jsonable import Json, compact_json, coordinate, plain, same

TABLES = ("node", "wire", "frame", "subgraph", "training", "weights")
SCOPED = ("node", "wire", "frame")  # of these every definition of a subgraph has its own
ONLY = ""  # the one key of the tables "training" and "weights"
SUBGRAPH, INPUTS, OUTPUTS = "subgraph", "subgraph_inputs", "subgraph_outputs"  # `subgraph_ops`
MUTED, BYPASSED = "muted", "bypassed"  # values of a node's field `mode`, see `passing`


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One node: its op's id, its visible name, its attributes as JSON, and its place.

    `attrs` and `extra` (fields of a later version, kept) are never changed in place.
    """

    id: str
    op: str
    name: str
    attrs: dict[str, Json] = field(default_factory=dict)
    pos: tuple[float, float] = (0, 0)
    extra: dict[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Returns the object a file holds for this node."""
        x, y = self.pos
        return {
            **self.extra,
            "id": self.id,
            "op": self.op,
            "name": self.name,
            "attrs": self.attrs,
            "pos": [coordinate(x), coordinate(y)],
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> NodeRecord:
        """Returns the record of an object that `to_json` made, unchecked."""
        known = ("id", "op", "name", "attrs", "pos")
        extra = {key: value for key, value in data.items() if key not in known}
        x, y = data["pos"]
        return cls(data["id"], data["op"], data["name"], data["attrs"], (x, y), extra)


def mode_of(record: NodeRecord) -> str:
    """Returns how a node takes part: `muted`, `bypassed`, or nothing where it simply runs."""
    mode = record.extra.get("mode")
    return mode if mode in (MUTED, BYPASSED) else ""


class Wire(NamedTuple):
    """One wire, from an output port to an input port (or a feed). An input port takes one wire."""

    source: str
    source_port: str
    target: str
    target_port: str

    @property
    def key(self) -> tuple[str, str]:
        """The input port it fills: its key in `Document.wires`."""
        return (self.target, self.target_port)


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """A titled rectangle behind nodes, with an optional note (text that explains)."""

    id: str
    title: str = ""
    note: str = ""
    color: str = ""
    rect: tuple[float, float, float, float] = (0, 0, 320, 200)
    extra: dict[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Returns the object a file holds for this frame."""
        return {
            **self.extra,
            "id": self.id,
            "title": self.title,
            "note": self.note,
            "color": self.color,
            "rect": [coordinate(value) for value in self.rect],
        }

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> FrameRecord:
        """Returns the record of an object that `to_json` made, unchecked."""
        known = ("id", "title", "note", "color", "rect")
        extra = {key: value for key, value in data.items() if key not in known}
        x, y, width, height = data["rect"]
        rect = (x, y, width, height)
        return cls(data["id"], data["title"], data["note"], data["color"], rect, extra)


class Edit(NamedTuple):
    """One primitive edit: what stood under `key` of `table` before, and what stands there after.

    None means that nothing stands there. Keys: a node's or frame's id, a wire's input port
    (target id, port), a subgraph's name, and "" in the tables with one entry. The tables of a
    subgraph's definition are called `node@NAME`, `wire@NAME` and `frame@NAME`.
    """

    table: str
    key: Any
    before: Any
    after: Any

    def inverse(self) -> Edit:
        """Returns the edit that takes this one back."""
        return Edit(self.table, self.key, self.after, self.before)

    def to_json(self) -> list[Json]:
        """Returns `[table, key, before, after]` as JSON."""
        key = list(self.key) if kind_of(self.table) == "wire" else self.key
        return [self.table, key, _value_to_json(self.before), _value_to_json(self.after)]

    @classmethod
    def from_json(cls, data: list[Json]) -> Edit:
        """Returns the edit that `to_json` described."""
        table, key, before, after = data
        read = _READERS.get(kind_of(table), lambda value: value)
        key = (key[0], key[1]) if kind_of(table) == "wire" else key
        return cls(
            table,
            key,
            None if before is None else read(before),
            None if after is None else read(after),
        )


def kind_of(table: str) -> str:
    """Returns what a table holds: `node` for `node` and for `node@NAME`."""
    return table.partition("@")[0]


_READERS = {
    "node": NodeRecord.from_json,
    "frame": FrameRecord.from_json,
    "wire": lambda data: Wire(*data),
}


def _value_to_json(value: Any) -> Json:
    if isinstance(value, (NodeRecord, FrameRecord)):
        return value.to_json()
    return list(value) if isinstance(value, Wire) else value


@dataclass(frozen=True, slots=True)
class Change:
    """Everything one transaction (or undo, or redo) did: at most one edit per table and key."""

    label: str
    edits: tuple[Edit, ...]
    revision: int

    def of(self, table: str) -> Iterator[Edit]:
        """Yields the edits of one table."""
        return (edit for edit in self.edits if edit.table == table)

    @property
    def nodes_added(self) -> list[NodeRecord]:
        """Nodes that are new, as they now are."""
        return [e.after for e in self.of("node") if e.before is None]

    @property
    def nodes_removed(self) -> list[NodeRecord]:
        """Nodes that are gone, as they were."""
        return [e.before for e in self.of("node") if e.after is None]

    @property
    def nodes_changed(self) -> list[tuple[NodeRecord, NodeRecord]]:
        """Pairs (before, after) of the nodes that changed."""
        return [
            (e.before, e.after)
            for e in self.of("node")
            if e.before is not None and e.after is not None
        ]

    @property
    def wires_added(self) -> list[Wire]:
        """Wires that are new, those that replaced another included."""
        return [e.after for e in self.of("wire") if e.after is not None]

    @property
    def wires_removed(self) -> list[Wire]:
        """Wires that are gone, those that another replaced included."""
        return [e.before for e in self.of("wire") if e.before is not None]

    @property
    def only_moves(self) -> bool:
        """True if nothing changed but places, frames and notes: no value can have changed."""
        return all(
            kind == "frame" or (kind == "node" and _moved_only(e.before, e.after))
            for e in self.edits
            for kind in (kind_of(e.table),)
        )

    def within(self, scope: str) -> Change:
        """Returns what it did to one graph: the document's own ("") or a definition's.

        The edits name that graph's tables as a document does; those of tables that a file has
        only once (training, weights, subgraphs) are among them.
        """
        if not any("@" in e.table for e in self.edits) and not scope:
            return self
        suffix = f"@{scope}"
        edits = []
        for edit in self.edits:
            if "@" not in edit.table:
                if not scope or edit.table not in SCOPED:
                    edits.append(edit)
            elif (
                scope and edit.table.endswith(suffix) and kind_of(edit.table) + suffix == edit.table
            ):
                edits.append(edit._replace(table=kind_of(edit.table)))
        return Change(self.label, tuple(edits), self.revision)

    @property
    def scopes(self) -> set[str]:
        """The graphs that it changed: definitions by name, "" for the document's own."""
        return {
            e.table.partition("@")[2] for e in self.edits if "@" in e.table or e.table in SCOPED
        }

    def to_json(self) -> dict[str, Json]:
        """Returns the change as JSON, for a mirror or a journal."""
        return {
            "label": self.label,
            "revision": self.revision,
            "edits": [edit.to_json() for edit in self.edits],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Change:
        """Returns the change that `to_json` described."""
        edits = tuple(Edit.from_json(edit) for edit in data["edits"])
        return cls(data["label"], edits, data["revision"])


def _moved_only(before: NodeRecord | None, after: NodeRecord | None) -> bool:
    if before is None or after is None:
        return False
    alike = before.op == after.op and before.name == after.name
    return alike and mode_of(before) == mode_of(after) and same(before.attrs, after.attrs)


def merge_edits(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Returns the same edits with one per table and key, and without those that changed nothing."""
    merged: dict[tuple[str, Any], Edit] = {}
    for edit in edits:
        at = (edit.table, edit.key)
        first = merged.get(at)
        merged[at] = edit if first is None else edit._replace(before=first.before)
    return tuple(edit for edit in merged.values() if not same(edit.before, edit.after))


__all__ = [
    "BYPASSED",
    "INPUTS",
    "MUTED",
    "ONLY",
    "OUTPUTS",
    "SCOPED",
    "SUBGRAPH",
    "TABLES",
    "Change",
    "Edit",
    "FrameRecord",
    "Json",
    "NodeRecord",
    "Wire",
    "compact_json",
    "coordinate",
    "kind_of",
    "merge_edits",
    "mode_of",
    "plain",
    "same",
]

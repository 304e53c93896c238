"""The immutable pieces a document is made of, and the edits between two states.

A document is a handful of tables of these records. Nothing in it changes but by `Edit`s, each of
which carries what stood under a key before and what stands there after. So undo is right by
construction (swap the two), and the same edits keep a mirror in another process or replay a crash
journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from nodeflow.document.model.json_values import (
    Json,
    compact_json,
    coordinate,
    coordinate_text,
    plain,
    same,
)

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

    def to_text(self) -> str:
        """Returns `compact_json(self.to_json())`, five times as fast: files have one a node."""
        if self.extra:
            return compact_json(self.to_json())
        attrs = compact_json(self.attrs) if self.attrs else "{}"
        texts = f'"id": {compact_json(self.id)}, "name": {compact_json(self.name)}'
        x, y = self.pos
        place = f"[{coordinate_text(x)}, {coordinate_text(y)}]"
        return f'{{"attrs": {attrs}, {texts}, "op": {compact_json(self.op)}, "pos": {place}}}'

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

    def to_text(self) -> str:
        """Returns the wire as one line of a file: `compact_json(list(self))`."""
        return f"[{', '.join(map(compact_json, self))}]"


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

    def to_text(self) -> str:
        """Returns the frame as one line of a file."""
        return compact_json(self.to_json())

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

    def to_text(self) -> str:
        """Returns `[table, key, before, after]` as one line of JSON."""
        table, key, before, after = self
        at = key_text(key)
        return f"[{compact_json(table)}, {at}, {to_text(before)}, {to_text(after)}]"

    @classmethod
    def from_json(cls, data: list[Json]) -> Edit:
        """Returns the edit that `to_text` described, read as JSON."""
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


def key_text(key: Any) -> str:
    """Returns a key of a table as one line of JSON."""
    return f"[{', '.join(map(compact_json, key))}]" if isinstance(key, tuple) else compact_json(key)


def to_text(value: Any) -> str:
    """Returns a record, or another value of a table, as one line of JSON."""
    if value is None:
        return "null"
    if isinstance(value, (NodeRecord, Wire, FrameRecord)):
        return value.to_text()
    return compact_json(value)


@dataclass(frozen=True)
class Change:
    """Everything one transaction (or undo, or redo) did: at most one edit per table and key.

    A large one has many readers, so what is found in it is found once; do not change the lists.

    `state` stands for the content after it, see `Document.state`; None if that is not known.
    """

    label: str
    edits: tuple[Edit, ...]
    revision: int
    state: Any = field(default=None, compare=False, repr=False)

    def of(self, table: str) -> Iterator[Edit]:
        """Yields the edits of one table."""
        return (edit for edit in self.edits if edit.table == table)

    @cached_property
    def nodes_added(self) -> list[NodeRecord]:
        """Nodes that are new, as they now are."""
        return [e.after for e in self.of("node") if e.before is None]

    @cached_property
    def nodes_removed(self) -> list[NodeRecord]:
        """Nodes that are gone, as they were."""
        return [e.before for e in self.of("node") if e.after is None]

    @cached_property
    def nodes_changed(self) -> list[tuple[NodeRecord, NodeRecord]]:
        """Pairs (before, after) of the nodes that changed."""
        return [
            (e.before, e.after)
            for e in self.of("node")
            if e.before is not None and e.after is not None
        ]

    @cached_property
    def wires_added(self) -> list[Wire]:
        """Wires that are new, those that replaced another included."""
        return [e.after for e in self.of("wire") if e.after is not None]

    @cached_property
    def wires_removed(self) -> list[Wire]:
        """Wires that are gone, those that another replaced included."""
        return [e.before for e in self.of("wire") if e.before is not None]

    @cached_property
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
        if not scope and not self._reaches_inside:
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
        return Change(self.label, tuple(edits), self.revision, self.state)

    @cached_property
    def _reaches_inside(self) -> bool:
        return any("@" in e.table for e in self.edits)

    @cached_property
    def scopes(self) -> set[str]:
        """The graphs that it changed: definitions by name, "" for the document's own."""
        return {
            e.table.partition("@")[2] for e in self.edits if "@" in e.table or e.table in SCOPED
        }

    @cached_property
    def text(self) -> str:
        """The change as one line of JSON, for a mirror and a journal."""
        edits = ", ".join([edit.to_text() for edit in self.edits])
        label = compact_json(self.label)
        return f'{{"edits": [{edits}], "label": {label}, "revision": {self.revision}}}'

    @classmethod
    def from_text(cls, text: str) -> Change:
        """Returns the change with this `text`; ValueError, KeyError, TypeError if it is none."""
        data = json.loads(text)
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
    return tuple([edit for edit in merged.values() if not _idle(edit)])


def _idle(edit: Edit) -> bool:
    if edit.before is None or edit.after is None:
        return edit.before is edit.after
    return same(edit.before, edit.after)


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
    "key_text",
    "kind_of",
    "merge_edits",
    "mode_of",
    "plain",
    "same",
    "to_text",
]

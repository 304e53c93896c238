"""The immutable records of a document, and the edits between two states.

A document is a handful of tables of these records. It changes only by `Edit`s; each holds the
value of a key before and after. So undo is correct by construction (it swaps the two), and the
same edits update a mirror in another process or replay a crash journal.
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

SETTINGS = ("training", "stage", "lesson")
"""The tables with one object of named fields for the whole file."""
TABLES = ("node", "wire", "frame", "subgraph", *SETTINGS, "weights", "extra")
# each definition of a subgraph has its own tables of these kinds
SCOPED = ("node", "wire", "frame")
ONLY = ""  # the only key of the tables in `SETTINGS`, "weights" and "extra"
# see `analysis.subgraphs`
SUBGRAPH, INPUTS, OUTPUTS = "subgraph", "subgraph_inputs", "subgraph_outputs"
# values of a node's field `mode`, see `analysis.passthrough_nodes`
MUTED, BYPASSED = "muted", "bypassed"


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One node: the id of its op, its visible name, its attributes as JSON, and its position.

    `attrs` and `extra` (unknown fields, preserved) are never changed in place.
    """

    id: str
    op: str
    name: str
    attrs: dict[str, Json] = field(default_factory=dict)
    pos: tuple[float, float] = (0, 0)
    extra: dict[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Return the node as a JSON object, as it is written to a file."""
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
        """Return `compact_json(self.to_json())`, the record as one line of JSON, but five times as
        fast.

        Saving a file calls this for every node.
        """
        if self.extra:
            return compact_json(self.to_json())
        attrs = compact_json(self.attrs) if self.attrs else "{}"
        texts = f'"id": {compact_json(self.id)}, "name": {compact_json(self.name)}'
        x, y = self.pos
        place = f"[{coordinate_text(x)}, {coordinate_text(y)}]"
        return f'{{"attrs": {attrs}, {texts}, "op": {compact_json(self.op)}, "pos": {place}}}'

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> NodeRecord:
        """Convert a JSON object that `to_json` made to a node record. Do not check it."""
        known = ("id", "op", "name", "attrs", "pos")
        extra = {key: value for key, value in data.items() if key not in known}
        x, y = data["pos"]
        return cls(data["id"], data["op"], data["name"], data["attrs"], (x, y), extra)


def mode_of(record: NodeRecord) -> str:
    """Return a node's mode: `muted` (it does not run), `bypassed` (it forwards its inputs),
    or "".
    """
    mode = record.extra.get("mode")
    return mode if mode in (MUTED, BYPASSED) else ""


def stream_of(record: NodeRecord) -> str:
    """Return the name of a node's random stream: by default, the name that the node had first.

    A renamed node keeps its stream in the field `stream`. For an instance of a subgraph, return the
    prefix for the streams inside, which may be empty.
    """
    stream = record.extra.get("stream") if record.extra else None
    return stream if isinstance(stream, str) else record.name


def share_of(record: NodeRecord) -> str:
    """Return the id of the node whose weights a layer or instance shares, or ""."""
    owner = record.extra.get("share") if record.extra else None
    return owner if isinstance(owner, str) else ""


class Wire(NamedTuple):
    """One wire, from an output port to an input port or a feed. An input port takes one wire."""

    source: str
    source_port: str
    target: str
    target_port: str

    @property
    def key(self) -> tuple[str, str]:
        """The node and input port at which the wire ends. An input port takes one wire, so this is
        the key of the wire in `Document.wires`.
        """
        return (self.target, self.target_port)

    def to_text(self) -> str:
        """Return the wire (its source, source port, target and target port) as one line of JSON for
        a file.
        """
        return f"[{', '.join(map(compact_json, self))}]"


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """A titled rectangle behind nodes, with an optional note."""

    id: str
    title: str = ""
    note: str = ""
    color: str = ""
    rect: tuple[float, float, float, float] = (0, 0, 320, 200)
    extra: dict[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Return the frame as a JSON object, as it is written to a file."""
        return {
            **self.extra,
            "id": self.id,
            "title": self.title,
            "note": self.note,
            "color": self.color,
            "rect": [coordinate(value) for value in self.rect],
        }

    def to_text(self) -> str:
        """Return the frame as one line of a file."""
        return compact_json(self.to_json())

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> FrameRecord:
        """Convert a JSON object that `to_json` made to a frame record. Do not check it."""
        known = ("id", "title", "note", "color", "rect")
        extra = {key: value for key, value in data.items() if key not in known}
        x, y, width, height = data["rect"]
        rect = (x, y, width, height)
        return cls(data["id"], data["title"], data["note"], data["color"], rect, extra)


class Edit(NamedTuple):
    """One primitive edit: the value of `key` in `table` before and after.

    None means that there is no such key. Keys: a node's or frame's id, a wire's input port
    (target id, port), a subgraph's name, and "" in the tables with one entry. The tables of a
    subgraph's definition are called `node@NAME`, `wire@NAME` and `frame@NAME`.
    """

    table: str
    key: Any
    before: Any
    after: Any

    def inverse(self) -> Edit:
        """Return the edit that undoes this one."""
        return Edit(self.table, self.key, self.after, self.before)

    def to_text(self) -> str:
        """Return this edit of a document, `[table, key, before, after]`, as one line of JSON."""
        table, key, before, after = self
        at = key_text(key)
        return f"[{compact_json(table)}, {at}, {to_text(before)}, {to_text(after)}]"

    @classmethod
    def from_json(cls, data: list[Json]) -> Edit:
        """Return the edit from its parsed `to_text`."""
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
    """Return the kind of records in a table. For the tables `node` (of the document's own graph)
    and `node@NAME` (of a subgraph definition) it is `node`.
    """
    return table.partition("@")[0]


_READERS = {
    "node": NodeRecord.from_json,
    "frame": FrameRecord.from_json,
    "wire": lambda data: Wire(*data),
}


def key_text(key: Any) -> str:
    """Return the key of a record in a document's table as one line of JSON."""
    return f"[{', '.join(map(compact_json, key))}]" if isinstance(key, tuple) else compact_json(key)


def to_text(value: Any) -> str:
    """Return a value of a document's table, such as a node record, as one line of JSON."""
    if value is None:
        return "null"
    if isinstance(value, (NodeRecord, Wire, FrameRecord)):
        return value.to_text()
    return compact_json(value)


@dataclass(frozen=True)
class Change:
    """The edits of one transaction, undo or redo: at most one per table and key.

    Several subscribers read a change, so its lists are computed only once; do not change them.

    `state` identifies the content after the change (see `Document.state`); None if unknown.
    """

    label: str
    edits: tuple[Edit, ...]
    revision: int
    state: Any = field(default=None, compare=False, repr=False)

    def of(self, table: str) -> Iterator[Edit]:
        """Yield the edits of one table."""
        return (edit for edit in self.edits if edit.table == table)

    @cached_property
    def nodes_added(self) -> list[NodeRecord]:
        """The added nodes."""
        return [e.after for e in self.of("node") if e.before is None]

    @cached_property
    def nodes_removed(self) -> list[NodeRecord]:
        """The removed nodes."""
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
        """The added wires, including wires that replace another one."""
        return [e.after for e in self.of("wire") if e.after is not None]

    @cached_property
    def wires_removed(self) -> list[Wire]:
        """The removed wires, including wires that another one replaced."""
        return [e.before for e in self.of("wire") if e.before is not None]

    @cached_property
    def only_moves(self) -> bool:
        """Whether only positions, frames, notes and pins changed, which leaves all values
        unchanged.
        """
        return all(
            kind in ("frame", "stage", "lesson")
            or (kind == "node" and _moved_only(e.before, e.after))
            for e in self.edits
            for kind in (kind_of(e.table),)
        )

    @property
    def flags_nodes(self) -> bool:
        """Whether the change sets a node's field other than its attributes, such as a
        breakpoint.
        """
        return any(
            kind_of(e.table) == "node"
            and e.before is not None
            and e.after is not None
            and e.before.extra != e.after.extra
            for e in self.edits
        )

    def within(self, scope: str) -> Change:
        """Return the edits in one graph as a change: "" for the document's own, or a definition's
        name.

        Table names are returned without the graph's name. For "", the result has also the edits of
        tables that all graphs share, such as training and subgraphs.
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
        """The names of the graphs that the edits change: names of subgraph definitions, and "" for
        the document's own graph.
        """
        return {
            e.table.partition("@")[2] for e in self.edits if "@" in e.table or e.table in SCOPED
        }

    @cached_property
    def text(self) -> str:
        """The change as one line of JSON. Other processes that mirror the document and the journal
        file use it.
        """
        edits = ", ".join([edit.to_text() for edit in self.edits])
        label = compact_json(self.label)
        return f'{{"edits": [{edits}], "label": {label}, "revision": {self.revision}}}'

    @classmethod
    def from_text(cls, text: str) -> Change:
        """Parse a change from its `text`. Raise ValueError, KeyError or TypeError if the text is
        malformed.
        """
        data = json.loads(text)
        edits = tuple(Edit.from_json(edit) for edit in data["edits"])
        return cls(data["label"], edits, data["revision"])


def _moved_only(before: NodeRecord | None, after: NodeRecord | None) -> bool:
    if before is None or after is None:
        return False
    alike = before.op == after.op and before.name == after.name
    alike = alike and stream_of(before) == stream_of(after)
    alike = alike and share_of(before) == share_of(after)
    return alike and mode_of(before) == mode_of(after) and same(before.attrs, after.attrs)


def merge_edits(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Merge several edits of the same table and key into one; drop edits that change nothing."""
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
    "SETTINGS",
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
    "share_of",
    "stream_of",
    "to_text",
]

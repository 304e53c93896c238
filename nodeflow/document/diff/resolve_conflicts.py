"""Deciding a conflict of a merge for one side, in one undo step.

A side's value may be impossible by now: a wire from a node that is in another graph, or the removal
of a subgraph that is in use. Such a decision is refused with the reason, never carried out in part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from nodeflow.document.analysis.subgraphs.instance_paths import instances_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER
from nodeflow.document.diff.conflicts import (
    BASE,
    OURS,
    THEIRS,
    Conflict,
    conflicts_of,
    name_of,
)
from nodeflow.document.diff.differences import ABSENT
from nodeflow.document.edit.references import rewrite_names
from nodeflow.document.edit.streams import renamed
from nodeflow.document.edit.subgraphs.unpack_subgraph import remove_content
from nodeflow.document.io.validation import (
    check_definition_name,
    expect,
    read_frame,
    read_node,
    read_stage,
    read_training,
    read_weights,
    read_wire,
)
from nodeflow.document.model.document import CONFLICTS, Document
from nodeflow.document.model.errors import DocumentError, FlowError
from nodeflow.document.model.records import (
    ONLY,
    FrameRecord,
    Json,
    NodeRecord,
    Wire,
    compact_json,
    same,
)
from nodeflow.document.model.transaction import Transaction

CURRENT = "current"
"""The choice of the document's current value: only the conflict is removed."""

KEPT = {OURS: "Keep ours", THEIRS: "Keep theirs", BASE: "Keep base", CURRENT: "Keep as it is"}
"""The label of each choice, for its button and its undo step."""


class CannotResolve(DocumentError):
    """A conflict cannot be decided for a side in the current state of the document.

    Remedy: Keep the other side, or undo the edit that is in the way.
    """


def choices(doc: Document, conflict: Conflict) -> list[str]:
    """Return the versions that a user can choose for a conflict.

    These are ours and theirs, base if it has a third value, and the document's current value if no
    version has it.
    """
    if not conflict.path:
        return [CURRENT]
    sides = [OURS, THEIRS]
    values = {side: conflict.values.get(side, ABSENT) for side in (BASE, OURS, THEIRS)}
    if BASE in conflict.values and not any(_equal(values[BASE], values[s]) for s in sides):
        sides.append(BASE)
    now = value_at(doc, conflict)
    return sides if any(_equal(now, values[s]) for s in sides) else [*sides, CURRENT]


def value_at(doc: Document, conflict: Conflict) -> Json:
    """Return a document's value at the place of a conflict; `compare.ABSENT` if there is none."""
    match conflict.path:
        case ("node" | "frame" as kind, key, *rest):
            return _in_record(doc, kind, key, rest)
        case ("wire", key, port):
            wires = (g.wires.get((key, port)) for g in _graphs(doc))
            return next(([w.source, w.source_port] for w in wires if w), ABSENT)
        case ("subgraph", name, *rest):
            header = doc.subgraphs.get(name, ABSENT)
            return header.get(rest[0], ABSENT) if rest and header is not ABSENT else header
        case ("training" | "stage" | "lesson" as kind, name):
            return doc.tables[kind].get(ONLY, {}).get(name, ABSENT)
        case ("weights",):
            return ABSENT if doc.weights is None else doc.weights
        case ("file", name):
            return doc.extra.get(name, ABSENT)
    return ABSENT


def resolve(doc: Document, conflict: Conflict, side: str) -> None:
    """Set the place of a conflict to a side's value and remove the conflict, as one undo step.

    Nothing else is decided: wires and settings with their own conflicts stay. If another node has
    the name of a restored node by now, the restored node gets a suffix. If the node of a conflict
    is gone, only the conflict is removed.

    Args:
        side: ``ours``, ``theirs``, ``base``, or `CURRENT`.

    Raises:
        CannotResolve: the document cannot take the value in its current state; nothing is changed.
    """
    root = doc.root
    with root.transaction(f"{KEPT[side]}: {name_of(root, conflict)}") as t:
        if side != CURRENT and conflict.path:
            try:
                _Writer(root, t, conflict).write(conflict.values.get(side, ABSENT))
            except FlowError as error:
                raise CannotResolve(f"{side} has no value that a file can hold: {error}") from error
        _remove(root, t, conflict)


def resolve_all(
    doc: Document, side: str, wanted: Callable[[Conflict], bool] = lambda conflict: True
) -> list[CannotResolve]:
    """Decide all conflicts, or only the `wanted` ones, for one side, as one undo step.

    Nodes are restored first, because wires need them. Definitions come last, when nothing uses
    them. Return the reasons why some could not be decided; these stay in the list.
    """
    failed: list[CannotResolve] = []
    with doc.root.transaction(f"{KEPT[side]}: all conflicts"):
        found = [c for c in conflicts_of(doc) if wanted(c)]
        for conflict in sorted(found, key=lambda c: _order(c, side)):
            try:
                resolve(doc, conflict, side)
            except CannotResolve as error:
                failed.append(error)
    return failed


def _order(conflict: Conflict, side: str) -> int:
    kind = conflict.path[0] if conflict.path else ""
    if kind == "subgraph":
        return 0 if side in conflict.values else 4
    return 1 if conflict.is_whole else 3 if kind == "wire" else 2


@dataclass
class _Writer:
    """A writer that sets the value at the path of one conflict."""

    root: Document
    t: Transaction
    conflict: Conflict

    def write(self, value: Any) -> None:
        match self.conflict.path:
            case ("node" | "frame" as kind, key):
                self._whole(kind, key, value)
            case ("node" | "frame" as kind, key, *rest):
                self._field(kind, key, rest, value)
            case ("wire", key, port):
                self._wire(key, port, value)
            case ("subgraph", name, *rest):
                self._definition(name, rest, value)
            case ("training", name):
                settings = _with(self.root.training, name, value)
                self.t.set_training(read_training(settings))
            case ("stage", name):
                self.t.set_stage(read_stage(_with(self.root.stage, name, value)))
            case ("lesson", name):
                self.t.edit("lesson", ONLY, _with(self.root.lesson, name, value) or None)
            case ("weights",):
                kept = None if value is ABSENT else read_weights(value)
                self.t.edit("weights", ONLY, kept)
            case ("file", name):
                self.t.edit("extra", ONLY, _with(self.root.extra, name, value) or None)

    # ---- nodes and frames -------------------------------------------------------------------

    def _whole(self, kind: str, key: str, value: Any) -> None:
        now = _holder(self.root, kind, key)
        if value is ABSENT:
            if now is not None and kind == "node":
                self.t.within(now).drop_node(key)
            elif now is not None:
                self.t.within(now).edit(kind, key, None)
            return
        data = dict(expect(value, dict, key))
        home = self._graph(expect(data.pop("scope", ""), str, f"{key}.scope"))
        if now is not None and {OURS, THEIRS} <= self.conflict.values.keys():
            # the conflict is only about the graph that contains it
            data = now.tables[kind][key].to_json()
        data = {"attrs": {}, **data, "id": key} if kind == "node" else {**data, "id": key}
        if kind == "frame":
            if now not in (None, home):
                self.t.within(now).edit(kind, key, None)
            self.t.within(home).put_frame(read_frame(data, key))
            return
        wires: list[Wire] = []
        if now is not None and now is not home:
            wires = [*now.wires_into(key), *now.wires_out_of(key)]
            self.t.within(now).drop_node(key)
        record = read_node(data, key)
        self._make_room(home, record)
        self._put_node(home, record)
        for wire in dict.fromkeys(wires):
            if wire.source in home.nodes and wire.target in home.nodes:
                self.t.within(home).put_wire(wire)

    def _make_room(self, graph: Document, record: NodeRecord) -> None:
        """Remove the border node that a new one replaces, because a definition has only one for
        inputs and one for outputs.
        """
        other = graph.borders.get(record.op) if record.op in BORDER else None
        if other is not None and other != record.id:
            self.t.within(graph).drop_node(other)

    def _field(self, kind: str, key: str, rest: list[str], value: Any) -> None:
        graph = _holder(self.root, kind, key)
        if graph is None:
            return
        if kind == "frame":
            data = _with(graph.frames[key].to_json(), rest[0], value)
            self.t.within(graph).put_frame(read_frame(data, key))
            return
        record = graph.nodes[key]
        data = record.to_json()
        if rest == ["name"]:
            name = read_node(_with(data, "name", value), key).name
            self._put_node(graph, renamed(record, name))
            return
        if rest[0] == "attrs" and len(rest) == 2:
            data = {**data, "attrs": _with(record.attrs, rest[1], value)}
        else:
            data = _with(data, rest[0], value)
        new = read_node(data, key)
        other = graph.borders.get(new.op) if new.op in BORDER else None
        if other not in (None, key):
            raise CannotResolve(f"the subgraph `{graph.scope}` has another node {new.op!r}")
        self._put_node(graph, new)

    def _put_node(self, graph: Document, record: NodeRecord) -> None:
        """Add a node under a free name, and update references to its old name."""
        holder = graph.ids_by_name.get(record.name)
        if holder not in (None, record.id):
            record = renamed(record, graph.fresh_name(record.name))
        writing, old = self.t.within(graph), graph.nodes.get(record.id)
        if old is not None and old.name != record.name:
            rewrite_names(graph, writing, {old.name: record.name}, skip=[record.id])
        writing.put_node(record)

    def _graph(self, scope: str) -> Document:
        """Return the graph that a record belongs to; if its definition is gone, add it again,
        empty.
        """
        if scope and scope not in self.root.subgraphs:
            self.t.edit("subgraph", check_definition_name(scope, "scope"), {})
        return self.root.graph(scope)

    # ---- wires and definitions --------------------------------------------------------------

    def _wire(self, key: str, port: str, value: Any) -> None:
        graph = _holder(self.root, "node", key)
        if graph is None:
            return
        if value is ABSENT:
            self.t.within(graph).edit("wire", (key, port), None)
            return
        wire = read_wire([*expect(value, list, "source"), key, port], "source")
        if wire.source not in graph.nodes:
            target, elsewhere = graph.nodes[key].name, _holder(self.root, "node", wire.source)
            if elsewhere is None:
                why = f"the node that the wire into {target}:{port} starts at is not in the file"
            else:
                name = elsewhere.nodes[wire.source].name
                where = f"the subgraph `{elsewhere.scope}`" if elsewhere.scope else "the graph"
                why = f"the wire into {target}:{port} starts at {name}, which is now in {where}"
            hint = "Decide what becomes of that node first, or keep another side."
            raise CannotResolve(why, hint=hint)
        self.t.within(graph).put_wire(wire)

    def _definition(self, name: str, rest: list[str], value: Any) -> None:
        definition = self.root.definition(name)
        if rest:
            if definition is not None:
                self.t.edit("subgraph", name, _with(self.root.subgraphs[name], rest[0], value))
        elif value is not ABSENT:
            header = {k: v for k, v in expect(value, dict, name).items() if k not in _TABLES}
            self.t.edit("subgraph", check_definition_name(name, "subgraphs"), header)
        elif definition is not None:
            outside = [(g, r) for g, r in instances_of(self.root, name) if g is not definition]
            if outside:
                graph, record = outside[0]
                where = f" in `{graph.scope}`" if graph.scope else ""
                raise CannotResolve(
                    f"the subgraph `{name}` is used by {record.name}{where}",
                    hint="Remove its instances first, or keep the other side.",
                )
            remove_content(definition, self.t)


_TABLES = ("nodes", "wires", "frames")


def _remove(root: Document, t: Transaction, conflict: Conflict) -> None:
    """Remove a conflict from the file's list of conflicts; with the last one, remove the list."""
    listed = root.conflicts if isinstance(root.conflicts, list) else [root.conflicts]
    rest = list(listed)
    index = next((i for i, item in enumerate(rest) if same(item, conflict.item)), None)
    if index is not None:
        del rest[index]
    fields = {k: v for k, v in root.extra.items() if k != CONFLICTS}
    if rest:
        fields[CONFLICTS] = rest
    t.edit("extra", ONLY, fields or None)


def _graphs(doc: Document) -> Iterable[Document]:
    return (doc.root, *doc.definitions())


def _holder(doc: Document, kind: str, key: str) -> Document | None:
    """Return the graph that contains a node or frame, or None."""
    return next((graph for graph in _graphs(doc) if key in graph.tables[kind]), None)


def _in_record(doc: Document, kind: str, key: str, rest: list[str]) -> Json:
    graph = _holder(doc, kind, key)
    if graph is None:
        return ABSENT
    record: NodeRecord | FrameRecord = graph.tables[kind][key]
    data = record.to_json()
    if not rest:
        return {"scope": graph.scope, **{k: v for k, v in data.items() if k != "id"}}
    for step in rest:
        data = data.get(step, ABSENT) if isinstance(data, dict) else ABSENT
    return data


def _with(fields: dict[str, Json], name: str, value: Any) -> dict[str, Json]:
    """Return a copy of fields in which one has a new value, or is removed if the
    value is `ABSENT`.
    """
    rest = {key: old for key, old in fields.items() if key != name}
    return rest if value is ABSENT else {**rest, name: value}


def _equal(a: Any, b: Any) -> bool:
    if a is ABSENT or b is ABSENT:
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):  # a record may omit empty attributes
        a, b = ({k: v for k, v in side.items() if (k, v) != ("attrs", {})} for side in (a, b))
    return compact_json(a) == compact_json(b)

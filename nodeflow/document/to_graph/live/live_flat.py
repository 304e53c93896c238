"""A flattened document that follows its original edit by edit.

Edits of nodes and wires, in the file's own graph and inside definitions, become edits of the flat
document, one for each affected instance. Rare edits that change the set of instances, their ports
or their names flatten the document again.
"""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.document.analysis.port_names import DONE, is_control
from nodeflow.document.analysis.subgraphs.instance_paths import graphs, instances_in, uses
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER, DEFINITION
from nodeflow.document.edit.references import variable_names
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import (
    INPUTS,
    ONLY,
    SUBGRAPH,
    Change,
    Edit,
    NodeRecord,
    Wire,
    kind_of,
    mode_of,
    same,
    share_of,
    stream_of,
)
from nodeflow.document.to_graph import flatten as f

_INSTANCES = (SUBGRAPH, *BORDER)


class LiveFlat:
    """A flat document `flat` that is kept equal to a document.

    `follow` takes each change that was made in the document. It returns the same change for the
    flat document, or None if the document has to be flattened again.
    """

    def __init__(self, document: Document) -> None:
        self._source = document
        self.flat = f.flatten(document)
        self._places: dict[str, list[f.Place]] = {}
        for place in self.flat.places:
            self._places.setdefault(place.graph.scope, []).append(place)
        self._bodies = _bodies(document)
        self._is_ordered = any(
            is_control(port) for place in self.flat.places for _, port in place.graph.wires
        )
        self._sharing = any(place.graph.sharers for place in self.flat.places)
        self._names_variables = any(
            variable_names(record) is not None for record in self.flat.document.nodes.values()
        )

    def follow(self, change: Change) -> Change | None:
        """Apply a change of the document to the flat document, where subgraphs are replaced by
        their content. Return the change of the flat document; None if it must be flattened anew.
        """
        if self.flat.document is self._source:
            return None if any(map(_makes_instances, change.edits)) else change
        if any(map(_shares, change.edits)) or (self._sharing and not _keeps_nodes(change)):
            return None
        edits = self._edits(change)
        if edits is None:
            return None
        result = Change(change.label, tuple(edits), change.revision)
        for edit in edits:
            self.flat.document.write(edit.table, edit)
        self.flat.document.revision = change.revision
        return result

    def _edits(self, change: Change) -> list[Edit] | None:
        edits: list[Edit] = []
        ends: set[tuple[f.Place, str, str]] = set()
        noted: set[f.Place] = set()
        again = False
        for edit in change.edits:
            kind, scope = kind_of(edit.table), edit.table.partition("@")[2]
            places = self._places.get(scope, [])
            if kind == "subgraph" or (scope in self._bodies and kind in ("node", "wire")):
                return None
            if kind == "node":
                if not self._is_simple(edit, places):
                    return None
                edits += self._node_edits(edit, places)
            elif kind == "wire":
                if self._is_ordered:
                    return None  # an instance waits, or is waited for, as a whole
                wires = [wire for wire in (edit.before, edit.after) if wire is not None]
                if any(is_control(w.target_port) or w.source_port == DONE for w in wires):
                    return None
                target, port = edit.key
                for place in places:
                    ends |= set(_ends(place, target, port, noted))
            elif kind == "training":
                again = True
        targets = (place.graph.nodes.get(target) for place, target, _ in ends)
        if any(target is not None and is_flow(target) for target in targets):
            return None
        edits += (edit for end in ends for edit in self._wire_edit(*end))
        for place in noted:
            f.note_instance(self.flat, place)
        if again or noted:
            before = self.flat.document.training or None
            after = f.flat_training(self.flat, self._source) or None
            if not same(before, after):
                edits.append(Edit("training", ONLY, before, after))
        return edits

    def _is_simple(self, edit: Edit, places: list[f.Place]) -> bool:
        """Return whether an edit of a node affects only that node in the flat document (without
        subgraphs). It does not if it changes instances, their ports or the names of other nodes.
        """
        before, after = edit.before, edit.after
        ops = {record.op for record in (before, after) if record is not None}
        if not ops.isdisjoint(_INSTANCES):
            return before is not None and after is not None and _is_alike(before, after)
        if before is not None and after is not None and before.name == after.name:
            changed = variable_names(before) != variable_names(after)
            return not changed and mode_of(before) == mode_of(after)
        names = [record.name for record in (before, after) if record is not None]
        slashed = any("/" in name for name in names) or any(p.graph.slashed for p in places)
        named = after is not None and variable_names(after) is not None
        named = named or self._names_variables or self._is_ordered
        return not (slashed or named or self._source.slashed)

    def _node_edits(self, edit: Edit, places: list[f.Place]) -> Iterator[Edit]:
        for place in places:
            record = edit.after or edit.before
            if not f.stays(place, record):
                continue
            key = place.ids + record.id
            after = None if edit.after is None else f.flat_record(self.flat, place, edit.after)
            yield Edit("node", key, self.flat.document.nodes.get(key), after)

    def _wire_edit(self, place: f.Place, target: str, port: str) -> Iterator[Edit]:
        key = (place.ids + target, port)
        wire = place.graph.wires.get((target, port))
        before = self.flat.document.wires.get(key)
        after: Wire | None = None if wire is None else f.flat_wire(place, wire)
        if before != after:
            yield Edit("wire", key, before, after)


def _bodies(document: Document) -> set[str]:
    """Return the names of the subgraph definitions that are bodies of loops or branches, and of all
    definitions used in them.
    """
    found: set[str] = set()
    for graph in graphs(document):
        for record in instances_in(graph):
            name = record.attrs.get(DEFINITION)
            if is_flow(record) and isinstance(name, str):
                found |= uses(document, name)
    return found


def _makes_instances(edit: Edit) -> bool:
    if kind_of(edit.table) == "subgraph":
        return True
    return _shares(edit) or (
        kind_of(edit.table) == "node"
        and any(r is not None and r.op == SUBGRAPH for r in (edit.before, edit.after))
    )


def _shares(edit: Edit) -> bool:
    """Return whether an edit makes a node share the weights of another owner than before, or begin
    or stop to share.
    """
    if kind_of(edit.table) != "node":
        return False
    before, after = (
        "" if record is None else share_of(record) for record in (edit.before, edit.after)
    )
    return before != after


def _keeps_nodes(change: Change) -> bool:
    """Return whether a change keeps the names, ops and modes of all nodes."""
    return all(
        edit.before is not None
        and edit.after is not None
        and edit.before.op == edit.after.op
        and edit.before.name == edit.after.name
        and mode_of(edit.before) == mode_of(edit.after)
        for edit in change.edits
        if kind_of(edit.table) == "node"
    )


def _is_alike(before: NodeRecord, after: NodeRecord) -> bool:
    """Return whether two versions of a node differ only in position and appearance."""
    named = before.op == after.op and before.name == after.name
    named = named and stream_of(before) == stream_of(after)
    return named and mode_of(before) == mode_of(after) and same(before.attrs, after.attrs)


def _ends(
    place: f.Place, target: str, port: str, noted: set[f.Place]
) -> Iterator[tuple[f.Place, str, str]]:
    """Yield the input ports in the flat document (without subgraphs) that an input port leads to,
    through subgraph instances.

    Add the instances on the way to `noted`, because the sources of their outputs may have changed.
    """
    seen: set[tuple[f.Place, str, str]] = set()
    waiting = [(place, target, port)]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        place, target, port = at
        record = place.graph.nodes.get(target)
        if target in place.inner:
            inner = place.inner[target]
            border = inner.graph.borders.get(INPUTS, "")
            waiting += _behind(inner, border, port)
        elif place.outer is not None and record is not None and record.op in BORDER:
            assert place.instance is not None
            noted.add(place)
            waiting += _behind(place.outer, place.instance.id, port)
        else:
            yield at


def _behind(place: f.Place, node: str, port: str) -> list[tuple[f.Place, str, str]]:
    wires = place.graph.wires_out_of(node)
    return [(place, w.target, w.target_port) for w in wires if w.source_port == port]

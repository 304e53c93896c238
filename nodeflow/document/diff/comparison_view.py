"""Two documents in one view: the later document, with the removed parts of the earlier as ghosts.

The union is a separate, read-only document. Nodes and frames of the later document keep their ids.
A node that was removed, or moved to another graph, gets a new id and stays at its position, or
beside the node that took its position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION
from nodeflow.document.diff.differences import (
    ADDED,
    CHANGED,
    REMOVED,
    Difference,
    compare,
    is_replaced,
)
from nodeflow.document.diff.facts import Facts
from nodeflow.document.diff.merged_facts import renamed_definitions
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import ONLY, SCOPED, SUBGRAPH, NodeRecord, Wire

INSIDE = "inside"
"""The mark of an instance whose node is unchanged but whose definition has differences."""

Key = tuple[str, str]


@dataclass
class Marks:
    """The differences in one graph of a comparison.

    Attributes:
        nodes: id in the union -> `ADDED`, `REMOVED`, `CHANGED` or `INSIDE`.
        wires: key in the union -> `ADDED`, `REMOVED` or `CHANGED`.
        gone: wires removed from ports that still exist; they are not in the union.
        frames: id in the union -> kind of change.
        said: node, frame or wire (its key; for `gone` the wire) -> indices of its differences.
    """

    nodes: dict[str, str] = field(default_factory=dict)
    wires: dict[Key, str] = field(default_factory=dict)
    gone: list[Wire] = field(default_factory=list)
    frames: dict[str, str] = field(default_factory=dict)
    said: dict[str | Key | Wire, list[int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.nodes or self.wires or self.gone or self.frames)

    def note(self, thing: str | Key | Wire, number: int) -> None:
        """Record that the difference with this number concerns a drawn node, frame or wire."""
        self.said.setdefault(thing, []).append(number)


@dataclass(frozen=True)
class Spot:
    """The place of a difference: a graph of the union, and the nodes, wire or frame to look at."""

    scope: str
    nodes: tuple[str, ...] = ()
    wire: Key | Wire | None = None
    frame: str = ""

    @property
    def is_drawn(self) -> bool:
        """True if the difference is visible on the canvas; a training setting is not."""
        return bool(self.nodes or self.frame)


@dataclass
class Comparison:
    """The result of `comparison`.

    Attributes:
        document: the union.
        differences: the list from `compare`, by graph; `spots` has their places.
        marks: scope -> the differences in that graph; only graphs with differences have an entry.
    """

    document: Document
    differences: list[Difference]
    spots: list[Spot] = field(default_factory=list)
    marks: dict[str, Marks] = field(default_factory=dict)


def comparison(before: Document, after: Document, *, layout: bool = False) -> Comparison:
    """Return the changes from one document to another, to be drawn.

    Args:
        layout: whether to include positions of nodes and rectangles of frames.
    """
    return _Union(before, after, layout).made()


class _Union:
    """The union of two documents during its construction."""

    def __init__(self, before: Document, after: Document, layout: bool) -> None:
        self._before, self._after = before.root, after.root
        old, new = _places(self._before), _places(self._after)
        self._scopes = {"": "", **renamed_definitions(old, new)}  # before -> union
        self._replaced = {
            path[1]
            for path in old
            if path[0] == "node" and len(path) == 2 and path in new and is_replaced(path, old, new)
        }
        self._first_id = max(self._before.next_id, self._after.next_id)
        self._ghosts: dict[str, str] = {}  # former id -> id in the union, if it differs
        self._document = Document()
        self._made = Comparison(self._document, compare(before, after, layout=layout))

    def made(self) -> Comparison:
        doc = self._document
        doc.use_file_of(self._after if self._after.path else self._before)
        headers = {self._scope(n): h for n, h in self._before.subgraphs.items()}
        for name, header in {**headers, **self._after.subgraphs}.items():
            doc.fill("subgraph", name, header)
        pairs = [(self._graph_before(part), part) for part in (doc, *doc.definitions())]
        for before, part in pairs:
            self._fill(before, part)
        doc.fill("training", ONLY, self._after.training or None)
        doc.locked = "those of a comparison, which is read-only"
        for before, part in pairs:
            self._mark_wires(before, part)
        for number, difference in enumerate(self._made.differences):
            self._made.spots.append(self._spot(number, difference))
        self._mark_instances()
        return self._made

    def _scope(self, before: str) -> str:
        return self._scopes.get(before, before)

    def _graph_before(self, part: Document) -> Document | None:
        """Return the graph of the earlier document that a graph of the union shows, or None."""
        names = [name for name in ("", *self._before.subgraphs) if self._scope(name) == part.scope]
        return self._before.graph(names[0]) if names else None

    def _marks(self, scope: str) -> Marks:
        return self._made.marks.setdefault(scope, Marks())

    # ---- nodes and frames -------------------------------------------------------------------

    def _fill(self, before: Document | None, part: Document) -> None:
        """Put the nodes, frames and wires of one graph into the union."""
        after = self._after.graph(part.scope) if _has(self._after, part.scope) else None
        now = {} if after is None else after.nodes
        frames = {} if after is None else after.frames
        gone = [] if before is None else [
            n for n in before.nodes.values() if n.id not in now or n.id in self._replaced
        ]  # fmt: skip
        # first, because the later document's names take precedence
        for record in _beside(gone, now.values()):
            ghost = self._ghost(record.id, "n")
            attrs, definition = record.attrs, record.attrs.get(DEFINITION)
            if record.op == SUBGRAPH and isinstance(definition, str):
                attrs = {**attrs, DEFINITION: self._scope(definition)}
            part.fill("node", ghost, replace(record, id=ghost, attrs=attrs))
            self._marks(part.scope).nodes[ghost] = REMOVED
        for frame in before.frames.values() if before is not None else ():
            if frame.id not in frames:
                ghost = self._ghost(frame.id, "f")
                part.fill("frame", ghost, replace(frame, id=ghost))
                self._marks(part.scope).frames[ghost] = REMOVED
        for record in now.values():
            part.fill("node", record.id, record)
        for frame in frames.values():
            part.fill("frame", frame.id, frame)
        for wire in after.wires.values() if after is not None else ():
            part.fill("wire", wire.key, wire)

    def _ghost(self, node_id: str, prefix: str) -> str:
        """Return a new id for a removed node or frame, which neither document uses."""
        if node_id not in self._ghosts:
            self._ghosts[node_id] = f"{prefix}{self._first_id + len(self._ghosts)}"
        return self._ghosts[node_id]

    def _there(self, part: Document, node_id: str) -> str:
        """Return the id that a node of the earlier document has in the union."""
        ghost = self._ghosts.get(node_id)
        return ghost if ghost is not None and ghost in part.nodes else node_id

    # ---- wires ------------------------------------------------------------------------------

    def _mark_wires(self, before: Document | None, part: Document) -> None:
        """Add the removed wires to the union, and mark removed and new wires."""
        old: set[Key] = set()
        for wire in before.wires.values() if before is not None else ():
            was = Wire(
                self._there(part, wire.source), wire.source_port,
                self._there(part, wire.target), wire.target_port,
            )  # fmt: skip
            old.add(was.key)
            if part.wires.get(was.key) == was:
                continue
            marks = self._marks(part.scope)
            if was.target != wire.target:
                part.fill("wire", was.key, was)
                marks.wires[was.key] = REMOVED
            else:
                marks.gone.append(was)
                if was.key in part.wires:
                    marks.wires[was.key] = CHANGED
        for key in part.wires.keys() - old:
            self._marks(part.scope).wires[key] = ADDED

    # ---- differences ------------------------------------------------------------------------

    def _spot(self, number: int, found: Difference) -> Spot:
        """Mark a difference in the drawing that unites both documents, and return its
        place there.
        """
        kind, scope = found.kind, found.scope
        if kind == "node":
            return self._node_spot(number, found)
        if kind == "frame":
            frame = found.path[1]
            frame = self._ghosts.get(frame, frame) if found.change == REMOVED else frame
            scope = self._scope(scope) if found.change == REMOVED else scope
            self._marks(scope).frames[frame] = found.change
            self._marks(scope).note(frame, number)
            return Spot(scope, frame=frame)
        if kind == "wire":
            return self._wire_spot(number, found)
        if kind == "subgraph" and found.name in self._document.subgraphs:
            return Spot(found.name, tuple(self._document.graph(found.name).nodes))
        return Spot("")

    def _node_spot(self, number: int, found: Difference) -> Spot:
        node_id = found.path[1]
        if found.change == REMOVED:
            ghost, scope = self._ghosts[node_id], self._scope(found.scope)
            self._marks(scope).note(ghost, number)
            return Spot(scope, (ghost,))
        marks = self._marks(found.scope)
        marks.nodes[node_id] = found.change
        marks.note(node_id, number)
        moved = next((f for f in found.fields if f.field == "subgraph"), None)
        if moved is not None and found.change == CHANGED and node_id in self._ghosts:
            self._marks(self._scope(str(moved.before))).note(self._ghosts[node_id], number)
        return Spot(found.scope, (node_id,))

    def _wire_spot(self, number: int, found: Difference) -> Spot:
        _, target, port = found.path
        for part in (self._document, *self._document.definitions()):
            if target not in part.nodes and self._ghosts.get(target) not in part.nodes:
                continue
            key = (target, port)
            ends = self._ends(part, key if found.change != REMOVED else None, target, port)
            if ends is None:
                continue
            marks = self._marks(part.scope)
            where = ends.key if part.wires.get(ends.key) == ends else ends
            marks.note(where, number)
            for gone in (w for w in marks.gone if found.change == CHANGED and w.key == key):
                marks.note(gone, number)
            return Spot(part.scope, tuple(dict.fromkeys((ends.source, ends.target))), where)
        return Spot(found.scope)

    def _ends(self, part: Document, key: Key | None, target: str, port: str) -> Wire | None:
        """Return the wire that a difference is about, with ids of the union."""
        if key is not None:
            return part.wires.get(key)
        ghost = (self._ghosts.get(target, ""), port)
        if ghost in part.wires:
            return part.wires[ghost]
        gone = self._made.marks[part.scope].gone if part.scope in self._made.marks else ()
        return next((w for w in gone if w.key == (target, port)), None)

    # ---- instances --------------------------------------------------------------------------

    def _mark_instances(self) -> None:
        """Mark the instances of definitions that have differences, at any depth."""
        different = {scope for scope, marks in self._made.marks.items() if scope and marks}
        parts = (self._document, *self._document.definitions())
        instances = [
            (part, record) for part in parts
            for record in part.nodes.values() if record.op == SUBGRAPH
        ]  # fmt: skip
        grows = True
        while grows:
            grows = False
            for part, record in instances:
                if record.attrs.get(DEFINITION) in different:
                    grows |= bool(part.scope) and part.scope not in different
                    different |= {part.scope} if part.scope else set()
                    self._marks(part.scope).nodes.setdefault(record.id, INSIDE)


def _has(doc: Document, scope: str) -> bool:
    return not scope or scope in doc.subgraphs


def _places(doc: Document) -> Facts:
    """Return the facts that tell where each node, frame and definition is, and each node's op
    and name.
    """
    found: Facts = {}
    for graph in (doc, *doc.definitions()):
        for node in graph.nodes.values():
            path = ("node", node.id)
            found[path] = graph.scope
            found[*path, "op"], found[*path, "name"] = node.op, node.name
        found.update({("frame", frame): graph.scope for frame in graph.frames})
    found.update({("subgraph", name): name for name in doc.subgraphs})
    return found


ROOM = (230.0, 170.0)
"""The approximate size of a card, which ghosts keep free around other cards."""
STEP, MOST_STEPS = 40.0, 60
"""How far an overlapping ghost moves down per step, in scene units, and the maximum of steps."""


def _beside(gone: Iterable[NodeRecord], there: Iterable[NodeRecord]) -> Iterator[NodeRecord]:
    """Yield removed nodes, each moved down until it covers no present node and no other removed
    one.
    """
    width, height = ROOM
    taken: dict[tuple[int, int], list[tuple[float, float]]] = {}

    def add(x: float, y: float) -> None:
        taken.setdefault((int(x // width), int(y // height)), []).append((x, y))

    def is_free(x: float, y: float) -> bool:
        column, row = int(x // width), int(y // height)
        cells = ((column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1))
        near = (at for cell in cells for at in taken.get(cell, ()))
        return not any(abs(x - a) < width and abs(y - b) < height for a, b in near)

    for record in there:
        add(*record.pos)
    for record in gone:
        x, y = record.pos
        for _ in range(MOST_STEPS):
            if is_free(x, y):
                break
            y += STEP
        add(x, y)
        yield record if y == record.pos[1] else replace(record, pos=(x, y))


def still(doc: Document) -> Document:
    """Return a copy of a document that another thread can read while the original is edited.

    The copy has only the tables, without indexes: enough for `comparison` and `compare`.
    """
    copy = Document()
    for name, table in doc.root.tables.items():
        copy.tables[name].update(table)
    for part in doc.definitions():
        for name in SCOPED:
            copy.graph(part.scope).tables[name].update(part.tables[name])
    copy.use_file_of(doc)
    copy.next_id = doc.next_id
    return copy

"""Three-way merge of documents: nothing is dropped silently, and the result always opens.

Nodes and frames are matched by id. If both sides added the same id, it counts as one thing only if
both records are equal; otherwise theirs gets a new id everywhere. If both sides added a definition
or a node with the same name, theirs gets a suffix, and a note says so. Every change of a side that
is not in the result is listed as a conflict (`conflicts`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nodeflow.document.diff.conflicts import conflict
from nodeflow.document.diff.facts import (
    ENTITIES,
    Facts,
    Path,
    document_of,
    facts_of,
    same_fact,
)
from nodeflow.document.diff.merged_facts import (
    is_appended,
    mend,
    merged,
    renamed_definitions,
    renumbered,
    revived,
)
from nodeflow.document.edit.references import rewrite_names
from nodeflow.document.edit.streams import renamed, with_free_stream
from nodeflow.document.io import flow
from nodeflow.document.model.document import CONFLICTS, Document
from nodeflow.document.model.names import LONGEST, FreeNames, base_name, natural_key
from nodeflow.document.model.records import Json


@dataclass
class Merged:
    """The result of a merge.

    Attributes:
        conflicts: the conflicts of this merge; the document lists them together with earlier ones.
        notes: one sentence for each renamed node or definition.
        renamed: ids of nodes whose name or random stream differs from both sides.
        ids: changed ids of theirs: old -> new.
        definitions: changed names of theirs' definitions: old -> new.
        followed: definitions that one side renamed: old -> new name, now used by all.
    """

    document: Document
    conflicts: list[dict[str, Json]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    renamed: set[str] = field(default_factory=set)
    ids: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    followed: dict[str, str] = field(default_factory=dict)


def merge(base: Document, ours: Document, theirs: Document) -> Merged:
    """Return the merge of two edited versions, `ours` and `theirs`, of the document `base`."""
    texts = [flow.dumps(doc) for doc in (base, ours, theirs)]
    if texts[0] == texts[2] or texts[1] == texts[2]:
        return Merged(flow.loads(texts[1]))
    if texts[0] == texts[1]:
        return Merged(flow.loads(texts[2]))
    return _Merge(base, ours, theirs).run()


class _Merge:
    """The state of one merge: the facts of three documents, and changed names and ids."""

    def __init__(self, base: Document, ours: Document, theirs: Document) -> None:
        self._documents = (base, ours, theirs)
        self.base, self.ours, self.theirs = (facts_of(doc) for doc in self._documents)
        self.next_id = max(doc.next_id for doc in self._documents)
        self.ids: dict[str, str] = {}
        self.definitions: dict[str, str] = {}
        self.followed: dict[str, str] = {}
        self.notes: list[str] = []
        self.renamed: set[str] = set()

    def run(self) -> Merged:
        self._followrenamed_definitions()
        self._separate_definitions()
        self._separate_ids()
        facts = self._merged()
        if self._rename_theirs(facts):
            facts = self._merged()
        self._rename_rest(facts)
        doc = document_of(facts, self.next_id)
        self._separate_streams(doc)
        found = self._conflicts(facts_of(doc))
        listed = [*self._earlier_conflicts(), *found]
        if listed:
            doc.extra = {**doc.extra, CONFLICTS: listed}
        opened = flow.loads(flow.dumps(doc))
        new = (self.renamed, self.ids, self.definitions, self.followed)
        return Merged(opened, found, self.notes, *new)

    def _merged(self) -> Facts:
        ours = revived(self.base, self.ours, self.theirs)
        theirs = revived(self.base, self.theirs, self.ours)
        facts = merged(self.base, ours, theirs)
        mend(facts, self.ours, self.ours, self.theirs, self.base)
        return facts

    # ---- making ids and names agree -----------------------------------------------------------

    def _followrenamed_definitions(self) -> None:
        """Rename definitions in base and on the other side, if one side renamed them."""
        sides = (self.ours, self.theirs)
        by_ours, by_theirs = (
            {
                name: called
                for name, called in renamed_definitions(self.base, side).items()
                if ("subgraph", name) in other and ("subgraph", called) not in other
            }
            for side, other in (sides, sides[::-1])
        )
        self.followed = by_ours | by_theirs
        self.base = renumbered(self.base, {}, self.followed)
        self.theirs = renumbered(self.theirs, {}, by_ours)
        self.ours = renumbered(self.ours, {}, by_theirs)

    def _separate_definitions(self) -> None:
        """Rename a definition in theirs if both sides added different definitions with the same
        name.
        """
        new = self.definitions
        taken = {p[1] for f in (self.base, self.ours, self.theirs) for p in f if p[0] == "subgraph"}
        for path in self.theirs:
            if path[0] == "subgraph" and len(path) == 2 and path not in self.base:
                name = path[1]
                if path in self.ours and _content(self.ours, name) != _content(self.theirs, name):
                    new[name] = FreeNames().fresh(_short(name), taken)
                    taken.add(new[name])
                    self.notes.append(f"theirs' subgraph {name} is now called {new[name]}")
        self.theirs = renumbered(self.theirs, {}, new)

    def _separate_ids(self) -> None:
        """Change an id in theirs if both sides added different nodes or frames with the same id."""
        paths = [p for p in self.theirs if len(p) == 2 and p[0] in ("node", "frame")]
        for path in sorted(paths, key=lambda p: natural_key(p[1])):
            if path not in self.ours or path in self.base:
                continue
            if _record(self.ours, path) != _record(self.theirs, path):
                self.ids[path[1]] = f"{path[1][0]}{self.next_id}"
                self.next_id += 1
        self.theirs = renumbered(self.theirs, self.ids, {})

    # ---- names --------------------------------------------------------------------------------

    def _rename_theirs(self, facts: Facts) -> bool:
        """In a three-way merge, rename nodes of version `theirs` whose names are taken in version
        `ours`.

        References to these nodes by name are renamed as well. Return whether any name was taken.
        """
        doc = document_of(self.theirs, self.next_id)
        clashes = [c for c in self._clashes(facts) if ("node", c[0]) in self.theirs]
        with doc.transaction("Rename") as t:
            for node_id, new in clashes:
                graph = doc.graph(str(self.theirs["node", node_id]))
                record, writing = graph.nodes[node_id], t.within(graph)
                if new in graph.ids_by_name:
                    continue
                rewrite_names(graph, writing, {record.name: new})
                writing.put_node(renamed(graph.nodes[node_id], new))
                self._note(node_id, record.name, new)
        self.theirs = facts_of(doc)
        return bool(clashes)

    def _rename_rest(self, facts: Facts) -> None:
        for node_id, new in self._clashes(facts):
            self._note(node_id, str(facts["node", node_id, "name"]), new)
            facts["node", node_id, "name"] = new

    def _clashes(self, facts: Facts) -> list[tuple[str, str]]:
        """Return the nodes whose name another node of their graph has, and a free name for each."""
        taken: set[tuple[Json, Json]] = set()
        for side in (self.base, self.ours, self.theirs, facts):
            names = (p for p in side if p[0] == "node" and p[2:] == ("name",))
            taken |= {(scope, side[p]) for p in names for scope in (facts.get(p[:2]), side[p[:2]])}
        seen: set[tuple[Json, Json]] = set()
        found: list[tuple[str, str]] = []
        ids = [p[1] for p in facts if p[0] == "node" and len(p) == 2]
        for node_id in sorted(ids, key=lambda i: (not self._is_ours(facts, i), natural_key(i))):
            scope, name = facts["node", node_id], facts["node", node_id, "name"]
            if (scope, name) in seen:
                others = {n for s, n in taken if s == scope}
                name = FreeNames().fresh(_short(base_name(str(name))), others)
                taken.add((scope, name))
                found.append((node_id, name))
            seen.add((scope, name))
        return found

    def _is_ours(self, facts: Facts, node_id: str) -> bool:
        path = ("node", node_id, "name")
        return same_fact(self.ours, facts, path) and same_fact(self.ours, facts, path[:2])

    def _separate_streams(self, doc: Document) -> None:
        """Give each node that theirs added a free random stream, if a node of ours uses its
        stream.
        """
        for graph in (doc, *doc.definitions()):
            for record in list(graph.nodes.values()):
                path = ("node", record.id)
                if path in self.base or path in self.ours:
                    continue
                free = with_free_stream(graph, record)
                if free != record:
                    graph.fill("node", record.id, free)
                    self.renamed.add(record.id)
                    self.notes.append(
                        f"theirs' node {record.name} draws other random numbers, because a node "
                        "of ours has its stream"
                    )

    def _note(self, node_id: str, old: str, new: str) -> None:
        self.renamed.add(node_id)
        self.notes.append(f"theirs' node {old} is now called {new}")

    # ---- conflicts ----------------------------------------------------------------------------

    def _conflicts(self, result: Facts) -> list[dict[str, Json]]:
        """Return a conflict for every change of a side that is missing in the result."""
        places: dict[Path, None] = {}
        for side in (self.ours, self.theirs):
            for path in {**self.base, **side}:
                if same_fact(self.base, side, path) or same_fact(side, result, path):
                    continue
                owner = path[:2] if path[0] in ENTITIES else path
                if (owner in side) != (owner in result):
                    places[owner] = None
                elif not self._is_elsewhere(path, side, result):
                    places[path] = None
        return [conflict(path, self.base, self.ours, self.theirs) for path in places]

    def _is_elsewhere(self, path: Path, side: Facts, result: Facts) -> bool:
        if path[0] == "node" and path[1] in self.renamed and path[2:] in (("name",), ("stream",)):
            return True
        return is_appended(path, self.base, side, result)

    def _earlier_conflicts(self) -> list[Json]:
        """Return conflicts of earlier merges that neither side has resolved since base."""
        base, ours, theirs = (_listed(doc) for doc in self._documents)
        theirs = [self._translated(item) for item in theirs]
        kept = [item for item in ours if item in theirs or item not in base]
        return kept + [item for item in theirs if item not in base and item not in kept]

    def _translated(self, item: Json) -> Json:
        if not isinstance(item, dict) or not isinstance(item.get("path"), list):
            return item
        steps = [self.ids.get(s, s) if isinstance(s, str) else s for s in item["path"]]
        return {**item, "path": steps}


def _listed(doc: Document) -> list[Json]:
    found = doc.conflicts
    return found if isinstance(found, list) else [] if found is None else [found]


def _content(facts: Facts, name: str) -> Facts:
    """Return the facts about a definition and about everything in it."""
    inside = {p[1] for p, v in facts.items() if len(p) == 2 and p[0] != "subgraph" and v == name}
    return {
        path: repr(value)
        for path, value in facts.items()
        if (path[0] != "subgraph" and len(path) > 1 and path[1] in inside)
        or path[:2] == ("subgraph", name)
    }


def _record(facts: Facts, path: Path) -> dict[Path, str]:
    return {at: repr(value) for at, value in facts.items() if at[:2] == path}


def _short(name: str) -> str:
    return name[: LONGEST - 12]

"""The three-way rule for facts, and repairs that make its result a valid document.

If one side changed a fact, its value is taken. If both changed it, the value of ours is taken, and
`merge` reports a conflict with theirs. If one side removed a thing that the other side changed or
needs, it is kept (`revived`).
"""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER, DEFINITION, PORTS
from nodeflow.document.diff.facts import ENTITIES, Facts, Path, same_fact
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.records import SUBGRAPH, Json


def merged(base: Facts, ours: Facts, theirs: Facts) -> Facts:
    """Return the facts of three documents merged by the three-way rule."""
    result: Facts = {}
    for path in {**ours, **theirs}:
        side = theirs if same_fact(base, ours, path) else ours
        if path in side:
            result[path] = side[path]
        both = _both_appended(path, base, ours, theirs)
        if both is not None:
            result[path] = both
    return result


def is_appended(path: Path, base: Facts, side: Facts, result: Facts) -> bool:
    """Return whether a side only appended to a list, and the result has all appended items."""
    before, mine, found = (facts.get(path, []) for facts in (base, side, result))
    if not _is_list_of_things(path) or not all(isinstance(v, list) for v in (before, mine, found)):
        return False
    new = mine[len(before) :]
    return mine[: len(before)] == before and all(item in found for item in new)


def _both_appended(path: Path, base: Facts, ours: Facts, theirs: Facts) -> Json:
    """Merge a list to which both versions of a document appended different items.

    Return None if a version changed the list in any other way.
    """
    if not _is_list_of_things(path) or path not in ours or path not in theirs:
        return None
    before, a, b = base.get(path, []), ours[path], theirs[path]
    if not all(isinstance(v, list) for v in (before, a, b)):
        return None
    size = len(before)
    if a[:size] != before or b[:size] != before or a == b:
        return None
    if any(item in a for item in b[size:]):
        return None
    return a + b[size:]


def _is_list_of_things(path: Path) -> bool:
    lists = (("training", "metrics"), ("stage", "views"), ("stage", "controls"))
    return path in lists or (path[0] == "node" and path[2:] == ("attrs", PORTS))


def revived(base: Facts, side: Facts, other: Facts) -> Facts:
    """Return the facts of a side, and restore things that it removed but the other side changed.

    A node returns with its wires, if their other ends exist; a definition with its nodes.
    """
    gone = {path for path in base if len(path) == 2 and path[0] in ENTITIES and path not in side}
    back: set[Path] = set()
    waiting = [path for path in _touched(base, other) if path in gone and path in other]
    while waiting:
        path = waiting.pop()
        if path in back or path not in gone:
            continue
        back.add(path)
        if path[0] == "subgraph":
            waiting += [at for at, scope in other.items() if _is_held(at) and scope == path[1]]
        else:
            waiting.append(("subgraph", str(other[path])))
            used = other.get((*path, "attrs", DEFINITION))
            waiting += [("subgraph", used)] if isinstance(used, str) else []
    if not back:
        return side
    result = {**side, **{path: value for path, value in base.items() if path[:2] in back}}
    for path, value in base.items():
        if path[0] == "wire" and path not in result:
            ends = (("node", path[1]), ("node", value[0]))
            if any(end in back for end in ends) and all(end in result for end in ends):
                result[path] = value
    return result


def _is_held(path: Path) -> bool:
    return len(path) == 2 and path[0] in ("node", "frame")


def _touched(base: Facts, side: Facts) -> Iterator[Path]:
    """Yield the paths that a side changed, and the paths of things that it newly refers to."""
    for path, value in side.items():
        if same_fact(base, side, path):
            continue
        if path[0] in ENTITIES:
            yield path[:2]
            if _is_held(path):
                yield ("subgraph", str(value))
            if path[2:] == ("attrs", DEFINITION) and isinstance(value, str):
                yield ("subgraph", value)
            if path[2:] == ("share",) and isinstance(value, str):
                yield ("node", value)
        elif path[0] == "wire":
            yield ("node", path[1])
            yield ("node", value[0])
        elif path[0] in ("training", "stage"):
            before = set(_named(base.get(path)))
            yield from (("node", step) for step in _named(value) if step not in before)
    for path in base:  # a removed field is a change of the node that had it
        if path[0] in ENTITIES and path not in side and path[:2] in side:
            yield path[:2]


def _named(value: Json) -> Iterator[str]:
    """Yield the ids of nodes that occur in a training setting or a list of pinned items."""
    if isinstance(value, str):
        yield from value.split("/")
    elif isinstance(value, dict):
        yield from _named(value.get("node", value.get("optimizer")))
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def mend(facts: Facts, ours: Facts, *sources: Facts) -> None:
    """Make facts valid in place: add headers of definitions, drop facts that belong to nothing.

    Drop wires between graphs or from missing nodes, and the second of two equal border nodes in a
    definition (the one of `ours` stays).
    """
    for path, scope in list(facts.items()):
        if _is_held(path) and scope and ("subgraph", scope) not in facts:
            header = next(s for s in sources if ("subgraph", scope) in s)
            facts.update({p: v for p, v in header.items() if p[:2] == ("subgraph", scope)})
    held: dict[tuple[Json, Json], str] = {}
    ids = (path[1] for path in facts if path[0] == "node" and len(path) == 2)
    for node_id in sorted(ids, key=lambda i: (("node", i) not in ours, natural_key(i))):
        op, scope = facts.get(("node", node_id, "op")), facts["node", node_id]
        if op in BORDER and scope and held.setdefault((op, scope), node_id) != node_id:
            del facts["node", node_id]
    for path in list(facts):
        if path[0] in ENTITIES and path[:2] not in facts:
            del facts[path]
    for path, value in list(facts.items()):
        if path[0] == "wire":
            ends = [facts.get(("node", end)) for end in (path[1], value[0])]
            if None in ends or ends[0] != ends[1]:
                del facts[path]


def renamed_definitions(base: Facts, side: Facts) -> dict[str, str]:
    """Return the definitions that a side renamed: old -> new name.

    A definition counts as renamed if all its nodes are in one new definition.
    """
    found: dict[str, str] = {}
    for path in base:
        if path[0] == "subgraph" and len(path) == 2 and path not in side:
            nodes = (p for p, v in base.items() if p[0] == "node" and len(p) == 2 and v == path[1])
            homes = {side[p] for p in nodes if p in side}
            home = str(homes.pop()) if len(homes) == 1 else ""
            if home and ("subgraph", home) not in base and home not in found.values():
                found[path[1]] = home
    return found


def renumbered(facts: Facts, ids: dict[str, str], scopes: dict[str, str]) -> Facts:
    """Return facts with other ids of nodes and frames, and other names of definitions."""
    if not ids and not scopes:
        return facts
    result: Facts = {}
    for path, value in facts.items():
        kind = path[0]
        if kind in ("node", "frame"):
            if len(path) == 2 and value in scopes:
                value = scopes[value]
            is_instance = facts.get((*path[:2], "op")) == SUBGRAPH
            if is_instance and path[2:] == ("attrs", DEFINITION) and isinstance(value, str):
                value = scopes.get(value, value)
            if path[2:] == ("share",) and isinstance(value, str):
                value = ids.get(value, value)
            path = (kind, ids.get(path[1], path[1]), *path[2:])
        elif kind == "wire":
            path = (kind, ids.get(path[1], path[1]), path[2])
            value = [ids.get(value[0], value[0]), value[1]]
        elif kind == "subgraph":
            value = scopes.get(value, value) if len(path) == 2 else value
            path = (kind, scopes.get(path[1], path[1]), *path[2:])
        elif kind in ("training", "stage"):
            value = _other_ids(path[1], value, ids)
        result[path] = value
    return result


def _other_ids(name: str, value: Json, ids: dict[str, str]) -> Json:
    if name in ("optimizer", "loss", "node") and isinstance(value, str):
        return "/".join(ids.get(step, step) for step in value.split("/"))
    if isinstance(value, dict):
        return {key: _other_ids(key, item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [_other_ids("", item, ids) for item in value]
    return value

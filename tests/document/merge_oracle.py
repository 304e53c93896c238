"""Says what a merge lost, from the JSON of the files alone.

Each side's edit script (what differs from base: nodes by id and field, wires by end, frames,
definitions, settings) is looked for in the result and among the conflicts.
"""

from __future__ import annotations

import json

from nodeflow.document.diff.merge import Merged
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document


def lost(base: Document, ours: Document, theirs: Document, found: Merged) -> list[str]:
    """Returns the edits of either side that are neither in the result nor in conflict."""
    result = _table(found.document, {}, {})
    place = {tuple(c["path"]) for c in found.document.extra.get("conflicts", [])}
    missing = []
    both = found.followed
    ids = found.ids
    assert base.nodes.keys().isdisjoint(ids) and len({*ids.values()}) == len(ids)
    before, mine = _table(base, {}, both), _table(ours, {}, both)
    other = _table(theirs, ids, both | found.definitions)
    for after, across in ((mine, other), (other, mine)):
        for key in before.keys() | after.keys():
            value = after.get(key)
            if value == before.get(key) or value == result.get(key):
                continue
            named = any(key[: len(p)] == p for p in place)
            renamed = key[0] == "node" and key[1] in found.renamed
            renamed = renamed and key[2:] in (("name",), ("stream",))
            if not named and not renamed and not _appended(key, before, after, across, result):
                missing.append(f"{key}: {before.get(key)} -> {value}, is {result.get(key)}")
    return missing


def _appended(key: tuple, before: dict, after: dict, across: dict, result: dict) -> bool:
    """Says whether a side appended to a list, and the result has that: in its order, and beside
    everything older that the other side did not take away."""
    lists = ("ports", "metrics", "views", "controls")
    if key[-1] not in lists or None in (after.get(key), result.get(key)):
        return False
    tables = (before, after, across, result)
    old, new, theirs, now = (json.loads(table.get(key) or "[]") for table in tables)
    added, kept = new[len(old) :], [item for item in old if item in now or item in theirs]
    return new == old + added and [item for item in now if item in kept + added] == kept + added


def _table(doc: Document, ids: dict[str, str], names: dict[str, str]) -> dict[tuple, str]:
    """Every statement that a file makes, by path."""
    data = json.loads(flow.dumps(doc))
    table: dict[tuple, str] = {}

    def put(value: object, *path: str) -> None:
        table[path] = json.dumps(value, sort_keys=True)

    bodies = [("", data), *((names.get(n, n), b) for n, b in data["subgraphs"].items())]
    for scope, body in bodies:
        for kind, items in (("node", body["nodes"]), ("frame", body["frames"])):
            for item in items:
                at = (kind, ids.get(item["id"], item["id"]))
                put(scope, *at)
                for field, value in item.items():
                    if field == "attrs":
                        for name, inner in value.items():
                            if item["op"] == "subgraph" and name == "definition":
                                inner = names.get(inner, inner) if isinstance(inner, str) else inner
                            put(inner, *at, "attrs", name)
                    elif field != "id":
                        put(value, *at, field)
        for a, out, b, into in body["wires"]:
            put([ids.get(a, a), out], "wire", ids.get(b, b), into)
        if body is not data:
            put(scope, "subgraph", scope)
            for field in body.keys() - {"nodes", "wires", "frames"}:
                put(body[field], "subgraph", scope, field)
    for name, value in data["training"].items():
        put(_settings(value, ids), "training", name)
    for kind in ("stage", "lesson"):
        for name, value in data.get(kind, {}).items():
            put(_settings(value, ids) if kind == "stage" else value, kind, name)
    if data["weights"] is not None:
        put(data["weights"], "weights")
    known = ("format", "version", "next_id", "nodes", "wires", "frames", "subgraphs", "training")
    for field in data.keys() - {*known, "stage", "lesson", "weights", "conflicts"}:
        put(data[field], "file", field)
    return table


def _settings(value: object, ids: dict[str, str]) -> object:
    if isinstance(value, str):
        return "/".join(ids.get(step, step) for step in value.split("/"))
    if isinstance(value, list):
        return [_settings(item, ids) for item in value]
    if isinstance(value, dict):
        return {k: _settings(v, ids) if k == "node" else v for k, v in value.items()}
    return value

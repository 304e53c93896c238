"""The difference of two documents as text for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from nodeflow.document.diff.differences import (
    ABSENT,
    ADDED,
    CHANGED,
    REMOVED,
    Difference,
    FieldChange,
    compare,
)
from nodeflow.document.diff.facts import LAYOUT
from nodeflow.document.diff.values import short
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SETTINGS, Json, same
from nodeflow.train.settings import UNTRAINED

SIGNS = {ADDED: "+", REMOVED: "-", CHANGED: "~"}
_QUIET = ("op", "name", "title", *LAYOUT)
"""Fields that the line of an added or removed node already shows, or that only position it."""

Paint = Callable[[str, str], str]
"""A function that takes a line and its kind of change, and returns the line with color."""


def lines(found: Iterable[Difference], paint: Paint = lambda line, change: line) -> Iterator[str]:
    """Yield the text of differences, one line each, grouped by graph."""
    scope = ""
    for difference in found:
        if difference.scope != scope:
            scope = difference.scope
            yield f"in the subgraph {scope}:"
        indent = "  " if scope else ""
        yield paint(f"{indent}{SIGNS[difference.change]} {_said(difference)}", difference.change)


def as_json(found: Difference) -> Json:
    """Return one difference as a JSON object; missing values are left out."""
    fields = []
    for field in found.fields:
        sides = {"before": field.before, "after": field.after}
        given = {side: value for side, value in sides.items() if value is not ABSENT}
        fields.append({"field": field.field, **given})
    whole: dict[str, Json] = {"kind": found.kind, "change": found.change, "name": found.name}
    return {**whole, "subgraph": found.scope or None, "path": list(found.path), "fields": fields}


def heading(found: Difference) -> str:
    """Return the thing that changed as text: ``adam``, ``wire into add:x``, ``training.epochs``."""
    match found.kind:
        case "node":
            return found.name
        case "wire":
            return f"wire into {found.name}"
        case "frame":
            return f"frame {found.name}" if found.name else "frame"
        case "subgraph":
            return f"subgraph {found.name}"
        case "training" | "stage" | "lesson":
            return f"{found.kind}.{found.name}"
        case "weights":
            return "file of weights"
    return f"field {found.name}"


def rows(found: Difference) -> list[tuple[str, str, str]]:
    """Return the changed fields as (field, before, after); for an added or removed thing, all
    fields.

    A missing value is "" if the whole thing is missing, else ``not set``.
    """
    none = {ADDED: ("", "not set"), REMOVED: ("not set", "")}.get(found.change, ("not set",) * 2)
    none = ("no wire", "no wire") if found.kind == "wire" else none
    whole = found.change != CHANGED and found.kind in ("node", "frame", "subgraph")
    fields = [f for f in found.fields if not (whole and f.field in _QUIET)]
    if any(f.field == "name" for f in fields):  # a renamed node keeps its stream
        fields = [f for f in fields if f.field != "stream"]
    return [
        (
            part.field,
            none[0] if part.before is ABSENT else _words(part.field, part.before),
            none[1] if part.after is ABSENT else _words(part.field, part.after),
        )
        for field in fields
        for part in _parts(field)
        if not (whole and "" in (part.before, part.after))
    ]


def brief(found: Difference) -> str:
    """Return a difference in a few words: ``act: relu -> tanh``; empty for names and notes."""
    if found.kind in ("frame", "weights", "file", "stage", "lesson"):
        return ""
    if found.kind == "wire":
        return f"wire into {found.name}"
    if found.change != CHANGED:
        return f"{found.name} {found.change}"
    fields = [f for f in found.fields if f.field not in ("name", "stream", *LAYOUT)]
    if found.kind == "training":
        return f"{found.name} {_turned(fields[0])}"
    turned = (f"{'' if f.field == 'op' else f'{f.field} '}{_turned(f)}" for f in fields)
    return f"{found.name}: {'; '.join(turned)}" if fields else ""


def described(before: Document, after: Document) -> tuple[str, ...]:
    """Return the edits between two documents, in words.

    Leave out names, notes, settings that do not affect a training, and wires into new or removed
    nodes.
    """
    found = [
        one
        for one in compare(before, after)
        if not (one.kind == "training" and one.name in UNTRAINED)
    ]
    whole = {one.name for one in found if one.kind == "node" and one.change != CHANGED}
    shown = (one for one in found if one.kind != "wire" or one.name.split(":")[0] not in whole)
    return tuple(text for one in shown if (text := brief(one)))


def _parts(field: FieldChange) -> Iterator[FieldChange]:
    """Split a change of a JSON object into the changes of its members.

    A change whose values are not both objects is yielded as it is.
    """
    before, after = field.before, field.after
    if not (isinstance(before, dict) and isinstance(after, dict)):
        yield field
        return
    for name in {**before, **after}:
        sides = before.get(name, ABSENT), after.get(name, ABSENT)
        if sides[0] is ABSENT or sides[1] is ABSENT or not same(*sides):
            yield FieldChange(f"{field.field}.{name}", *sides)


def _words(field: str, value: object) -> str:
    if field == "subgraph" and value == "":
        return "the graph"
    if field == "metrics" and isinstance(value, list):
        return ", ".join(_metric(item) for item in value) or "none"
    return short(value)


def _metric(item: object) -> str:
    if not isinstance(item, dict) or "node" not in item:
        return short(item)
    split = item.get("split")
    return f"{item['node']} on {split}" if split else str(item["node"])


def _said(found: Difference) -> str:
    if found.kind in ("node", "frame", "subgraph"):
        return _entity(found)
    (only,) = found.fields
    text = short(only.before if found.change == REMOVED else only.after)
    text = _turned(only) if found.change == CHANGED else text
    if found.kind == "wire":
        return f"wire {found.name} <- {text}"
    label = {"file": f"field {found.name}", **{k: f"{k}.{found.name}" for k in SETTINGS}}
    return f"{label.get(found.kind, found.name)}: {text}"


def _entity(found: Difference) -> str:
    title = f"{found.kind} {found.name}" if found.name else found.kind
    if found.change == CHANGED:
        return f"{title}: " + "; ".join(f"{f.field} {_turned(f)}" for f in found.fields)
    given = {f.field: f.after if found.change == ADDED else f.before for f in found.fields}
    if "op" in given:
        title += f" ({short(given['op'])})"
    shown = [f"{k} = {short(v)}" for k, v in given.items() if k not in _QUIET and v != ""]
    return f"{title}: {', '.join(shown)}" if shown and found.change == ADDED else title


def _turned(field: FieldChange) -> str:
    before, after = ("not set" if v is ABSENT else short(v) for v in (field.before, field.after))
    return f"{before} -> {after}"

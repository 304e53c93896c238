"""Edits of the lesson in a document, each as one undo step.

The graph of the document is the solution. These functions change the object ``lesson`` as it stands
in the file, so that a lesson can be unfinished; `schema.lesson_of` reads it when it has to be
complete.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import ONLY, Json, NodeRecord, same
from nodeflow.lessons.checks import check_of
from nodeflow.lessons.schema import ANSWERS, SCHEMA

Fields = Mapping[str, Json]
DRAWN_OPS = ("placeholder", "variable")
"""The ops of given nodes whose values are drawn unless the author says otherwise."""
INTEGERS_BELOW = 10
"""The bound of drawn integers."""
VALUES = "values"
"""The kind of the check that a required node gets."""


def is_lesson(document: Document) -> bool:
    """Return whether a document contains a lesson definition, and is not a student's answer to
    one.
    """
    return bool(document.root.lesson) and ANSWERS not in document.root.lesson


def has_solution(document: Document) -> bool:
    """Return whether a document is a lesson with its solution, which its author may edit."""
    return is_lesson(document) and document.root.lesson.get("expected") is None


def begin(document: Document, title: str) -> None:
    """Make a lesson of the document's graph, with one step."""
    step = {"id": "step-1", "checks": []}
    said = {
        "title": title,
        "summary": "",
        "steps.step-1.title": "Build the graph",
        "steps.step-1.text": "",
        "done": "Everything is right.",
    }
    lesson = {"schema": SCHEMA, "id": new_id(title), "version": 1, "minutes": 10, "given": []}
    _write(document, {**lesson, "steps": [step], "texts": said}, "Make a lesson")


def remove(document: Document) -> None:
    """Remove the lesson; the graph stays."""
    _write(document, {}, "Remove the lesson")


def new_id(title: str) -> str:
    """Return an id for a lesson, which no other lesson has."""
    return f"{slug(title) or 'lesson'}-{secrets.token_hex(3)}"


def slug(text: str) -> str:
    """Return a text as an id: small letters and digits, joined by hyphens."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:40]


# ---- fields and texts -----------------------------------------------------------------------


def set_fields(document: Document, merge: Any = None, /, **fields: Json) -> None:
    """Set fields of the lesson; None removes a field."""
    _write(document, {**document.root.lesson, **fields}, "Edit the lesson", merge)


def set_text(document: Document, key: str, text: str) -> None:
    """Set a text of the lesson. Consecutive edits of one text are one undo step."""
    changed = {**texts(document), key: text}
    _write(document, {**document.root.lesson, "texts": changed}, "Edit the lesson", ("text", key))


def set_course(document: Document, title: str) -> None:
    """Put the lesson into the course with this title, or into none."""
    others = {name: text for name, text in texts(document).items() if name != "course"}
    named = {"course": title} if title else {}
    course = slug(title) or None
    set_fields(document, ("field", "course"), course=course, texts={**others, **named})


def texts(document: Document) -> dict[str, str]:
    """Return all texts of the lesson."""
    return dict(document.root.lesson.get("texts") or {})


def text_of(document: Document, key: str) -> str:
    """Return a text of the lesson; empty if it is missing."""
    return texts(document).get(key, "")


def items(document: Document, kind: str) -> list[dict[str, Json]]:
    """Return the ``steps``, ``checks``, ``twins`` or ``milestones`` of the lesson."""
    return [dict(item) for item in document.root.lesson.get(kind) or ()]


def item(document: Document, kind: str, id: str) -> dict[str, Json]:
    """Return the entry with an id from a list of the lesson, such as its steps. Return an empty
    dict if there is no such entry.
    """
    return next((i for i in items(document, kind) if i.get("id") == id), {})


def set_item(document: Document, kind: str, id: str, **fields: Json) -> None:
    """Change fields of an entry of the lesson, found by its kind, such as ``steps``, and its id. A
    value of None removes the field.
    """
    changed = [
        _without_none({**old, **fields}) if old.get("id") == id else old
        for old in items(document, kind)
    ]
    _write(document, {**document.root.lesson, kind: changed}, "Edit the lesson", (kind, id))


def drop_item(document: Document, kind: str, id: str) -> None:
    """Remove a step, check, twin or milestone, with its texts. Remove a check also from the steps
    that ask for it.
    """
    lesson = {**document.root.lesson, **_without_item(document, kind, id)}
    _write(document, lesson, "Edit the lesson")


def move_item(document: Document, kind: str, id: str, by: int) -> None:
    """Move a step, check, twin or milestone up (-1) or down (1)."""
    found = items(document, kind)
    at = next((n for n, i in enumerate(found) if i.get("id") == id), None)
    if at is not None and 0 <= at + by < len(found):
        found[at], found[at + by] = found[at + by], found[at]
        _write(document, {**document.root.lesson, kind: found}, "Edit the lesson")


def add_step(document: Document) -> str:
    """Add a step after the others; return its id."""
    id = _free(document, "steps", "step")
    named = {f"steps.{id}.title": "", f"steps.{id}.text": ""}
    _add(document, "steps", {"id": id, "checks": []}, named, "Add a step")
    return id


def add_check(document: Document, kind: str, **fields: Json) -> str:
    """Append a check to the lesson, and to the checks of its last step. Return the id of the check.

    Raises:
        LessonProblem: a field is missing or wrong.
    """
    id = _free(document, "checks", slug(f"{fields.get('node', '')} {kind}"))
    check = _without_none({"id": id, "kind": kind, **fields})
    check_of(check, f"lesson.checks.{id}")
    steps = items(document, "steps")
    if steps:
        steps[-1] = {**steps[-1], "checks": [*(steps[-1].get("checks") or ()), id]}
    lesson = {**document.root.lesson, "steps": steps, "checks": [*items(document, "checks"), check]}
    _write(document, lesson, "Add a check")
    return id


def change_check(document: Document, id: str, **fields: Json) -> None:
    """Change fields of a lesson's check, given by its id. A value of None removes the field.

    Raises:
        LessonProblem: a field of the changed check is missing or wrong.
    """
    check_of(_without_none({**item(document, "checks", id), **fields}), f"lesson.checks.{id}")
    set_item(document, "checks", id, **fields)


def add_twin(document: Document, known_by: Fields, hint: str) -> str:
    """Add a typical mistake to the lesson. Return its id.

    Args:
        known_by: how to recognise the mistake: its graph, or signs such as an error or a missing
            op.
        hint: the text that a student sees who makes the mistake.
    """
    id = _free(document, "twins", "mistake")
    twin = {"id": id, **known_by}
    _add(document, "twins", twin, {f"twins.{id}.hint": hint}, "Add a mistake")
    return id


# ---- marks of nodes -------------------------------------------------------------------------


def given(document: Document) -> tuple[str, ...]:
    """Return the ids of the given nodes and frames."""
    lesson = document.root.lesson
    return (*(lesson.get("given") or ()), *(lesson.get("given_frames") or ()))


def is_milestone(document: Document, name: str) -> bool:
    """Return whether a node of the solution is a milestone: an intermediate value that is worth
    part of the credit.
    """
    return any(m.get("node") == name for m in items(document, "milestones"))


def is_required(document: Document, name: str) -> bool:
    """Return whether a check compares the value of a node."""
    return _values_check(document, name) is not None


def set_given(document: Document, ids: Iterable[str], on: bool) -> None:
    """Choose whether the lesson gives nodes and frames to the learner.

    If given nodes are variables, or placeholders without data, add default settings for drawing
    their values at random in checks.

    Args:
        ids: ids of nodes and frames.
        on: whether they are given from now on.
    """
    root = document.root
    nodes = [root.nodes[i] for i in ids if i in root.nodes]
    frames = [i for i in ids if i in root.frames]
    lesson = dict(root.lesson)
    chosen = {record.id for record in nodes}
    kept = [i for i in lesson.get("given") or () if i not in chosen]
    kept_frames = [i for i in lesson.get("given_frames") or () if i not in frames]
    probes = dict(lesson.get("probes") or {})
    inputs = dict(probes.get("inputs") or {})
    for record in nodes:
        if on and (drawn := _drawn(root, record)) is not None:
            inputs.setdefault(record.name, drawn)
        elif not on:
            inputs.pop(record.name, None)
    lesson["given"] = [*kept, *(record.id for record in nodes)] if on else kept
    lesson["given_frames"] = ([*kept_frames, *frames] if on else kept_frames) or None
    lesson["probes"] = _without_none({**probes, "inputs": inputs or None}) or None
    if not on:
        if lesson.get("locked") is not None:
            lesson["locked"] = [i for i in lesson["locked"] if i not in chosen]
        start = {i: a for i, a in (lesson.get("start") or {}).items() if i not in chosen}
        lesson["start"] = start or None
    _write(root, lesson, "Give to the learner" if on else "Do not give")


def set_locked(document: Document, node_id: str, on: bool) -> None:
    """Let the learner change a given node, or not."""
    lesson = document.root.lesson
    all_given = list(lesson.get("given") or ())
    before = lesson.get("locked")
    locked = {*(all_given if before is None else before), node_id} - (set() if on else {node_id})
    now = [i for i in all_given if i in locked]
    set_fields(document, locked=None if now == all_given else now)


def set_drawn(document: Document, name: str, how: Fields | None) -> None:
    """Set how checks draw random values for a given node. With None, the node keeps its own
    value.
    """
    probes = dict(document.root.lesson.get("probes") or {})
    inputs = _without_none({**(probes.get("inputs") or {}), name: None if how is None else how})
    set_fields(
        document,
        ("drawn", name),
        probes=_without_none({**probes, "inputs": inputs or None}) or None,
    )


def toggle_milestone(document: Document, name: str) -> bool:
    """Toggle whether a node is a milestone: an intermediate value that is worth part of the credit.
    Return whether it is a milestone now.
    """
    found = [m["id"] for m in items(document, "milestones") if m.get("node") == name]
    if found:
        drop_item(document, "milestones", found[0])
        return False
    id = _free(document, "milestones", slug(name))
    said = {f"milestones.{id}.found": f"{name} is right"}
    _add(document, "milestones", {"id": id, "node": name, "credit": 0.25}, said, "Add a milestone")
    return True


def toggle_required(document: Document, name: str) -> bool:
    """Toggle the check that compares a node with the solution. Return whether there is such a check
    now.
    """
    found = _values_check(document, name)
    if found is not None:
        drop_item(document, "checks", found)
        return False
    add_check(document, VALUES, node=name)
    return True


# ---- the inside -----------------------------------------------------------------------------


def _values_check(document: Document, name: str) -> str | None:
    checks = items(document, "checks")
    return next((c["id"] for c in checks if (c.get("kind"), c.get("node")) == (VALUES, name)), None)


def _drawn(document: Document, record: NodeRecord) -> dict[str, Json] | None:
    """Return the default settings for drawing random values of a node in checks. Return None if
    checks do not replace the node's value.
    """
    if record.op not in DRAWN_OPS or document.wires_into(record.id):
        return None
    declared = declaration(record, document)
    default = (
        next((a.default for a in declared.attrs if a.name == "dtype"), None) if declared else ""
    )
    dtype = str(record.attrs.get("dtype", default) or "")
    if dtype.startswith("float"):
        return {}
    if dtype.startswith(("int", "uint")):
        return {"values": "integers", "low": 0, "high": INTEGERS_BELOW}
    return {"values": "integers", "low": 0, "high": 2} if dtype == "bool" else None


def _without_item(document: Document, kind: str, id: str) -> dict[str, Json]:
    prefix = f"{kind}.{id}."
    fields: dict[str, Json] = {
        kind: [i for i in items(document, kind) if i.get("id") != id] or None,
        "texts": {k: t for k, t in texts(document).items() if not k.startswith(prefix)},
    }
    if kind == "checks":
        fields["steps"] = [
            {**step, "checks": [c for c in step.get("checks") or () if c != id]}
            for step in items(document, "steps")
        ]
    return fields


def _add(
    document: Document, kind: str, new: dict[str, Json], said: Mapping[str, str], label: str
) -> None:
    fields = {kind: [*items(document, kind), new], "texts": {**texts(document), **said}}
    _write(document, {**document.root.lesson, **fields}, label)


def _free(document: Document, kind: str, base: str) -> str:
    """Return an unused id for an item of this kind, made from ``base``. Ids of steps and mistakes
    always end with a number. Other ids get a number only if ``base`` is taken.
    """
    taken = {i.get("id") for i in items(document, kind)}
    base = base or kind
    if base not in taken and kind in ("checks", "milestones"):
        return base
    number = next(n for n in range(1, len(taken) + 2) if f"{base}-{n}" not in taken)
    return f"{base}-{number}"


def _without_none(fields: Fields) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


def _write(document: Document, lesson: Fields, label: str, merge: Any = None) -> None:
    root = document.root
    new = _without_none(lesson)
    if not same(new, root.lesson):
        with root.transaction(label, merge=merge) as t:
            t.edit("lesson", ONLY, new or None)

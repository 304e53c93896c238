"""Edits of the question of a step, which a learner answers before the value shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Json
from nodeflow.lessons.authoring import edits
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.schema import CHOICE

FEWEST, MOST = 2, 9
"""The numbers of choices."""


def question_of(document: Document, step: str) -> dict[str, Json]:
    """Return the question that a lesson's step asks the student, as JSON fields. Return an empty
    dict if the step has no question.
    """
    return dict(edits.item(document, "steps", step).get("predict") or {})


def choices_of(document: Document, step: str) -> list[str]:
    """Return the texts of the choices."""
    count = question_of(document, step).get("choices", 0)
    return [edits.text_of(document, f"steps.{step}.choices.{i}") for i in range(count)]


def ask(document: Document, step: str, kind: str) -> None:
    """Give a lesson's step an empty question of a kind, such as a multiple choice. An empty kind
    removes the question.
    """
    before = question_of(document, step)
    if not kind:
        _write(document, step, None, {})
        return
    texts = {"question": edits.text_of(document, f"steps.{step}.question")}
    question: dict[str, Json] = {"kind": kind}
    if kind == CHOICE:
        question |= {"choices": FEWEST, "right": 0}
        texts |= {f"choices.{i}": "" for i in range(FEWEST)}
    elif before.get("node"):
        question["node"] = before["node"]
    _write(document, step, question, texts)


def change(document: Document, step: str, **fields: Json) -> None:
    """Set fields of the question; None removes a field."""
    new = {**question_of(document, step), **fields}
    question = {name: value for name, value in new.items() if value is not None}
    edits.set_item(document, "steps", step, predict=question)


def set_choices(document: Document, step: str, texts: Sequence[str]) -> None:
    """Set the texts of the choices of a question, in the order in which learners see them."""
    texts = [*texts[:MOST], *[""] * (FEWEST - len(texts))]
    question = question_of(document, step)
    right = min(question.get("right", 0), len(texts) - 1)
    question |= {"choices": len(texts), "right": right}
    _write(document, step, question, {f"choices.{i}": text for i, text in enumerate(texts)})


def amounts_text(amounts: Mapping[str, float]) -> str:
    """Return a text for a dict from the names of nodes to amounts that are added to them: ``b + 1,
    c - 0.5``.
    """
    parts = (f"{name} {'-' if by < 0 else '+'} {abs(by):g}" for name, by in amounts.items())
    return ", ".join(parts)


def amounts_of(text: str) -> dict[str, float]:
    """Parse a text such as ``b + 1, c - 0.5`` to a dict from names to numbers: {"b": 1, "c": -0.5}.

    Raises:
        LessonProblem: an entry is not a name, a sign and a number.
    """
    found = {}
    for part in filter(None, map(str.strip, text.replace("\N{MINUS SIGN}", "-").split(","))):
        sign = "-" if "-" in part else "+"
        name, _, number = part.partition(sign)
        try:
            found[name.strip()] = float(f"{sign}{number.strip()}")
        except ValueError:
            raise LessonProblem(f"{part!r} is no change; write b + 1") from None
    return found


def _write(
    document: Document, step: str, question: dict[str, Json] | None, texts: Mapping[str, str]
) -> None:
    """Set the question of a lesson's step; None removes it. Store ``texts`` under the step's keys,
    and remove the texts of the old choices.
    """
    prefix = f"steps.{step}."
    gone = (f"{prefix}choices.", *((f"{prefix}question",) if question is None else ()))
    kept = {k: t for k, t in edits.texts(document).items() if not k.startswith(gone)}
    with document.root.transaction("Edit the lesson", merge=("question", step)):
        edits.set_item(document, "steps", step, predict=question)
        edits.set_fields(document, texts={**kept, **{prefix + k: t for k, t in texts.items()}})

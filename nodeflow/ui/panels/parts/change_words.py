"""What was changed while a training ran, in a few words for its plots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nodeflow.number_text import number
from nodeflow.run_store.records import RunEvent


def words_of_number(node: str, attr: str, value: float) -> str:
    return f"{node}.{attr} {number(value)}"


def words_of_variable(node: str) -> str:
    return f"{node} changed"


def words_of_edit(what: Sequence[str]) -> str:
    """The first change of an edit, and how many more there are."""
    first, *rest = what
    return f"{first} +{len(rest)}" if rest else first


def changes_of(events: Iterable[RunEvent]) -> list[tuple[int, str]]:
    """(step before the change, words) of what was changed in a kept run."""
    found = []
    for event in events:
        data = event.data
        if event.kind == "changed":
            found.append((event.step, words_of_number(data["node"], data["attr"], data["value"])))
        elif event.kind == "variable":
            found.append((event.step, words_of_variable(data["node"])))
        elif event.kind == "edited":
            found.append((event.step, words_of_edit(data["what"])))
    return found

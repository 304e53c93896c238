"""What was changed while a training ran, in a few words for its plots."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.number_text import number
from nodeflow.train.events import Edited, Event, NumberChanged, VariableChanged

Mark = tuple[int, str]
"""The last step before an edit, and what is so since."""


def mark_of(event: Event) -> Mark | None:
    """Return the mark of an event; None unless it is an edit that steps depend on."""
    if isinstance(event, NumberChanged):
        return event.step, mark_of_number(event.node, event.attr, event.value)
    if isinstance(event, VariableChanged):
        return event.step, mark_of_variable(event.node)
    if isinstance(event, Edited) and event.what:
        return event.step, mark_of_edit(event.what)
    return None


def mark_of_number(node: str, attr: str, value: float) -> str:
    """Return the words for a number that was changed."""
    return f"{node}.{attr} {number(value)}"


def mark_of_variable(node: str) -> str:
    """Return the words for a variable that was given another value."""
    return f"{node} changed"


def mark_of_edit(what: Sequence[str]) -> str:
    """Return the first change of an edit, and how many more there are."""
    first, *rest = what
    return f"{first} +{len(rest)}" if rest else first

"""Marks of edits in plots: short texts about changes made while a training ran."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.number_text import number
from nodeflow.train.events import Edited, Event, NumberChanged, VariableChanged

Mark = tuple[int, str]
"""The last step before an edit, and the change in a few words."""


def mark_of(event: Event) -> Mark | None:
    """Return the mark to show in plots for an event that changes the training: its step and a short
    text. Return None for any other event.
    """
    if isinstance(event, NumberChanged):
        return event.step, mark_of_number(event.node, event.attr, event.value)
    if isinstance(event, VariableChanged):
        return event.step, mark_of_variable(event.node)
    if isinstance(event, Edited) and event.what:
        return event.step, mark_of_edit(event.what)
    return None


def mark_of_number(node: str, attr: str, value: float) -> str:
    """Return a short text about a number that the user changed during the training: node, attribute
    and new value.
    """
    return f"{node}.{attr} {number(value)}"


def mark_of_variable(node: str) -> str:
    """Return the words for a variable that the user set."""
    return f"{node} changed"


def mark_of_edit(what: Sequence[str]) -> str:
    """Return a short text about an edit: its first change, and how many more there are.

    Args:
        what: the changes in words.
    """
    first, *rest = what
    return f"{first} +{len(rest)}" if rest else first

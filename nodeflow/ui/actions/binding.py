"""Bindings: the function that an action calls, and the check whether the action can run now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Blocked:
    """The reason why an action cannot run now.

    Attributes:
        reason: a sentence for the user.
        fix: the id of an action that would remove the obstacle; "" if there is none.
    """

    reason: str
    fix: str = ""


def always() -> None:
    """Return None: the action can always run."""
    return None


@dataclass(frozen=True)
class Binding:
    """The functions of one action.

    Attributes:
        do: runs the action.
        when: returns None if it can run, else the reason why not.
    """

    do: Callable[[], object]
    when: Callable[[], Blocked | None] = always

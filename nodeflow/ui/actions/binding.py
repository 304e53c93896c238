"""What an action does and whether it can be done now: the callables that a window binds to ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Blocked:
    """Why an action cannot run now, and the action that would help (its id), if there is one."""

    reason: str
    fix: str = ""


def always() -> None:
    """Nothing blocks the action."""
    return None


@dataclass(frozen=True)
class Binding:
    """The callables of one action.

    Attributes:
        do: runs it.
        when: returns None if it can run, else why not.
    """

    do: Callable[[], object]
    when: Callable[[], Blocked | None] = always

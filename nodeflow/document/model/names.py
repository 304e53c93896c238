"""Names of nodes: their syntax, the next free name, and the natural order of names and ids."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache
from typing import Any

from nodeflow.document.model.errors import BadName

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*")
LONGEST = 200
_DIGITS = re.compile(r"([0-9]+)")
_NUMBERED = re.compile(r"(.+)_([1-9][0-9]{0,8})")


def check_name(name: str) -> str:
    """Return `name`; raise BadName if it is not a valid name."""
    if not isinstance(name, str) or len(name) > LONGEST or not NAME.fullmatch(name):
        shown = repr(name if len(str(name)) <= 40 else str(name)[:40] + "...")
        raise BadName(
            f"{shown} is not a name",
            hint="Use letters, digits and underscores, not starting with a digit; "
            "`/` puts it into a scope",
        )
    return name


class FreeNames:
    """A search for the first free name among `add`, `add_1`, `add_2`, ... that remembers earlier
    searches, so that it need not try all names.
    """

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def fresh(self, base: str, taken: Container[str]) -> str:
        """Return `base` if it is free, else the first free `base_1`, `base_2`, ..."""
        if base not in taken:
            return base
        number = self._next.get(base, 1)
        while f"{base}_{number}" in taken:
            number += 1
        self._next[base] = number
        return f"{base}_{number}"

    def freed(self, name: str) -> None:
        """Record that a name is free again."""
        match = _NUMBERED.fullmatch(name)
        if match and match[1] in self._next:
            self._next[match[1]] = min(self._next[match[1]], int(match[2]))


def base_name(name: str) -> str:
    """Return a name without its number: `add` for `add` and `add_3`."""
    match = _NUMBERED.fullmatch(name)
    return match[1] if match else name


def automatic_name(op: str) -> str:
    """Return the default name for a new node of an op, with valid characters only."""
    cleaned = re.sub(r"[^A-Za-z0-9_]", "_", op.rsplit("/", 1)[-1])[:LONGEST] or "node"
    return cleaned if NAME.fullmatch(cleaned) else f"_{cleaned}"


@lru_cache(maxsize=1 << 16)
def natural_key(text: str) -> tuple[Any, ...]:
    """Return a sort key that puts `n10` after `n9`, and `values.10` after `values.9`."""
    return tuple(int(part) if i % 2 else part for i, part in enumerate(_DIGITS.split(text)))

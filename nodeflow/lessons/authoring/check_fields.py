"""The fields of checks as texts, for a form: lists with commas, and empty for the default."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from nodeflow.lessons.checks import KINDS
from nodeflow.lessons.errors import LessonProblem

FIXED = ("id", "kind")
"""The fields of a check that no form changes."""
ANY_SIZE = "any"
"""An unknown size in a shape."""


@dataclass(frozen=True)
class CheckField:
    """A field of a check.

    Attributes:
        name: the name of the field.
        kind: ``str``, ``int``, ``float``, ``bool``, ``json``, or one of them in ``tuple``.
        is_needed: whether a check has to have it.
    """

    name: str
    kind: str
    is_list: bool
    is_needed: bool

    def text_of(self, value: Any) -> str:
        """Format a value of this field of a check as text that an author can edit. Return an empty
        text for None.
        """
        if value is None:
            return ""
        if self.is_list:
            return ", ".join(ANY_SIZE if one is None else str(one) for one in value)
        return json.dumps(value) if self.kind in ("bool", "json") else str(value)

    def value_of(self, text: str) -> Any:
        """Parse the text that an author typed into this field of a check. Return None for an empty
        text.

        Raises:
            LessonProblem: the field takes a number, and the text is none.
        """
        text = text.strip()
        if not text:
            return None
        if self.is_list:
            parts = [part.strip() for part in text.strip("()[]").split(",")]
            return [None if p == ANY_SIZE else self._one(p) for p in parts if p]
        return self._one(text)

    def _one(self, text: str) -> Any:
        try:
            if self.kind == "int":
                return int(text)
            if self.kind == "float":
                return float(text)
        except ValueError:
            wanted = "a whole number" if self.kind == "int" else "a number"
            raise LessonProblem(f"{self.name}: expected {wanted}, not {text!r}") from None
        if self.kind == "str":
            return text
        try:
            return json.loads(text)
        except ValueError:
            return text


def fields_of(kind: str) -> list[CheckField]:
    """Return the fields of a kind of check: the required fields first, the optional ones next, and
    ``credit`` last.
    """
    found = [
        _field(field)
        for field in dataclasses.fields(KINDS[kind])
        if "reader" in field.metadata and field.name not in FIXED
    ]
    return sorted(found, key=lambda field: (field.name == "credit", not field.is_needed))


def about(kind: str) -> str:
    """Return the first paragraph of the description of a kind of check. It says which values the
    check compares.
    """
    return " ".join((KINDS[kind].__doc__ or "").split("\n\n")[0].split())


def _field(field: dataclasses.Field[Any]) -> CheckField:
    said = str(field.type)
    known = ("str", "int", "float", "bool")
    kind = next((name for name in known if name in said), "json")
    missing = field.default is field.default_factory is dataclasses.MISSING
    return CheckField(field.name, kind, said.startswith("tuple"), missing)

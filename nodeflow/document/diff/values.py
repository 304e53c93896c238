"""Values of facts as short text."""

from __future__ import annotations

from nodeflow.document.model.records import compact_json

LONGEST = 60  # characters


def short(value: object) -> str:
    """Return a value as JSON, without quotes where possible, shortened if it is long."""
    bare = isinstance(value, str) and value.isprintable() and value
    text = str(value) if bare else compact_json(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."

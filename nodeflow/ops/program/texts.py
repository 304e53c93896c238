"""Messages from data: tensors and texts become one text with ``{}`` for each tensor."""

from __future__ import annotations

from typing import Any

from nodeflow.errors import GraphError, a_type


def texts_and_tensors(port: str, data: Any) -> tuple[str, list[Any]]:
    """Return the text of a message, with ``{}`` for each tensor, and the tensors.

    Raises:
        GraphError: ``data`` is no list.

    >>> texts_and_tensors("data", ["x:", 1.0, "of", 2.0])
    ('x: {} of {}', [1.0, 2.0])
    """
    if not isinstance(data, (list, tuple)):
        raise GraphError(
            f"{port} is {a_type(data)}, not a list", port=port, hint=f"Write {port}=[x]."
        )
    text = " ".join(item if isinstance(item, str) else "{}" for item in data)
    return text, [item for item in data if not isinstance(item, str)]

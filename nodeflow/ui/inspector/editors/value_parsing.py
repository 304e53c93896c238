"""Conversion between typed text and attribute values, without Qt.

Users write ``?, 784`` for a shape, ``1, 2, 3`` for a vector and ``inf`` for infinity. Documents
contain JSON.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from nodeflow.document.analysis.node_flags import read_bounds
from nodeflow.document.model.errors import BadValue
from nodeflow.errors import GraphError
from nodeflow.graph.devices import device_name, parse_device
from nodeflow.graph.types import complex_number, complex_text

_WORDS = {
    "nan": "NaN",
    "inf": "Infinity",
    "+inf": "Infinity",
    "-inf": "-Infinity",
    "infinity": "Infinity",
    "-infinity": "-Infinity",
    "true": True,
    "false": False,
    "none": None,
    "null": None,
    "?": None,
}
_TOKEN = re.compile(r"[\[\]\(\),;]|[^\s\[\]\(\),;]+")
DEEPEST = 32


def number(text: str) -> int | float | str:
    """Parse a number. Return a string for NaN, an infinity or a complex number.

    Raises:
        ValueError: the text is not a number; the message is for users.
    """
    value = _word(text.strip())
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{text.strip() or 'nothing'} is not a number")
    return value


def device(text: str) -> str:
    """Return the full name of a device; empty for an empty text.

    >>> device("gpu:1")
    '/device:GPU:1'

    Raises:
        ValueError: the text is not the name of a device; the message is for users.
    """
    try:
        return device_name(parse_device(text))
    except GraphError:
        raise ValueError("Write gpu:0, cpu:0, or /job:worker/task:0/device:GPU:0") from None


def bounds(text: str) -> str:
    """Check bounds of values and return them stripped; empty for none.

    >>> bounds("0 .. 1"), bounds(">= -3")
    ('0 .. 1', '>= -3')

    Raises:
        ValueError: the text has no bounds; the message is for users.
    """
    try:
        low, high = read_bounds(text)
    except BadValue as error:
        raise ValueError(error.hint) from None
    if low is not None and high is not None and low > high:
        raise ValueError("The lower bound is greater than the upper one")
    return text.strip()


def literal(text: str) -> Any:
    """Parse a number, true, false, or nested lists of these, with or without brackets.

    >>> literal("1, 2, 3")
    [1, 2, 3]
    >>> literal("[[1, 2], [3, 4]]")
    [[1, 2], [3, 4]]

    Raises:
        ValueError: the text cannot be parsed; the message is for users.
    """
    tokens = _TOKEN.findall(text)
    if not tokens:
        raise ValueError("Write a number, or a list such as [1, 2, 3]")
    items, rest = _items(tokens, 0, "", 0)
    assert rest == len(tokens)
    if len(items) > 1 and not isinstance(items[0], list) and not {",", ";"} & {*tokens}:
        raise ValueError(f"Separate several values by commas: {', '.join(tokens)}")
    plain = len(items) == 1 and "," not in tokens[-1] and ";" not in text
    value = items[0] if plain else items
    _check_even(value)
    return value


def sizes(text: str) -> list[int | None]:
    """Parse a shape: sizes, with ``?`` for unknown ones. An empty text or ``()`` is a scalar.

    Raises:
        ValueError: the text is not a shape; the message is for users.
    """
    inner = text.strip().strip("[]()").replace("×", ",")
    parts = [part for part in re.split(r"[,\s]+", inner) if part]
    result: list[int | None] = []
    for part in parts:
        if part.lower() in ("?", "none", "null", "-"):
            result.append(None)
        else:
            result.append(whole(part))
    return result


def whole_numbers(text: str) -> list[int]:
    """Parse a list of whole numbers.

    Raises:
        ValueError: the text is not such a list; the message is for users.
    """
    found = sizes(text)
    if None in found:
        raise ValueError("Each must be a whole number")
    return [n for n in found if n is not None]


def axes(text: str) -> int | list[int] | None:
    """Parse one axis or several axes. Return None, for all axes, if the text is empty.

    Raises:
        ValueError: the text has no axes; the message is for users.
    """
    if not text.strip() or text.strip().lower() in ("all", "none", "null"):
        return None
    return count_or_sizes(text)


def count_or_sizes(text: str) -> int | list[int]:
    """Parse one whole number, or a list of them. One number in brackets is a list.

    Raises:
        ValueError: the text is neither; the message is for users.
    """
    found = whole_numbers(text)
    bracketed = text.strip()[:1] in ("[", "(")
    return found[0] if len(found) == 1 and not bracketed else found


def whole(text: str) -> int:
    """Parse a whole number.

    Raises:
        ValueError: the text is not a whole number; the message is for users.
    """
    try:
        return int(text.strip().replace("_", ""))
    except ValueError:
        raise ValueError(f"{text.strip() or 'nothing'} is not a whole number") from None


def json_value(text: str) -> Any:
    """Parse any JSON. An empty text is null.

    Raises:
        ValueError: the text is not JSON; the message is for users.
    """
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"Not JSON: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise ValueError("Nested too deeply") from None


def show(value: Any) -> str:
    """Format a value as users write it: ``[[1, 2], [3, 4]]``, a matrix with one row per line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "nan" if math.isnan(value) else repr(value)
    if isinstance(value, list):
        if value and all(isinstance(row, list) for row in value):
            rows = ",\n ".join(show(row) for row in value)
            return f"[{rows}]"
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, tuple):
        return show(list(value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


def show_shape(value: Any) -> str:
    """Format a shape as ``?, 784``. The shape of a scalar becomes an empty text."""
    if value is None:
        return ""
    items = value if isinstance(value, (list, tuple)) else [value]
    return ", ".join("?" if n is None else str(n) for n in items)


def show_sizes(value: Any) -> str:
    """Format a split: ``8`` for eight parts, ``[8]`` for one part of size 8."""
    single = isinstance(value, (list, tuple)) and len(value) == 1
    return f"[{value[0]}]" if single else show_shape(value)


def _word(word: str) -> Any:
    lowered = word.lower()
    if lowered in _WORDS:
        return _WORDS[lowered]
    try:
        return int(word.replace("_", ""))
    except ValueError:
        pass
    if (found := complex_number(word)) is not None:
        return complex_text(found)
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{word or 'nothing'} is not a number") from None
    if math.isinf(value):
        raise ValueError(f"{word} is too large; write inf for infinity")
    return value


def _items(tokens: list[str], at: int, closing: str, depth: int) -> tuple[list[Any], int]:
    """Return the items up to the closing bracket (or the end of the text), and the next
    position.
    """
    if depth > DEEPEST:
        raise ValueError("Nested too deeply")
    items: list[Any] = []
    while at < len(tokens):
        token = tokens[at]
        if token in "[(":
            inner, at = _items(tokens, at + 1, {"[": "]", "(": ")"}[token], depth + 1)
            items.append(inner)
            continue
        at += 1
        if token in "])":
            if token != closing:
                raise ValueError(f"The bracket {token} has no opening bracket")
            return items, at
        if token not in ",;":
            value = _word(token)
            if value is None:
                raise ValueError(f"{token} is not a number")
            items.append(value)
    if closing:
        raise ValueError(f"A closing {closing} is missing")
    return items, at


def _check_even(value: Any) -> None:
    """Raise ValueError if rows of nested lists have different lengths."""

    def shape(item: Any) -> tuple[int, ...]:
        if not isinstance(item, list):
            return ()
        inner = {shape(i) for i in item}
        if len(inner) > 1:
            raise ValueError("The rows have different lengths")
        return (len(item), *(inner.pop() if inner else ()))

    shape(value)

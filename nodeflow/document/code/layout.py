"""Values and calls as readable Python, broken if a line would be too long."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WIDTH = 88
INDENT = "    "
_ASCII_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = re.compile(r"[^\n ]*(?:[ ]+|\n+|$)")


class Code(str):
    """Text that is inserted into code unchanged, such as the name of a variable."""


def is_identifier(name: str) -> bool:
    """Return whether a name can be the keyword of an argument in Python.

    Python normalizes some non-ASCII letters to others, so only ASCII names count.
    """
    return _ASCII_NAME.fullmatch(name) is not None and not keyword.iskeyword(name)


def call(head: str, arguments: Sequence[Any], named: Mapping[str, Any], indent: str) -> str:
    """Format a call, on one line if it fits. Later lines begin with `indent`.

    Args:
        arguments, named: JSON values, or `Code`.
    """
    short = _arguments(arguments, named, None)
    together = ", ".join(short)
    line = f"{head}({together})"
    if len(indent) + len(line) <= WIDTH or not short:
        return line
    inner = indent + INDENT
    if len(inner) + len(together) <= WIDTH:
        return f"{head}(\n{inner}{together}\n{indent})"
    lines = "".join(f"{inner}{text},\n" for text in _arguments(arguments, named, inner))
    return f"{head}(\n{lines}{indent})"


def value(found: Any, indent: str | None = None, before: int = 0) -> str:
    """Format a JSON value as Python.

    Args:
        indent: if given, break a value that is too long for a line.
        before: number of characters that precede the value on its line.
    """
    line = _line(found)
    if indent is None or len(indent) + before + len(line) < WIDTH:  # one less for a comma
        return line
    inner = indent + INDENT
    if isinstance(found, str) and not isinstance(found, Code):
        parts = "".join(f"{inner}{quoted(part)}\n" for part in _parts(found, WIDTH - len(inner)))
        return f"(\n{parts}{indent})"
    if isinstance(found, list) and found:
        return f"[\n{_items(found, inner)}{indent}]"
    if isinstance(found, dict) and found:
        keys = ((_line(key), item) for key, item in found.items())
        items = (f"{key}: {value(item, inner, len(key) + 2)}" for key, item in keys)
        return "{\n" + "".join(f"{inner}{item},\n" for item in items) + indent + "}"
    return line


def quoted(text: str) -> str:
    """Quote a text with double quotes, unless that needs more backslashes."""
    if '"' in text:
        return repr(text)
    return '"' + repr("'" + text)[2:]


def _line(found: Any) -> str:
    if isinstance(found, Code):
        return found
    if isinstance(found, str):
        return quoted(found)
    if isinstance(found, list):
        return f"[{', '.join(map(_line, found))}]"
    if isinstance(found, dict):
        return "{" + ", ".join(f"{_line(k)}: {_line(v)}" for k, v in found.items()) + "}"
    return repr(found).replace("e+", "e")


def _arguments(arguments: Sequence[Any], named: Mapping[str, Any], indent: str | None) -> list[str]:
    found = [value(one, indent) for one in arguments]
    plain = {key: one for key, one in named.items() if is_identifier(key)}
    found += [f"{key}={value(one, indent, len(key) + 1)}" for key, one in plain.items()]
    others = {key: one for key, one in named.items() if key not in plain}
    return found + ([f"**{value(others, indent, 2)}"] if others else [])


def _items(found: list[Any], indent: str) -> str:
    """Format the items of a list: numbers side by side, others one per line."""
    if any(isinstance(item, (list, dict, str)) for item in found):
        return "".join(f"{indent}{value(item, indent, 1)},\n" for item in found)
    lines, line = [], indent
    for item in found:
        text = f"{_line(item)}, "
        if len(line) + len(text) > WIDTH and line != indent:
            lines.append(line.rstrip())
            line = indent
        line += text
    return "".join(f"{one}\n" for one in (*lines, line.rstrip()))


def _parts(text: str, width: int) -> Iterator[str]:
    """Split a text at line breaks and into pieces of whole words, about `width` characters long."""
    line = ""
    for word in _WORDS.findall(text):
        for start in range(0, len(word), width - 4):
            piece = word[start : start + width - 4]
            if line and len(quoted(line + piece)) > width:
                yield line
                line = ""
            line += piece
        if line.endswith("\n"):
            yield line
            line = ""
    if line:
        yield line

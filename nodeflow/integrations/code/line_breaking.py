"""Breaks long statements into several lines, as Python formatters do."""

from __future__ import annotations

import re

INDENT = "    "
OPENING, CLOSING = "([{", ")]}"


def broken(left: str, expression: str, width: int) -> list[str]:
    """Break an assignment statement into lines of code, none longer than ``width`` if possible."""
    line = f"{left} = {expression}"
    if len(line) <= width:
        return [line]
    if len(left) + len(" = (") > width:
        names = [f"{INDENT}{name}," for name in left.split(", ")]
        return ["(", *names, *broken(")", expression, width)]
    lines = _inside(f"{left} = ", expression, width)
    plain = len(INDENT) + len(expression) <= width
    if plain and not _is_call(expression):
        return [f"{left} = (", f"{INDENT}{expression}", ")"]
    if lines is not None:
        return lines
    return [f"{left} = (", f"{INDENT}{expression}", ")"] if plain else [line]


def _inside(before: str, expression: str, width: int) -> list[str] | None:
    """Return lines broken inside the longest pair of brackets; None if the brackets are empty."""
    group = max(_groups(expression), key=lambda g: g[1] - g[0], default=None)
    if group is None or group[1] - group[0] < 2:
        return None
    start, end = group
    parts = _arguments(expression[start + 1 : end])
    head, tail = before + expression[: start + 1], expression[end:]
    together = INDENT + ", ".join(parts)
    if len(together) <= width:
        return [head, together, tail]
    lines = [head]
    for part in parts:
        comma = "," if len(parts) > 1 or _follows_name(expression, start) else ""
        if len(INDENT) + len(part) + 1 > width and (
            found := _inside("", part, width - len(INDENT))
        ):
            lines += [*(INDENT + line for line in found[:-1]), f"{INDENT}{found[-1]}{comma}"]
        else:
            lines.append(f"{INDENT}{part}{comma}")
    return [*lines, tail]


def _groups(text: str) -> list[tuple[int, int]]:
    """Return the start and end of each outermost pair of brackets, except for the brackets of
    an index.
    """
    found, depth, start = [], 0, 0
    for place, character in enumerate(text):
        if character in OPENING:
            start = place if depth == 0 else start
            depth += 1
        elif character in CLOSING:
            depth -= 1
            if depth == 0 and not (text[start] == "[" and _follows_name(text, start)):
                found.append((start, place))
    return found


def _follows_name(text: str, place: int) -> bool:
    """Return whether an opening bracket follows a name, as in a call or an index."""
    return place > 0 and re.match(r"[\w)\]]", text[place - 1]) is not None


def _is_call(text: str) -> bool:
    """Return whether an expression is a single call or a single list."""
    groups = _groups(text)
    if len(groups) != 1 or groups[0][1] != len(text) - 1:
        return False
    return re.fullmatch(r"[\w.]*", text[: groups[0][0]]) is not None


def _arguments(text: str) -> list[str]:
    """Split the argument list of a call, given as source code, at the outer commas. Return the
    arguments.
    """
    found, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character in OPENING) - (character in CLOSING)
        if character == "," and depth == 0:
            found.append(text[start:place].strip())
            start = place + 1
    last = text[start:].strip()
    return [*found, last] if last else found

"""Help while a formula is typed: the call around the cursor, and whether the text is unfinished."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nodeflow.document.formula.function_calls import named_op
from nodeflow.document.formula.source import Source
from nodeflow.graph.declaration import NodeDeclaration

_OPENING, _CLOSING = "([{", ")]}"
_CALL = re.compile(r"([A-Za-z_]\w*)\s*$")
_KEYWORD = re.compile(r"\s*([A-Za-z_]\w*)\s*=(?!=)")


@dataclass(frozen=True)
class CallHint:
    """The call around the cursor.

    `arguments` are its parameters as written in a call, ports first: `x`, `axis=None`. `current` is
    the index of the argument being typed, or None beyond the last.
    """

    op: str
    arguments: tuple[str, ...]
    current: int | None


@dataclass
class _Bracket:
    sign: str
    call: str
    start: int
    commas: int = 0


def call_around(text: str, cursor: int) -> CallHint | None:
    """Return the innermost call of an op around the cursor, or None."""
    for bracket in reversed(_open_at_end(text[:cursor])[0]):
        if (op := named_op(bracket.call)) is not None:
            return _hint(op, text[bracket.start : cursor], bracket)
        if bracket.call:
            return None
    return None


def is_unfinished(text: str) -> bool:
    """Return whether an invalid formula would be valid with a further operand, quote or
    brackets.
    """
    if not text.strip() or _is_readable(text):
        return False
    brackets, quote = _open_at_end(text)
    rest = text.rstrip() + quote
    closing = "".join(_CLOSING[_OPENING.index(bracket.sign)] for bracket in reversed(brackets))
    return any(_is_readable(f"{rest}{operand}{closing}") for operand in ("", " _", "_"))


def parameters(op: NodeDeclaration) -> tuple[str, ...]:
    """Return the ports and attributes of an op as written in a call."""
    ports = []
    for port in op.inputs:
        name = f"{port.name}, …" if port.variadic else port.name
        ports.append(f"[{name}]" if port.optional else name)
    return (*ports, *(f"{attr.name}={_value(attr.default)}" for attr in op.attrs))


def _hint(op: NodeDeclaration, inside: str, bracket: _Bracket) -> CallHint:
    names = [port.name for port in op.inputs] + [attr.name for attr in op.attrs]
    named = _KEYWORD.match(inside[_last_comma(inside) :])
    current: int | None = bracket.commas
    if named is not None:
        current = names.index(named[1]) if named[1] in names else None
    elif op.variadic and current is not None:
        current = min(current, len(op.inputs) - 1)
    if current is not None and current >= len(names):
        current = None
    return CallHint(op.call_name, parameters(op), current)


def _value(default: object) -> str:
    if isinstance(default, str):
        return f'"{default}"'
    if isinstance(default, tuple):
        return f"[{', '.join(map(str, default))}]"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _is_readable(text: str) -> bool:
    try:
        Source(text).parse()
    except SyntaxError:
        return False
    return True


def _open_at_end(text: str) -> tuple[list[_Bracket], str]:
    """Return the brackets still open at the end of a text, outermost first, and an open quote."""
    found: list[_Bracket] = []
    quote = ""
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in _OPENING:
            call = _CALL.search(text[:at]) if sign == "(" else None
            found.append(_Bracket(sign, call[1] if call else "", at + 1))
        elif sign in _CLOSING and found:
            found.pop()
        elif sign == "," and found:
            found[-1].commas += 1
    return found, quote


def _last_comma(inside: str) -> int:
    """Return the position where the last argument of a call begins."""
    depth, last = 0, 0
    for at, sign in enumerate(inside):
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if sign == "," and depth == 0:
            last = at + 1
    return last

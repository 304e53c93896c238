"""Settings typed after an op's name in a search: `dense 300 relu`, `conv2d 16 3x3 padding=same`.

Numbers go to the numeric attributes, in their order. A word, or its beginning, goes to the
attribute that has it as a choice. `name=value` goes to any attribute.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from typing import Any

from nodeflow.document.model.records import plain
from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr, NodeDeclaration
from nodeflow.graph.types import DTYPES

_SIZES = re.compile(r"\d+(?:[x×]\d+)*[x×]?")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")


def split(
    text: str, find: Callable[[str], Iterable[NodeDeclaration]]
) -> list[tuple[NodeDeclaration, dict[str, Any]]]:
    """Return the ops that match the first words, with the attributes given by the other words,
    best first.

    `find` ranks the ops for a query. The longest name is used whose remaining words fit as
    settings.
    """
    words = text.split()
    for count in range(len(words) - 1, 0, -1):
        found = []
        for place, op in enumerate(find(" ".join(words[:count]))):
            try:
                settings = read(op, words[count:])
            except NodeflowError:
                if place == 0:  # the best match refuses the value, so offer no other op
                    return []
                continue
            if settings is not None:
                found.append((op, settings))
        if found:
            return found
    return []


def read(op: NodeDeclaration, words: list[str]) -> dict[str, Any] | None:
    """Return the attributes that words set for an op, or None if a word fits no attribute.

    Raises:
        NodeflowError: an attribute does not accept its value.
    """
    free = [a for a in op.attrs if not a.hidden]
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        attr = next((a for a in free if a.name == name), None) if equals else _holder(free, word)
        if attr is None:
            return None
        try:
            found[attr.name] = plain(attr.check(_value(attr, text if equals else word)))
        except (ValueError, SyntaxError, KeyError):
            return None
        free.remove(attr)
    return found


def _holder(free: list[Attr], word: str) -> Attr | None:
    """Return the first free attribute that accepts a word without a name."""
    if _NUMBER.fullmatch(word):
        whole = ("int", "sizes", "ints") if word.isdigit() else ()
        kinds = (*whole, "float", "number")
    elif _SIZES.fullmatch(word):
        kinds = ("ints", "sizes")
    else:
        exact = next((a for a in free if word.lower() in _choices(a)), None)
        return exact or next((a for a in free if _completed(a, word)), None)
    return next((a for a in free if a.kind in kinds), None)


def _completed(attr: Attr, word: str) -> str:
    """Return the choice of an attribute that equals a word or begins with it, as `relu` for
    `rel`.
    """
    word, choices = word.lower(), _choices(attr)
    if word in choices:
        return word
    return next((choice for choice in choices if choice.startswith(word)), "")


def _choices(attr: Attr) -> tuple[str, ...]:
    return attr.choices or (DTYPES if attr.kind == "dtype" else ())


def _value(attr: Attr, text: str) -> Any:
    if attr.kind in ("ints", "shape") or (attr.kind == "sizes" and not text.isdigit()):
        return [int(size) for size in re.split("[x×]", text.rstrip("x×"))]
    if attr.kind in ("int", "sizes"):
        return int(text)
    if attr.kind in ("float", "number"):
        return float(text)
    if attr.kind == "bool":
        return {"true": True, "false": False}[text.lower()] if text else True
    return _completed(attr, text) if _choices(attr) else ast.literal_eval(text)


def words(settings: dict[str, Any]) -> str:
    """Format settings for a row: `units 300, relu`."""
    shown = []
    for name, value in settings.items():
        text = "×".join(map(str, value)) if isinstance(value, list) else str(value)
        shown.append(text if isinstance(value, str) else f"{name.replace('_', ' ')} {text}")
    return ", ".join(shown)

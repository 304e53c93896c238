"""The words of the field, explained where a text uses them.

The words are data of the package; docs/glossary.md is made from the same file.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from html import escape

from nodeflow.resources import resource

FIELD = "field"
"""The section of the words of the field; the others name parts of the program."""


@cache
def words() -> dict[str, str]:
    """Return word of the field -> its explanation."""
    found = tomllib.loads(resource("help/glossary.toml").read_text(encoding="utf-8"))
    return {word["name"]: word["text"] for word in found[FIELD]}


@cache
def _pattern() -> re.Pattern[str]:
    names = "|".join(map(re.escape, sorted(words(), key=len, reverse=True)))
    return re.compile(rf"(?<![\w-])({names})(?:e?s)?(?![\w-])", re.IGNORECASE)


def with_links(text: str, color: str) -> str:
    """Return a plain text as HTML in which the first use of each word is a link to the word.

    Args:
        color: the color of the links.
    """
    parts, end, seen = [], 0, set()
    for found in _pattern().finditer(text):
        word = found[1].lower()
        if word in seen:
            continue
        seen.add(word)
        style = f"color: {color}; text-decoration: underline"
        link = f'<a href="{escape(word)}" style="{style}">{escape(found[0])}</a>'
        parts += [_html(text[end : found.start()]), link]
        end = found.end()
    return "".join((*parts, _html(text[end:])))


def _html(text: str) -> str:
    return escape(text).replace("\n", "<br>")

"""The lines of a frame's note: its Markdown simplified, for drawings.

Headings and lists keep their form, and emphasis loses its marks. HTML and pictures are not
rendered.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from nodeflow.drawing import text_layout as texts

INDENT = 20.0
APART = 0.45
"""Space between two paragraphs, in font sizes."""
LINE = 1.21
"""Height of a line, in font sizes."""
_ITEM = re.compile(r"\s*(?:[-*+]|(\d+[.)]))\s+(.*)")
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_MARKS = re.compile(r"(\*\*|__|`|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w))")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


class NoteLine(NamedTuple):
    """A line of a note: baseline below the note's top, indent, text, style, and the list item's
    mark.
    """

    y: float
    x: float
    text: str
    style: texts.Style
    mark: str = ""


def note_lines(note: str, width: float, height: float) -> list[NoteLine]:
    """Return as many lines of a note as fit. The last ends in an ellipsis if others follow."""
    found: list[NoteLine] = []
    top, together = 0.0, True
    for line in note.split("\n"):
        if not line.strip():
            top += 0.0 if together else APART * texts.NOTE[0]
            together = True
            continue
        item, heading = _ITEM.fullmatch(line), _HEADING.fullmatch(line)
        style = (texts.NOTE[0] + 2.0, 600, False) if heading else texts.NOTE
        words = item[2] if item else heading[1] if heading else line
        indent = INDENT if item else 0.0
        for index, part in enumerate(texts.wrap(_plain(words), style, width - indent)):
            if top + LINE * style[0] > height + 0.5:
                return _cut(found)
            mark = (item[1] or "•") if item and index == 0 else ""
            found.append(NoteLine(top + 0.97 * style[0], indent, part, style, mark))
            top += LINE * style[0]
        together = False
    return found


def _plain(words: str) -> str:
    return _MARKS.sub("", _LINK.sub(r"\1", words)).strip()


def _cut(found: list[NoteLine]) -> list[NoteLine]:
    return [*found[:-1], found[-1]._replace(text=found[-1].text + " …")] if found else []

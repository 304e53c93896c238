"""The view of text that a Generate node writes after its prompt."""

from __future__ import annotations

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.sheet import LINE, Sheet
from nodeflow.drawing.text_layout import CAPTION, width
from nodeflow.drawing.views.view import ViewDrawing
from nodeflow.host.views.kinds.text import TextData
from nodeflow.ops.program.generate import GENERATE

PAD = 8


def fits(document: Document, analysis: Analysis, node_id: str) -> str:
    if document.nodes[node_id].op == GENERATE:
        return ""
    return "Only a Generate node writes text."


def draw(sheet: Sheet, rect: Rect, data: TextData) -> None:
    """Draw the lines of a text view, or as many of the last ones as fit."""
    if sheet.is_small:
        return
    lines = text_lines(data, rect.width - 2 * PAD)
    shown = lines[-max(1, int((rect.height - PAD) // LINE)) :]
    with sheet.clip(rect):
        y = rect.top + PAD + LINE / 2
        for line, prompt in shown:
            x = rect.left + PAD
            if prompt:
                sheet.text(x, y, prompt, "ink_muted")
            sheet.text(x + width(prompt, CAPTION), y, line[len(prompt) :], "ink")
            y += LINE


def text_lines(data: TextData, room: float) -> list[tuple[str, str]]:
    """Break a generated text and its prompt into lines that fit a width. Return pairs of (line, the
    beginning of the line that belongs to the prompt).
    """
    left, found = len(data.prompt), []
    for paragraph in (data.prompt + data.written).split("\n"):
        for line in _wrapped(paragraph, room):
            found.append((line, line[: max(0, left)]))
            left -= len(line)
        left -= 1  # the line end
    return found


def _wrapped(text: str, room: float) -> list[str]:
    """Return the lines of a paragraph, cut at spaces where possible. No character is left out."""
    lines: list[str] = []
    while width(text, CAPTION) > room:
        least, most = 1, len(text)
        while least < most:  # the longest beginning that fits
            middle = (least + most + 1) // 2
            if width(text[:middle], CAPTION) <= room:
                least = middle
            else:
                most = middle - 1
        cut = text.rfind(" ", 1, least) + 1 or least
        lines.append(text[:cut])
        text = text[cut:]
    return [*lines, text]


def words(data: TextData) -> str:
    """Summarize a text that a network generates: how many of its tokens are written, and the last
    200 characters of prompt and text.
    """
    text = " ".join((data.prompt + data.written).split())
    state = f"{data.count} of {data.length} tokens: " if data.continues else ""
    return f"{state}{text[-200:]}"


VIEW = ViewDrawing("text", "Text", "type", 35, fits, draw, words, is_rare=True)

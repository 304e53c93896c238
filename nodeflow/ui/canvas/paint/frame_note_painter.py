"""Paints the Markdown notes of frames: headings, emphasis, lists, code; text only.

A note is part of a file, and files are not trusted. So a note shows no HTML and no pictures,
and reads nothing from disk or network.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QPainter,
    QPainterPath,
    QPalette,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextListFormat,
    QTextTable,
)

from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming import theme

INDENT = 20.0
APART = 0.45
"""Space between two paragraphs, in font sizes."""
_BLOCK = re.compile(r"\s*([-*+>#|]|\d+[.)]\s|```|=+\s*$|$)")
_ONE_LINE = re.compile(r"\s*(#|\||```|$)")
LINE_BREAK = "\u2028"
_DIALECT = (
    QTextDocument.MarkdownFeature.MarkdownDialectGitHub
    | QTextDocument.MarkdownFeature.MarkdownNoHTML
)


def paint(
    painter: QPainter,
    area: QRectF,
    note: str,
    style: text_metrics.Style,
    color: QColor,
    *,
    as_path: bool = False,
) -> None:
    """Draw as many whole lines of a note as fit into ``area``.

    Args:
        as_path: draw the text as outlines.
    """
    document = _document(note, style, round(area.width(), 1), color.rgba())
    height = _whole_lines(document, area.height())
    if height <= 0:
        return
    painter.save()
    painter.translate(area.topLeft())
    if as_path:
        _paint_paths(painter, document, height, color)
    else:
        room = QRectF(0, 0, area.width() + style[0], height)
        # Clip to the note, because the damaged area may be a part of it.
        painter.setClipRect(room, Qt.ClipOperation.IntersectClip)
        context = QAbstractTextDocumentLayout.PaintContext()
        context.palette.setColor(QPalette.ColorRole.Text, color)
        context.clip = QRectF(0, 0, area.width(), height)
        document.documentLayout().draw(painter, context)
    end = _cut_off(document, height)
    if end is not None:
        text_metrics.draw(painter, end.x(), end.y(), " …", style, color, as_path=as_path)
    painter.restore()


@lru_cache(maxsize=256)
def _document(note: str, style: text_metrics.Style, width: float, color: int) -> QTextDocument:
    document = QTextDocument()
    document.setUndoRedoEnabled(False)
    document.setDocumentMargin(0)
    document.setIndentWidth(INDENT)
    document.setDefaultFont(theme.font(style[0], style[1], style[2]))
    document.setMarkdown(_with_line_breaks(note), _DIALECT)
    _remove_pictures(document)
    _set_apart(document, style[0] * APART)
    _draw_tables(document, QColor.fromRgba(color))
    frame = QTextFrameFormat(document.rootFrame().frameFormat())
    frame.setMargin(0)
    document.rootFrame().setFrameFormat(frame)
    document.setTextWidth(max(width, 1.0))
    return document


def _set_apart(document: QTextDocument, space: float) -> None:
    """Put a little space between paragraphs, lists and headings, but none between list items."""
    block, before = document.begin().next(), document.begin()
    while block.isValid():
        cursor = QTextCursor(block)
        together = block.textList() is not None and before.textList() is not None
        if cursor.currentTable() is None:
            layout = block.blockFormat()
            layout.setTopMargin(0.0 if together else space)
            layout.setBottomMargin(0.0)
            cursor.setBlockFormat(layout)
        block, before = block.next(), block


def _draw_tables(document: QTextDocument, ink: QColor) -> None:
    """Give tables thin, faint lines and padding in the cells."""
    lines = QColor(ink)
    lines.setAlphaF(0.3)
    for table in document.rootFrame().childFrames():
        if isinstance(table, QTextTable):
            layout = table.format()
            layout.setBorderBrush(lines)
            layout.setBorderCollapse(True)
            layout.setBorder(1)
            layout.setCellSpacing(0)
            layout.setCellPadding(4)
            layout.setTopMargin(6)
            table.setFormat(layout)


def _remove_pictures(document: QTextDocument) -> None:
    """Remove the pictures from a text document, because Qt would read them from disk when it lays
    out the text.
    """
    cursor = QTextCursor(document)
    while not (cursor := document.find("\ufffc", cursor)).isNull():
        cursor.removeSelectedText()


def _with_line_breaks(note: str) -> str:
    """Mark the line breaks of the text that Markdown would replace by spaces.

    They become Unicode line separators, because Qt turns Markdown's own hard break into a new
    paragraph.
    """
    result, code = [], False
    for line in note.split("\n"):
        last = result[-1] if result else ""
        if code or not last or _ONE_LINE.match(last) or _BLOCK.match(line):
            result.append(line)
        else:
            result[-1] = f"{last.rstrip()}{LINE_BREAK}{line.lstrip()}"
        code ^= line.lstrip().startswith("```")
    return "\n".join(result)


def _lines(document: QTextDocument):
    """Yield (block, top left corner of the block's layout, line) for every line, from the top."""
    layout, block = document.documentLayout(), document.begin()
    while block.isValid():
        corner = layout.blockBoundingRect(block).topLeft()
        for index in range(block.layout().lineCount()):
            yield block, corner, block.layout().lineAt(index)
        block = block.next()


def _whole_lines(document: QTextDocument, room: float) -> float:
    """Return the total height of the lines that fit into ``room``; 0 if none does."""
    height = 0.0
    for _, corner, line in _lines(document):
        bottom = corner.y() + line.y() + line.height()
        if bottom > room + 0.5:
            break
        height = max(height, bottom)
    return height


def _cut_off(document: QTextDocument, height: float) -> QPointF | None:
    """Return the point where the last visible line of a clipped text ends, on the baseline. Return
    None if all lines fit into the height.
    """
    end = None
    for _, corner, line in _lines(document):
        if corner.y() + line.y() + line.height() > height + 0.5:
            return end
        right = line.naturalTextRect().right()
        end = corner + QPointF(right, line.y() + line.ascent())
    return None


def _paint_paths(painter: QPainter, document: QTextDocument, height: float, color: QColor) -> None:
    for block, corner, line in _lines(document):
        if corner.y() + line.y() + line.height() > height + 0.5:
            return
        outline = QPainterPath()
        for run in line.glyphRuns():
            font = run.rawFont()
            for glyph, place in zip(run.glyphIndexes(), run.positions(), strict=True):
                outline.addPath(font.pathForGlyph(glyph).translated(place + corner))
        if line.lineNumber() == 0 and block.textList() is not None:
            outline.addPath(_mark(block, corner + QPointF(0, line.y() + line.ascent())))
        painter.fillPath(outline, color)


def _mark(block: Any, baseline: QPointF) -> QPainterPath:
    """Return the bullet or number of a list item as a path."""
    items, font = block.textList(), block.charFormat().font()
    numbered = items.format().style() == QTextListFormat.Style.ListDecimal
    mark, result = items.itemText(block) if numbered else "•", QPainterPath()
    left = block.layout().lineAt(0).x() + baseline.x() - 14.0
    result.addText(left, baseline.y(), font if font.pixelSize() > 0 else theme.font(13), mark)
    return result

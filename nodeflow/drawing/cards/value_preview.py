"""The drawing of a node's value: a number, a small table, or a picture with its range and mean.

Reads ``nodeflow.host.protocol.Preview`` objects: ``kind`` (scalar, table, image, images, maps,
heatmap, summary, text, error, deferred), ``text``, ``array``, ``dtype``, ``shape``, ``minimum``,
``maximum``, ``mean``, ``step``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from nodeflow.document.layout.card_size import VIEW_HEIGHT
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.color_scale import HeatScale, heat_pixels
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.sheet import Sheet
from nodeflow.drawing.theme_colors import Ink, Palette
from nodeflow.drawing.views.view import draw_shown
from nodeflow.number_text import count, number

PAD = 12.0
LINE = 16.0
CELL_GAP = 5.0
TABLE_ROWS = 4
TABLE_COLUMNS = 4
THUMB = 56.0
STRIP = 44.0
MAPS = 58.0
"""The height of feature maps, in one or more rows."""
MAP_GAP = 2.0
LEAST_FAR = 18.0
"""The least height of values on a zoomed-out card at life size."""
FAR_ROWS = 2
"""Rows of feature maps on a zoomed-out card: few and large."""
WIDE = 1.6
"""Ratio of width to height above which a heat map takes the card's full width."""
EMPTY_HEIGHT = 28.0


ARRANGEMENTS = {
    "transposed": "drawn transposed",
    "tiled": "drawn in several rows",
    "channels": "the channels of the first row as pictures",
    "filters": "the filters of the first input channel as pictures",
    "columns": "the columns as pictures",
}
"""Descriptions of the parts of a tensor that a picture shows."""


def height_of(preview: Any | None, width: float) -> float:
    """Return the height of the area on a card that shows a value, in scene units.

    ``width`` is the card's width.
    """
    if preview is None:
        return EMPTY_HEIGHT
    kind = preview.kind
    if kind == "view":
        return VIEW_HEIGHT
    if kind == "scalar":
        return 40.0
    if kind == "table":
        return 12 + LINE * _table_lines(preview.array)
    if kind in ("image", "heatmap"):
        return THUMB + 16
    if kind == "images":
        return STRIP + 16 + LINE
    if kind == "maps":
        return MAPS + 16 + LINE
    if kind == "summary":
        return 12 + LINE * len(facts(preview))
    if kind in ("text", "error", "deferred"):
        return 12 + LINE * len(_wrapped(preview, width))
    return EMPTY_HEIGHT


def plain_text(preview: Any | None) -> str:
    """Return the value in words, for tooltips, accessibility and tests."""
    if preview is None:
        return ""
    if preview.kind in ("scalar", "text", "error", "deferred", "view"):
        return preview.text
    shape = "×".join(str(d) for d in preview.shape)
    says_more = preview.text.replace(" ", "") not in ("", shape)
    text = f"{preview.dtype} {shape}{f': {preview.text}' if says_more else ''}"
    how = ARRANGEMENTS.get(getattr(preview, "arrangement", ""), "")
    return f"{text}, {how}" if how else text


def origin_text(preview: Any | None) -> str:
    """Return the rows and the training step of a value: ``test rows 1–100, step 300``."""
    step = getattr(preview, "step", None)
    parts = (str(getattr(preview, "data", None) or ""), "" if step is None else _step(step))
    return ", ".join(filter(None, parts))


def _step(step: int) -> str:
    return f"step {count(step)}"


def draw(sheet: Sheet, rect: Rect, preview: Any | None) -> None:
    """Draw a value, such as an image or a table, into the value area of a card."""
    kind = getattr(preview, "kind", None)
    drawer = _DRAWERS.get(kind or "", _draw_empty)
    drawer(sheet, rect, preview)


def far_area(
    preview: Any | None, card: Rect, above: float = 0.0, least: float = LEAST_FAR
) -> Rect | None:
    """Return the area for the value on a zoomed-out card, or None to show only the card's name.

    Args:
        above: the height that the name needs.
        least: the smallest useful height of the area.
    """
    kind = "scalar" if _is_number(preview) else getattr(preview, "kind", None)
    if kind not in ("scalar", "image", "images", "maps", "heatmap", "view"):
        return None
    if kind == "view":
        area = card.adjusted(10, 50, -10, -10)
    else:
        height = card.height * (0.42 if kind == "scalar" else 0.55)
        area = Rect(card.left + 12, card.bottom - height, card.width - 24, height - 10)
    area = area.adjusted(0, max(above - (area.top - card.top), 0), 0, 0)
    return area if area.height >= least else None


def draw_far(sheet: Sheet, area: Rect, preview: Any) -> None:
    """Draw a value on a zoomed-out card, so large that it can be read there.

    A number is written large; of other values only pictures are drawn.
    """
    if preview.kind == "view":
        draw_shown(sheet.noted("", is_small=True), area, preview)
        return
    if _is_number(preview):
        size = min(texts.FAR_VALUE[0], area.height)
        style = sheet.legible((size, *texts.FAR_VALUE[1:]))
        text = next((t for t in _shorter(preview) if texts.width(t, style) <= area.width), "")
        y = area.center.y + style[0] * 0.36
        sheet.line_of_text(area.center.x, y, text, style, Ink("ink_muted"), align="center")
        return
    if preview.kind == "maps":
        _draw_grid(sheet, area, preview, FAR_ROWS)
        return
    pictures = preview.array if preview.kind == "images" else preview.array[None]
    shown = max(1, min(len(pictures), int(area.width // area.height)))
    step = area.width / shown if preview.kind == "images" else area.width
    for index, picture in enumerate(pictures[:shown]):
        box = Rect(area.left + index * step, area.top, step - 4, area.height)
        fitted = _fit(picture.shape[1] / max(picture.shape[0], 1), box)
        fitted = fitted.at(box.center.x - fitted.width / 2, box.center.y - fitted.height / 2)
        _draw_image(sheet, fitted, picture, preview)


def _is_number(preview: Any) -> bool:
    """Return whether a preview shows a single number: a scalar, or a table with one element."""
    kind = getattr(preview, "kind", None)
    return kind == "scalar" or (kind == "table" and preview.array.size == 1)


def _shorter(preview: Any) -> tuple[str, ...]:
    """Return a number as text with 3, 2 and 1 digits, to choose the longest text that fits."""
    if preview.array is None:
        return (preview.text,)
    return tuple(number(preview.array.item(), digits) for digits in (3, 2, 1))


# ---- one drawer per kind --------------------------------------------------------------------


def _draw_empty(sheet: Sheet, rect: Rect, _: Any) -> None:
    color = Ink("ink_faint", 0.7)
    y = rect.center.y + 4
    sheet.line_of_text(rect.left + PAD, y, "–", sheet.legible(texts.CAPTION), color)


def _draw_scalar(sheet: Sheet, rect: Rect, preview: Any) -> None:
    step, at = getattr(preview, "step", None), rect.right - PAD
    words = "" if step is None else _step(step)
    data = getattr(preview, "data", None)
    rows = data.short if data is not None else ""
    text, room = preview.text.replace("-", "−"), rect.width - 2 * PAD
    caption = sheet.legible(texts.CAPTION)
    both = max(words, rows, key=lambda part: texts.width(part, caption))
    shown, style, beside_it = beside(text, both, room, sheet.scale)
    if rows and (not beside_it or style == sheet.legible(texts.TABLE)):
        rows = ""
        shown, style, words = beside(text, words, room, sheet.scale)
    lines = [part for part in (rows, words) if part]
    low, color = rect.bottom - 8, Ink("ink_faint")
    for line in reversed(lines):
        sheet.line_of_text(at, low, line, caption, color, align="right")
        low -= LINE - 2
    y = rect.center.y + style[0] * 0.36
    sheet.line_of_text(rect.left + PAD, y, shown, style, Ink("ink"))


def beside(
    number: str, words: str, room: float, scale: float = 1.0
) -> tuple[str, texts.Style, str]:
    """Return a number's text, its style, and the words to draw at its right. The words are "" if
    the number would not fit beside them.
    """
    caption = texts.legible(texts.CAPTION, scale)
    left = room - texts.width(words, caption) - 6 if words else room
    shown, style = fitting(number, left, scale)
    return (shown, style, words) if shown == number else (*fitting(number, room, scale), "")


def fitting(number: str, room: float, scale: float = 1.0) -> tuple[str, texts.Style]:
    """Return a number's text and the largest style in which it fits into ``room``. A cut number
    would mislead, so it is cut only if no style fits.
    """
    known = (texts.VALUE, texts.SMALL_VALUE, texts.TABLE)
    styles = [texts.legible(style, scale) for style in known]
    style = next((style for style in styles if texts.width(number, style) <= room), styles[-1])
    return texts.elide(number, style, room), style


def _draw_lines(
    sheet: Sheet,
    rect: Rect,
    lines: Sequence[str],
    style: texts.Style,
    ink: Ink,
) -> None:
    y = rect.top + 6 + LINE - 4
    for line in lines:
        sheet.line_of_text(rect.left + PAD, y, line, style, ink)
        y += LINE


def _draw_text(sheet: Sheet, rect: Rect, preview: Any) -> None:
    color = Ink("error" if preview.kind == "error" else "ink_muted")
    style, most = sheet.legible(texts.CAPTION), len(_wrapped(preview, rect.width))
    lines = texts.wrap(preview.text, style, rect.width - 2 * PAD, most)
    _draw_lines(sheet, rect, lines, style, color)


def _draw_summary(sheet: Sheet, rect: Rect, preview: Any) -> None:
    _draw_facts(sheet, rect, rect.left + PAD, rect.top + 18, preview)


def _draw_table(sheet: Sheet, rect: Rect, preview: Any) -> None:
    grid, style = _as_table(preview.array), sheet.legible(texts.TABLE)
    rows, columns = min(grid.shape[0], TABLE_ROWS), min(grid.shape[1], TABLE_COLUMNS)
    whole = rect.width - 2 * PAD
    while True:  # fewer columns rather than cut numbers
        more_columns, more_rows = grid.shape[1] > columns, grid.shape[0] > rows
        room = whole - (14 if more_columns else 0)
        shown, widest = _cells(grid[:rows, :columns], room / max(columns, 1) - CELL_GAP, style)
        if columns <= 1 or widest <= room / columns - CELL_GAP:
            break
        columns -= 1
    cell = min(room / max(columns, 1), widest + 14)
    color, faint = Ink("ink"), Ink("ink_faint")
    y = rect.top + 6 + LINE - 4
    for row in shown:
        for column, value in enumerate(row):
            text = texts.elide(value, style, cell - CELL_GAP)
            x = rect.left + PAD + cell * (column + 1) - min(14.0, cell - widest)
            sheet.line_of_text(x, y, text, style, color, align="right")
        if more_columns:
            x = rect.left + PAD + cell * columns + 4
            sheet.line_of_text(x, y, "…", style, faint)
        y += LINE
    if more_rows:
        total = preview.shape[0] if len(preview.shape) == 2 else grid.shape[0]
        more = f"… {total} rows"
        sheet.line_of_text(rect.left + PAD, y, more, sheet.legible(texts.CAPTION), faint)


def _cells(
    grid: np.ndarray, room: float, style: texts.Style = texts.TABLE
) -> tuple[list[list[str]], float]:
    """Format the numbers of a table with as many digits as fit into a cell. Return the texts by row
    and column, and the width of the widest.
    """
    shown: list[list[str]] = []
    widest = 0.0
    for digits in (3, 2, 1):
        shown = [[number(value, digits) for value in row] for row in grid]
        widest = max((texts.width(n, style) for row in shown for n in row), default=0.0)
        if widest <= room:
            break
    return shown, widest


def _draw_picture(sheet: Sheet, rect: Rect, preview: Any) -> None:
    aspect = preview.array.shape[1] / max(preview.array.shape[0], 1)
    if aspect > WIDE:
        room = rect.width - 2 * PAD
        box = Rect(rect.left + PAD, rect.top + 6, room, THUMB - LINE + 2)
        _draw_image(sheet, _fit(aspect, box), preview.array, preview)
        _draw_one_line(sheet, rect, box.bottom + LINE - 2, preview)
        return
    box = Rect(rect.left + PAD, rect.top + 8, THUMB, THUMB)
    picture = _fit(aspect, box)
    _draw_image(sheet, picture, preview.array, preview)
    x, y = picture.right + 12, box.top + 8
    _draw_facts(sheet, rect, x, y, preview)


def _draw_facts(
    sheet: Sheet,
    rect: Rect,
    x: float,
    y: float,
    preview: Any,
) -> None:
    """Draw shape, range and mean of a value as rows of name and number, the first baseline at
    ``y``.
    """
    style = sheet.legible(texts.CAPTION)
    column = 36 * style[0] / texts.CAPTION[0]
    room = rect.right - x - 8 - column
    shorter = [facts(preview, digits) for digits in (3, 2, 1)]
    for (name, value), *others in zip(*shorter, strict=True):
        sheet.line_of_text(x, y, name, style, Ink("ink_faint"))
        whole = [v for v in (value, *(v for _, v in others)) if texts.width(v, style) <= room]
        shown = whole[0] if whole else texts.elide(value, style, room)
        sheet.line_of_text(x + column, y, shown, style, Ink("ink"))
        y += LINE


def _draw_images(sheet: Sheet, rect: Rect, preview: Any) -> None:
    room = rect.width - 2 * PAD
    count = max(1, min(len(preview.array), int((room + 4) // (STRIP + 4))))
    gap = (room - count * STRIP) / max(count - 1, 1) if count > 1 else 0
    for index in range(count):
        box = Rect(rect.left + PAD + index * (STRIP + gap), rect.top + 8, STRIP, STRIP)
        picture = preview.array[index]
        fitted = _fit(picture.shape[1] / max(picture.shape[0], 1), box)
        _draw_image(sheet, fitted, picture, preview)
    _draw_one_line(sheet, rect, rect.top + 8 + STRIP + LINE - 2, preview)


def _draw_one_line(sheet: Sheet, rect: Rect, y: float, preview: Any) -> None:
    """Draw the range and mean of a value in one line of text with the baseline at ``y``. Leave out
    digits or numbers that do not fit.
    """
    style, room = sheet.legible(texts.CAPTION), rect.width - 2 * PAD
    lines = [_one_line(preview, digits, most) for most in (3, 2, 1) for digits in (3, 2)]
    line = next((line for line in lines if texts.width(line, style) <= room), "")
    sheet.line_of_text(rect.left + PAD, y, line, style, Ink("ink_muted"))


def _draw_maps(sheet: Sheet, rect: Rect, preview: Any) -> None:
    area = Rect(rect.left + PAD, rect.top + 8, rect.width - 2 * PAD, MAPS)
    _draw_grid(sheet, area, preview)
    _draw_one_line(sheet, rect, area.bottom + LINE - 2, preview)


def _draw_grid(sheet: Sheet, area: Rect, preview: Any, most_rows: int = 0) -> None:
    """Draw maps side by side, in the number of rows that makes them largest.

    Args:
        most_rows: draw only as many maps as fit into so many rows, centred; 0 draws all.
    """
    maps = preview.array
    aspect = maps.shape[2] / max(maps.shape[1], 1)
    left = area.left
    if most_rows:
        least = (area.height - (most_rows - 1) * MAP_GAP) / most_rows
        in_row = max(1, int((area.width + MAP_GAP) // (least * aspect + MAP_GAP)))
        maps = maps[: in_row * most_rows]
    columns, rows, height = grid_of(len(maps), aspect, area.width, area.height)
    width = height * aspect
    if most_rows:
        left += (area.width - columns * (width + MAP_GAP) + MAP_GAP) / 2
    for index, picture in enumerate(maps[: columns * rows]):
        place = Rect(
            left + index % columns * (width + MAP_GAP),
            area.top + index // columns * (height + MAP_GAP),
            width,
            height,
        )
        _draw_image(sheet, place, picture, preview)


def grid_of(count: int, aspect: float, width: float, height: float) -> tuple[int, int, float]:
    """Return (columns, rows, height of a picture) of the grid that shows ``count`` pictures
    largest.
    """
    best = (1, 1, 0.0)
    for rows in range(1, max(1, count) + 1):
        columns = -(-count // rows)
        fits = (height - (rows - 1) * MAP_GAP) / rows
        fits = min(fits, (width - (columns - 1) * MAP_GAP) / columns / aspect)
        if fits > best[2]:
            best = (columns, rows, fits)
    return best


def _draw_view(sheet: Sheet, rect: Rect, shown: Any) -> None:
    step = "" if shown.step is None else _step(shown.step)
    area = rect.adjusted(8, 6, -8, -4)
    small = texts.CAPTION[0] * sheet.scale < texts.LEAST
    draw_shown(sheet.noted("" if small else step, small), area, shown)


_DRAWERS = {
    "view": _draw_view,
    "scalar": _draw_scalar,
    "text": _draw_text,
    "error": _draw_text,
    "deferred": _draw_text,
    "summary": _draw_summary,
    "table": _draw_table,
    "image": _draw_picture,
    "heatmap": _draw_picture,
    "images": _draw_images,
    "maps": _draw_maps,
}


# ---- pieces ---------------------------------------------------------------------------------


def facts(preview: Any, digits: int = 3) -> list[tuple[str, str]]:
    """Return the shape, range and mean of a value as pairs (name, text)."""
    found = [("shape", "×".join(str(d) for d in preview.shape) or "scalar")]
    for name, label in (("minimum", "min"), ("maximum", "max"), ("mean", "mean")):
        value = getattr(preview, name, None)
        if value is not None:
            found.append((label, number(value, digits)))
    return found


def _one_line(preview: Any, digits: int, most: int) -> str:
    """Return the range and mean of a value as one line of text. ``most``: how many of these facts
    to include.
    """
    return "  ".join(f"{name} {value}" for name, value in facts(preview, digits)[1 : 1 + most])


def _wrapped(preview: Any, width: float) -> tuple[str, ...]:
    return texts.wrap(preview.text, texts.CAPTION, width - 2 * PAD, 3)


def _as_table(array: np.ndarray) -> np.ndarray:
    array = np.atleast_1d(np.asarray(array))
    return array.reshape(1, -1) if array.ndim == 1 else array.reshape(array.shape[0], -1)


def _table_lines(array: np.ndarray) -> int:
    rows = len(_as_table(array))
    return rows if rows <= TABLE_ROWS else TABLE_ROWS + 1


def _fit(aspect: float, box: Rect) -> Rect:
    """Return the largest rectangle that fits into a box at its left edge, centred vertically. Its
    aspect ratio is the given one, limited to 1:4 to 4:1.
    """
    aspect = min(max(aspect, 0.25), 4.0)
    width = min(box.width, box.height * aspect)
    height = width / aspect
    return Rect(box.left, box.center.y - height / 2, width, height)


def _draw_image(sheet: Sheet, rect: Rect, array: np.ndarray, preview: Any) -> None:
    smaller = array.shape[1] > rect.width * 2
    sheet.image(rect, partial(_pixels, np.asarray(array), preview), smaller)
    sheet.box(rect, None, Ink("border"))


def _pixels(array: np.ndarray, preview: Any, palette: Palette) -> np.ndarray:
    """Return the pixel colors of a preview: those of an image itself, or a color scale applied to a
    map of values.
    """
    if preview.kind in ("heatmap", "maps"):
        limits = preview.limits or (preview.minimum, preview.maximum)
        return heat_pixels(array, HeatScale.of(*limits), palette)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    return array[:, :, :3]

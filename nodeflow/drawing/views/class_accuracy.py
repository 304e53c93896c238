"""The view of accuracy by class: one bar with numbers for each class."""

from __future__ import annotations

import math

from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import LINE, Sheet, legend
from nodeflow.drawing.theme_colors import Ink
from nodeflow.drawing.views.palette import class_color
from nodeflow.drawing.views.rates import SPLITS, fits, split_choice
from nodeflow.drawing.views.view import Choice, ViewDrawing
from nodeflow.host.views.kinds.class_accuracy import ClassAccuracyData
from nodeflow.number_text import count

HIGHEST = 48.0
"""Maximum height of the row of a class in pixels."""
GAP = 0.22
"""The space between two bars as a share of a row."""
NUMBERS = 96.0
"""Width of the numbers beside the bars."""


def _rows(rect: Rect, data: ClassAccuracyData) -> tuple[float, float]:
    """Return the top of the first class's row in the chart, and the height of a row."""
    top = rect.top + LINE + 4
    each = (rect.bottom - top) / max(len(data.names), 1)
    return top, min(each, HIGHEST)


def draw(sheet: Sheet, rect: Rect, data: ClassAccuracyData) -> None:
    """Draw, for each class, a bar from 0 to 1 for its recall, crossed by a line at its
    precision.
    """
    top, each = _rows(rect, data)
    names = [texts.elide(name, texts.CAPTION, 110) for name in data.names]
    wide = max((texts.width(name, texts.CAPTION) for name in names), default=0) + 10
    is_low = each < LINE - 2
    wide, numbers = (0.0, 0.0) if sheet.is_small else (wide, NUMBERS)
    left = rect.left + 6 + wide
    room = max(rect.right - 6 - numbers - left, 1.0)
    bar = max(each - (2 if is_low else each * GAP), 1.0)
    color, line = class_color(0), class_color(1)
    for index, (share, precision) in enumerate(zip(data.accuracy, data.precision, strict=True)):
        y = top + index * each
        sheet.box(Rect(left, y, room, bar), Ink("ink", 0.07), None)
        if not math.isnan(share):
            sheet.box(Rect(left, y, room * share, bar), color, None)
        if not math.isnan(precision):
            x = left + room * precision
            sheet.box(Rect(x - 1, y - 1, 2, bar + 2), line, None)
        if is_low and index % max(1, math.ceil(LINE / each)):
            continue
        baseline = y + bar / 2 + 4
        sheet.text(left - 6, baseline, names[index], align="right")
        shown = "no rows" if math.isnan(share) else f"{share:.1%} of {count(data.rows[index])}"
        sheet.text(left + room + 6, baseline, shown, "ink")
    entries = [("recall", color, "box"), ("precision", line, "line")]
    legend(sheet, rect.adjusted(6, 0, -4, 0), entries)


def words(data: ClassAccuracyData) -> str:
    """Return a summary: ``97.2% of 1 000 test rows right; the worst class is 5 with 93.0%``."""
    seen, right = int(data.rows.sum()), int(data.right.sum())
    text = f"{right / seen:.1%} of {count(seen)} {SPLITS[data.split].lower()} right" if seen else ""
    known = [(share, name) for share, name in zip(data.accuracy, data.names, strict=True)
             if not math.isnan(share)]  # fmt: skip
    if known:
        share, name = min(known)
        text += f"; the worst class is {name} with {share:.1%}"
    return text or "no rows"


def choices(data: ClassAccuracyData) -> tuple[Choice, ...]:
    return split_choice(data.split, data.splits)


def at(data: ClassAccuracyData, rect: Rect, point: Point) -> str:
    """Describe the class under the mouse in words: how many of its rows are right, and how many of
    the answers that name it.
    """
    top, each = _rows(rect, data)
    index = math.floor((point.y - top) / each) if each else -1
    if not 0 <= index < len(data.names):
        return ""
    right, rows, answered = (int(part[index]) for part in (data.right, data.rows, data.answered))
    return (
        f"{data.names[index]}: {count(right)} of {count(rows)} rows right, "
        f"{count(right)} of {count(answered)} answers"
    )


VIEW = ViewDrawing(
    "class_accuracy",
    "By class",
    "chart-column",
    42,
    fits,
    draw,
    words,
    choices,
    at,
    is_rare=True,
)

"""Labels with the titles of frames, for small scales at which the frames' title strips are too low.

A label is at an edge of its frame, where it covers no card. It may extend beyond the frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from nodeflow.document.model.records import FrameRecord
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.frames.frame_titles import stacked

PAD, GAP = 5.0, 1.0
"""Pixels left and right of the text of a label, and between a label and a card."""
STYLES: tuple[tuple[texts.Style, float], ...] = (
    ((11, 600, False), 16.0),
    ((texts.LEAST, 600, False), 12.0),
)
"""Styles of the text, in pixels, with the height of the label; the second where room is scarce."""
LEAST_WIDTH, LEAST_HEIGHT = 44.0, 26.0
"""The size in pixels of the smallest frame that has a label."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


class FrameLabel(NamedTuple):
    """A label: its frame, its text and style, and its rectangle in scene units."""

    frame: FrameRecord
    text: str
    style: texts.Style
    box: Box


def frame_labels(
    frames: Iterable[FrameRecord], cards: np.ndarray, scale: float
) -> list[FrameLabel]:
    """Return the labels of frames. A frame without free space gets none.

    Args:
        cards: (m, 4) left, top, right, bottom of all cards in scene units.
        scale: pixels of the screen per scene unit.
    """
    found: list[FrameLabel] = []
    taken = cards
    for frame in stacked(frames):
        width, height = frame.rect[2] * scale, frame.rect[3] * scale
        if not frame.title or width < LEAST_WIDTH or height < LEAST_HEIGHT:
            continue
        near = taken[_touching(taken, _grown(frame, STYLES[0][1] / scale))]
        label = next(_free_places(frame, near, scale), None)
        if label is not None:
            found.append(label)
            taken = np.vstack([taken, label.box])
    return found


def _free_places(frame: FrameRecord, taken: np.ndarray, scale: float) -> Iterator[FrameLabel]:
    """Yield possible labels of a frame in areas that no card covers, the best first: whole titles
    before shortened ones, then large text, then the top left.
    """
    room = frame.rect[2] * scale - 2 * PAD
    for whole in (True, False):
        for style, height in STYLES:
            text = texts.elide(frame.title, style, room)
            if whole == (text == frame.title):
                width = (texts.width(text, style) + 2 * PAD) / scale
                for box in _places(frame, taken, width, height / scale, GAP / scale):
                    yield FrameLabel(frame, text, style, box)


def _places(
    frame: FrameRecord, taken: np.ndarray, width: float, height: float, gap: float
) -> Iterator[Box]:
    """Yield free rectangles for a frame's label: along the frame's top, then along its bottom."""
    left, top, right, bottom = _grown(frame, 0.0)
    last = max(left, right - width)
    starts = [left, *sorted(x for x in (taken[:, 2] + gap).tolist() if left < x < last), last]
    for is_top in (True, False):
        for x in starts:
            column = taken[(taken[:, 0] < x + width) & (taken[:, 2] > x)]
            if is_top:
                below = column[column[:, 3] > top + height, 1]
                y = min(top, below.min(initial=np.inf) - height - gap)
                y = max(y, top - height)
            else:
                above = column[column[:, 1] < bottom - height, 3]
                y = max(bottom - height, above.max(initial=-np.inf) + gap)
                y = min(y, bottom)
            box = (x, float(y), x + width, float(y) + height)
            if not _touching(column, box).any():
                yield box


def _grown(frame: FrameRecord, by: float) -> Box:
    left, top, width, height = frame.rect
    return left - by, top - by, left + width + by, top + height + by


def _touching(boxes: np.ndarray, box: Box) -> np.ndarray:
    """Return which boxes overlap a box, bool (m,)."""
    left, top, right, bottom = box
    return (
        (boxes[:, 0] < right) & (boxes[:, 2] > left) & (boxes[:, 1] < bottom) & (boxes[:, 3] > top)
    )

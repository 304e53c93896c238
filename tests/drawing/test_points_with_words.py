"""Points of embeddings carry their words, where there is room."""

from __future__ import annotations

import itertools

import numpy as np

from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.shapes import Shapes, Text
from nodeflow.drawing.views.projection import draw
from nodeflow.host.views.kinds.projection import PCA, ProjectionData

WORDS = ("king", "queen", "cat", "dog", "apple", "pear")
PLACES = np.array([[0, 0], [0.01, 0.01], [1, 0], [1, 1], [0, 1], [0.5, 0.5]], np.float32)


def data(split: str) -> ProjectionData:
    count = len(WORDS)
    near = np.array([[(i + 1) % count] for i in range(count)], np.int32)
    return ProjectionData(
        tensor="table", candidates=(), split=split, splits=(), total=count, dims=3, method=PCA,
        metric="euclidean", points=PLACES, explained=(0.5, 0.3), labels=WORDS,
        groups=np.full(count, -1, np.int16), names=(), pictures=None, texts=(), near=near,
        distances=near.astype(np.float32),
    )  # fmt: skip


def drawn(split: str) -> list[Text]:
    sheet = Shapes()
    draw(sheet, Rect(0, 0, 400, 300), data(split))
    return [s for s in sheet.found if isinstance(s, Text) and s.text in WORDS]


def test_words_stand_beside_their_points_and_cover_nothing():
    found = drawn("")
    assert {"cat", "dog", "apple", "pear"} <= {t.text for t in found}
    boxes = [(t.x, t.x + texts.width(t.text, t.style), t.y) for t in found]
    assert all(left >= 0 and right <= 400 for left, right, _ in boxes)
    for (left, right, y), (other, end, at) in itertools.combinations(boxes, 2):
        assert abs(y - at) >= 12 or right <= other or end <= left


def test_rows_of_data_have_no_words_in_the_chart():
    assert drawn("test") == []

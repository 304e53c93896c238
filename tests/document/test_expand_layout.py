"""Generated nodes stand in rows, not in one line that nobody can see whole."""

from __future__ import annotations

import pytest

from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.layout.folding import WIDEST, folded
from nodeflow.document.to_graph.expansion.expand import expansion
from nodeflow.resources import example


def test_a_long_row_of_boxes_is_folded_like_text():
    boxes = {str(i): (200.0, 100.0) for i in range(20)}
    places = {str(i): (i * 320.0, 0.0) for i in range(20)}
    found = folded(places, boxes)
    rows = sorted({y for _, y in found.values()})
    assert 3 <= len(rows) <= 6
    read = sorted(found, key=lambda key: (found[key][1], found[key][0]))
    assert read == list(places), "in the order of the row"
    assert {round(min(x for x, y in found.values() if y == row)) for row in rows} == {0}
    width = max(x for x, _ in found.values()) + 200
    assert width / (rows[-1] + 100) < WIDEST * 1.3


def test_what_is_not_long_stays():
    boxes = {"a": (200.0, 300.0), "b": (200.0, 300.0), "c": (200.0, 300.0)}
    places = {"a": (0.0, 0.0), "b": (320.0, 10.0), "c": (640.0, 0.0)}
    assert folded(places, boxes) == places


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", ["mnist", "mnist_adam", "linear_regression", "spirals"])
def test_generated_gradients_have_a_shape_that_fits_a_screen(name):
    document = flow.load(example(name))
    train = document.node_named("train").id
    shown = expansion(document, train)
    analysis = shown.analyse()
    boxes = [(*r.pos, *node_size(shown, r, analysis)) for r in shown.nodes.values()]
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    assert (right - left) / (bottom - top) < 4
    for i, one in enumerate(boxes):
        for two in boxes[:i]:
            apart = (
                one[0] >= two[0] + two[2]
                or two[0] >= one[0] + one[2]
                or one[1] >= two[1] + two[3]
                or two[1] >= one[1] + one[3]
            )
            assert apart

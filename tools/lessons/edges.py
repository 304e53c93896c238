"""Lesson 14: a filter that finds edges, built by hand."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step

SIZE = 8
PICTURE = [[[[1.0 if 2 <= row < 6 and column >= 3 else 0.0] for column in range(SIZE)]
            for row in range(SIZE)]]  # fmt: skip
EDGE = [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]
"""The filter of Sobel and Feldman (1968) for edges from dark to bright."""


def _filter(rows: list[list[float]]) -> list[list[list[list[float]]]]:
    return [[[[value]] for value in row] for row in rows]


FILTERS = {
    "": EDGE,
    "turned": [list(column) for column in zip(*EDGE, strict=True)],
    "sign": [[-value for value in row] for row in EDGE],
    "blur": [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]],
    "one_row": [[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]],
}


def build(e: Drawing, mistake: str) -> None:
    e.add("placeholder", "picture", dtype="float32", shape=[None, SIZE, SIZE, 1], sample=PICTURE)
    e.add("constant", "filter", dtype="float32", value=_filter(FILTERS.get(mistake, EDGE)))
    padding = "same" if mistake == "same" else "valid"
    strides = [2, 2] if mistake == "strides" else [1, 1]
    e.add("conv2d", "edges", "picture", "filter", padding=padding, strides=strides)
    if mistake == "relu":
        e.add("relu", "found", "edges")
    elif mistake == "maximum":
        e.add("reduce_max", "found", "edges")
    else:
        e.add("abs", "found", "edges")


LESSON = LessonSource(
    id="edges",
    title="Edges",
    summary="Slide a small filter over a picture and find where dark meets bright.",
    minutes=15,
    build=build,
    given=("picture",),
    probes={"inputs": {"picture": {"values": "uniform"}}, "zeros": True, "large": 0},
    checks={
        "edges": {
            "title": "Dark to bright from left to right is positive, named edges",
            "kind": "values",
            "node": "edges",
            "credit": 2,
        },
        "found": {
            "title": "Edges of both directions, named found",
            "kind": "values",
            "node": "found",
        },
    },
    steps=(
        Step(
            "size",
            "A window of nine pixels",
            "picture is 8 × 8 pixels. A filter is a table of 3 × 3 weights. It slides over the "
            "picture, and at each place nine pixels are multiplied by the nine weights and added "
            "up. This is a convolution.",
            predict={"kind": "choice", "right": 1},
            question="In how many places does a window of 3 × 3 lie wholly in a picture of 8 × 8?",
            choices=("8 × 8", "6 × 6", "5 × 5", "3 × 3"),
            answer="Its left edge can stand in columns 0 to 5, so there are 6 × 6 places. Padding "
            "“valid” takes only whole windows.",
        ),
        Step(
            "filter",
            "A filter by hand",
            "Where brightness does not change, the result should be 0, so the weights sum to 0. "
            "Where it is dark on the left and bright on the right, it should be large. Place a "
            "Constant named filter with the shape (3, 3, 1, 1): the left column -1, -2, -1, the "
            "middle column 0, the right column 1, 2, 1. Place a Conv2d with padding “valid”, wire "
            "picture and filter into it, and name it edges.",
            checks=("edges",),
            points="conv2d",
        ),
        Step(
            "sign",
            "Left edge, right edge",
            "The square is bright, its surroundings are dark.",
            predict={"kind": "choice", "right": 1},
            question="What is the result at the right edge of a bright square?",
            choices=("positive", "negative", "0"),
            answer="There it is bright on the left and dark on the right, so the sum is negative.",
        ),
        Step(
            "both",
            "Both edges",
            "Take the absolute value of edges, so that both kinds of edges are positive. Name it "
            "found.",
            checks=("found",),
            points="abs",
        ),
    ),
    mistakes={
        "turned": Mistake("Does your filter compare left with right, or top with bottom?"),
        "sign": Mistake("At the left edge of the square: on which side is it bright?"),
        "blur": Mistake("All pixels are equally bright. Should your filter answer 0?"),
        "one_row": Mistake("How many pixels of the window does your filter look at?"),
        "same": Mistake(
            "How large is the result? Whose pixels does a window beyond the border see?"
        ),
        "strides": Mistake("How far does your window jump? How large is the result?"),
        "relu": Mistake("What does your last node make of the right edge of the square?"),
        "maximum": Mistake("Where is the edge? Can your result say it?"),
    },
    milestones={"edges": Milestone("edges", "The edges are right", 0.5)},
    done="A convolutional network has many such filters, and learns their weights. Train "
    "mnist_cnn and look at the filters of its first layer: some find edges.",
)

"""Lesson 2: shapes and broadcasting; center the features of a batch and shift them."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step

ROWS = [[1.0, 10.0, 3.0], [2.0, 20.0, 3.0], [3.0, 60.0, 6.0], [6.0, 30.0, 4.0]]


def build(e: Drawing, mistake: str) -> None:
    e.add("placeholder", "x", dtype="float32", shape=[None, 3], sample=ROWS)
    e.add("constant", "bias", dtype="float32", value=[0.0, 5.0, 1.0])
    if mistake == "per_row":
        e.add("reduce_mean", "mean", "x", axis=1)
        return  # a mean for each row does not fit the columns
    if mistake == "per_row_column":
        e.add("reduce_mean", "mean", "x", axis=1, keepdims=True)
    elif mistake == "of_everything":
        e.add("reduce_mean", "mean", "x")
    elif mistake == "sum":
        e.add("reduce_sum", "mean", "x", axis=0)
    elif mistake == "maximum":
        e.add("reduce_max", "mean", "x", axis=0)
    else:
        e.add("reduce_mean", "mean", "x", axis=0)
    if mistake == "backwards":
        e.add("subtract", "centered", "mean", "x")
    else:
        e.add("subtract", "centered", "x", "mean")
    if mistake == "no_mean":
        e.add("add", "y", "x", "bias")
    else:
        e.add("subtract" if mistake == "minus_bias" else "add", "y", "centered", "bias")


LESSON = LessonSource(
    id="many-at-once",
    title="Many at once",
    summary="Compute with whole tables: shapes, axes and broadcasting.",
    minutes=12,
    build=build,
    given=("x", "bias"),
    probes={"inputs": {"x": {"scale": 4}, "bias": {}}, "large": 100},
    checks={
        "mean": {
            "title": "One mean for each column, named mean",
            "kind": "values",
            "node": "mean",
        },
        "y": {"title": "Centered columns plus bias, named y", "kind": "values", "node": "y"},
        "type": {
            "title": "y has as many rows as x",
            "kind": "type",
            "node": "y",
            "shape": [None, 3],
        },
    },
    steps=(
        Step(
            "shape",
            "Rows and columns",
            "x holds four houses, one in each row. Its columns are features: rooms, age and "
            "distance. A table is a tensor with two axes: axis 0 counts rows, axis 1 counts "
            "columns. Its shape is (4, 3). The placeholder says (?, 3), because any number of "
            "rows may come.",
            predict={"kind": "shape", "node": "mean"},
            question="You take the mean over all rows, for each column. What shape has it?",
            answer="One number for each of the three columns: (3,). The axis over which you take "
            "the mean disappears.",
        ),
        Step(
            "mean",
            "The mean of each column",
            "Place a Reduce mean, wire x into it, and name it mean. Set its axis to 0 in the "
            "inspector. Axis 0 counts rows, so the mean goes over all rows.",
            checks=("mean",),
            points="reduce_mean",
        ),
        Step(
            "center",
            "Subtract it from every row",
            "Subtract mean from x. The shapes (4, 3) and (3,) differ, but the mean fits each row. "
            "This is called broadcasting: a missing axis is filled by repeating. Then add bias, "
            "and name the result y.",
            checks=("y", "type"),
            points="subtract",
        ),
        Step(
            "guess",
            "Will it broadcast?",
            "Shapes are compared from the right. Two sizes fit if they are equal, or if one is 1 "
            "or missing.",
            predict={"kind": "choice", "right": 2},
            question="Which of these can be added to a table of shape (4, 3)?",
            choices=("shape (4,)", "shape (2, 3)", "shape (4, 1)", "shape (3, 4)"),
            answer="(4, 1) has one number for each row, and its 1 is repeated for three columns. "
            "(4,) would be compared with the 3 columns.",
        ),
    ),
    mistakes={
        "per_row": Mistake("Your mean mixes rooms and ages. Which axis are the features?"),
        "per_row_column": Mistake("Your mean mixes rooms and ages. Which axis are the features?"),
        "of_everything": Mistake(
            "Your mean is a single number. Which axis should stay, so that each feature has one?"
        ),
        "sum": Mistake("Twice as many houses: should the typical age double?"),
        "maximum": Mistake("Is the largest house a typical one?"),
        "backwards": Mistake("A house is older than the mean. Should its number be above 0?"),
        "no_mean": Mistake("Add 100 to every age. Should y change?"),
        "minus_bias": Mistake("The bias of the age is 5. Does y rise or fall with it?"),
    },
    milestones={
        "mean": Milestone("mean", "The means of the columns are right"),
        "centered": Milestone("centered", "The centered columns are right", 0.5),
    },
    done="One graph computes any number of rows. Networks use this everywhere: a bias of shape "
    "(units,) is added to a batch of shape (rows, units).",
)

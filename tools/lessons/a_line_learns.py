"""Lesson 5: a line learns, first by gradients that are built by hand, then by an optimizer."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step


def build(e: Drawing, mistake: str) -> None:
    e.add("dataset", "points", source="csv:resource:data/linear.csv")
    for name in ("x", "y"):
        e.add("placeholder", name, dtype="float32", shape=[None, 1])
    e.wire("points:features", "x:feed")
    e.wire("points:labels", "y:feed")
    e.add("variable", "slope", dtype="float32", value=0.0)
    e.add("variable", "offset", dtype="float32", value=0.0)
    e.add("constant", "rate", dtype="float32", value=0.2)
    e.add("constant", "two", dtype="float32", value=2.0)
    e.add("multiply", "scaled", "x", "slope")
    if mistake == "no_offset":
        e.add("identity", "prediction", "scaled")
    else:
        e.add("add", "prediction", "scaled", "offset")
    if mistake == "error_backwards":
        e.add("subtract", "error", "y", "prediction")
    else:
        e.add("subtract", "error", "prediction", "y")
    if mistake == "no_square":
        e.add("reduce_mean", "loss", "error")
    else:
        e.add("square", "squared", "error")
        e.add("reduce_sum" if mistake == "sum" else "reduce_mean", "loss", "squared")
    e.add("multiply", "twice", "error", "two")
    per_row = "error" if mistake == "no_two" else "twice"
    if mistake == "no_x":
        e.add("identity", "by_slope", per_row)
    else:
        e.add("multiply", "by_slope", per_row, "x")
    mean = "reduce_sum" if mistake == "sum" else "reduce_mean"
    e.add(mean, "slope_gradient", "by_slope")
    if mistake == "no_rate":
        e.add("identity", "step", "slope_gradient")
    else:
        e.add("multiply", "step", "slope_gradient", "rate")
    e.add("add" if mistake == "plus" else "subtract", "new_slope", "slope", "step")
    e.add("gradient_descent", "train", "loss", learning_rate=0.2)
    e.training("train", "loss", [], epochs=40, batch_size=20)


LESSON = LessonSource(
    id="a-line-learns",
    title="A line learns",
    summary="Build a prediction, a loss and one step of learning from single operations.",
    minutes=20,
    build=build,
    given=("points", "x", "y", "slope", "offset", "rate", "two"),
    probes={"inputs": {name: {} for name in ("x", "y", "slope", "offset")}, "large": 0},
    checks={
        "prediction": {
            "title": "slope × x + offset, named prediction",
            "kind": "values",
            "node": "prediction",
        },
        "loss": {
            "title": "The mean of the squared errors, named loss",
            "kind": "values",
            "node": "loss",
        },
        "copies": {
            "title": "The loss does not depend on the number of points",
            "kind": "ignores_copies",
            "node": "loss",
            "inputs": ["x", "y"],
        },
        "gradient": {
            "title": "The slope of the loss by slope, named slope_gradient",
            "kind": "values",
            "node": "slope_gradient",
            "credit": 2,
        },
        "step": {
            "title": "The slope after one step, named new_slope",
            "kind": "values",
            "node": "new_slope",
        },
        "learned": {
            "title": "A training brings the loss below 0.03",
            "kind": "trains",
            "node": "loss",
            "at_most": 0.03,
        },
    },
    steps=(
        Step(
            "predict",
            "Predict",
            "Each point has an x and a y, and the line should predict y from x. Multiply x by the "
            "variable slope, add the variable offset, and name the result prediction. A variable "
            "keeps a number that learning may change. Both are 0 now, so the line is flat.",
            checks=("prediction",),
            points="multiply",
        ),
        Step(
            "loss",
            "Measure how wrong it is",
            "Subtract y from prediction: the errors. Square them, so that errors above and below "
            "count alike. Take the mean over all points, and name it loss. Learning "
            "makes the loss small.",
            checks=("loss", "copies"),
            points="square",
        ),
        Step(
            "double",
            "Twice as many points",
            "The loss is a mean.",
            predict={"kind": "choice", "right": 0},
            question="You feed every point twice. What happens to the loss?",
            choices=("It stays.", "It doubles.", "It halves."),
            answer="A mean stays. A sum would double, and so would every step of learning.",
        ),
        Step(
            "gradient",
            "The slope of the loss",
            "If slope rises by 1, a prediction rises by x. If a prediction rises by 1, its "
            "squared error rises by 2 × error. So multiply the errors by 2 and by x, take the "
            "mean, and name it slope_gradient.",
            checks=("gradient",),
            points="reduce_mean",
        ),
        Step(
            "step",
            "One step downhill",
            "The gradient points uphill. Multiply it by rate, subtract that from slope, and name "
            "the result new_slope. A step against the gradient lowers the loss.",
            checks=("step",),
            points="subtract",
        ),
        Step(
            "train",
            "Let it walk",
            "An optimizer does this for every variable, step after step. Place a Gradient descent, "
            "wire loss into it, set its learning rate to 0.2, and press Train. The line is "
            "y = 2 x - 1.",
            checks=("learned",),
            deed={"event": "trained"},
            points="gradient_descent",
        ),
    ),
    mistakes={
        "plus": Mistake("You took a step. Did the loss fall or rise?"),
        "sum": Mistake("Feed every point twice. What happens to the loss, and to the step?"),
        "no_two": Mistake("What is the slope of e², if e rises by a little?"),
        "no_x": Mistake("If slope rises by 1, by how much does the prediction at x = 3 rise?"),
        "error_backwards": Mistake(
            "The prediction is too large. Should your gradient be positive or negative?"
        ),
        "no_square": Mistake("One error is +5 and one is -5. Is the line right on average?"),
        "no_offset": Mistake("What does the line predict at x = 0?"),
        "no_rate": Mistake("How far should one step go? Which constant did you not use?"),
        "diverges": Mistake(
            "The loss grew beyond every number. What happens if a step goes too far?",
            {"symptom": {"kind": "diverged"}},
        ),
        "asleep": Mistake(
            "The training changed nothing. How far does one of its steps go?",
            {"symptom": {"kind": "unchanged"}},
        ),
    },
    milestones={
        "scaled": Milestone("scaled", "The scaled x is right", 0.1),
        "error": Milestone("error", "The errors are right"),
        "by_slope": Milestone("by_slope", "The slope of each point is right"),
    },
    done="Prediction, loss, gradient, step: every network learns by these four. From now on an "
    "optimizer builds the gradients for you.",
)

"""Lesson 6: a training that diverges, mended by one number."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Mistake, Step


def build(e: Drawing, mistake: str) -> None:
    e.add("dataset", "points", source="csv:resource:data/linear.csv")
    for name in ("x", "y"):
        e.add("placeholder", name, dtype="float32", shape=[None, 1])
    e.wire("points:features", "x:feed")
    e.wire("points:labels", "y:feed")
    e.add("variable", "slope", dtype="float32", value=0.0)
    e.add("variable", "offset", dtype="float32", value=0.0)
    e.add("multiply", "scaled", "x", "slope")
    e.add("add", "prediction", "scaled", "offset")
    e.add("subtract", "error", "prediction", "y")
    e.add("square", "squared", "error")
    e.add("reduce_mean", "loss", "squared")
    e.add("gradient_descent", "train", "loss", learning_rate=0.3)
    e.training("train", "loss", [], epochs=20, batch_size=20)


LESSON = LessonSource(
    id="learning-rates",
    title="Learning rates",
    summary="One number decides whether learning is slow, fast, or an explosion.",
    minutes=10,
    build=build,
    given=None,
    start={"train": {"learning_rate": 2.0}},
    locked=("points", "x", "y", "slope", "offset", "scaled", "prediction", "error", "squared"),
    checks={
        "learned": {
            "title": "In 20 epochs the loss falls below 0.03",
            "kind": "trains",
            "node": "loss",
            "at_most": 0.03,
            "epochs": 20,
        },
        "one": {
            "title": "At most one number is changed",
            "kind": "limits",
            "edits": 1,
        },
    },
    steps=(
        Step(
            "explode",
            "Watch it explode",
            "This is the line of the lesson before, with a learning rate of 2. Press Train.",
            deed={"event": "trained"},
            points="train",
        ),
        Step(
            "guess",
            "Why?",
            "Each step goes against the slope of the loss, but its length grows with the learning "
            "rate.",
            predict={"kind": "choice", "right": 1},
            question="What did each step do?",
            choices=(
                "It went uphill.",
                "It went downhill, but so far that it came out higher on the other side.",
                "It did not move.",
            ),
            answer="Each step jumps over the valley and lands higher, where the slope is steeper, "
            "so the next one is longer still.",
        ),
        Step(
            "mend",
            "Change one number",
            "Click train and choose another learning rate, so that the loss falls below 0.03 "
            "within 20 epochs. An epoch is one pass over all points. Then press Check.",
            checks=("learned", "one"),
            points="train",
        ),
    ),
    mistakes={
        "uphill": Mistake(
            "Your rate is negative. Does a step still go against the slope of the loss?",
            {"setting": {"node": "train", "attr": "learning_rate", "at_most": -1e-30}},
        ),
        "longer": Mistake(
            "Every step goes too far. Would more of them help?",
            {"setting": {"node": "training", "attr": "epochs", "at_least": 21}},
        ),
        "other_batches": Mistake(
            "You changed how many points a step looks at. Which number says how far it goes?",
            {"setting": {"node": "training", "attr": "batch_size", "at_most": 19}},
        ),
        "diverged": Mistake(
            "The loss is not a number any more. Which node was the first to become infinite?",
            {"symptom": {"kind": "diverged"}},
        ),
        "asleep": Mistake(
            "The loss hardly moved in 20 epochs. Are the steps too long or too short?",
            {"symptom": {"kind": "unchanged"}},
        ),
        "slow": Mistake(
            "The loss fell, but not far enough. Is it still falling at the end?",
            {"symptom": {"kind": "short"}},
        ),
    },
    done="Rates differ by factors: try 0.001, 0.01, 0.1, 1. Too large explodes, too small never "
    "arrives. The doctor of nodeflow names the op that was first infinite.",
)

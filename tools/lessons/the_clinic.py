"""Lesson 13: a network with three illnesses: an infinity, dead neurons, and overfitting."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Mistake, Step

EDITS = 6
"""Two for each illness."""


def build(e: Drawing, mistake: str) -> None:
    e.add("dataset", "points", source="csv:resource:data/overlapping.csv", splits=[0.2, 0.4, 0.4])
    e.add("placeholder", "x", dtype="float32", shape=[None, 10])
    e.add("placeholder", "y", dtype="float32", shape=[None, 1])
    e.wire("points:features", "x:feed")
    e.wire("points:labels", "y:feed")
    e.add("constant", "spread", dtype="float32", value=[1.0] * 10)
    e.add("divide", "scaled", "x", "spread")
    e.add("layers/dense", "hidden", "scaled", units=30, activation="relu")
    e.add("layers/dense", "score", "hidden", units=1)
    e.add("sigmoid_cross_entropy_with_logits", "wrong", "y", "score")
    e.add("reduce_mean", "loss", "wrong")
    e.add("adam", "train", "loss", learning_rate=0.02)
    measured = [{"node": "loss", "split": "test"}]
    e.training("train", "loss", measured, epochs=60, batch_size=20, patience=5)


LESSON = LessonSource(
    id="the-clinic",
    title="The clinic",
    summary="Find out why a network does not learn, and mend it with few edits.",
    minutes=15,
    build=build,
    given=None,
    locked=("points", "x", "y", "wrong", "loss"),
    start={
        "spread": {"value": [1.0, 0.0, *[1.0] * 8]},
        "hidden": {"bias_initializer": {"op": "fill", "value": -20.0}},
        "training": {"patience": None},
    },
    probes={"inputs": {"x": {}}, "large": 0},
    checks={
        "finite": {
            "title": "All numbers of scaled are finite",
            "kind": "finite",
            "node": "scaled",
        },
        "alive": {
            "title": "A training brings the loss on its rows below 0.5",
            "kind": "trains",
            "node": "loss",
            "split": "train",
            "at_most": 0.5,
            "seeds": [1, 2],
        },
        "holds": {
            "title": "After a training, the loss on test rows is below 0.6",
            "kind": "trains",
            "node": "loss",
            "at_most": 0.6,
            "seeds": [1, 2],
            "credit": 2,
        },
        "few": {
            "title": "At most six edits, two for each illness",
            "kind": "limits",
            "edits": EDITS,
        },
    },
    steps=(
        Step(
            "admit",
            "The patient",
            "This network should tell two kinds of rows apart, but its training fails. It has "
            "three illnesses, one behind the other. Two edits are enough for each. Press Train "
            "and read what it says.",
            deed={"event": "trained"},
            points="train",
        ),
        Step(
            "first",
            "Where does it begin?",
            "NaN stands for “not a number”: infinity minus infinity, or 0 divided by 0. It spreads "
            "to everything that is computed from it, so the loss says only that something is "
            "wrong. Walk along the wires from x, and look at the numbers of each card.",
            predict={"kind": "choice", "right": 1},
            question="Which card is the first that shows something infinite?",
            choices=("x", "scaled", "hidden", "loss"),
            answer="x is finite, and scaled is not. An illness is mended where it begins.",
        ),
        Step(
            "infinite",
            "Mend the first illness",
            "scaled divides each column of x by a number of spread, which should be the usual size "
            "of that column. The usual size is about 1 for every column. Mend spread.",
            checks=("finite",),
            points="spread",
        ),
        Step(
            "zero_slope",
            "Nothing happens",
            "Press Train again: the loss stays near 0.69, which is log 2. The network guesses "
            "between two kinds. Look at hidden: all its numbers are 0. Its activation relu turns "
            "negative sums into 0, and each neuron starts with a bias of -20.",
            predict={"kind": "choice", "right": 0},
            question="The sum of a neuron is -20 for each row. A weight changes a little. What "
            "happens to the result of relu?",
            choices=("It stays 0.", "It falls a little.", "It rises a little."),
            answer="So the slope is 0, and no step changes the weight. A neuron whose sum is "
            "negative for every row is called dead.",
        ),
        Step(
            "dead",
            "Mend the second illness",
            "Let the neurons of hidden live: click it, and change a start value. A training should "
            "bring the loss on its own rows below 0.5. Press Check.",
            checks=("alive",),
            points="hidden",
        ),
        Step(
            "two_curves",
            "Too good",
            "Press Train again, and compare the two curves: the loss on training rows goes to 0, "
            "and the loss on test rows rises.",
            predict={"kind": "choice", "right": 2},
            question="What is the third illness?",
            choices=("The steps are too short.", "Neurons are dead.", "It learns noise by heart."),
            answer="It is overfitting. You know two remedies: stop early, or let weights decay.",
        ),
        Step(
            "overfitting",
            "Mend the third illness",
            "Use one of them, so that the loss on test rows ends below 0.6. Press Check.",
            checks=("holds", "few"),
            points="train",
        ),
    ),
    mistakes={
        "still_zero": Mistake(
            "By which number is the second column divided?",
            {"setting": {"node": "spread", "attr": "value.1", "at_least": 0, "at_most": 0}},
        ),
        "vanished": Mistake(
            "You divide the second column by a large number. What is left of it?",
            {"setting": {"node": "spread", "attr": "value.1", "at_least": 50}},
        ),
        "still_dead": Mistake(
            "Is the sum of a neuron ever positive? With which bias does it start?",
            {"setting": {"node": "hidden", "attr": "bias_initializer.value", "at_most": -5}},
        ),
        "saturated": Mistake(
            "Every neuron starts with a large bias. Does it bend anywhere among your rows?",
            {"setting": {"node": "hidden", "attr": "bias_initializer.value", "at_least": 5}},
        ),
        "alike": Mistake(
            "All neurons start alike. Do they ever differ?",
            {"setting": {"op": "layers/dense", "attr": "kernel_initializer.op", "value": "fill"}},
        ),
        "peeking": Mistake(
            "The test rows chose the moment to stop. Who is left to judge that choice?",
            {"setting": {"node": "training", "attr": "monitor.split", "value": "test"}},
        ),
        "by_heart": Mistake(
            "You watch the rows that the network learns by heart. Will their loss ever rise?",
            {"setting": {"node": "training", "attr": "monitor.split", "value": "train"}},
        ),
        "diverged": Mistake(
            "Which node is the first with a number that is not finite?",
            {"symptom": {"kind": "diverged"}},
        ),
        "overfitted": Mistake(
            "The loss on test rows fell, and then rose. What could end the training in between, or "
            "keep the weights small?",
            {"symptom": {"low": 0.7}},
        ),
        "nearly": Mistake(
            "It learns, but not enough. Is the loss still falling, or rising already?",
            {"symptom": {"low": 0.5}},
        ),
    },
    done="Look where the numbers go wrong first, look whether neurons are dead, and compare two "
    "curves. The doctor of nodeflow looks at the same signs.",
)

"""Lesson 7: exclusive or, which no line solves, with at most 13 parameters."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons import one_neuron
from tools.lessons.authoring import LessonSource, Mistake, Step


def build(e: Drawing, mistake: str) -> None:
    e.add("dataset", "points", source="csv:resource:data/exclusive_or.csv")
    e.add("placeholder", "x", dtype="float32", shape=[None, 2])
    e.add("placeholder", "y", dtype="float32", shape=[None, 1])
    e.wire("points:features", "x:feed")
    e.wire("points:labels", "y:feed")
    e.add("layers/dense", "hidden", "x", units=3, activation="tanh")
    e.add("layers/dense", "score", "hidden", units=1)
    e.add("sigmoid_cross_entropy_with_logits", "wrong", "y", "score")
    e.add("reduce_mean", "loss", "wrong")
    e.add("sigmoid", "p", "score")
    e.add("binary_accuracy", "accuracy", "y", "p")
    e.add("gradient_descent", "train", "loss", learning_rate=0.5)
    measured = [{"node": "accuracy", "split": "test"}]
    e.training("train", "loss", measured, epochs=100, batch_size=20)


LESSON = LessonSource(
    id="exclusive-or",
    title="Exclusive or",
    summary="Solve what no straight line can, with 13 numbers.",
    minutes=15,
    build=build,
    uses=(one_neuron.LESSON,),
    given=("points", "x", "y", "wrong", "loss", "p", "accuracy", "train"),
    locked=("points", "x", "y", "wrong", "loss", "p", "accuracy"),
    checks={
        "learned": {
            "title": "With one of five seeds, every test point is right",
            "kind": "trains",
            "node": "accuracy",
            "at_least": 1,
            "seeds": [1, 2, 3, 4, 5],
            "any": True,
            "epochs": 100,
            "credit": 2,
        },
        "small": {
            "title": "At most 13 parameters",
            "kind": "limits",
            "parameters": 13,
        },
    },
    steps=(
        Step(
            "line",
            "Can a line do it?",
            "Each point has two coordinates near 0 or 1. Its class is 1 if exactly one of them is "
            "near 1: that is called exclusive or. Look at the points: opposite corners belong "
            "together.",
            predict={"kind": "choice", "right": 2},
            question="At most how many of the four corners can one straight line get right?",
            choices=("all four", "two", "three"),
            answer="Three: a line can cut off one corner. The two classes lie across from each "
            "other.",
        ),
        Step(
            "count",
            "Count the parameters",
            "A Dense layer is many neurons at once: weights, a bias for each, and an activation. "
            "Two inputs and three neurons need 2 × 3 weights and 3 biases.",
            predict={"kind": "choice", "right": 1},
            question="A layer of three neurons on two inputs, then one neuron on these three. How "
            "many numbers are learned?",
            choices=("9", "13", "6", "15"),
            answer="2 × 3 + 3 = 9 in the first layer, and 3 × 1 + 1 = 4 in the second one: 13.",
        ),
        Step(
            "build",
            "Build it",
            "Place a Dense layer after x, with few units and the activation tanh. Place a second "
            "Dense with one unit and no activation after it, and wire it into wrong and p. Those "
            "turn its score into a loss and a probability. The neuron of lesson 3 is offered too, "
            "under Subgraph: with variables W of shape (2, 3) and b of shape (3), it is a layer "
            "of three neurons.",
            checks=("small",),
            points="layers/dense",
        ),
        Step(
            "train",
            "Train it five times",
            "Press Check: it trains your network from five random starts. One of them has to get "
            "every test point right.",
            checks=("learned",),
        ),
        Step(
            "stuck",
            "Why do others stick?",
            "Set the seed of the training to 1, 2, 3 and train each time. Some end at 0.8 or 0.65.",
            predict={"kind": "choice", "right": 0},
            question="The graph is the same. What differs?",
            choices=("where the weights start", "the points", "the loss"),
            answer="Each start is another place in the landscape of the loss. From some of them, "
            "every small step goes up although the lowest place is elsewhere.",
        ),
    ),
    mistakes={
        "linear": Mistake(
            "A line after a line: can lines make a curve? Which layer needs an activation?",
            {"lacks": ["tanh", "relu", "elu", "gelu", "leaky_relu", "softplus"]},
        ),
        "diverged": Mistake(
            "The loss is not a number any more. How long are the steps?",
            {"symptom": {"kind": "diverged"}},
        ),
        "zeros": Mistake(
            "All weights start alike. Do two neurons that start alike ever differ?",
            {"setting": {"op": "layers/dense", "attr": "kernel_initializer.op", "value": "fill"}},
        ),
        "asleep": Mistake(
            "The training changed nothing. How long are its steps?",
            {"symptom": {"kind": "unchanged"}},
        ),
        "three_corners": Mistake(
            "Your network gets three of four corners right. How many lines can it draw?",
            {"symptom": {"kind": "short", "low": 0.6, "high": 0.9}},
        ),
        "halfway": Mistake(
            "Your network is not done when the training ends. Is the loss still falling?",
            {"symptom": {"kind": "short"}},
        ),
    },
    done="One hidden layer with a curve in it solves what no line can. More layers draw more "
    "curves.",
)

"""Lesson 10: the network 784-300-10 on handwritten digits, then a digit of one's own."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Mistake, Step

CURVES = ["relu", "tanh", "sigmoid", "elu", "gelu", "leaky_relu", "softplus"]


def build(e: Drawing, mistake: str) -> None:
    e.add("dataset", "digits", source="mnist", bundled=True)
    e.add("placeholder", "x", dtype="float32", shape=[None, 784])
    e.add("placeholder", "y", dtype="float32", shape=[None, 10])
    e.wire("digits:images", "x:feed")
    e.wire("digits:labels", "y:feed")
    e.add("layers/dense", "hidden", "x", units=300, activation="relu")
    e.add("layers/dense", "scores", "hidden", units=10)
    e.add("softmax", "probabilities", "scores")
    e.add("categorical_cross_entropy", "wrong", "y", "probabilities")
    e.add("reduce_mean", "loss", "wrong")
    e.add("accuracy", "accuracy", "y", "probabilities")
    e.add("gradient_descent", "train", "loss", learning_rate=0.5)
    measured = [{"node": "accuracy", "split": "test"}]
    e.training("train", "loss", measured, epochs=5, batch_size=100)


LESSON = LessonSource(
    id="digits",
    title="784-300-10",
    summary="Build the classic network for handwritten digits, and let it read yours.",
    minutes=20,
    build=build,
    given=("digits", "x", "y", "wrong", "loss", "accuracy"),
    checks={
        "type": {
            "title": "Ten probabilities for each row, named probabilities",
            "kind": "type",
            "node": "probabilities",
            "shape": [None, 10],
        },
        "rows": {
            "title": "They sum to 1",
            "kind": "sums_to",
            "node": "probabilities",
        },
        "learned": {
            "title": "After 5 epochs, 93 % of the test digits are right",
            "kind": "trains",
            "node": "accuracy",
            "at_least": 0.93,
            "epochs": 5,
            "credit": 3,
        },
    },
    probes={"inputs": {"x": {"values": "uniform"}}, "large": 0},
    steps=(
        Step(
            "count",
            "How many numbers?",
            "x holds pictures: 784 pixels between 0 and 1 in each row. y says which of ten digits "
            "each is: a 1 at the right place, 0 elsewhere. This is called one-hot.",
            predict={"kind": "choice", "right": 2},
            question="A layer of 300 neurons on 784 pixels. How many weights has it, without "
            "biases?",
            choices=("1 084", "23 520", "235 200", "78 400"),
            answer="784 × 300 = 235 200. Each neuron has a weight for every pixel: a picture of "
            "what it looks for.",
        ),
        Step(
            "hidden",
            "The hidden layer",
            "Place a Dense after x, with 300 units and the activation relu, and name it hidden. "
            "relu keeps positive numbers and turns negative ones into 0.",
            points="layers/dense",
        ),
        Step(
            "output",
            "Ten answers",
            "Place a Dense with 10 units and no activation after hidden: a score for each digit. A "
            "Softmax turns the scores into probabilities. Name it probabilities, and wire it into "
            "wrong and accuracy.",
            checks=("type", "rows"),
            points="softmax",
        ),
        Step(
            "train",
            "Train",
            "Place a Gradient descent with a learning rate of 0.5, wire loss into it, and press "
            "Train. Then press Check.",
            checks=("learned",),
            deed={"event": "trained", "metric": "accuracy", "at_least": 0.93},
            points="gradient_descent",
        ),
        Step(
            "draw",
            "Your own digit",
            "Open the sketch pad (Ctrl+K) and draw a digit. Draw it large and in the middle, as "
            "the digits of the training are.",
            deed={"event": "sketched"},
        ),
    ),
    mistakes={
        "linear": Mistake(
            "About 0.91, and no better: can lines make a curve? Which layer needs an activation?",
            {"lacks": CURVES, "symptom": {"kind": "short", "low": 0.85}},
        ),
        "diverged": Mistake(
            "The loss is not a number any more. How long are the steps?",
            {"symptom": {"kind": "diverged"}},
        ),
        "clueless": Mistake(
            "One in ten is what guessing gives. If all weights start at 0, or a step is far too "
            "long, can neurons become different?",
            {"symptom": {"high": 0.15}},
        ),
        "slow": Mistake(
            "The accuracy rises, but slowly. Is the loss still falling when the training ends?",
            {"symptom": {"low": 0.15, "high": 0.85}},
        ),
        "near": Mistake(
            "Nearly. Is there a softmax before the softmax, or are there few neurons?",
            {"symptom": {"low": 0.85}},
        ),
    },
    done="You built the network of the first lesson. On all 60 000 digits of MNIST it reaches "
    "about 98 %.",
)

"""Lesson 0: train a network on digits, let it read one, and break it."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Mistake, Step


def build(e: Drawing, mistake: str) -> None:
    e.add("dataset", "digits", source="mnist")
    e.add("placeholder", "x", dtype="float32", shape=[None, 784])
    e.add("placeholder", "y", dtype="float32", shape=[None, 10])
    e.wire("digits:images", "x:feed")
    e.wire("digits:labels", "y:feed")
    e.add("layers/dense", "hidden", "x", units=100, activation="relu")
    e.add("layers/dense", "scores", "hidden", units=10)
    e.add("softmax", "probabilities", "scores")
    e.add("softmax_cross_entropy_with_logits", "wrong", "y", "scores")
    e.add("reduce_mean", "loss", "wrong")
    e.add("accuracy", "accuracy", "y", "probabilities")
    e.add("gradient_descent", "train", "loss", learning_rate=0.5)
    e.training("train", "loss", [{"node": "accuracy", "split": "test"}], epochs=3, batch_size=100)


LESSON = LessonSource(
    id="see-it-learn",
    title="See it learn",
    summary="Train a network to read digits, draw one yourself, and break it.",
    minutes=5,
    build=build,
    given=None,
    locked=(),
    checks={
        "slow": {
            "title": "The learning rate is almost zero",
            "kind": "attribute",
            "node": "train",
            "attr": "learning_rate",
            "at_most": 0.0001,
            "credit": 0,
        },
    },
    steps=(
        Step(
            "look",
            "Look at the data",
            "Each card is a step of a computation, and numbers flow from left to right. Click the "
            "card x: it shows handwritten digits. A digit is 784 numbers, one for each of its "
            "28 × 28 pixels.",
            deed={"event": "selected", "node": "x"},
            points="x",
        ),
        Step(
            "guess",
            "Guess before you look",
            "The network has never seen a digit. It has to name one of ten.",
            predict={"kind": "choice", "right": 1},
            question="How many of 100 digits will it name correctly before it has learned?",
            choices=("none", "about 10", "about 50", "about 90"),
            answer="It guesses one of ten digits, so it is right about once in ten.",
        ),
        Step(
            "train",
            "Let it learn",
            "Press Train in the toolbar. The loss says how wrong the network is. The accuracy says "
            "how many digits it names correctly among test digits, which it does not learn from. "
            "Watch the loss fall.",
            deed={"event": "trained", "metric": "accuracy", "at_least": 0.85},
            points="train",
        ),
        Step(
            "draw",
            "Draw a digit",
            "Open the sketch pad with Ctrl+K and draw a large digit. The card probabilities shows "
            "how sure the network is of each digit.",
            deed={"event": "sketched"},
            points="probabilities",
        ),
        Step(
            "break",
            "Break it",
            "The learning rate says how far one step changes the network. Click the card train and "
            "set the learning rate to 0.00001. Then press Restart: it begins again and learns "
            "almost nothing.",
            checks=("slow",),
            deed={"event": "trained"},
            points="train",
        ),
    ),
    mistakes={
        "unchanged": Mistake(
            "The rate is as it was. How far does a step go with 0.00001?",
            {"setting": {"node": "train", "attr": "learning_rate", "value": 0.5}},
        ),
        "larger": Mistake(
            "Should the steps become longer or shorter?",
            {"setting": {"node": "train", "attr": "learning_rate", "at_least": 0.5}},
        ),
        "smaller": Mistake(
            "Shorter steps still learn. How many zeros follow the point in 0.00001?",
            {
                "setting": {
                    "node": "train",
                    "attr": "learning_rate",
                    "at_least": 0.01,
                    "at_most": 0.5,
                }
            },
        ),
        "nearly": Mistake(
            "Nearly. How many zeros follow the point in 0.00001?",
            {"setting": {"node": "train", "attr": "learning_rate", "at_most": 0.01}},
        ),
        "no_train": Mistake(
            "Which card changes the network after each step? Is it still there?",
            {"lacks": ["gradient_descent"]},
        ),
    },
    done="A network is a graph of small computations with numbers in it that learn. In the next "
    "lessons you build such a graph, piece by piece, until you have built this one.",
)

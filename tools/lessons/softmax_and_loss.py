"""Lesson 9: softmax and cross-entropy, finite for scores of 1 000."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step

SCORES = [[2.0, 0.0, 1.0], [0.0, 3.0, -1.0], [1.0, 1.0, 1.0]]
LABELS = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def build(e: Drawing, mistake: str) -> None:
    e.add("placeholder", "scores", dtype="float32", shape=[None, 3], sample=SCORES)
    e.add("placeholder", "y", dtype="float32", shape=[None, 3], sample=LABELS)
    axis = 0 if mistake == "columns" else -1
    e.add("reduce_max", "top", "scores", axis=axis, keepdims=True)
    if mistake == "overflow":
        e.add("identity", "shifted", "scores")
    else:
        e.add("subtract", "shifted", "scores", "top")
    if mistake == "not_positive":
        e.add("identity", "powers", "shifted")
    else:
        e.add("exp", "powers", "shifted")
    if mistake == "columns_of_powers":
        axis = 0
    e.add("reduce_sum", "total", "powers", axis=axis, keepdims=True)
    e.add("divide", "p" if mistake != "twice" else "once", "powers", "total")
    if mistake == "twice":
        e.add("softmax", "p", "once")
    e.add("log_softmax", "logs", "p" if mistake == "twice" else "scores")
    if mistake == "probability":
        e.add("multiply", "picked", "y", "p")
    else:
        e.add("multiply", "picked", "y", "logs")
    if mistake == "over_everything":
        e.add("reduce_mean", "mean", "picked")
    else:
        e.add("reduce_sum", "per_row", "picked", axis=-1)
        e.add("reduce_sum" if mistake == "summed" else "reduce_mean", "mean", "per_row")
    e.add("identity" if mistake == "no_minus" else "negative", "loss", "mean")


LESSON = LessonSource(
    id="softmax-and-loss",
    title="Softmax and cross-entropy",
    summary="Turn scores into probabilities, and measure how bad they are.",
    minutes=20,
    build=build,
    given=("scores", "y"),
    builds={"name": "row_softmax", "inputs": ["scores"], "node": "p"},
    probes={"inputs": {"scores": {"scale": 2}, "y": {"values": "one_hot"}}, "large": 500},
    checks={
        "p": {"title": "Probabilities, named p", "kind": "values", "node": "p"},
        "rows": {"title": "Each row of p sums to 1", "kind": "sums_to", "node": "p"},
        "order": {
            "title": "The order of the rows does not matter",
            "kind": "ignores_order",
            "node": "p",
            "inputs": ["scores"],
            "follows": True,
        },
        "loss": {
            "title": "The mean of -log p at the right class, named loss",
            "kind": "values",
            "node": "loss",
            "credit": 2,
        },
        "finite": {
            "title": "The loss is finite for scores of 1 000",
            "kind": "finite",
            "node": "loss",
        },
    },
    steps=(
        Step(
            "powers",
            "Make them positive",
            "scores holds three numbers for each row, one for each class: the larger, the more "
            "the network believes in it. Such scores are called logits. Probabilities must be "
            "positive and sum to 1. An exponential makes any number positive: e to the power of "
            "the score. But e to the power of 1 000 is infinite in the computer, so subtract the "
            "largest score of each row first (Reduce max over axis 1, with keepdims).",
            points="exp",
        ),
        Step(
            "guess",
            "Does that change anything?",
            "You subtract the same number from all scores of a row.",
            predict={"kind": "choice", "right": 0},
            question="What happens to the probabilities of that row?",
            choices=("They stay.", "They all fall.", "Only the largest stays."),
            answer="Every power is divided by the same number, and so is their sum. The shares "
            "stay.",
        ),
        Step(
            "shares",
            "Make them shares",
            "Divide the powers by their sum in each row (Reduce sum over axis 1, with keepdims), "
            "and name the result p. This is the softmax.",
            checks=("p", "rows", "order"),
            points="divide",
        ),
        Step(
            "loss",
            "How surprised is it?",
            "y marks the right class of each row with a 1. The loss of a row is -log of the "
            "probability of the right class: 0 if it is 1, and large if it is near 0. Its mean "
            "over the rows is the cross-entropy. Take the logarithms from Log softmax, because "
            "the logarithm of a probability that was rounded to 0 is infinite. Multiply them by "
            "y, add up each row, take the mean, change its sign, and name it loss.",
            checks=("loss", "finite"),
            points="log_softmax",
        ),
        Step(
            "clueless",
            "A clueless network",
            "The third row has equal scores.",
            predict={"kind": "choice", "right": 2},
            question="What is the loss of a row whose three probabilities are equal?",
            choices=("0", "1/3", "log 3, about 1.1", "3"),
            answer="-log(1/3) = log 3. With ten classes, a network that knows nothing has a loss "
            "of about 2.3.",
        ),
    ),
    mistakes={
        "columns": Mistake("What sums to 1: your rows, or your columns?"),
        "columns_of_powers": Mistake("What sums to 1: your rows, or your columns?"),
        "twice": Mistake(
            "The softmax of a softmax: can a probability come near 1? For ten classes it is never "
            "above 0.23."
        ),
        "overflow": Mistake(
            "How large is e to the power of 1 000? What is infinity divided by it?"
        ),
        "not_positive": Mistake("A score is negative. Can a share be?"),
        "probability": Mistake("p of the right class rises. Should the loss rise or fall?"),
        "no_minus": Mistake("A better network: should its loss be lower or higher?"),
        "summed": Mistake("Feed every row twice. Should the loss double?"),
        "over_everything": Mistake("You divide by rows times classes. How many rows are there?"),
    },
    milestones={
        "powers": Milestone("powers", "The powers are right"),
        "logs": Milestone("logs", "The logarithms are right"),
    },
    done="Softmax and cross-entropy end every network that chooses one of several classes. From "
    "now on, use the ready ops.",
)

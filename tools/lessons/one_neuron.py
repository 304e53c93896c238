"""Lesson 3: one neuron, sigmoid(x W + b)."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step


def build(e: Drawing, mistake: str) -> None:
    sample = [[1.0, 2.0], [-1.0, 0.5], [0.0, 0.0]]
    e.add("placeholder", "x", dtype="float32", shape=[None, 2], sample=sample)
    e.add("variable", "W", dtype="float32", value=[[1.0], [-2.0]])
    e.add("variable", "b", dtype="float32", value=[0.5])
    if mistake == "bias_first":
        e.add("add", "shifted", "x", "b")
        e.add("matmul", "z", "shifted", "W")
        e.add("sigmoid", "y", "z")
        return
    e.add("matmul", "product", "x", "W")
    if mistake == "no_bias":
        e.add("sigmoid", "y", "product")
        return
    kind = {"minus_bias": "subtract", "times_bias": "multiply"}.get(mistake, "add")
    e.add(kind, "z", "product", "b")
    if mistake == "linear":
        e.add("identity", "y", "z")
    else:
        e.add({"tanh": "tanh", "relu": "relu"}.get(mistake, "sigmoid"), "y", "z")


LESSON = LessonSource(
    id="one-neuron",
    title="One neuron",
    summary="Multiply by weights, add a bias, and squeeze the result between 0 and 1.",
    minutes=12,
    build=build,
    given=("x", "W", "b"),
    builds={"name": "neuron", "inputs": ["x", "W", "b"], "node": "y"},
    probes={"inputs": {"x": {"scale": 2}, "W": {}, "b": {}}, "large": 0},
    checks={
        "z": {"title": "x W + b, named z", "kind": "values", "node": "z"},
        "y": {"title": "The sigmoid of z, named y", "kind": "values", "node": "y", "credit": 2},
        "range": {
            "title": "y lies between 0 and 1",
            "kind": "between",
            "node": "y",
            "low": 0,
            "high": 1,
        },
    },
    steps=(
        Step(
            "sizes",
            "Inner sizes",
            "x holds inputs, one example in each row, and W one weight for each input. A matrix "
            "product multiplies each input by its weight and adds up. The columns of x must "
            "be as many as the rows of W: these are the inner sizes.",
            predict={"kind": "shape", "node": "product"},
            question="x has shape (3, 2) and W has shape (2, 1). What shape has the product x W?",
            answer="(3, 1): the inner sizes 2 and 2 disappear. One number for each example stays.",
        ),
        Step(
            "weigh",
            "Weigh the inputs, and add the bias",
            "Place a Matmul, wire x into its upper and W into its lower input. Add the variable b "
            "to it, and name the sum z. b is the bias: it shifts the result, whatever the inputs "
            "are.",
            checks=("z",),
            points="matmul",
        ),
        Step(
            "zero",
            "At x = 0",
            "The third example is (0, 0).",
            predict={"kind": "choice", "right": 2},
            question="All inputs are 0. On what does z depend?",
            choices=("only on W", "on W and b", "only on b", "on nothing"),
            answer="0 times any weight is 0, so only the bias is left.",
        ),
        Step(
            "squeeze",
            "Squeeze it",
            "A sigmoid turns any number into one between 0 and 1: large ones come near 1, very "
            "negative ones near 0, and 0 becomes 0.5. Place a Sigmoid after z and name it y. "
            "Such a function after the sum is called an activation.",
            checks=("y", "range"),
            points="sigmoid",
        ),
    ),
    mistakes={
        "no_bias": Mistake("At x = 0, can b matter in your graph?"),
        "bias_first": Mistake("Is b weighed by W? Should it be?"),
        "minus_bias": Mistake("You raise b. Should y rise or fall?"),
        "times_bias": Mistake("You set b to 0. Should the inputs lose their meaning?"),
        "linear": Mistake("Is your y ever above 1?"),
        "tanh": Mistake("Is your y ever below 0? Which function gives 0.5 for 0?"),
        "relu": Mistake("Is your y ever above 1? Which function squeezes both ends?"),
        "turned": Mistake(
            "Which size of x must equal which size of W?",
            {"error": {"kind": "ShapeError", "op": "matmul"}},
        ),
    },
    milestones={
        "product": Milestone("product", "The weighed inputs are right"),
        "z": Milestone("z", "The sum with the bias is right", 0.5),
    },
    done="This is a neuron. A layer is many of them at once: W gets a column for each. "
    "Lesson 7 offers your neuron as a subgraph.",
)

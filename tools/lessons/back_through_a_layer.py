"""Lesson 8: the three gradients of a layer y = x W + b, by hand."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step


def build(e: Drawing, mistake: str) -> None:
    rows = [[1.0, 2.0, 0.0], [0.0, -1.0, 1.0]]
    e.add("placeholder", "x", dtype="float32", shape=[None, 3], sample=rows)
    e.add("variable", "W", dtype="float32", value=[[1.0, 0.0], [0.5, -1.0], [2.0, 1.0]])
    e.add("variable", "b", dtype="float32", value=[0.0, 1.0])
    e.add("matmul", "product", "x", "W")
    e.add("add", "y", "product", "b")
    e.add("placeholder", "dy", dtype="float32", shape=[None, 2], sample=[[1.0, 0.0], [0.5, 2.0]])
    e.add("transpose", "x_t", "x")
    e.add("matmul", "dW_sum", "x_t", "dy")
    e.add("constant", "half", dtype="float32", value=0.5)
    if mistake == "dW_of_y":
        e.add("matmul", "dW", "x_t", "y")
    elif mistake == "dW_halved":
        e.add("multiply", "dW", "dW_sum", "half")
    else:
        e.add("identity", "dW", "dW_sum")
    if mistake == "db_mean":
        e.add("reduce_mean", "db", "dy", axis=0)
    elif mistake == "db_everything":
        e.add("reduce_sum", "db", "dy")
    elif mistake == "db_rows":
        e.add("reduce_sum", "db", "dy", axis=1)
    elif mistake == "db_of_y":
        e.add("reduce_sum", "db", "y", axis=0)
    else:
        e.add("reduce_sum", "db", "dy", axis=0)
    e.add("transpose", "W_t", "W")
    e.add("matmul", "dx", "y" if mistake == "dx_of_y" else "dy", "W_t")


LESSON = LessonSource(
    id="back-through-a-layer",
    title="Back through a layer",
    summary="From the gradient at the output of a layer to the gradients of W, b and x.",
    minutes=20,
    build=build,
    given=("x", "W", "b", "product", "y", "dy"),
    probes={"inputs": {name: {} for name in ("x", "W", "b", "dy")}, "zeros": False, "large": 0},
    checks={
        "dW": {"title": "The gradient of W, named dW", "kind": "values", "node": "dW"},
        "db": {"title": "The gradient of b, named db", "kind": "values", "node": "db"},
        "dx": {"title": "The gradient of x, named dx", "kind": "values", "node": "dx"},
    },
    steps=(
        Step(
            "start",
            "What comes from the right",
            "A layer computes y = x W + b. Something after it makes a loss from y. dy holds the "
            "gradient of the loss: for each number in y, by how much the loss rises if that number "
            "rises by 1. It has the shape of y. We want the same for W, b and x.",
            predict={"kind": "shape", "node": "dW"},
            question="W has shape (3, 2). What shape has its gradient dW?",
            answer="(3, 2): there is one slope for each weight. A gradient always has the shape of "
            "the thing it belongs to.",
        ),
        Step(
            "bias",
            "The bias",
            "b is added to every row, so it reaches the loss through every row. Add up dy over the "
            "rows, and name the result db.",
            checks=("db",),
            points="reduce_sum",
        ),
        Step(
            "weights",
            "The weights",
            "The weight in row i and column j multiplies input i and adds to output j, in every "
            "row of the batch. Its slope is the sum over rows of x[row, i] × dy[row, j]. That is "
            "a matrix product: transpose x, multiply it by dy, and name the result dW.",
            checks=("dW",),
            points="matmul",
        ),
        Step(
            "inputs",
            "The inputs",
            "Input i reaches every output j through the weight W[i, j]. Its slope is the sum over "
            "j of dy[row, j] × W[i, j]. Multiply dy by the transposed W, and name the result dx. "
            "It is the dy of the layer before.",
            checks=("dx",),
            points="transpose",
        ),
    ),
    mistakes={
        "db_mean": Mistake("How many rows used b? Does each of them count fully?"),
        "db_rows": Mistake("Whose shape has db? Which axis counts the rows?"),
        "db_everything": Mistake("b has two numbers. How many has your db?"),
        "db_of_y": Mistake(
            "Does a slope depend on how large y is, or on how the loss reacts to y?"
        ),
        "dW_of_y": Mistake("Which of y and dy says how the loss changes?"),
        "dW_halved": Mistake("Twice as many rows used W. Should its slope be their mean?"),
        "dx_of_y": Mistake("Which of y and dy says how the loss changes?"),
        "sizes": Mistake(
            "Whose shape has each gradient? Which matrix must be transposed so that inner sizes "
            "fit?",
            {"error": {"kind": "ShapeError", "op": "matmul"}},
        ),
    },
    milestones={
        "x_t": Milestone("x_t", "The transposed x is right", 0.1),
        "W_t": Milestone("W_t", "The transposed W is right", 0.1),
    },
    done="Backpropagation is this, layer by layer from the loss to the inputs: dx of one layer is "
    "dy of the layer before it.",
)

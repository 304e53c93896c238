"""Lesson 16: attention, a soft look-up of values by keys."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons import softmax_and_loss
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step

SIZE = 64


def _rows(count: int, shift: int, size: int = SIZE) -> list[list[float]]:
    """Return rows with ones in different places."""
    return [
        [3.0 if column % (count + shift) == row else 0.0 for column in range(size)]
        for row in range(count)
    ]


def build(e: Drawing, mistake: str) -> None:
    e.add("placeholder", "q", dtype="float32", shape=[None, SIZE], sample=_rows(2, 2))
    e.add("placeholder", "k", dtype="float32", shape=[5, SIZE], sample=_rows(5, 0))
    values = [[float(i), float(i * i)] for i in range(5)]
    e.add("placeholder", "v", dtype="float32", shape=[5, 2], sample=values)
    e.add("constant", "eight", dtype="float32", value=8.0)
    e.add("constant", "sixty_four", dtype="float32", value=64.0)
    e.add("transpose", "k_t", "k")
    e.add("matmul", "products", "q", "k_t")
    if mistake == "unscaled":
        e.add("identity", "scores", "products")
    elif mistake == "by_size":
        e.add("divide", "scores", "products", "sixty_four")
    else:
        e.add("divide", "scores", "products", "eight")
    if mistake == "no_softmax":
        e.add("identity", "weights", "scores")
    elif mistake == "sigmoid":
        e.add("sigmoid", "weights", "scores")
    elif mistake == "columns":
        e.add("softmax", "weights", "scores", axis=0)
    elif mistake == "hard":
        e.add("reduce_max", "top", "scores", axis=-1, keepdims=True)
        e.add("equal", "is_top", "scores", "top")
        e.add("cast", "weights", "is_top", dtype="float32")
    else:
        e.add("softmax", "weights", "scores", axis=-1)
    e.add("matmul", "out", "weights", "v")


LESSON = LessonSource(
    id="soft-look-up",
    title="Soft look-up",
    summary="Attention: each query reads a mixture of values, weighed by matching keys.",
    minutes=15,
    build=build,
    uses=(softmax_and_loss.LESSON,),
    given=("q", "k", "v", "eight", "sixty_four"),
    probes={"inputs": {"q": {}, "k": {}, "v": {}}, "large": 30},
    checks={
        "weights": {
            "title": "Weights of each query, named weights",
            "kind": "values",
            "node": "weights",
        },
        "rows": {
            "title": "The weights of a query sum to 1",
            "kind": "sums_to",
            "node": "weights",
        },
        "out": {"title": "The mixtures, named out", "kind": "values", "node": "out"},
        "order": {
            "title": "The order of keys and values does not matter",
            "kind": "ignores_order",
            "node": "out",
            "inputs": ["k", "v"],
        },
    },
    steps=(
        Step(
            "match",
            "Does a key match?",
            "A dictionary gives the value of one key. Attention is softer: each query compares "
            "itself with all keys. q holds queries and k five keys, each a row of 64 numbers. "
            "Multiply q by the transposed k: each number is large if a query and a key point the "
            "same way.",
            predict={"kind": "shape", "node": "weights"},
            question="There are 2 queries and 5 keys. What shape has the table of their products?",
            answer="(2, 5): a row for each query, a column for each key.",
        ),
        Step(
            "scale",
            "Keep it soft",
            "A sum of 64 random products spreads about eight times as wide as one of them: its "
            "variance, the mean squared distance from the mean, is 64 times as large. Divide by "
            "8, the square root of 64. Otherwise nearly all weight goes to one key, and nothing "
            "can be learned about the others.",
            points="divide",
        ),
        Step(
            "weigh",
            "Weights for each query",
            "A softmax over the keys turns each row into weights that sum to 1. Name it weights. "
            "Place a Softmax, or the row_softmax that you built in lesson 9: it is listed under "
            "Subgraph.",
            checks=("weights", "rows"),
            points="softmax",
        ),
        Step(
            "mix",
            "Mix the values",
            "v has a value of two numbers for each key. Multiply weights by v, and name the result "
            "out: each query reads a mixture of the values.",
            checks=("out", "order"),
            points="matmul",
        ),
        Step(
            "order",
            "Swap two keys",
            "You swap two keys, and their values in the same way.",
            predict={"kind": "choice", "right": 0},
            question="What happens to out?",
            choices=("It stays.", "Two of its rows are swapped.", "It changes completely."),
            answer="Keys are found by what they hold and not by their place. A model that reads "
            "text must be told the places separately.",
        ),
    ),
    mistakes={
        "unscaled": Mistake("What is the variance of a sum of 64 products? Look at your weights."),
        "by_size": Mistake(
            "You divide by 64. What is the spread of the products: 64, or its root?"
        ),
        "columns": Mistake("What do the weights of each query sum to?"),
        "no_softmax": Mistake("Can a weight be negative? What do the weights sum to?"),
        "sigmoid": Mistake("What do the weights of each query sum to? Do keys compete?"),
        "hard": Mistake("Your query reads one value. Could a small change of a key be learned?"),
        "sizes": Mistake(
            "Both q and k have rows of 64 numbers. Which one must be transposed?",
            {"error": {"kind": "ShapeError", "op": "matmul"}},
        ),
    },
    milestones={
        "products": Milestone("products", "The products of queries and keys are right"),
        "scores": Milestone("scores", "The scaled products are right"),
        "weights": Milestone("weights", "The weights are right", 0.5),
    },
    done="This is the core of a transformer: many such look-ups at once, whose queries, keys and "
    "values are learned.",
)

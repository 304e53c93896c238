"""Lesson 1: a first graph, a = (b + c)(c + 2)."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step


def build(e: Drawing, mistake: str) -> None:
    for name, value in (("b", 2.0), ("c", 1.0), ("two", 2.0)):
        e.add("constant", name, dtype="float32", value=value)
    b = "two" if mistake == "two_for_b" else "b"
    two = "b" if mistake == "b_for_two" else "two"
    if mistake == "c_only_once":
        e.add("add", "d", b, "c")
        e.add("multiply", "a", "d", two)
        return
    if mistake == "no_brackets":
        e.add("multiply", "cc", "c", "c")
        e.add("add", "d", b, "cc")
        e.add("add", "a", "d", two)
        return
    e.add("add", "d", b, "c")
    if mistake == "second_product":
        e.add("multiply", "e", "c", two)
    else:
        e.add("add", "e", "c", two)
    e.add("add" if mistake == "sum" else "multiply", "a", "d", "e")


LESSON = LessonSource(
    id="expression",
    title="a = (b + c)(c + 2)",
    summary="Build a formula from cards and wires, and change its inputs.",
    minutes=10,
    build=build,
    given=("b", "c", "two"),
    probes={
        "inputs": {"b": {"scale": 3}, "c": {"scale": 3}},
        "large": 0,
    },
    checks={
        "d": {"title": "A sum of b and c, named d", "kind": "values", "node": "d"},
        "e": {"title": "A sum of c and 2, named e", "kind": "values", "node": "e"},
        "a": {
            "title": "The product of both, named a",
            "kind": "values",
            "node": "a",
            "credit": 2,
        },
    },
    steps=(
        Step(
            "first",
            "Add b and c",
            "A graph computes from left to right: each card is a node, and each wire carries a "
            "value. Press Tab on the canvas, type add and press Enter. Drag a wire from the right "
            "side of b to the new node, and one from c. Press F2 and name it d. It shows 3 at "
            "once.",
            checks=("d",),
            points="add",
        ),
        Step(
            "second",
            "Add c and 2",
            "Place a second Add, wire c and two into it, and name it e. One value can go to as "
            "many nodes as you like: c goes to both.",
            checks=("e",),
            points="add",
        ),
        Step(
            "guess",
            "What will a be?",
            "The last node multiplies d and e.",
            predict={"kind": "number", "node": "a"},
            question="b is 2 and c is 1. What is a = (b + c)(c + 2)?",
            answer="(2 + 1) × (1 + 2) = 9.",
        ),
        Step(
            "product",
            "Multiply both sums",
            "Place a Multiply, wire d and e into it, and name it a.",
            checks=("a",),
            points="multiply",
        ),
        Step(
            "change",
            "Which nodes will change?",
            "A node is computed again only if something before it changed.",
            predict={"kind": "choice", "right": 1},
            question="You set b to 7. Which nodes get another value?",
            choices=("only a", "d and a", "d, e and a", "e and a"),
            answer="There is a way from b to d and on to a, but none from b to e. Try it: click b "
            "and set its value.",
        ),
    ),
    mistakes={
        "two_for_b": Mistake("Set b to 7. Should a stay the same?"),
        "b_for_two": Mistake("Set b to 7. Which 2 in the formula is b, and which is just 2?"),
        "sum": Mistake("Two brackets stand side by side. What joins them?"),
        "second_product": Mistake("What stands between c and 2 in the second bracket?"),
        "c_only_once": Mistake("How often does c occur in the formula?"),
        "no_brackets": Mistake("What is computed first, inside the brackets or between them?"),
    },
    milestones={
        "d": Milestone("d", "The first sum is right"),
        "e": Milestone("e", "The second sum is right"),
    },
    done="You built a graph with three operations. It does not matter which sum is computed first; "
    "a comes after both.",
)

"""Lesson 4: the slope of a = (b + c)(c + 2), by a nudge and by the chain rule."""

from __future__ import annotations

from nodeflow.document.starters.drawing import Drawing
from tools.lessons.authoring import LessonSource, Milestone, Mistake, Step


def build(e: Drawing, mistake: str) -> None:
    for name, value in (("b", 2.0), ("c", 1.0), ("two", 2.0), ("h", 0.1)):
        e.add("constant", name, dtype="float32", value=value)
    e.add("add", "d", "b", "c")
    e.add("add", "e", "c", "two")
    e.add("multiply", "a", "d", "e")
    e.add("add", "c_nudged", "c", "h")
    e.add("add", "d_nudged", "b", "c" if mistake == "nudged_once" else "c_nudged")
    e.add("add", "e_nudged", "c_nudged", "two")
    e.add("multiply", "a_nudged", "d_nudged", "e_nudged")
    if mistake == "only_difference":
        e.add("subtract", "quotient", "a_nudged", "a")
    else:
        first, second = ("a", "a_nudged") if mistake == "backwards" else ("a_nudged", "a")
        e.add("subtract", "difference", first, second)
        e.add("divide", "quotient", "difference", "c" if mistake == "by_c" else "h")
    if mistake == "path_by_d":
        e.add("identity", "slope", "e")
    elif mistake == "path_by_e":
        e.add("identity", "slope", "d")
    else:
        kind = {"product": "multiply", "minus": "subtract"}.get(mistake, "add")
        e.add(kind, "slope", "e", "d")


LESSON = LessonSource(
    id="the-slope",
    title="The slope",
    summary="How much does a change if c changes? First by a nudge, then by the chain rule.",
    minutes=15,
    build=build,
    given=("b", "c", "two", "h", "d", "e", "a"),
    probes={
        "inputs": {
            "b": {"scale": 3},
            "c": {"scale": 3},
            "h": {"values": "uniform", "low": 0.1, "high": 0.5},
        },
        "zeros": False,
        "large": 0,
    },
    checks={
        "quotient": {
            "title": "The difference quotient, named quotient",
            "kind": "values",
            "node": "quotient",
        },
        "slope": {
            "title": "The slope by the chain rule, named slope",
            "kind": "values",
            "node": "slope",
            "credit": 2,
        },
    },
    steps=(
        Step(
            "guess",
            "Nudge c",
            "a is 9. A slope says how much a value changes for a small change of another one. A "
            "network needs nothing else in order to learn.",
            predict={
                "kind": "number",
                "node": "a",
                "change": {"c": 0.1},
                "difference": True,
                "tolerance": 0.1,
            },
            question="You raise c from 1 to 1.1. By how much does a change?",
            answer="(2 + 1.1) × (1.1 + 2) = 9.61, so a rises by 0.61. That is about 6 times the "
            "nudge.",
        ),
        Step(
            "quotient",
            "Measure it in the graph",
            "Build a again for c + h: add c and h, and build both sums and the product from it. "
            "Subtract the old a from the new one, and divide by h. Name the result quotient. It "
            "is the slope, measured over a step of h.",
            checks=("quotient",),
            points="subtract",
        ),
        Step(
            "wires",
            "Count the ways",
            "To get the exact slope, follow the wires.",
            predict={"kind": "choice", "right": 1},
            question="Along how many ways does a change of c reach a?",
            choices=("one", "two", "three"),
            answer="One through d and one through e. The slope is the sum over all ways.",
        ),
        Step(
            "chain",
            "The chain rule",
            "Along one way, slopes multiply. Through d: if c rises by 1, then d rises by 1. If d "
            "rises by 1, then a = d × e rises by e. So this way gives 1 × e. Through e it gives 1 "
            "× d. Add both ways, and name the sum slope.",
            checks=("slope",),
            points="add",
        ),
    ),
    mistakes={
        "path_by_d": Mistake("Along how many wires does c reach a? You followed one of them."),
        "path_by_e": Mistake("Along how many wires does c reach a? You followed one of them."),
        "product": Mistake("Slopes multiply along a way. What happens where two ways meet?"),
        "minus": Mistake("Both ways raise a. Why should they cancel?"),
        "only_difference": Mistake("Halve h. Should the slope halve as well?"),
        "backwards": Mistake("a rises when c rises. Which sign should the slope have?"),
        "by_c": Mistake("Per which change do you measure? Which number did c change by?"),
        "nudged_once": Mistake("c occurs twice in the formula. Did both nodes see the nudge?"),
    },
    milestones={
        "nudged": Milestone("a_nudged", "The nudged a is right"),
    },
    done="The quotient comes near the slope when h is small. nodeflow builds such slopes for any "
    "graph by this rule, node by node, backwards from the result: they are called gradients.",
)

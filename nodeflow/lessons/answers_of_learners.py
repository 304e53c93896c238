"""Answers of learners to the questions of a lesson: reading and judging them."""

from __future__ import annotations

from typing import Any

from nodeflow.lessons.schema import NUMBER, Prediction


def is_right(prediction: Prediction, right: Any, given: Any) -> bool:
    """Return whether a learner's answer to a question is right. A number may differ by the
    question's tolerance.
    """
    if prediction.kind != NUMBER:
        return given == right
    near = prediction.tolerance * abs(right) + 1e-6
    return isinstance(given, (int, float)) and abs(given - right) <= near


def read_answer(prediction: Prediction, text: str) -> Any:
    """Return the number or shape that a learner typed, or None if it is neither.

    A shape is written ``3, 2``, ``3 2`` or ``(3, 2)``; ``()`` and ``scalar`` have no axes.
    """
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    if prediction.kind == NUMBER:
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return None
    inner = text.strip("()[] ")
    if not inner or inner == "scalar":
        return [] if text else None
    sizes = inner.translate(str.maketrans(",×x", "   ")).split()
    return [int(size) for size in sizes] if all(size.isdecimal() for size in sizes) else None

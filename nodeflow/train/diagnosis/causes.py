"""Causes of a bad value, found from the inputs of an op, with advice in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nodeflow.graph.types import shape_text
from nodeflow.number_text import number
from nodeflow.train.diagnosis.culprit import Culprit, Operand

LOGARITHMS = {"log": 0.0, "log2": 0.0, "log10": 0.0, "log1p": -1.0}
EXPONENTIALS = frozenset("exp exp2 expm1 sinh cosh softplus".split())
QUOTIENTS = frozenset(("divide", "reciprocal", "rsqrt", "modulo"))
HUGE = 1e38
"""About the largest float32."""
SMALLEST = 1e-7
"""The default distance that keeps a value away from zero."""


@dataclass(frozen=True)
class Cause:
    """The cause of a bad value.

    Attributes:
        kind: stable name: ``log of zero``, ``division by zero``, ``overflow in exp``, ``overflow``,
            ``not a number``, ``bad data``.
        advice: advice for the user, in sentences.
        port: number of the op's input that should be bounded; None if a bound would not help.
        low, high: that bound.
    """

    kind: str
    advice: str
    port: int | None = None
    low: float | None = None
    high: float | None = None


STEADY = "Lower the learning rate, or clip the gradients (clip_norm)."


def cause_of(culprit: Culprit) -> Cause:
    """Explain why an op computed a value that is not finite, such as a division by zero, and return
    the cause with advice.

    Args:
        culprit: the op, with the inputs of the bad element.
    """
    inputs, op = culprit.inputs, culprit.op
    if not inputs:
        if op == "variable":
            return Cause("not finite before", "Initialize this variable anew.")
        return Cause("bad data", "Leave out the rows with missing values, or fill them in.")
    first, last = inputs[0].value, inputs[-1].value
    if op in LOGARITHMS and first is not None:
        edge = LOGARITHMS[op]
        if first == edge:
            text = "Keep its input above zero, such as by maximum(x, 1e-7)."
            return Cause("log of zero", text, 0, edge + SMALLEST)
        if first < edge:
            text = "Its input must not be negative: check the node before it."
            return Cause("log of a negative number", text, 0, edge + SMALLEST)
    if op == "sqrt" and first is not None and first < 0:
        text = "Its input must not be negative: keep it at zero or above."
        return Cause("root of a negative number", text, 0, 0.0)
    if op == "power" and first is not None and last is not None:
        if first == 0 and last < 0:
            text = "Keep its base away from zero."
            return Cause("division by zero", text, 0, SMALLEST)
        if first < 0 and not float(last).is_integer():
            text = "Its base must not be negative."
            return Cause("root of a negative number", text, 0, SMALLEST)
    if op in QUOTIENTS and last == 0:
        text = "Keep the divisor away from zero: add 1e-7, or use divide_no_nan."
        positive = inputs[-1].low is not None and inputs[-1].low >= 0
        if positive:
            return Cause("division by zero", text, len(inputs) - 1, SMALLEST)
        return Cause("division by zero", text)
    if op in EXPONENTIALS:
        high = _largest_exponent(inputs[0])
        text = f"Its input must stay below {high:g}: subtract the maximum first, or clip it."
        return Cause(f"overflow in {op}", f"{text} {STEADY}", 0, None, float(math.floor(high)))
    if math.isinf(culprit.value) or _is_huge(inputs):
        return Cause("overflow", f"{STEADY} Also scale large inputs.")
    return Cause("not a number", STEADY)


def _is_huge(inputs: Sequence[Operand]) -> bool:
    """Return whether a product of two inputs overflows, so that a sum of products may become
    NaN.
    """
    sizes = [max(abs(o.low or 0), abs(o.high or 0)) for o in inputs]
    return math.prod(max(1.0, size) for size in sizes) > HUGE


def _largest_exponent(operand: Operand) -> float:
    return {"float64": 709.78, "float16": 11.08}.get(operand.dtype, 88.72)


def index_text(at: tuple[int, ...]) -> str:
    """Return an index as text: ``[2, 5]``; empty for a scalar."""
    return f"[{', '.join(map(str, at))}]" if at else ""


def headline(culprit: Culprit) -> str:
    """Return one line that tells the cause of a bad value, the result of the op, and the inputs.

    >>> zero = Operand("p", "float32", (3,), 0.0, 0.9, (2,), 0.0)
    >>> headline(Culprit("log", "log", (2,), -math.inf, 1, 3, (zero,)))
    'log of zero: the result is −∞ at [2], where p is 0'
    """
    return f"{cause_of(culprit).kind}: {result_text(culprit)}"


def result_text(culprit: Culprit) -> str:
    """Describe the bad result of an op and the inputs it was computed from: ``the result is −∞ at
    [2], where p is 0``.
    """
    where = f" at {index_text(culprit.at)}" if culprit.at else ""
    named = [o for o in culprit.inputs if o.value is not None]
    parts = " and ".join(
        f"{o.name}{'' if o.at == culprit.at else index_text(o.at or ())} is {number(o.value or 0)}"
        for o in named[:3]
    )
    because = f"{', where' if where else ':'} {parts}" if parts else ""
    return f"the result is {number(culprit.value)}{where}{because}"


def operand_line(operand: Operand) -> str:
    """Return a description of an input in one line.

    >>> operand_line(Operand("p", "float32", (3, 2), 0.0, 0.9, (2, 1), 0.0))
    'p: float32 (3, 2), from 0 to 0.9; 0 at [2, 1]'
    """
    text = f"{operand.name}: {operand.dtype} {shape_text(operand.shape)}"
    if operand.low is not None and operand.high is not None and operand.shape:
        text += f", from {number(operand.low)} to {number(operand.high)}"
    if operand.value is None:
        return text
    if not operand.shape:
        return f"{text}, {number(operand.value)}"
    return f"{text}; {number(operand.value)} at {index_text(operand.at or ())}"

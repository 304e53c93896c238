"""Checks of relations that hold for every right answer, whatever its numbers are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nodeflow.lessons import fields as f
from nodeflow.lessons.checks.check import PASSED, Check, Evidence, Outcome, kind
from nodeflow.lessons.equality import equal, first_difference, shown
from nodeflow.lessons.fields import field, many, whole
from nodeflow.lessons.probes import Case

TOLERANCE = 1e-4
SHUFFLE = 7
"""The seed of the order in which rows are shuffled."""


@kind
@dataclass(frozen=True, kw_only=True)
class SumsTo(Check):
    """The sum along an axis is a constant, such as 1 for rows of probabilities."""

    KIND = "sums_to"

    node: str = field(f.text)
    axis: int = field(whole(-9, 9), -1)
    total: float = field(f.number, 1.0)

    def run(self, evidence: Evidence) -> Outcome:
        for case in evidence.cases:
            value = evidence.answer.value(self.node, case)
            if not -value.ndim <= self.axis < value.ndim:
                return Outcome(False, f"{self.node} has the shape {value.shape}.")
            sums = np.asarray(value.sum(self.axis, dtype=np.float64))
            place = first_difference(sums, np.full(sums.shape, self.total))
            if place is not None:
                which = (
                    f"row {place[0]}" if len(place) == 1 else f"entry {place}" if place else "all"
                )
                return Outcome(
                    False,
                    f"With {case.label}, {which} of {self.node} sums to {shown(sums[place])}, "
                    f"expected {self.total:g}.",
                )
        return PASSED


@kind
@dataclass(frozen=True, kw_only=True)
class Finite(Check):
    """All elements are finite."""

    KIND = "finite"

    node: str = field(f.text)

    def run(self, evidence: Evidence) -> Outcome:
        for case in evidence.cases:
            value = evidence.answer.value(self.node, case)
            bad = np.argwhere(~np.isfinite(value))
            if len(bad):
                found = shown(value[tuple(bad[0])])
                return Outcome(False, f"With {case.label}, {self.node} has the element {found}.")
        return PASSED


@kind
@dataclass(frozen=True, kw_only=True)
class Between(Check):
    """All elements lie between two bounds, which are included."""

    KIND = "between"

    node: str = field(f.text)
    low: float = field(f.number)
    high: float = field(f.number)

    def run(self, evidence: Evidence) -> Outcome:
        for case in evidence.cases:
            value = evidence.answer.value(self.node, case)
            bad = np.argwhere(~((value >= self.low) & (value <= self.high)))
            if len(bad):
                return Outcome(
                    False,
                    f"With {case.label}, {self.node} has the element "
                    f"{shown(value[tuple(bad[0])])}, expected {self.low:g} to {self.high:g}.",
                )
        return PASSED


@kind
@dataclass(frozen=True, kw_only=True)
class IgnoresOrder(Check):
    """The order of rows of some inputs does not change the node, or changes its rows alike.

    Attributes:
        inputs: names of the inputs whose rows are shuffled in one order.
        axis: their axis of rows.
        follows: whether the rows of the node are shuffled in the same order.
    """

    KIND = "ignores_order"

    node: str = field(f.text)
    inputs: tuple[str, ...] = field(many(f.text, 1))
    axis: int = field(whole(-9, 9), 0)
    follows: bool = field(f.flag, False)

    def run(self, evidence: Evidence) -> Outcome:
        for case in evidence.cases:
            order: np.ndarray | None = None
            shuffled = case
            for name in self.inputs:
                value = case.feeds[name]
                if order is None or len(order) != value.shape[self.axis]:
                    order = np.random.RandomState(SHUFFLE).permutation(value.shape[self.axis])
                moved = np.take(value, order, self.axis)
                shuffled = shuffled.with_feed(f"{case.label}, shuffled", name, moved)
            before = evidence.answer.value(self.node, case)
            after = evidence.answer.value(self.node, shuffled)
            if self.follows and order is not None and before.shape[self.axis] == len(order):
                before = np.take(before, order, self.axis)
            if not equal(after, before):
                names = " and ".join(self.inputs)
                return Outcome(
                    False, f"With {case.label}, {self.node} changes with the order of {names}."
                )
        return PASSED


@kind
@dataclass(frozen=True, kw_only=True)
class IgnoresFuture(Check):
    """A position of the node depends only on the same and earlier positions of an input."""

    KIND = "ignores_future"

    node: str = field(f.text)
    input: str = field(f.text)
    axis: int = field(whole(-9, 9), 0)

    def run(self, evidence: Evidence) -> Outcome:
        for case in evidence.cases:
            value = case.feeds[self.input]
            length = value.shape[self.axis]
            before = np.moveaxis(evidence.answer.value(self.node, case), self.axis, 0)
            for position in range(length - 1):
                other = np.moveaxis(value.copy(), self.axis, 0)
                other[position + 1 :] = other[position + 1 :][::-1] + 1
                changed = case.with_feed("", self.input, np.moveaxis(other, 0, self.axis))
                after = evidence.answer.value(self.node, changed)
                after = np.moveaxis(after, self.axis, 0)
                if not equal(after[: position + 1], before[: position + 1]):
                    return Outcome(
                        False,
                        f"With {case.label}, position {position} of {self.node} changes when only "
                        f"later positions of {self.input} change.",
                    )
        return PASSED


@kind
@dataclass(frozen=True, kw_only=True)
class IgnoresCopies(Check):
    """Doubling all rows of the inputs leaves the node as it is: a mean does, a sum does not."""

    KIND = "ignores_copies"

    node: str = field(f.text)
    inputs: tuple[str, ...] = field(many(f.text, 1))

    def run(self, evidence: Evidence) -> Outcome:
        for case in evidence.cases:
            doubled = {n: np.concatenate([case.feeds[n]] * 2) for n in self.inputs}
            before = evidence.answer.value(self.node, case)
            after = evidence.answer.value(self.node, Case("", {**case.feeds, **doubled}))
            if not equal(after, before):
                return Outcome(
                    False,
                    f"With {case.label}, {self.node} is {_brief(before)}, and {_brief(after)} when "
                    "every row comes twice.",
                )
        return PASSED


def _brief(value: np.ndarray) -> str:
    return (
        shown(value[()]) if value.ndim == 0 else f"an array that begins with {shown(value.flat[0])}"
    )

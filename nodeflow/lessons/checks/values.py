"""Checks that compare an answer with the solution: values, types and gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nodeflow.graph.shapes import Dim, Shape
from nodeflow.graph.types import shape_text
from nodeflow.lessons import fields as f
from nodeflow.lessons.checks.check import PASSED, Check, Evidence, Outcome, Quantity, kind
from nodeflow.lessons.equality import difference_text, equal
from nodeflow.lessons.fields import field, many, optional, whole


@kind
@dataclass(frozen=True, kw_only=True)
class Values(Check):
    """The value of a node equals the solution's on all inputs."""

    KIND = "values"

    node: str = field(f.text)

    def quantities(self) -> Iterator[Quantity]:
        yield Quantity(self.node)

    def run(self, evidence: Evidence) -> Outcome:
        return _compare(self, evidence)


@kind
@dataclass(frozen=True, kw_only=True)
class Gradient(Check):
    """The gradients of a node with respect to given nodes equal the solution's."""

    KIND = "gradient"

    node: str = field(f.text)
    by: tuple[str, ...] = field(many(f.text, 1))

    def quantities(self) -> Iterator[Quantity]:
        for name in self.by:
            yield Quantity(self.node, name)

    def run(self, evidence: Evidence) -> Outcome:
        return _compare(self, evidence)


@kind
@dataclass(frozen=True, kw_only=True)
class Type(Check):
    """The dtype and shape of a node, known before anything runs."""

    KIND = "type"

    node: str = field(f.text)
    dtype: str = field(f.text, "")
    shape: tuple[int | None, ...] | None = field(optional(many(optional(whole(0)))), None)

    def run(self, evidence: Evidence) -> Outcome:
        found = evidence.answer.type_of(self.node)
        if self.dtype and found.dtype != self.dtype:
            return Outcome(False, f"{self.node} is {found.dtype}, expected {self.dtype}")
        if self.shape is not None and not _fits(found.shape, self.shape, found.ndims):
            text = f"{shape_text(found.shape)}, expected {shape_text(self.shape)}"
            return Outcome(False, f"{self.node} has the shape {text}")
        return PASSED


def _fits(found: Shape, wanted: tuple[Dim, ...], rank: int | None) -> bool:
    return rank == len(wanted) and all(
        w is None or d == w for d, w in zip(found, wanted, strict=True)
    )


def _compare(check: Check, evidence: Evidence) -> Outcome:
    for case in evidence.cases:
        for quantity in check.quantities():
            value = quantity.of(evidence.answer, case)
            reference = evidence.expected(quantity, case)
            if not equal(value, reference):
                text = difference_text(quantity.text, value, reference)
                return Outcome(False, f"With {case.label}, {text}.")
    return PASSED

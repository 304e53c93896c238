"""Checks that the values of a sweep fit the graph, before anything trains."""

from __future__ import annotations

from nodeflow.document.edit.sweep_settings import TRAINING, settable_attr
from nodeflow.document.model.document import Document
from nodeflow.errors import AttributeProblem
from nodeflow.sweeps.value_specs import Spec, SpecProblem

WHOLE = ("int", "ints", "sizes", "shape", "axes")
"""Kinds of attributes that take no fractions."""


def check_spec(doc: Document, spec: Spec) -> None:
    """Check that an attribute exists and takes all values to try.

    Raises:
        UnknownName, AttributeProblem: the attribute does not exist, or a value does not fit.
        WiredAttribute: a wire overrides the attribute.
        SpecProblem: the attribute takes whole numbers, and the range has others.
    """
    attr = settable_attr(doc, spec.name)
    if attr.kind in WHOLE and spec.kind in ("range", "log"):
        raise SpecProblem(
            f"{spec.name} takes whole numbers",
            hint=f"Write int:{spec.low:g}..{spec.high:g}, or a list.",
        )
    node = spec.name.rpartition(".")[0]
    for value in spec.extremes:
        try:
            attr.check(value)
        except AttributeProblem as error:
            raise error if node == TRAINING else error.at(node) from None

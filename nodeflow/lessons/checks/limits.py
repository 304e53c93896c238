"""Checks of what an answer is made of: limits, and attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.subgraphs.instance_paths import walk
from nodeflow.document.analysis.training_settings import training_settings
from nodeflow.document.diff.compare import compare
from nodeflow.document.edit.sweep_settings import TRAINING
from nodeflow.document.model.document import Document
from nodeflow.lessons import fields as f
from nodeflow.lessons.checks.check import PASSED, Check, Evidence, Outcome, Quantity, kind
from nodeflow.lessons.fields import field, many, optional, whole
from nodeflow.number_text import count, counted

EDITS = ("node", "wire", "subgraph", "training")
"""The kinds of differences that count as edits."""


@kind
@dataclass(frozen=True, kw_only=True)
class Limits(Check):
    """Limits of an answer.

    Attributes:
        forbidden: ops that it may not use, inside subgraphs either.
        nodes: the largest number of nodes, given ones included.
        parameters: the largest number of trained elements.
        edits: the largest number of nodes, wires and settings that differ from the start.
    """

    KIND = "limits"

    forbidden: tuple[str, ...] = field(many(f.text), ())
    nodes: int | None = field(optional(whole(1)), None)
    parameters: int | None = field(optional(whole(0)), None)
    edits: int | None = field(optional(whole(1)), None)

    def run(self, evidence: Evidence) -> Outcome:
        document = evidence.answer.document
        for name, op in ops_of(document):
            if op in self.forbidden:
                return Outcome(False, f"{name} uses {op}, which is not allowed here.")
        if self.nodes is not None and len(document.nodes) > self.nodes:
            return Outcome(
                False,
                f"The graph has {counted(len(document.nodes), 'node')}, at most {self.nodes} are "
                "allowed.",
            )
        if self.parameters is not None:
            found = parameters_of(evidence)
            if found is None or found > self.parameters:
                size = "an unknown number of" if found is None else count(found)
                return Outcome(
                    False,
                    f"The graph has {size} parameters, at most {count(self.parameters)} are "
                    "allowed.",
                )
        if self.edits is not None:
            edits = sum(d.kind in EDITS for d in compare(evidence.start, document))
            if edits > self.edits:
                return Outcome(
                    False, f"{counted(edits, 'edit')} were made, at most {self.edits} are allowed."
                )
        return PASSED


@kind
@dataclass(frozen=True, kw_only=True)
class Attribute(Check):
    """An attribute of a node, or a setting of the training.

    Attributes:
        node: the node's name, or ``training``.
        value: the wanted value; null stands for any value that is set.
        at_least, at_most: bounds of a number.
    """

    KIND = "attribute"

    node: str = field(f.text)
    attr: str = field(f.text)
    value: Any = field(f.raw, None)
    at_least: float | None = field(optional(f.number), None)
    at_most: float | None = field(optional(f.number), None)

    def watched(self) -> list[Quantity]:
        return []

    def run(self, evidence: Evidence) -> Outcome:
        found = value_of(evidence.answer.document, self.node, self.attr)
        if found is None:
            return Outcome(False, f"{self.node} has no {self.attr}.")
        is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
        fits = self.value is None or found == self.value
        if self.at_least is not None:
            fits = fits and is_number and found >= self.at_least
        if self.at_most is not None:
            fits = fits and is_number and found <= self.at_most
        return PASSED if fits else Outcome(False, f"The {self.attr} of {self.node} is {found}.")


def value_of(document: Document, node: str, attr: str) -> Any:
    """Return an attribute of a node or its default, or a setting of ``training``, or None."""
    if node == TRAINING:
        return getattr(training_settings(document), attr, None)
    record = document.node_named(node)
    declared = None if record is None else declaration(record, document)
    if record is None or declared is None:
        return None
    default = next((a.default for a in declared.attrs if a.name == attr), None)
    return record.attrs.get(attr, default)


def ops_of(document: Document) -> list[tuple[str, str]]:
    """Return name and op of all nodes, also inside subgraphs."""
    return [(record.name, record.op) for _, _, record in walk(document)]


def parameters_of(evidence: Evidence) -> int | None:
    """Return the number of elements of trainable variables; None if a shape is unknown."""
    total = 0
    for node in evidence.answer.task.graph.nodes:
        if node.op.id == "variable" and node.attrs.get("trainable", True):
            size = node.outputs[0].type.size
            if size is None:
                return None
            total += size
    return total

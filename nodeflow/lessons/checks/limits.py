"""Checks of what an answer is made of: limits, and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.subgraphs.instance_paths import walk
from nodeflow.document.analysis.training_settings import training_settings
from nodeflow.document.diff.differences import compare
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


@dataclass(frozen=True, kw_only=True)
class Setting:
    """An attribute of a node, or a setting of the training, and the values that it may have.

    Attributes:
        node: the node's name, or ``training``; empty for every node with the op.
        op: the op of the node; empty for any.
        attr: the attribute; ``splits.1`` is the second item of a list, ``monitor.split`` a part of
            an object.
        value: the wanted value; null stands for any value that is set.
        at_least, at_most: bounds of a number.
    """

    node: str = field(f.text, "")
    op: str = field(f.text, "")
    attr: str = field(f.text)
    value: Any = field(f.raw, None)
    at_least: float | None = field(optional(f.number), None)
    at_most: float | None = field(optional(f.number), None)

    def found_in(self, document: Document) -> list[Any]:
        """Return the values of this setting's attribute, or their defaults, at one node or at all
        nodes of a document.
        """
        names = [self.node] if self.node else [name for name, _ in ops_of(document)]
        values = [value_of(document, name, self.attr, self.op) for name in names]
        return [value for value in values if value is not None]

    def allows(self, value: Any) -> bool:
        """Return whether a value equals this setting's required value, if any, and is within its
        bounds.
        """
        fits = self.value is None or value == self.value
        if self.at_least is None and self.at_most is None:
            return fits
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return (
            fits
            and is_number
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )

    def is_in(self, document: Document) -> bool:
        """Return whether any node of a document has a value for this setting that the limits
        allow.
        """
        return any(self.allows(value) for value in self.found_in(document))


@kind
@dataclass(frozen=True, kw_only=True)
class Attribute(Setting, Check):
    """An attribute of a node, or a setting of the training, has a wanted value."""

    KIND = "attribute"

    def watched(self) -> list[Quantity]:
        return []

    def run(self, evidence: Evidence) -> Outcome:
        document = evidence.answer.document
        if self.is_in(document):
            return PASSED
        owner = self.node or f"a node {self.op}"
        found = self.found_in(document)
        if not found:
            return Outcome(False, f"{owner} has no {self.attr}.")
        return Outcome(False, f"The {self.attr} of {owner} is {found[0]}.")


def value_of(document: Document, node: str, attr: str, op: str = "") -> Any:
    """Return an attribute of a node or its default, or a setting of ``training``, or None.

    Args:
        attr: the attribute, and after dots the key or index of a part of it.
        op: the op that the node must have; empty for any.
    """
    name, *parts = attr.split(".")
    found = _training_value(document, name) if node == TRAINING else _own(document, node, name, op)
    for part in parts:
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, (list, tuple)) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def _training_value(document: Document, name: str) -> Any:
    settings = training_settings(document)
    found = getattr(settings, name, None)
    if name == "monitor" and settings.patience is not None:  # the loss on validation rows
        return {"node": settings.loss, "split": "validation", **(found or {})}
    return found


def _own(document: Document, node: str, name: str, op: str) -> Any:
    record = document.node_named(node)
    declared = None if record is None else declaration(record, document)
    if record is None or declared is None or op not in ("", record.op):
        return None
    default = next((a.default for a in declared.attrs if a.name == name), None)
    return record.attrs.get(name, default)


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

"""The predictions of a network whose loss is built from ops; shared by code export and ONNX."""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.graph.graph import Node

SHARES = ("softmax", "sigmoid")
"""Ops that compute probabilities."""


def last_probabilities(nodes: Iterable[Node]) -> list[Node]:
    """Return a list with the last node that computes probabilities without labels; an empty list if
    there is none.

    Values that a hand-made loss computes from it, such as a clipped logarithm, are not predictions.
    """
    return [node for node in nodes if node.op.id in SHARES][-1:]

"""What a network answers, where its loss is built from ops: code and ONNX agree on it."""

from __future__ import annotations

from collections.abc import Iterable

from nodeflow.graph.graph import Node

SHARES = ("softmax", "sigmoid")
"""Ops that make probabilities."""


def last_probabilities(nodes: Iterable[Node]) -> list[Node]:
    """The last node that makes probabilities, of those that need no labels; none if there is none.

    What a hand-made loss computes from it (a clipped logarithm, say) is no answer.
    """
    return [node for node in nodes if node.op.id in SHARES][-1:]

"""The inputs whose values a node reads, without inputs that only refer to another node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def values_read(node: Any) -> Sequence[Any]:
    """Return the inputs of a node whose values it reads, without those that it only refers to as
    nodes (see `Port.by_node`).
    """
    if not any(port.by_node for port in node.op.inputs):
        return node.inputs
    return [t for i, t in enumerate(node.inputs) if not node.op.input_port(i).by_node]

"""The gradient of a `while_loop`: the gradient of a scan with one step per iteration.

A separate loop first counts the iterations. It computes only values that the condition depends on,
usually a counter. Then all sizes are known, so the scan and its gradient are compiled like others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.types import TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.composed import resolve
from nodeflow.ops.control_flow.scan_body import add_input, draws, inline, nodes_between, to_text


def can_count(node: Node) -> bool:
    """Return whether the iterations of a loop can be counted by running its condition alone.

    Such a loop keeps its shapes, draws no numbers and prints nothing.
    """
    attrs = node.attrs
    same = attrs["invariants"] is None and not attrs["history"]
    return same and not (draws(attrs["cond"]) or draws(attrs["body"]))


def as_scan(node: Node) -> Node:
    """Convert a while loop to a scan over the iteration numbers 0, 1, 2, ..., so that it has a
    gradient. Count the iterations beforehand. Return the scan's node.
    """
    count = node.attrs["carried"]
    steps = F.range(_iterations(node), name="steps")
    inputs = [*node.inputs[:count], steps, *node.inputs[count:]]
    attrs = {"body": _shifted(node.attrs["body"], count), "carried": count, "sequences": 1}
    return node.graph.add_node("scan", inputs, attrs, stream=node.stream)


def _shifted(text: str, at: int) -> str:
    """Insert an unused input at position ``at`` into a loop's body. Return the new body."""
    count, nodes, outputs, *_ = json.loads(text)

    def moved(reference: list[int]) -> list[int]:
        node, index = reference
        return [node, index + 1] if node < 0 and index >= at else reference

    nodes = [[op, attrs, [*map(moved, sources)], *own] for op, attrs, sources, *own in nodes]
    return json.dumps([count + 1, nodes, [*map(moved, outputs)]])


def _iterations(node: Node) -> Tensor:
    """Return the number of iterations of a loop, int32 ()."""
    graph, count = Graph(), node.attrs["carried"]
    inputs = [add_input(graph, t.type) for t in node.inputs]
    number = add_input(graph, TensorType("int32", ()))
    made = [resolve(t) for t in inline(graph, node.attrs["body"], inputs)]
    (test,) = (resolve(t) for t in inline(graph, node.attrs["cond"], inputs))
    used = _used(inputs, [test])
    while True:
        kept = [i for i in range(count) if i in used]
        more = used | _used(inputs, [made[i] for i in kept])
        if more == used:
            break
        used = more
    constants = [i for i in range(count, len(inputs)) if i in used]
    with graph:
        following = number + 1
    inner = [*(inputs[i] for i in kept), number, *(inputs[i] for i in constants)]
    attrs = {
        "cond": to_text(inner, [test]),
        "body": to_text(inner, [*(made[i] for i in kept), following]),
        "carried": len(kept) + 1,
        "maximum_iterations": node.attrs["maximum_iterations"],
    }
    zero = node.graph.apply("constant", value=0, dtype="int32", name="zero")
    given = [*(node.inputs[i] for i in kept), zero, *(node.inputs[i] for i in constants)]
    return node.graph.add_node("while_loop", given, attrs, name="count").outputs[len(kept)]


def _used(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> set[int]:
    """Return the indices of the inputs that the outputs depend on."""
    read = {resolve(t) for n in nodes_between(inputs, outputs) for t in n.inputs}.union(outputs)
    return {i for i, t in enumerate(inputs) if t in read}

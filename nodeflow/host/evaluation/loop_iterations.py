"""Values inside loops and branches, in the iteration that the user chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.document.analysis.subgraphs.loops_and_branches import KINDS
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph, Node
from nodeflow.host.protocol import ShownIteration
from nodeflow.ops.control_flow.iteration import Iteration, watch


def iterations(
    graph: Graph,
    numbers: Mapping[str, int | None],
    inputs_of: Callable[[Node], Sequence[np.ndarray] | None],
    stream_of: Callable[[Node], Any],
) -> dict[str, Iteration]:
    """Compute the iterations to show of loops, and the taken branches of conditions. Return them by
    the name of the loop or branch node.

    Args:
        numbers: the iteration by the name of the loop, None for the last. A nested loop is shown in
            the chosen iteration of the outer loop.
        inputs_of: returns the values of a node's inputs, or None if they are unknown.
    """
    found: dict[str, Iteration] = {}
    for name in sorted(numbers, key=lambda name: name.count("/")):
        try:
            one = _look(graph, name, numbers[name], found, inputs_of, stream_of)
        except NodeflowError:
            continue  # the node itself shows the error
        if one is not None:
            found[name] = one
    return found


def shown_iteration(one: Iteration) -> ShownIteration:
    """Convert an iteration to the message for the window: its number, the count of iterations, and
    the branch that was taken.
    """
    return ShownIteration(one.number, one.count, one.taken)


def inner_values(found: Mapping[str, Iteration]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the values of nodes inside loop iterations as pairs of name and array. A node is named
    `LOOP/NODE`, and the first output of an iteration is named `LOOP/`.
    """
    for name, one in found.items():
        if one.outputs:
            yield f"{name}/", np.asarray(one.outputs[0])
        for inner, ran in one.ran.items():
            for index, value in enumerate(ran.outputs):
                yield f"{name}/{inner}:{index}" if index else f"{name}/{inner}", np.asarray(value)


def _look(
    graph: Graph,
    name: str,
    number: int | None,
    found: Mapping[str, Iteration],
    inputs_of: Callable[[Node], Sequence[np.ndarray] | None],
    stream_of: Callable[[Node], Any],
) -> Iteration | None:
    if name in graph:
        node = graph.node(name)
        inputs = inputs_of(node) if node.op.id in KINDS else None
        if inputs is None:
            return None
        return watch(node.op, node.attrs, inputs, stream_of(node), number)
    outer = max((o for o in found if name.startswith(f"{o}/")), key=len, default=None)
    ran = None if outer is None else found[outer].ran.get(name.removeprefix(f"{outer}/"))
    if ran is None or ran.node.op.id not in KINDS:
        return None
    return watch(ran.node.op, ran.node.attrs, ran.inputs, ran.stream, number)

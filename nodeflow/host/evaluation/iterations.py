"""Values inside loops and branches: of one iteration, which the user chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.document.analysis.flow import KINDS
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
    """The iterations to look at, by the names of their loops and branches.

    Args:
        numbers: name -> iteration, None for the last; a loop inside a loop is looked at in the
            iteration that is chosen of the outer one.
        inputs_of: the values of a node's inputs, None where they are not known.
    """
    found: dict[str, Iteration] = {}
    for name in sorted(numbers, key=lambda name: name.count("/")):
        try:
            one = _look(graph, name, numbers[name], found, inputs_of, stream_of)
        except NodeflowError:
            continue  # the node itself says what fails
        if one is not None:
            found[name] = one
    return found


def shown_iteration(one: Iteration) -> ShownIteration:
    """Which iteration it is, for the window."""
    return ShownIteration(one.number, one.count, one.taken)


def inner_values(found: Mapping[str, Iteration]) -> Iterator[tuple[str, np.ndarray]]:
    """The values inside of iterations, as `NAME/INNER`, and, as `NAME/`, their first outputs."""
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

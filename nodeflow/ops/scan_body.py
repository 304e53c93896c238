"""A piece of graph as text: what a loop runs at each step.

Text is plain data: it can be compared, hashed, kept in a file and rebuilt for any input types.
Each node is ``[op, attributes, [reference, ...]]``; a reference is ``[node, output]``, and node -1
stands for the inputs. The last entry lists the outputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType
from nodeflow.ops.composed import resolve

Reference = tuple[int, int]


def make_body(
    function: Callable[..., Sequence[Tensor]], types: Sequence[TensorType]
) -> tuple[str, list[TensorType]]:
    """The text of a function of tensors, for inputs of some types, and its outputs' types."""
    graph = Graph()
    inputs = [graph.apply("placeholder", dtype=t.dtype, shape=t.shape) for t in types]
    with graph:
        outputs = list(function(*inputs))
    return to_text(inputs, outputs), [t.type for t in outputs]


def to_text(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> str:
    """What computes ``outputs`` from ``inputs``.

    Raises:
        GraphError: something in between has an effect or draws random numbers.
    """
    inputs = [resolve(t) for t in inputs]
    outputs = [resolve(t) for t in outputs]
    place = {t: (-1, i) for i, t in enumerate(inputs)}
    nodes = []
    for node in nodes_between(inputs, outputs):
        if node.op.stateful or node.op.random:
            raise GraphError(f"a loop cannot hold a {node.op.id}", node=node.name)
        sources = [place[resolve(t)] for t in node.inputs]
        for index, tensor in enumerate(node.outputs):
            place.setdefault(tensor, (len(nodes), index))
        nodes.append([node.op.id, _plain_attrs(node), sources])
    return json.dumps([len(inputs), nodes, [place[t] for t in outputs]], default=_as_list)


def nodes_between(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Node]:
    """The nodes that compute ``outputs`` from ``inputs``, in order, looking no further than those.

    Neither are aliases of macro nodes.
    """
    given, seen = set(inputs), set()
    stack = [t for t in outputs if t not in given]
    while stack:
        node = stack.pop().node
        if node not in seen:
            seen.add(node)
            sources = map(resolve, node.inputs)
            stack += [t for t in sources if t not in given and t.node not in seen]
    return sorted(seen, key=lambda n: n.index)


def _plain_attrs(node: Node) -> dict[str, Any]:
    defaults = {a.name: a.default for a in node.op.attrs if not a.required}
    return {k: v for k, v in node.attrs.items() if k not in defaults or not _same(v, defaults[k])}


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and not isinstance(a, np.ndarray) and a == b


def _as_list(value: Any) -> Any:
    return value.tolist()


@lru_cache(maxsize=256)
def parse(
    text: str,
) -> tuple[int, tuple[tuple[Op, Mapping[str, Any], tuple[Reference, ...]], ...], tuple]:
    """Number of inputs, nodes with bound attributes, and output references."""
    count, listed, outputs = json.loads(text)
    nodes = []
    for op_id, attrs, sources in listed:
        op = REGISTRY.lookup(op_id)
        nodes.append((op, op.bind_attrs(attrs), tuple((n, i) for n, i in sources)))
    return count, tuple(nodes), tuple((n, i) for n, i in outputs)


def inline(graph: Graph, text: str, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Add the piece of graph to a graph; returns its outputs."""
    _, nodes, outputs = parse(text)
    values: list[Sequence[Tensor]] = []

    def at(reference: Reference) -> Tensor:
        node, index = reference
        return inputs[index] if node < 0 else values[node][index]

    for op, attrs, sources in nodes:
        values.append(graph.add_node(op, [at(s) for s in sources], attrs).outputs)
    return [at(reference) for reference in outputs]


def transpose_once(text: str, matrices: Collection[int]) -> tuple[str, list[int]]:
    """The piece of graph without products that read one of some inputs transposed.

    Args:
        matrices: numbers of inputs of rank 2.

    Returns:
        The text, with an input more for each that was, and which those are the transposes of.
    """
    count, nodes, outputs = json.loads(text)
    transposed: dict[int, int] = {}
    for op_id, attrs, sources in nodes:
        if op_id == "matmul" and attrs.get("transpose_y"):
            node, index = sources[1]
            if node < 0 and index in matrices:
                sources[1] = [-1, transposed.setdefault(index, count + len(transposed))]
                del attrs["transpose_y"]
    return json.dumps([count + len(transposed), nodes, outputs]), list(transposed)


@lru_cache(maxsize=256)
def output_types(text: str, types: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
    """Types of the outputs for inputs of some types.

    Raises:
        GraphError: the inputs do not fit.
    """
    graph = Graph()
    inputs = [graph.apply("placeholder", dtype=t.dtype, shape=t.shape) for t in types]
    return tuple(t.type for t in inline(graph, text, inputs))


def run_body(text: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs for arrays, op by op in numpy."""
    _, nodes, outputs = parse(text)
    values: list[Sequence[np.ndarray]] = []
    for op, attrs, sources in nodes:
        arrays = [inputs[i] if n < 0 else values[n][i] for n, i in sources]
        result = op.reference(*arrays, **attrs)
        values.append(result if isinstance(result, (tuple, list)) else (np.asarray(result),))
    return [inputs[i] if n < 0 else values[n][i] for n, i in outputs]

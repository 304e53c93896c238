"""A piece of graph as text: what a loop runs at each step.

Text is plain data: it can be compared, hashed, kept in a file and rebuilt for any input types.
Each node is ``[op, attributes, [reference, ...], name, stream]``; a reference is ``[node,
output]``, and node -1 stands for the inputs. The stream is left out where it is the name, and both
may be missing. Then come the outputs and, where a user made it, the names of the inputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from nodeflow.errors import GraphError, NodeflowError, RunError
from nodeflow.graph.evaluate import evaluate
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType
from nodeflow.ops.composed import resolve

Reference = tuple[int, int]
BODIES = ("cond", "true_body", "false_body")
"""Attributes, besides ``body``, that hold pieces of graph."""
EFFECTS = ("print",)
"""Ops with an effect that a loop or branch may have: they change nothing that a run keeps."""


class BodyNode(NamedTuple):
    """One node of a piece of graph; its name and stream are None where nothing asks for them."""

    op: Op
    attrs: Mapping[str, Any]
    sources: tuple[Reference, ...]
    name: str | None
    stream: str | None


class Body(NamedTuple):
    """A piece of graph: how many inputs it takes, its nodes in order, and what comes out."""

    count: int
    nodes: tuple[BodyNode, ...]
    outputs: tuple[Reference, ...]
    names: tuple[str, ...]
    """Of the inputs; empty where nothing asks for them."""


def make_body(
    function: Callable[..., Sequence[Tensor]], types: Sequence[TensorType]
) -> tuple[str, list[TensorType]]:
    """The text of a function of tensors, for inputs of some types, and its outputs' types."""
    graph = Graph()
    inputs = [add_input(graph, t) for t in types]
    with graph:
        outputs = list(function(*inputs))
    return to_text(inputs, outputs), [t.type for t in outputs]


def add_input(graph: Graph, type_: TensorType) -> Tensor:
    """An input of a piece of graph."""
    shape = type_.shape if type_.has_rank else None
    return graph.apply("placeholder", dtype=type_.dtype, shape=shape)


def to_text(inputs: Sequence[Tensor], outputs: Sequence[Tensor], *, named: bool = False) -> str:
    """What computes ``outputs`` from ``inputs``.

    Args:
        named: keep the names of the inputs.

    Raises:
        GraphError: something in between keeps or changes a state.
    """
    inputs = [resolve(t) for t in inputs]
    outputs = [resolve(t) for t in outputs]
    place = {t: (-1, i) for i, t in enumerate(inputs)}
    nodes = []
    for node in nodes_between(inputs, outputs):
        if node.op.stateful and node.op.id not in EFFECTS:
            raise GraphError(
                f"a loop or branch cannot hold a {node.op.id}",
                node=node.name,
                hint="Make it outside, and let the loop or branch use its value.",
            )
        sources = [place[resolve(t)] for t in node.inputs]
        for index, tensor in enumerate(node.outputs):
            place.setdefault(tensor, (len(nodes), index))
        stream = [node.stream] if node.stream != node.name else []
        nodes.append([node.op.id, _plain_attrs(node), sources, node.name, *stream])
    names = [[t.node.name for t in inputs]] if named else []
    listed = [len(inputs), nodes, [place[t] for t in outputs], *names]
    return json.dumps(listed, default=_as_list)


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
def parse(text: str) -> Body:
    """The piece of graph with attributes as its ops take them."""
    count, listed, outputs, *names = json.loads(text)
    nodes = []
    for op_id, attrs, sources, *own in listed:
        op = REGISTRY.lookup(op_id)
        references = tuple((n, i) for n, i in sources)
        name, stream = (own[0], own[-1]) if own else (None, None)
        nodes.append(BodyNode(op, op.bind_attrs(attrs), references, name, stream))
    ends = tuple((n, i) for n, i in outputs)
    return Body(count, tuple(nodes), ends, tuple(names[0]) if names else ())


@lru_cache(maxsize=256)
def draws(text: str) -> bool:
    """Whether something in the piece of graph draws random numbers or has an effect."""
    return any(draws_itself(node.op, node.attrs) for node in parse(text).nodes)


def draws_itself(op: Op, attrs: Mapping[str, Any]) -> bool:
    """Whether an op does so; a loop or branch does where something in its pieces of graph does."""
    texts = [text for name, text in attrs.items() if name in ("body", *BODIES)]
    return any(map(draws, texts)) if texts else op.random or op.stateful


def inline(
    graph: Graph, text: str, inputs: Sequence[Tensor], *, quiet: bool = False
) -> list[Tensor]:
    """Add the piece of graph to a graph; returns its outputs.

    Args:
        quiet: pass on what it would print.
    """
    body = parse(text)
    values: list[Sequence[Tensor]] = []

    def at(reference: Reference) -> Tensor:
        node, index = reference
        return inputs[index] if node < 0 else values[node][index]

    for op, attrs, refs, name, stream in body.nodes:
        sources = [at(r) for r in refs]
        if quiet and op.id == "print":
            values.append(sources)
        else:
            node = graph.add_node(op, sources, attrs, name=name, stream=stream)
            values.append(node.outputs)
    return [at(reference) for reference in body.outputs]


def compute_inside(
    text: str, index: int, op_id: str, attrs: Mapping[str, Any], place: int, name: str
) -> str:
    """The piece of graph that first computes what was one of its inputs.

    Args:
        index: number of that input; it becomes operand number ``place`` of an op of two operands.
        op_id, attrs, name: of the op; its other operand is one input more, the last.
    """
    count, nodes, outputs, *_ = json.loads(text)

    def moved(reference: Sequence[int]) -> Sequence[int]:
        node, output = reference
        if node >= 0:
            return node + 1, output
        return (0, 0) if output == index else reference

    operands = [(-1, count), (-1, count)]
    operands[place] = -1, index
    listed = [[op_id, dict(attrs), operands, name]]
    for op, own, sources, *names in nodes:
        listed.append([op, own, [moved(s) for s in sources], *names])
    return json.dumps([count + 1, listed, [moved(s) for s in outputs]], default=_as_list)


@lru_cache(maxsize=256)
def output_types(text: str, types: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
    """Types of the outputs for inputs of some types.

    Raises:
        GraphError: the inputs do not fit.
    """
    graph = Graph()
    inputs = [add_input(graph, t) for t in types]
    return tuple(t.type for t in inline(graph, text, inputs))


class Ran(NamedTuple):
    """What one node of a piece of graph has computed, and from what."""

    node: BodyNode
    inputs: Sequence[np.ndarray]
    outputs: Sequence[np.ndarray]
    stream: Any


def run_body(
    text: str,
    inputs: Sequence[np.ndarray],
    stream: Any = None,
    iteration: int = 0,
    seen: list[Ran] | None = None,
) -> list[np.ndarray]:
    """The outputs for arrays, op by op in numpy.

    Args:
        stream: of the node that the piece of graph belongs to; what is inside draws from streams
            made of it, the names inside and the iteration.
        seen: gets what each node computes.

    Raises:
        RunError: an op failed; its node begins with ``/``, for the owner's name to come before it.
    """
    body, drops = parse(text), _drops(text)
    values: list[Sequence[np.ndarray]] = list(_constants(text))
    for place, node in enumerate(body.nodes):
        op, attrs, sources, name, own = node
        inner = None
        if values[place]:
            if seen is not None:
                seen.append(Ran(node, (), values[place], None))
            continue
        arrays = [inputs[i] if n < 0 else values[n][i] for n, i in sources]
        try:
            if op.random:
                inner = stream and stream.inside(own or op.id, iteration, attrs.get("seed"))
                result = evaluate(op, arrays, attrs, stream=inner)
            else:
                result = evaluate(op, arrays, attrs)
        except NodeflowError as error:
            raise error.inside(name or op.short_id) from error.__cause__
        except MemoryError:
            raise
        except Exception as error:
            said = f"{op.id} failed: {str(error) or type(error).__name__}"
            raise RunError(said, node=f"/{name or op.short_id}") from error
        values[place] = result if isinstance(result, (tuple, list)) else (np.asarray(result),)
        if seen is not None:
            seen.append(Ran(node, arrays, values[place], inner))
        del arrays, result
        for done in drops[place]:
            values[done] = ()
    return [inputs[i] if n < 0 else values[n][i] for n, i in body.outputs]


@lru_cache(maxsize=256)
def _drops(text: str) -> tuple[tuple[int, ...], ...]:
    """For each node, those whose values no later one needs; constants stay."""
    body = parse(text)
    last = dict(enumerate(range(len(body.nodes))))
    for place, node in enumerate(body.nodes):
        last.update((source, place) for source, _ in node.sources if source >= 0)
    kept = {source for source, _ in body.outputs}
    found: list[list[int]] = [[] for _ in body.nodes]
    for source, place in last.items():
        if source not in kept:
            found[place].append(source)
    return tuple(map(tuple, found))


@lru_cache(maxsize=256)
def _constants(text: str) -> tuple[Sequence[np.ndarray], ...]:
    """For each node the values that need no inputs, else nothing."""
    return tuple(
        (np.asarray(node.op.reference(**node.attrs)),)
        if node.op.id in ("constant", "fill") and not node.sources
        else ()
        for node in parse(text).nodes
    )

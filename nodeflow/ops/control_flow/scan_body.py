"""A subgraph as text: the body that a loop runs at each step.

Text is plain data. It can be compared, hashed, saved in a file and rebuilt for any input types.
Each node is ``[op, attributes, [reference, ...], name, stream]``. A reference is ``[node,
output]``, and node -1 stands for the inputs. The stream is omitted if it equals the name, and both
may be missing. After the nodes come the outputs and, if a user made the subgraph, the names of the
inputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from nodeflow.errors import GraphError, NodeflowError, RunError
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Op
from nodeflow.graph.reference_evaluation import evaluate
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType
from nodeflow.ops.composed import resolve

Reference = tuple[int, int]
BODIES = ("cond", "true_body", "false_body")
"""Attributes, besides ``body``, that contain subgraphs."""
EFFECTS = ("print",)
"""Ops with an effect that a loop or branch may contain: they change no state of a run."""


class BodyNode(NamedTuple):
    """One node of a subgraph.

    Attributes:
        sources: for each input, the number of the node that computes it and the output's number.
            Node -1 stands for the inputs of the subgraph.
        name, stream: the node's name and its stream of random numbers; None if nothing uses them.
    """

    op: Op
    attrs: Mapping[str, Any]
    sources: tuple[Reference, ...]
    name: str | None
    stream: str | None


class Body(NamedTuple):
    """A subgraph: its number of inputs, its nodes in order, and its outputs."""

    count: int
    nodes: tuple[BodyNode, ...]
    outputs: tuple[Reference, ...]
    names: tuple[str, ...]
    """Names of the inputs; empty if nothing uses them."""


def make_body(
    function: Callable[..., Sequence[Tensor]], types: Sequence[TensorType]
) -> tuple[str, list[TensorType]]:
    """Call a function of tensors on inputs of given types, and return it as a subgraph.

    Returns:
        The text of the subgraph, and the types of its outputs.
    """
    graph = Graph()
    inputs = [add_input(graph, t) for t in types]
    with graph:
        outputs = list(function(*inputs))
    return to_text(inputs, outputs), [t.type for t in outputs]


def add_input(graph: Graph, type_: TensorType) -> Tensor:
    """Add a placeholder of the given type, as the next input of a subgraph; return its tensor."""
    shape = type_.shape if type_.has_rank else None
    return graph.apply("placeholder", dtype=type_.dtype, shape=shape)


def to_text(inputs: Sequence[Tensor], outputs: Sequence[Tensor], *, named: bool = False) -> str:
    """Return the subgraph that computes ``outputs`` from ``inputs``, as text.

    Args:
        named: keep the names of the inputs.

    Raises:
        GraphError: a node between inputs and outputs keeps or changes a state, such as a variable.
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
    """Return the nodes that compute ``outputs`` from ``inputs``, in the order of their creation.

    The search goes backwards from ``outputs`` and stops at ``inputs``. The caller must have
    replaced each output of a macro node, in both lists, by the tensor that it stands for
    (`resolve`). This is not checked.
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
    """Parse the stored text of a subgraph. The attributes of its nodes are converted to the types
    that their ops declare.
    """
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
    """Return whether an op in the subgraph draws random numbers or has an effect."""
    return any(draws_itself(node.op, node.attrs) for node in parse(text).nodes)


def draws_itself(op: Op, attrs: Mapping[str, Any]) -> bool:
    """Return whether an op, or an op in one of its subgraphs, draws numbers or has an effect."""
    texts = [text for name, text in attrs.items() if name in ("body", *BODIES)]
    return any(map(draws, texts)) if texts else op.random or op.stateful


def inline(
    graph: Graph, text: str, inputs: Sequence[Tensor], *, quiet: bool = False
) -> list[Tensor]:
    """Add the nodes of a subgraph to a graph; return the tensors that are its outputs.

    Args:
        inputs: the tensors that become the inputs of the subgraph.
        quiet: leave out print nodes and pass on their inputs.
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
    """Put an op with two operands in front of one input of a subgraph. Return the new subgraph as
    text.

    One operand of the op is the old input. The other is a new input, appended to the inputs.

    Args:
        text: the subgraph.
        index: number of the input that the op's result replaces.
        op_id, attrs, name: id, attributes and name of the op.
        place: which operand the old input is, 0 or 1.
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
    """Return the types of a subgraph's outputs for inputs of given types.

    Raises:
        GraphError: the inputs do not fit the subgraph.
    """
    graph = Graph()
    inputs = [add_input(graph, t) for t in types]
    return tuple(t.type for t in inline(graph, text, inputs))


class Ran(NamedTuple):
    """The inputs, the outputs and the random stream of one node in one run of a subgraph."""

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
    """Return the outputs of a subgraph for given arrays, computed op by op in numpy.

    Args:
        stream: stream of random numbers of the node that contains the subgraph. The streams of
            nodes inside derive from it, their names and the iteration.
        seen: a list to which the inputs and outputs of each node are added.

    Raises:
        RunError: an op failed. The name of its node begins with ``/``, to follow the owner's name.
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
    """Return, for each node of a subgraph, the nodes whose values are no longer needed after it."""
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
    """Return, for each node of a subgraph, a tuple with its value if it is constant, else ()."""
    return tuple(
        (np.asarray(node.op.reference(**node.attrs)),)
        if node.op.id in ("constant", "fill") and not node.sources
        else ()
        for node in parse(text).nodes
    )

"""Ops composed of other ops: one node in the document, a few derived nodes in the graph.

A composed op needs no gradient and no lowering, because its derived nodes have them. Its outputs
stand for derived tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.op import Expansion, Op
from nodeflow.graph.reference_evaluation import evaluate
from nodeflow.graph.types import TensorType, dtype_name, unify_shapes


class Composed(Op):
    """The base class of composed ops: ``compose`` builds the outputs, ``infer`` returns their
    types.
    """

    macro = True
    widens = False  # its derived nodes do so
    differentiable = True

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor | Sequence[Tensor]:
        """Build the op from simpler ops in the graph of its inputs, or in the default graph if it
        has no inputs. Return the output tensors.
        """
        raise NotImplementedError(self.id)

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        # the parts run after whatever the op waits for, so that they read assigned variables
        with graph, graph.name_scope(name), graph.control_dependencies(graph.awaited):
            made = self.compose(*inputs, **attrs)
        return Expansion(alias=(made,) if isinstance(made, Tensor) else tuple(made))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Any:
        stream = attrs.pop("stream", None)
        graph = Graph()
        inputs = [
            graph.apply("placeholder", dtype=dtype_name(a.dtype), shape=a.shape) for a in arrays
        ]
        alias = self.expand(graph, "composed", inputs, **attrs).alias
        known = run_references(graph, dict(zip(inputs, arrays, strict=True)), stream)
        outs = [known[resolve(t)] for t in alias if t is not None]
        outs = [o.copy() if any(np.shares_memory(o, a) for a in arrays) else o for o in outs]
        return outs[0] if len(outs) == 1 else outs


def resolve(tensor: Tensor) -> Tensor:
    """Return the tensor that computes the value of an output of a macro node, which stands for
    other nodes derived from it. Return any other tensor unchanged.
    """
    while tensor.node.alias:
        target = tensor.node.alias[tensor.index]
        assert target is not None
        tensor = target
    return tensor


def run_references(
    graph: Graph, given: Mapping[Tensor, np.ndarray], stream: Any = None
) -> dict[Tensor, np.ndarray]:
    """Compute all tensors of a small graph op by op with the numpy reference implementations.
    Return tensor -> value. Variables have their initial values.
    """
    known = dict(given)
    for node in graph.nodes:
        if node.op.macro or all(t in known for t in node.outputs):
            continue
        extra = {"stream": stream} if node.op.random else {}
        arrays = [known[resolve(t)] for t in node.inputs]
        result = evaluate(node.op, arrays, node.attrs, **extra)
        outs = result if isinstance(result, (tuple, list)) else (result,)
        known.update(zip(node.outputs, map(np.asarray, outs), strict=True))
    return known


def equal_shapes(first: TensorType, second: TensorType, names: str, hint: str | None = None) -> Any:
    """Return the common shape of two inputs that must not be broadcast.

    Args:
        names: the two ports, such as ``labels predictions``; an error names the first port.

    Raises:
        ShapeError: the shapes cannot be equal.
    """
    one, other = names.split()
    try:
        return unify_shapes(first.shape, second.shape)
    except ShapeError as error:
        raise ShapeError(f"{one} and {other}: {error.message}", port=one, hint=hint) from None

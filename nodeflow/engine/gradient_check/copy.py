"""A piece of a graph as a separate graph, in float64 if its ops accept that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.engine.gradient_check.piece import Piece
from nodeflow.engine.interpreter import call_reference
from nodeflow.engine.threefry_streams import Stream
from nodeflow.errors import NodeflowError
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.graph.types import FLOATS, numpy_dtype
from nodeflow.ops.composed import resolve

WIDE = "float64"


class Copy:
    """A copy of a piece of a graph, whose values are computed op by op, in numpy.

    Args:
        values: values of `Piece.needed`.
        wide: whether floats are float64; raises NodeflowError if an op does not accept it.
        rng: generator of the weights of the ys.

    Attributes:
        points: the values of the xs.
        weights: weights of the ys, of magnitude about 1. The checked gradient is that of the
            weighted sum of the ys.

    Raises:
        GradientError: an op of the piece has no gradient.
    """

    def __init__(
        self,
        piece: Piece,
        values: Mapping[Tensor, np.ndarray],
        wide: bool,
        rng: np.random.Generator,
        seed: int = 0,
    ) -> None:
        self._seed = seed
        self._given: dict[Tensor, np.ndarray] = {}
        self.graph = Graph()
        known: dict[Tensor, Tensor] = {}
        with self.graph:
            for tensor in piece.needed:
                known[tensor] = self._place(_as(values[tensor], tensor, wide))
            for node in piece.nodes:
                self._add(node, known, wide)
            self.xs = [known[tensor] for tensor in piece.xs]
            self.ys = [known[tensor] for tensor in piece.ys]
            self.points = [self._given.pop(x) for x in self.xs]
            self._order = self._order_of(self.ys)
            self.weights = [_weights(y, rng) for y in self.at(self.points)]
            given = [self._place(w) for w in self.weights]
            found = gradients(self.ys, self.xs, given)
        self._slopes = [None if t is None else resolve(t) for t in found]
        self._slope_order = self._order_of([t for t in self._slopes if t is not None])

    def at(self, points: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the ys at these values of the xs."""
        known = self._run(self._order, points)
        return [known[y] for y in self.ys]

    def slopes(self, points: Sequence[np.ndarray]) -> list[np.ndarray | None]:
        """Return the gradient of a weighted sum of the outputs with respect to each input, at a
        point.

        An entry is None where the graph has no gradient.
        """
        known = self._run(self._slope_order, points)
        return [None if t is None else known[t] for t in self._slopes]

    # ---- inside -------------------------------------------------------------------------------

    def _place(self, array: np.ndarray) -> Tensor:
        tensor = self.graph.apply("placeholder", dtype=str(array.dtype), shape=array.shape)
        self._given[tensor] = array
        return tensor

    def _add(self, node: Node, known: dict[Tensor, Tensor], wide: bool) -> None:
        inputs = [known[resolve(tensor)] for tensor in node.inputs]
        attrs: dict[str, Any] = dict(node.attrs)
        for attr in node.op.attrs if wide else ():
            if attr.kind == "dtype" and attrs.get(attr.name) in FLOATS:
                attrs[attr.name] = WIDE
        made = self.graph.add_node(node.op, inputs, attrs, stream=node.stream)
        known.update(zip(node.outputs, made.outputs, strict=True))

    def _order_of(self, tensors: Sequence[Tensor]) -> list[Node]:
        needed = ancestors(tensor.node for tensor in tensors)
        computed = (n for n in needed if n.op.id != "placeholder" and not n.alias)
        return sorted(computed, key=lambda node: node.index)

    def _run(self, order: Sequence[Node], points: Sequence[np.ndarray]) -> dict[Tensor, np.ndarray]:
        known = {**self._given, **dict(zip(self.xs, points, strict=True))}
        for node in order:
            outs = call_reference(node, [known[resolve(t)] for t in node.inputs], self._stream)
            known.update(zip(node.outputs, outs, strict=True))
        return known

    def _stream(self, node: Node) -> Stream:
        own = node.attrs.get("seed")
        return Stream(self._seed, node.stream) if own is None else Stream(own, "")


def copied(
    piece: Piece, values: Mapping[Tensor, np.ndarray], make: Callable[[], np.random.Generator]
) -> tuple[Copy, str]:
    """Return a copy of a part of the graph, to check its gradients, and the dtype in which the copy
    computes: float64 if all ops accept that.

    Raises:
        NodeflowError: an op on the way has no gradient, or fails.
    """
    try:
        found = Copy(piece, values, True, make())
        if all(str(y.dtype) == WIDE for y in found.ys):
            return found, WIDE
    except NodeflowError:
        pass  # if the second copy also fails, its error is reported
    found = Copy(piece, values, False, make())
    return found, min((str(t.dtype) for t in (*found.xs, *found.ys)), key=_precision)


def _precision(dtype: str) -> int:
    return numpy_dtype(dtype).itemsize


def _as(value: np.ndarray, tensor: Tensor, wide: bool) -> np.ndarray:
    return np.array(value, WIDE if wide and tensor.type.is_float else numpy_dtype(tensor.dtype))


def _weights(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sizes = rng.uniform(0.5, 1.5, value.shape) * rng.choice((-1.0, 1.0), value.shape)
    return sizes.astype(value.dtype)

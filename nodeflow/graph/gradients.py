"""Gradients as graph nodes: one reverse sweep over the graph as built, before any rewrite.

Reverse-mode differentiation (Griewank and Walther, "Evaluating Derivatives", 2008, chapter 3). Each
op defines its local rule. This module contains the two steps that every rule would otherwise
repeat: adding the contributions of several consumers, and summing over the axes along which an
input was broadcast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nodeflow.errors import GradientError, UnknownRank
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.graph.types import Shape


def gradients(
    ys: Tensor | Sequence[Tensor],
    xs: Sequence[Tensor],
    grad_ys: Sequence[Tensor | None] | None = None,
    *,
    stop_at: Iterable[Tensor] = (),
) -> list[Tensor | None]:
    """Add nodes for the sum over ``ys`` of d y / d x, for every x in ``xs``.

    Args:
        ys: float tensors of any shape.
        xs: float tensors; each result has the shape and dtype of its x.
        grad_ys: gradient that flows into each y; None stands for ones.
        stop_at: tensors treated as constants.

    Returns:
        One tensor per x, or None if no y depends on it.

    Raises:
        GradientError: a y or x is not float, or an op on the way has no gradient.
    """
    ys = [ys] if isinstance(ys, Tensor) else list(ys)
    for tensor in [*ys, *xs]:
        if not tensor.type.is_float:
            raise GradientError(
                f"{tensor.name} is {tensor.dtype}; gradients exist for floats only",
                node=tensor.node.name,
                hint="Insert a Cast to float32.",
            )
    graph = ys[0].graph
    mark = len(graph.nodes)
    with graph.name_scope(_free_scope(graph, "gradients")):
        sweep = _Sweep(graph, ys, xs, set(stop_at))
        results = sweep.run(grad_ys or [None] * len(ys))
    graph.discard_since(mark, keep=[r.node for r in results if r is not None])
    return results


class _Sweep:
    """The state of one reverse sweep."""

    def __init__(
        self,
        graph: Graph,
        ys: Sequence[Tensor],
        xs: Sequence[Tensor],
        stop_at: set[Tensor],
    ) -> None:
        self.graph = graph
        self.ys = ys
        self.xs = xs
        self.stop_at = stop_at
        self.parts: dict[Tensor, list[Tensor]] = {}
        self.active = self._nodes_between()

    def _nodes_between(self) -> list[Node]:
        """Return the nodes on a differentiable path, through float tensors, from an x to a y.
        Consumers come before producers.
        """
        carries = set(self.xs)
        on_path = []
        for node in sorted(ancestors(y.node for y in self.ys), key=lambda n: n.index):
            if any(t in carries and t not in self.stop_at for t in _sources(node)):
                carries.update(t for t in node.outputs if t.type.is_float)
                # let complex numbers reach an op that rejects them
                if node.op.id != "stop_gradient":
                    carries.update(t for t in node.outputs if t.type.is_complex)
                on_path.append(node)
        self.carries = carries
        return on_path[::-1]

    def run(self, grad_ys: Sequence[Tensor | None]) -> list[Tensor | None]:
        for y, grad in zip(self.ys, grad_ys, strict=True):
            if y in self.carries:
                self._add(y, self.graph.apply("ones_like", y) if grad is None else grad)
        for node in self.active:
            grads = [self._total(t) for t in node.outputs]
            if any(g is not None for g in grads):
                self._differentiate(node, grads)
        return [self._total(x) for x in self.xs]

    def _differentiate(self, node: Node, grads: list[Tensor | None]) -> None:
        if _stands_for_others(node):
            for target, grad in zip(node.alias, grads, strict=True):
                if target is not None and grad is not None:
                    self._add(target, grad)
            return
        wanted = [t for t in node.inputs if t in self.carries and t not in self.stop_at]
        if any(t.type.is_complex for t in wanted):
            raise GradientError(
                f"{node.op.id} takes complex numbers, which have no gradients yet",
                node=node.name,
                hint="Insert stop_gradient, or compute with real and imaginary parts.",
            )
        if not node.op.differentiable:
            raise GradientError(
                f"{node.op.id} has no gradient, and {wanted[0].name} reaches the loss through it",
                node=node.name,
                hint=node.op.hint_without_gradient,
            )
        with self.graph.name_scope(f"{node.name}_grad"):
            try:
                found = node.op.gradient(node, *grads)
            except UnknownRank as error:
                raise error.at(node.name) from None
            for source, grad in zip(node.inputs, found, strict=True):
                if grad is None or source not in wanted:
                    continue
                self._add(source, self._unbroadcast(node, source, grad))

    def _unbroadcast(self, node: Node, source: Tensor, grad: Tensor) -> Tensor:
        if not node.op.broadcasts:
            return grad
        others = [t.shape for t in node.inputs if t is not source]
        if not all(t.type.has_rank for t in (grad, *node.inputs)):
            return self.graph.apply("sum_to_shape_of", grad, source)
        if len(source.shape) == len(grad.shape) and all(
            _same_dim(source.shape, grad.shape, others, axis) for axis in range(-len(grad.shape), 0)
        ):
            return grad
        return self.graph.apply("sum_to_shape_of", grad, source)

    def _add(self, tensor: Tensor, grad: Tensor) -> None:
        self.parts.setdefault(tensor, []).append(grad)

    def _total(self, tensor: Tensor) -> Tensor | None:
        parts = self.parts.get(tensor)
        if not parts:
            return None
        while len(parts) > 1:
            parts[:] = [self.graph.apply("add", parts[0], parts[1]), *parts[2:]]
        return parts[0]


def _sources(node: Node) -> Sequence[Tensor]:
    """Return the tensors that gradients flow to from a node: its inputs. For a macro node, such as
    a layer, return the inner tensors that its outputs are aliases of.
    """
    if _stands_for_others(node):
        return [t for t in node.alias if t is not None]
    return node.inputs


def _stands_for_others(node: Node) -> bool:
    """Return whether a node only forwards other tensors as outputs, so that gradients skip the
    node.
    """
    return bool(node.alias) and not node.op.own_gradient


def _same_dim(shape: Shape, full: Shape, others: Sequence[Shape], axis: int) -> bool:
    """Return whether the dimension at ``axis`` is certainly the same before and after broadcasting
    ``shape`` to ``full``.
    """
    if shape[axis] is not None:
        return shape[axis] == full[axis]
    return all(len(other) < -axis or other[axis] == 1 for other in others)


def _free_scope(graph: Graph, wanted: str) -> str:
    """Return the first of ``gradients``, ``gradients_1``, ... that is not the scope of any node."""
    prefix = "/".join([*graph._scopes, wanted])
    used = {n[len(prefix) :].split("/")[0] for n in graph.names() if n.startswith(prefix)}
    if "" not in used:
        return wanted
    count = 1
    while f"_{count}" in used:
        count += 1
    return f"{wanted}_{count}"

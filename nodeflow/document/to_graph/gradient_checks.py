"""Gradient checks of the nodes of a document: the piece of graph to check, and its values.

An op is checked by itself at its current values, so that a wrong gradient shows only at the op that
causes it. A layer or an instance of a subgraph is checked as a whole, with the variables inside.
For a variable or placeholder, the gradient of the loss is checked along the whole path.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.engine.gradient_check.check import UNCHECKED, Checked, check
from nodeflow.engine.gradient_check.piece import Piece, piece_between
from nodeflow.errors import Cancelled, NodeflowError
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.name_patterns import is_meant
from nodeflow.ops.composed import resolve
from nodeflow.ops.macro_ops import Gradients, Optimizer
from nodeflow.ops.training_mode import training_feeds

log = logging.getLogger(__name__)

ROWS = 8
"""Rows of the training data: more would take longer and show the same."""

Run = Callable[[Sequence[Tensor], Mapping[Tensor, Any]], Sequence[np.ndarray]]
"""A function that computes tensors of the task's graph, given feeds, with the current variables."""
LEAVES = ("variable", "placeholder")


class GradientChecks:
    """The gradient checks of one task.

    Args:
        run: a function that computes the values at which gradients are compared.
    """

    def __init__(self, task: Task, run: Run) -> None:
        self._task, self._run = task, run
        self._loss = _loss(task)

    def names(self) -> list[str]:
        """Return the names of all nodes of the document's own graph whose gradients can be
        checked.
        """
        found = []
        for record in self._task.document.nodes.values():
            piece = None
            try:
                piece = self.piece(record.name)
            except NodeflowError:
                continue  # it cannot run
            if piece is not None:
                found.append(record.name)
        return found

    def piece(self, name: str) -> Piece | None:
        """Return the part of the graph whose gradients a check of this node compares.

        Return None if no float in that part depends on another float.

        Raises:
            NodeflowError: there is no such node, or it cannot run.
        """
        build = self._task.build
        if name in build.instances:
            return self._inside(name)
        target = build.fetch(name)
        node = target if isinstance(target, Node) else target.node
        if name in build.graph:
            node = build.graph.node(name)  # a dot or bypassed node is not in the graph
        if isinstance(node.op, (Optimizer, Gradients)):
            return self._along(node)
        if node.op.id in LEAVES:
            if self._loss is None or not node.outputs:
                return None
            return piece_between(node.outputs, [self._loss])
        if not node.alias:
            return piece_between(node.inputs, node.outputs)
        ys = [tensor for tensor in node.alias if tensor is not None]
        return self._with_own_variables(name, node.inputs, ys)

    def check(self, name: str, cancelled: Callable[[], bool] = lambda: False) -> Checked:
        """Check the gradients of a node.

        Raises:
            Cancelled: `cancelled` returned true.
            NodeflowError: there is no such node, it cannot run, or its values cannot be computed.
        """
        piece = self.piece(name)
        if piece is None:
            return Checked(name, UNCHECKED, note=self._why_not(name))
        found = check(name, piece, self._values(piece), cancelled)
        return replace(found, along=self._is_along(name))

    def every(
        self, names: Iterable[str], cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[Checked]:
        """Check nodes one by one; a node that cannot run is reported as unchecked, with the reason.

        Raises:
            Cancelled: `cancelled` returned true.
        """
        for name in names:
            try:
                yield self.check(name, cancelled)
            except Cancelled:
                raise
            except NodeflowError as error:
                yield Checked(name, UNCHECKED, note=error.message)
            # raised by a user's op: the other nodes can still be checked
            except Exception as error:
                log.exception("the gradient check of %s failed", name)
                yield Checked(name, UNCHECKED, note=f"it fails: {type(error).__name__}: {error}")

    # ---- inside -------------------------------------------------------------------------------

    def _is_along(self, name: str) -> bool:
        """Return whether the gradient check of a node covers all paths from the variables or
        placeholders to the loss, because the node is one of these or an optimizer.
        """
        if name not in self._task.graph:
            return False
        op = self._task.graph.node(name).op
        return op.id in LEAVES or isinstance(op, (Optimizer, Gradients))

    def _values(self, piece: Piece) -> dict[Tensor, np.ndarray]:
        graph, needed = self._task.graph, list(piece.needed)
        feeds = {**self._task.feeds(needed, "train", self._rows(needed)), **training_feeds(graph)}
        return dict(zip(needed, self._run(needed, feeds), strict=True))

    def _rows(self, tensors: Sequence[Tensor]) -> int | None:
        """Return how many rows of data a gradient check feeds.

        This is the fixed first size of a placeholder that data feed, else `ROWS`.
        """
        bound = self._task.bindings([tensor.node for tensor in tensors])
        fixed = [t.shape[0] for t in bound if t.shape and t.shape[0] is not None]
        return fixed[0] if fixed else ROWS

    def _inside(self, name: str) -> Piece | None:
        """Return the part of the graph that a subgraph instance became, from its inputs to its
        outputs, to check its gradients.
        """
        build, scope = self._task.build, f"{name}/"
        ports = build.instances[name].values()
        ys = [build.tensors[port] for port in ports if port is not None and port in build.tensors]
        inside = {n for n in build.graph.nodes if n.name.startswith(scope)}
        given = (resolve(tensor) for node in inside for tensor in node.inputs)
        xs = [tensor for tensor in given if tensor.node not in inside]
        return self._with_own_variables(name, dict.fromkeys(xs), ys)

    def _with_own_variables(
        self, name: str, xs: Iterable[Tensor], ys: Sequence[Tensor]
    ) -> Piece | None:
        """Return the part of the graph between ``xs`` and ``ys``. The xs also include the variables
        whose names lie in the scope ``name``.
        """
        scope = f"{name}/"
        nodes = self._task.graph.nodes
        own = [n.outputs[0] for n in nodes if n.op.id == "variable" and n.name.startswith(scope)]
        return piece_between([*xs, *own], ys)

    def _along(self, node: Node) -> Piece | None:
        """Return the subgraph between the variables and the loss that an optimizer differentiates,
        or between the xs and ys of a gradients node. Return None if there is none.
        """
        if isinstance(node.op, Gradients):
            return piece_between(node.inputs[1:], node.inputs[:1])
        wanted = node.attrs.get("variables")
        graph = node.outputs[0].graph if node.outputs else self._task.graph
        variables = [
            tensor
            for tensor in graph.trainable_variables
            if wanted is None or is_meant(tensor.name, wanted)
        ]
        return piece_between(variables, node.inputs[:1])

    def _why_not(self, name: str) -> str:
        target = None if name in self._task.build.instances else self._task.build.fetch(name)
        node = target if isinstance(target, Node) else None if target is None else target.node
        if node is not None and node.op.id in LEAVES:
            if self._loss is None:
                return "there is no optimizer, whose loss could be differentiated"
            return "the loss does not depend on it through floats"
        return "none of its float outputs depends on a float input"


def _loss(task: Task) -> Tensor | None:
    try:
        return task.training().loss if task.trains else None
    except NodeflowError:
        return None

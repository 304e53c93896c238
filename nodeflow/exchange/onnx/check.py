"""Whether somebody else computes the same: every value of a graph beside ONNX's own evaluator.

The graph is written as ONNX with each of its nodes as an output, and `onnx.reference` computes it:
numpy code that knows nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.document.build.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.exchange.onnx.emit import NotInOnnx
from nodeflow.exchange.onnx.equations import recurrent_ops
from nodeflow.exchange.onnx.errors import onnx_package
from nodeflow.exchange.onnx.export import answers, definitions
from nodeflow.exchange.onnx.writing import model_of
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.ops.training_mode import is_flag

TOLERANCES = {"float64": 1e-9, "float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}
"""Differences, relative to the largest number of a tensor, up to which two are the same."""


class NotVerified(NodeflowError):
    """Another program computes something else, or could not be asked.

    Remedy: Look at the node that the message names: where the first difference arises.
    """


@dataclass(frozen=True)
class Difference:
    """What was compared of one node.

    Attributes:
        largest: difference, relative to the largest number of the tensor or 1.
        allowed: the largest that counts as the same.
    """

    name: str
    largest: float
    allowed: float

    @property
    def is_larger(self) -> bool:
        return not self.largest <= self.allowed


@dataclass(frozen=True)
class Verified:
    """The result of a check.

    Attributes:
        nodes: in the order of the graph.
        left_out: node that ONNX or its evaluator cannot compute -> why.
    """

    nodes: Sequence[Difference]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def first(self) -> Difference | None:
        """The node where the first larger difference arises."""
        return next((one for one in self.nodes if one.is_larger), None)

    @property
    def largest(self) -> Difference:
        return max(self.nodes, key=lambda one: one.largest)

    @property
    def text(self) -> str:
        """One line for people."""
        first = self.first
        if first is not None:
            gap = f"{first.largest:.2g} at node {first.name}"
            return f"not verified: the first larger difference is {gap}"
        largest = self.largest
        return f"verified, largest difference {largest.largest:.2g} at node {largest.name}"


def verify(
    task: Task,
    session: Session,
    names: Sequence[str] = (),
    said: Callable[[str], None] = lambda text: None,
) -> Verified:
    """Compare a graph with ONNX's evaluator on what feeds it.

    Args:
        names: of the tensors to compare, with all that they depend on; default: `answers`.
        said: gets a line for what takes long.

    Raises:
        MissingFeed: a placeholder has no value; it can be fed.
        NotVerified: nothing of the graph can be compared.
    """
    onnx_package()
    from onnx.reference import ReferenceEvaluator

    ends = {name: task.tensor(name) for name in names} or answers(task)
    values = {name: np.asarray(value) for name, value in session.variables.items()}
    tensors = list(_compared(task, ends.values()))
    left_out: dict[str, str] = {}
    model = None
    while tensors:
        try:
            chosen = {t.name: t for t in tensors}
            model = model_of(task.graph, chosen, values, definitions(task.document))
            break
        except NotInOnnx as error:
            tensors = _without(tensors, error, left_out)
    if not tensors or model is None:
        why = "; ".join(f"{n}: {w}" for n, w in list(left_out.items())[:3])
        raise NotVerified(f"nothing of the graph can be compared with ONNX: {why}".rstrip(": "))
    feeds = task.feeds(tensors, "test")
    said(f"comparing {len(tensors)} values")
    inputs = [task.graph.tensor(value.name) for value in model.graph.input]
    ours = session.run([*tensors, *inputs], feeds)
    fed = {t.name: np.asarray(v) for t, v in zip(inputs, ours[len(tensors) :], strict=True)}
    try:
        flat = onnx_package().inliner.inline_local_functions(model)
        theirs = ReferenceEvaluator(flat, new_ops=recurrent_ops()).run(None, fed)
    except Exception as error:  # an evaluator raises anything
        raise NotVerified(
            f"ONNX's evaluator cannot compute the graph: {str(error)[:300]}"
        ) from None
    found = [
        _difference(tensor, np.asarray(mine), np.asarray(other))
        for tensor, mine, other in zip(tensors, ours, theirs, strict=False)
    ]
    return Verified(found, left_out)


def _compared(task: Task, ends: Any) -> Iterator[Tensor]:
    """What the ends depend on, as far as it is computed."""
    needed = ancestors({t.node for t in ends})
    for node in task.graph.nodes:
        plain = node.derived_from is None and node.op.id not in ("constant", "variable")
        if node not in needed or not plain or node.op.id == "placeholder":
            continue
        yield from (t for t in node.outputs if not is_flag(t) and t.type.has_rank)


def _without(tensors: Sequence[Tensor], error: NotInOnnx, left_out: dict[str, str]) -> list[Tensor]:
    """Tensors that do not depend on what ONNX lacks."""
    graph = tensors[0].graph
    named = error.missing or ({error.node: error.message} if error.node else {})
    broken: set[Node] = {graph.node(name) for name in named if name in graph}
    if not broken:
        left_out.update({t.name: error.message for t in tensors})
        return []
    left_out.update(named)
    return [t for t in tensors if not broken & ancestors({t.node})]


def _difference(tensor: Tensor, ours: np.ndarray, theirs: np.ndarray) -> Difference:
    allowed = TOLERANCES.get(tensor.type.dtype, 0.0)
    if ours.shape != theirs.shape:
        return Difference(tensor.name, float("inf"), allowed)
    if ours.dtype == bool or not ours.size:
        return Difference(tensor.name, float(np.any(ours != theirs)), allowed)
    mine, other = ours.astype("f8"), theirs.astype("f8")
    with np.errstate(all="ignore"):
        same = (mine == other) | (np.isnan(mine) & np.isnan(other))
        gaps = np.where(same, 0.0, np.abs(mine - other))
        finite = np.abs(mine[np.isfinite(mine)])
    largest = max(float(finite.max(initial=0.0)), 1.0)
    gap = float(np.nanmax(np.where(np.isnan(gaps), np.inf, gaps)))
    return Difference(tensor.name, gap / largest, allowed)

"""One number for each tensor in a training: the size of its gradient, or of its update.

They are computed on the rows that the nodes show, in the phase of inference, without affecting the
training: the gradients come from a separate build, kept while the graph stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.errors import GradientError
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.host.color_measures import root_mean_square
from nodeflow.host.messages.values import GRADIENT, UPDATE, Measured
from nodeflow.host.protocol import ViewSpec
from nodeflow.host.views.training_tensors import next_value_of
from nodeflow.host.views.value_source import ViewSource
from nodeflow.host.views.view_kind import ViewKind, ViewProblem
from nodeflow.ops.macro_ops import Optimizer

if TYPE_CHECKING:
    from nodeflow.graph.graph import Graph

MOST_NODES = 5000
"""The largest graph with gradients here. Deriving more would delay live values by seconds."""
SECONDS = 0.5
"""Minimum seconds between two computations."""
INDEPENDENT = "the loss does not depend on it"


@dataclass(frozen=True)
class MeasuredTensors:
    """Measures by tensor name."""

    of: str
    values: dict[str, Measured]


def compute(source: ViewSource, spec: ViewSpec) -> MeasuredTensors:
    """Compute a measure of the gradient or the update of every visible tensor. Option ``of``:
    ``gradient`` or ``update``.

    Raises:
        ViewProblem: the graph has no optimizer.
        NodeflowError: a placeholder has no value, or an op failed.
    """
    of = spec.option("of", GRADIENT)
    if not source.task.trains:
        raise ViewProblem("there is no optimizer", hint="Add one, and connect the loss to it.")
    return MeasuredTensors(of, _updates(source) if of == UPDATE else _gradients(source))


# ---- gradients ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Derived:
    """Gradients of the loss by tensor name, with the source that computes them.

    Attributes:
        whys: the reason for each tensor without a gradient, by name.
    """

    source: ViewSource
    found: dict[str, Tensor]
    whys: dict[str, str]


def _gradients(source: ViewSource) -> dict[str, Measured]:
    derived = source.memo("measured gradients", lambda: _derive(source))
    targets = list(derived.found.values())
    values = derived.source.run(targets, shown_feeds(derived.source, targets)) if targets else []
    measured = {name: Measured(GRADIENT, None, why) for name, why in derived.whys.items()}
    for name, value in zip(derived.found, values, strict=True):
        size = root_mean_square(value)
        measured[name] = Measured(GRADIENT, size, "" if size is not None else "it is not finite")
    return measured


def _derive(source: ViewSource) -> Derived:
    """Build the graph once more, and add the gradients of the loss to it."""
    if len(source.task.graph.nodes) > MOST_NODES:
        raise ViewProblem(f"graphs of more than {MOST_NODES} nodes have no gradients here")
    task = Task(source.task.document, base_dir=source.task.base_dir)
    loss = task.training().loss
    own = source.for_task(task)
    visible = shown_tensors(task)
    whys = {n: f"it is {t.dtype}" for n, t in visible.items() if not t.type.is_float}
    wanted = {name: tensor for name, tensor in visible.items() if name not in whys}
    while True:
        try:
            found = gradients(loss, list(wanted.values())) if wanted else []
            break
        except GradientError as error:
            behind = _behind(task.graph, error)
            lost = [name for name, tensor in wanted.items() if tensor.node in behind]
            if not lost:
                raise
            why = f"{error.node} on the way to the loss has no gradient"
            whys.update(dict.fromkeys(lost, why))
            for name in lost:
                del wanted[name]
    pairs = zip(wanted, found, strict=True)
    there = {name: gradient for name, gradient in pairs if gradient is not None}
    whys.update({name: INDEPENDENT for name in wanted if name not in there})
    return Derived(own, there, whys)


def _behind(graph: Graph, error: GradientError) -> set[Node]:
    """Return all nodes before the op that an error names as having no gradient. Gradients would
    reach them only through this op.
    """
    if error.node is None or error.node not in graph:
        return set()
    return ancestors([tensor.node for tensor in graph.node(error.node).inputs])


# ---- updates --------------------------------------------------------------------------------


def _updates(source: ViewSource) -> dict[str, Measured]:
    pairs: dict[str, list[tuple[Tensor, Tensor]]] = {}
    optimizers = {n.name for n in source.task.graph.nodes if isinstance(n.op, Optimizer)}
    for node in source.task.graph.nodes:
        if node.op.id == "variable" and node.derived_from not in optimizers:
            new = next_value_of(source, node.outputs[0])
            if new is not None:
                pairs.setdefault(node.derived_from or node.name, []).append((node.outputs[0], new))
    targets = [tensor for each in pairs.values() for pair in each for tensor in pair]
    values = iter(source.run(targets, shown_feeds(source, targets)) if targets else [])
    why = "only variables that a training updates have one"
    measured = {name: Measured(UPDATE, None, why) for name in shown_tensors(source.task)}
    for name, each in pairs.items():
        before, change = 0.0, 0.0
        for _ in each:
            old, new = (np.asarray(next(values), np.float64) for _ in range(2))
            before += float(np.square(old).sum())
            change += float(np.square(new - old).sum())
        if before and np.isfinite(before + change):
            measured[name] = Measured(UPDATE, float(np.sqrt(change / before)))
        else:
            why = "all its elements are 0" if not before else "it is not finite"
            measured[name] = Measured(UPDATE, None, why)
    return measured


# ---- together -------------------------------------------------------------------------------


def shown_feeds(source: ViewSource, targets: Iterable[Tensor]) -> dict[Tensor, np.ndarray]:
    """Return the values of placeholders in the previews."""
    nodes = (n for n in ancestors(t.node for t in targets) if n.op.id == "placeholder")
    given = {node.outputs[0]: source.shown(node) for node in nodes}
    return {tensor: value for tensor, value in given.items() if value is not None}


def shown_tensors(task: Task) -> dict[str, Tensor]:
    """Return every tensor that the user sees by name, including outputs of subgraphs."""
    built, found = task.build, dict[str, Tensor]()
    for node in built.graph.nodes:
        if node.derived_from is None:
            found.update((tensor.name, tensor) for tensor in node.outputs)
    for name, ports in built.instances.items():
        for index, port in enumerate(ports.values()):
            tensor = built.tensors.get(port) if port is not None else None
            if tensor is not None:
                found[f"{name}:{index}" if index else name] = tensor
    return found


KIND = ViewKind("measures", compute, interval=SECONDS, rest=SECONDS, follows_rows=True)

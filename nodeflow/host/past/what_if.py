"""Values that an earlier step would have had with overridden tensors.

Nodes that depend on an override are computed by the reference tier from the values of the step. All
other values are those that the step had, bit for bit. Rows that come from no data set are not a
training batch. So nodes that depend on them predict with the network of that step, without dropout.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.engine.feeds import sample_of
from nodeflow.engine.incremental import PATTERN, IncrementalRun
from nodeflow.engine.schedule.schedule import resolve_alias
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node, Tensor, descendants
from nodeflow.host.messages.overrides import Override
from nodeflow.host.overridden_tensors import tensors_of
from nodeflow.ops.training_mode import training_feeds
from nodeflow.train.rewind.replay import Replay


class WhatIf:
    """One step of a training with overrides.

    Args:
        replay: the replay, positioned at the step.
        task: the trained document.

    Attributes:
        reached: the nodes whose values depend on an override, or that have no value because of it.
        failures: the reason for each node without a value.
    """

    def __init__(self, replay: Replay, task: Task, request: Override) -> None:
        self._replay, graph = replay, task.graph
        self._overrides = tensors_of(request, task.tensor)
        self._unfed: set[Node] = set()
        changed = {tensor.node for tensor in self._overrides}
        if request.rows:
            bound = {graph.node(name) for name in task.build.bindings if name in graph}
            self._unfed = {node for node in bound if node.name not in request.rows}
            for flag in training_feeds(graph):
                said = sample_of(flag)
                if said is not None:
                    self._overrides.setdefault(flag, said)
                    changed.add(flag.node)
        self._users = _users(graph.nodes)
        self.reached = descendants(changed | self._unfed, self._users)
        self.failures: Mapping[Node, NodeflowError] = {}

    def values(self, wanted: Collection[Tensor]) -> dict[Tensor, np.ndarray]:
        """Return the values of the wanted tensors, recomputed with the user's overrides. Tensors
        that cannot be computed are left out.

        Raises:
            RunError: an op fails in this step.
        """
        replay, read = self._replay, self._read_by_reached()
        exact = {tensor for tensor in wanted if tensor.node not in self.reached}
        exact.update(t for node in read for t in _worked_out(node) if t is not None)
        found = replay.values(replay.everything, exact & set(replay.everything))
        run = IncrementalRun(
            self._users,
            self._fed,
            replay.session.variables.read,
            replay.session.stream_of("", replay.stepper.step),
        )
        run.overrides = self._overrides
        for node in read:
            values = tuple(None if t is None else found.get(t) for t in _worked_out(node))
            if any(value is not None for value in values):
                run.outcomes[node] = values
        run.compute({tensor.node for tensor in wanted if tensor.node in self.reached})
        self.failures = run.failures
        for tensor in wanted:
            outcome = run.outcomes.get(tensor.node)
            if tensor.node in self.reached and type(outcome) is tuple:
                value = outcome[tensor.index]
                if value is not None:
                    found[tensor] = value
        return {tensor: found[tensor] for tensor in wanted if tensor in found}

    def _read_by_reached(self) -> set[Node]:
        """Return the nodes that are not affected by an override themselves, but that affected nodes
        read.

        If such a node belongs to a numerically stabilised pattern, also return the inputs of the
        whole pattern.
        """
        found: set[Node] = set()
        waiting = [source for node in self.reached for source in _sources(node)]
        while waiting:
            node = waiting.pop()
            if node not in self.reached and node not in found:
                found.add(node)
                if node.op.id in PATTERN:
                    waiting += _sources(node)
        return found

    def _fed(self, placeholder: Node) -> np.ndarray | None:
        """Return the sample value of a placeholder. Return None if the user gave rows for other
        placeholders, and this placeholder of a data set therefore has no value.
        """
        return None if placeholder in self._unfed else sample_of(placeholder.outputs[0])


def _sources(node: Node) -> list[Node]:
    """Return the nodes that a node reads or waits for."""
    found = [tensor.node for tensor in (*node.inputs, *node.alias) if tensor is not None]
    return [*found, *node.control_inputs]


def _worked_out(node: Node) -> list[Tensor | None]:
    """Return the tensors that compute a node's outputs: those inside a macro node, or its own
    outputs. An element is None for a gradient that does not exist.
    """
    if not node.alias:
        return list(node.outputs)
    return [None if t is None else resolve_alias(t) for t in node.alias]


def _users(nodes: Collection[Node]) -> dict[Node, list[Node]]:
    """Return for each node the nodes that read it or wait for it."""
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for source in _sources(node):
            users.setdefault(source, []).append(node)
    return users

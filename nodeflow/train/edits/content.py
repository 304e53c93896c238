"""Digests of the parts of a graph that a training depends on, without layout, names and notes.

Nodes are identified by the function that they compute, variables by their ids. Numbers that are fed
to steps are left out. Initial values are left out, because they matter only when a training begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nodeflow.graph.graph import Node, Tensor
from nodeflow.ops.composed import resolve
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.train.resume.identity import digest, own_code, value_text
from nodeflow.train.saving.weights import Id
from nodeflow.train.training import Training
from nodeflow.train.tunable_numbers import Numbers

WATCHING = ("epochs", "patience", "min_change", "restore_best", "use_averages", "allow_nonfinite")
"""The settings that apply from the next step on, and change no number of a step."""


@dataclass(frozen=True)
class Content:
    """The content of a training.

    Two trainings with equal contents make the same steps from the same variables and batches.

    Attributes:
        learned: a digest of the steps.
        watched: a digest of metrics, plots, and conditions that end the training.
    """

    learned: str
    watched: str


def content_of(training: Training, ids: Mapping[str, Id]) -> Content:
    """Return the digests of everything that a training computes, so that two trainings can be
    compared.

    Args:
        ids: the identities of its variables, by name.
    """
    nodes = _Digests(training, ids)
    learned = nodes.of([training.optimizer], [training.loss])
    if training.mixed_precision:
        learned = digest([learned, "mixed precision"])
    if training.turns is not None:
        learned = digest([learned, str(training.turns)])
    metrics = [(m.key, m.split, str(m.every), nodes.tensor(m.tensor)) for m in training.measured()]
    watched = [
        *(part for metric in metrics for part in metric),
        training.monitor.title if training.patience else "",
        training.monitor.goal if training.patience else "",
        *(repr(getattr(training, name)) for name in WATCHING),
        "breakpoints",
        *(t.node.name + nodes.tensor(t) for t in training.breakpoints),
        "bounds",
        *(
            f"{b.tensor.node.name} {b.low} {b.high} {nodes.tensor(b.tensor)}"
            for b in training.bounds
        ),
        "plotted",
        *(key + nodes.tensor(t) for key, t in training.plotted.items()),
    ]
    return Content(learned, digest(watched))


class _Digests:
    """Digests of the functions that nodes compute from feeds and variables."""

    def __init__(self, training: Training, ids: Mapping[str, Id]) -> None:
        self._training, self._ids = training, ids
        self._numbers = {t.node: name for t, name in Numbers(training.optimizer).fed().items()}
        self._known: dict[Node, str] = {}

    def of(self, nodes: Iterable[Node], tensors: Sequence[Tensor] = ()) -> str:
        return digest([*map(self._node, nodes), *map(self.tensor, tensors)])

    def tensor(self, tensor: Tensor) -> str:
        source = resolve(tensor)
        return f"{self._node(source.node)}:{source.index}"

    def _node(self, node: Node) -> str:
        """Return a digest of a node and of everything that it depends on.

        Iterate instead of recursing, because graphs are deep.
        """
        waiting = [node]
        while waiting:
            last = waiting[-1]
            unknown = [n for n in self._sources(last) if n not in self._known]
            if unknown:
                waiting += unknown
                continue
            waiting.pop()
            if last not in self._known:
                self._known[last] = digest(self._parts(last))
        return self._known[node]

    def _sources(self, node: Node) -> list[Node]:
        if node.op.id == "variable":
            return []
        return [*(resolve(t).node for t in node.inputs), *node.control_inputs]

    def _parts(self, node: Node) -> Iterable[str]:
        types = [str(t.type) for t in node.outputs]
        if node.op.id == "variable":
            return ["variable", *self._ids.get(node.name, (node.name,)), *types]
        if node in self._numbers:
            return ["number", self._numbers[node], *types]
        attrs: Iterable[tuple[str, Any]] = sorted(node.attrs.items())
        if isinstance(node.op, Optimizer):
            attrs = ()  # an optimizer's attributes act through the nodes before it
        return [
            node.op.id,
            *(part for name, value in attrs if value is not None
              for part in (name, value_text(value))),
            *(f"{self._known[resolve(t).node]}:{resolve(t).index}" for t in node.inputs),
            "after",
            *sorted(self._known[n] for n in node.control_inputs),
            node.stream if node.op.random else "",
            *self._fed(node),
            *types,
            *own_code(node),
        ]  # fmt: skip

    def _fed(self, node: Node) -> Iterable[str]:
        """Yield texts that identify the data set columns and the values that feed a placeholder."""
        for tensor, binding in self._training.bindings.items():
            if tensor.node is node:
                yield f"{binding.dataset.source} {binding.column}"
        for tensor, value in self._training.feeds.items():
            if tensor.node is node:
                yield value_text(value)

"""What of a graph becomes code: the values to predict, the loss and metrics, and their order.

A placeholder is an *input* if a variable meets what depends on it; the others are *labels*. What
the network answers is predicted from the inputs; the loss and the metrics are measured from the
answer and the labels.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from nodeflow.document.analysis.training_settings import optimizers
from nodeflow.document.build.saved_weights import use_weights, weights_path
from nodeflow.document.build.task import Task
from nodeflow.engine.session import Session
from nodeflow.exchange.answers import last_probabilities
from nodeflow.exchange.code.errors import NotInCode
from nodeflow.graph.graph import Node, Tensor
from nodeflow.number_text import counted
from nodeflow.train.training import Training

RESERVED = frozenset("self params out key step training".split())
"""Names that the modules use themselves."""

Writes = Callable[[Node], bool]
"""Whether a dialect writes an op by itself."""


@dataclass(frozen=True)
class Program:
    """A graph, ready to be written.

    Attributes:
        name: what it is called.
        inputs, labels: placeholders that are fed.
        variables: name in the code -> its node, trainable or not.
        layers: name in the code -> layer that the dialect writes as one, with its own variables.
        predicting: nodes in order, from inputs and variables to `predictions`.
        measuring: nodes in order, from predictions and labels to `measured`.
        predictions: nodes that `measuring` reads, or that nothing reads.
        measured: key -> tensor: ``loss`` first, then the metrics.
        training: the training, if there is one.
        stands: tensor -> the tensor that is written for it.
        code: node -> its name in the code.
        task: what it was made of.
        values: name in the graph -> value, where they are given.
    """

    name: str
    inputs: tuple[Node, ...]
    labels: tuple[Node, ...]
    variables: Mapping[str, Node]
    layers: Mapping[str, Node]
    predicting: tuple[Node, ...]
    measuring: tuple[Node, ...]
    predictions: tuple[Node, ...]
    measured: Mapping[str, Tensor]
    training: Training | None
    stands: Mapping[Tensor, Tensor]
    code: Mapping[Node, str]
    task: Task
    values: Mapping[str, np.ndarray] | None = None

    @cached_property
    def initial(self) -> dict[Node, np.ndarray]:
        """Variable -> the value that a training starts from, or that was learned, where the
        document names weights.

        Raises:
            FileProblem: those are damaged, or do not fit.
        """
        inner = (variable for layer in self.layers.values() for variable in own_variables(layer))
        wanted = (*self.variables.values(), *inner)
        if self.values is not None:
            return {v: np.array(self.values[v.name]) for v in wanted}
        task, seed = self.task, self.task.build.settings.seed
        with Session(task.graph, tier="reference", seed=seed) as session:
            session.initialize()
            path = weights_path(task.document)
            if path is not None:
                use_weights(session, task.build, path)
            return {v: np.array(session.variables[v.name]) for v in wanted}

    def value(self, tensor: Tensor) -> str:
        """The expression of a tensor: the name of its node, with an index where it has several."""
        tensor = self.stands.get(tensor, tensor)
        name = self.code[tensor.node]
        return f"{name}[{tensor.index}]" if len(tensor.node.outputs) > 1 else name


@dataclass
class _Walk:
    """Goes back from what is wanted to what is written."""

    writes: Writes
    missing: dict[str, list[str]] = field(default_factory=dict)
    stands: dict[Tensor, Tensor] = field(default_factory=dict)
    found: dict[Node, None] = field(default_factory=dict)

    def want(self, tensors: Iterable[Tensor]) -> None:
        """Take what leads to some tensors; a loop, since graphs are deep."""
        stack: list[tuple[Tensor, bool]] = [(t, False) for t in reversed(list(tensors))]
        while stack:
            tensor, is_done = stack.pop()
            written = self._written(tensor)
            node = written.node
            if node in self.found:
                continue
            if is_done or not node.inputs:
                self.found[node] = None
                continue
            stack.append((tensor, True))
            stack.extend((source, False) for source in reversed(node.inputs))

    def _written(self, tensor: Tensor) -> Tensor:
        """The tensor whose op is written for one: its own, or what a macro stands for."""
        first = tensor
        while not self.writes(tensor.node):
            alias = tensor.node.alias
            inner = alias[tensor.index] if tensor.index < len(alias) else None
            if inner is None:
                names = self.missing.setdefault(tensor.node.op.id, [])
                if first.node.name not in names:
                    names.append(first.node.name)
                break
            tensor = inner
        if tensor is not first:
            self.stands[first] = tensor
        return tensor


def program_of(
    task: Task,
    name: str,
    writes: Writes,
    dialect: str,
    values: Mapping[str, np.ndarray] | None = None,
) -> Program:
    """What a document is as code.

    Args:
        writes: which ops the dialect writes.
        dialect: what it is called.

    Raises:
        NotInCode: the graph has ops that the dialect lacks; the message names them.
        NodeflowError: the document cannot run.
    """
    training = _training(task)
    wanted = {}
    if training is not None:
        wanted["loss"] = training.loss
        wanted |= {m.key: m.tensor for m in training.metrics if m.tensor not in wanted.values()}
    ends = [t for t in map(task.build.fetch, task.default_fetches()) if isinstance(t, Tensor)]
    steering = set() if training is None else {t.node for t in training.optimizer.inputs}
    ends = [
        t
        for t in ends
        if t not in wanted.values() and t.node.op.id != "placeholder" and t.node not in steering
    ]
    walk = _Walk(writes)
    walk.want([*wanted.values(), *ends])
    if walk.missing:
        raise _not_in(dialect, walk.missing)
    return replace(_split(task, name, training, wanted, ends, walk), values=values)


def _training(task: Task) -> Training | None:
    return task.training() if optimizers(task.document) else None


def _not_in(dialect: str, missing: Mapping[str, list[str]]) -> NotInCode:
    parts = [
        f"{op} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for op, names in missing.items()
    ]
    first = next(iter(missing.values()))[0]
    return NotInCode(
        f"{counted(len(missing), 'op')} cannot be written for {dialect}: {', '.join(parts)}",
        node=first,
        hint="Replace them by other nodes, or export to another library.",
    )


def _split(
    task: Task,
    name: str,
    training: Training | None,
    wanted: Mapping[str, Tensor],
    ends: list[Tensor],
    walk: _Walk,
) -> Program:
    nodes, stands = list(walk.found), walk.stands
    variables = [n for n in nodes if n.op.id == "variable"]
    placeholders = [n for n in nodes if n.op.id == "placeholder"]
    given = {*variables, *placeholders}

    def source(tensor: Tensor) -> Node:
        return stands.get(tensor, tensor).node

    depends: dict[Node, frozenset[Node]] = {}
    meets: set[Node] = set()
    for node in nodes:
        sources = [source(t) for t in node.inputs]
        own = {node} if node in placeholders else set()
        depends[node] = frozenset(own.union(*(depends[n] for n in sources)))
        if any(n in variables for n in sources) or own_variables(node):
            meets |= depends[node]
    labels = {p for p in placeholders if p not in meets} if variables and wanted else set()
    later = {n for n in nodes if depends[n] & labels} - labels
    if labels:
        results = _needed([source(t) for t in wanted.values()], source)
        made = _needed(_answers(nodes, source, later), source)
        beyond = {n for n in nodes if n in results and depends[n] and n not in made}
        later |= beyond - given
    constants = {n for n in nodes if n.op.id == "constant"}
    read = [source(t) for n in nodes if n in later for t in n.inputs]
    results = [source(t) for t in (*ends, *wanted.values())]
    predictions = [
        n for n in dict.fromkeys((*read, *results)) if n not in (given | later | constants)
    ]
    needed = _needed(predictions, source)
    code = _names(nodes, stands)
    return Program(
        name=name,
        inputs=tuple(p for p in placeholders if p not in labels),
        labels=tuple(p for p in placeholders if p in labels),
        variables={code[v]: v for v in variables},
        layers={code[n]: n for n in nodes if own_variables(n)},
        predicting=tuple(n for n in nodes if n in needed - given),
        measuring=tuple(n for n in nodes if n in later or (n in constants and n in read)),
        predictions=tuple(predictions),
        measured=dict(wanted),
        training=training,
        stands=stands,
        code=code,
        task=task,
    )


def own_variables(node: Node) -> tuple[Node, ...]:
    """The variables inside a layer, in the order in which it made them."""
    if not node.op.id.startswith("layers/"):
        return ()
    prefix = f"{node.name}/"
    return tuple(
        tensor.node for tensor in node.graph.variables if tensor.node.name.startswith(prefix)
    )


def _answers(
    nodes: Iterable[Node], source: Callable[[Tensor], Node], later: set[Node]
) -> list[Node]:
    """What a network answers: what losses read beside labels, or else its probabilities; what is
    beyond is part of the loss."""
    losses = [n for n in nodes if n in later and n.op.category == "Loss"]
    read = [source(t) for n in losses for t in n.inputs if source(t) not in later]
    if losses:
        return [n for n in read if n.op.id != "placeholder"]
    plain = [n for n in nodes if n not in later]
    return last_probabilities(plain) or plain


def _needed(nodes: Iterable[Node], source: Callable[[Tensor], Node]) -> set[Node]:
    found: set[Node] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(map(source, node.inputs))
    return found


def _names(nodes: Iterable[Node], stands: Mapping[Tensor, Tensor]) -> dict[Node, str]:
    """A name in Python for each node, its own as far as that is one; the result of a macro node
    that is written as its parts has that node's name."""
    found: dict[Node, str] = {}
    taken = set(RESERVED) | set(keyword.kwlist)
    results = {
        inner.node: outer.node.name
        for outer, inner in reversed(list(stands.items()))
        if len(outer.node.outputs) == 1 and inner.node.name.startswith(f"{outer.node.name}/")
    }
    for node in nodes:
        plain = re.sub(r"\W", "_", results.get(node, node.name), flags=re.ASCII)
        plain = f"_{plain}" if plain[:1].isdigit() or not plain else plain
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name)
        found[node] = name
    return found

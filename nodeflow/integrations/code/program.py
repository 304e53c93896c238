"""The parts of a graph that become code: predictions, loss and metrics, in order."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nodeflow.document.analysis.training_settings import optimizers
from nodeflow.document.to_graph.saved_weights import use_weights, weights_path
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Node, Tensor
from nodeflow.integrations.code.dialect import Dialect
from nodeflow.integrations.code.errors import NotInCode
from nodeflow.integrations.code.graph_walk import Walk, walked
from nodeflow.integrations.code.layer_variables import layer_variables
from nodeflow.integrations.code.predict_and_measure import Splitting
from nodeflow.number_text import counted
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.ops.training_mode import is_flag
from nodeflow.train.schedule import loss_name
from nodeflow.train.training import Training

Problems = Callable[[Training, Collection[Node]], list[str]]
RESERVED = frozenset("self params state out key rng step training start tensors".split())
"""Names that the written modules use themselves."""


@dataclass(frozen=True)
class Program:
    """A graph, ready to be written as code.

    Attributes:
        name: the name of the module.
        inputs, labels: placeholders that are fed.
        variables: nodes of variables, trainable or not, by name in the code.
        layers: layers that become objects of the library with their own variables, by name in
            the code.
        predicting: nodes in order, from inputs and variables to `predictions`.
        measuring: nodes in order, from predictions and placeholders to `measured`.
        predictions: tensors that are fetched or that `measuring` reads, by name in the code.
        measured: tensors by key; ``loss`` first, then the metrics.
        training: the training, or None.
        stands: for a tensor, the tensor that the code computes in its place.
        code: the name of each tensor in the code.
        task: the task that the program was made from.
        values: values of variables by name in the graph; None for initial or saved values.
    """

    name: str
    inputs: tuple[Node, ...]
    labels: tuple[Node, ...]
    variables: Mapping[str, Node]
    layers: Mapping[str, Node]
    predicting: tuple[Node, ...]
    measuring: tuple[Node, ...]
    predictions: Mapping[str, Tensor]
    measured: Mapping[str, Tensor]
    training: Training | None
    stands: Mapping[Tensor, Tensor]
    code: Mapping[Tensor, str]
    task: Task
    values: Mapping[str, np.ndarray] | None = None

    @cached_property
    def initial(self) -> dict[Node, np.ndarray]:
        """The value of each variable: from `values`, else from the document's weights file, else
        its initial value.

        Raises:
            FileProblem: the weights are damaged, or do not fit.
        """
        inner = (v for layer in self.layers.values() for v in layer_variables(layer).values())
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

    @cached_property
    def draws(self) -> dict[Node, int]:
        """A dict from random node to the number that selects its random key in the generated code.
        Nodes with the same seed share a number.
        """
        found: dict[object, int] = {}
        numbers = {}
        for node in dict.fromkeys((*self.predicting, *self.measuring)):
            if node.op.random:
                seed = node.attrs.get("seed")
                numbers[node] = found.setdefault(node if seed is None else seed, len(found) + 1)
        return numbers

    def source(self, tensor: Tensor) -> Tensor:
        """Return the tensor that generated code computes in place of the given tensor. An output of
        a macro node, such as a layer, may be replaced by a tensor inside the macro node.
        """
        return self.stands.get(tensor, tensor)

    def value(self, tensor: Tensor) -> str:
        """Return the name of a tensor in the code."""
        return self.code[self.source(tensor)]

    def placeholder(self, node: Node) -> str:
        """Return the name of a placeholder in the code."""
        return self.code[node.outputs[0]]


def program_of(
    task: Task,
    name: str,
    dialect: Dialect,
    values: Mapping[str, np.ndarray] | None = None,
    fetches: Sequence[str] = (),
    problems: Problems = lambda training, placeholders: [],
) -> Program:
    """Analyse a document for export as source code. Return the program: its inputs, variables,
    layers and the nodes to write, in order.

    Args:
        fetches: names of the tensors to predict; by default, tensors that no node reads.
        problems: describes the parts of a training and its placeholders that cannot be written.

    Raises:
        NotInCode: the dialect lacks something; the message lists everything that is missing.
        NodeflowError: the document cannot run, or a tensor does not exist.
    """
    training = task.training() if optimizers(task.document) else None
    measured = {} if training is None else _measured(training)
    ends = [task.tensor(name) for name in fetches] or _ends(task, training, measured)
    walk = walked(dialect, [*measured.values(), *ends])
    fed = [n for n in walk.found if n.op.id == "placeholder" and not is_flag(n.outputs[0])]
    others = [] if training is None else problems(training, fed)
    if walk.missing or others:
        steps = None if training is None else training.phases[0].optimizer.name
        raise _not_in(dialect.title, walk.missing, others, steps)
    return replace(
        _split(task, name, dialect, measured, ends, walk), training=training, values=values
    )


def _measured(training: Training) -> dict[str, Tensor]:
    """Return the losses that the optimizers lower, and the other losses and metrics, by name."""
    found, others = {}, []
    for phase in training.phases:
        node, loss = phase.optimizer, phase.loss
        key = loss_name(node.name) if training.schedule else "loss"
        found[key] = node.inputs[0] if isinstance(node.op, Optimizer) else loss
        others.append((loss.node.name, loss))
    for key, tensor in (*others, *((m.tensor.name, m.tensor) for m in training.metrics)):
        if tensor not in found.values():
            found[_free(key, found)] = tensor
    return found


def _ends(task: Task, training: Training | None, measured: Mapping[str, Tensor]) -> list[Tensor]:
    """Return the tensors that generated code should return as predictions: those that no node
    reads, without losses, metrics and inputs of optimizers.
    """
    found = [t for t in map(task.build.fetch, task.default_fetches()) if isinstance(t, Tensor)]
    phases = () if training is None else training.phases
    steering = {tensor.node for phase in phases for tensor in phase.optimizer.inputs}
    return [
        t for t in found
        if t not in measured.values()
        and t.node not in steering
        and t.node.op.id != "placeholder"
        and not t.node.op.id.startswith("summary/")
    ]  # fmt: skip


def _not_in(
    dialect: str, missing: Mapping[str, list[str]], others: Sequence[str], optimizer: str | None
) -> NotInCode:
    ops = ", ".join(f"{op} ({', '.join(names)})" for op, names in missing.items())
    also = ", ".join(others)
    if not missing:
        message = f"{also} cannot be written for {dialect}"
    else:
        message = f"{counted(len(missing), 'op')} cannot be written for {dialect}: {ops}"
        message += f"; nor can {also}" if others else ""
    return NotInCode(
        message,
        node=next(iter(missing.values()))[0] if missing else optimizer,
        hint="Change that, or export to another library.",
    )


def _split(
    task: Task,
    name: str,
    dialect: Dialect,
    wanted: Mapping[str, Tensor],
    ends: Sequence[Tensor],
    walk: Walk,
) -> Program:
    nodes, stands = list(walk.found), walk.stands
    splitting = Splitting(nodes, lambda t: stands.get(t, t), dialect)
    parts = splitting.parts(wanted.values())
    hidden = {*parts.later, *parts.labels}
    code = _names(nodes, stands)
    measured = dict(wanted)
    predicted = dict.fromkeys(parts.answers)
    for tensor in (*ends, *wanted.values()):
        source = splitting.source(tensor)
        if source.node in hidden:
            if tensor not in measured.values():
                measured[_free(code[source], measured)] = tensor
        elif source.node.op.id != "constant" or tensor in ends:
            predicted[source] = None
    needed = splitting.needed(t.node for t in predicted)
    given = ("placeholder", "variable")
    modules = {code[n.outputs[0]]: n for n in nodes if n.op.id in dialect.modules}
    return Program(
        name=name,
        inputs=parts.inputs,
        labels=parts.labels,
        variables={code[n.outputs[0]]: n for n in nodes if n.op.id == "variable"},
        layers=modules,
        predicting=tuple(n for n in nodes if n in needed and n.op.id not in given),
        measuring=parts.measuring,
        predictions={code[t]: t for t in predicted},
        measured=measured,
        training=None,
        stands=stands,
        code=code,
        task=task,
    )


def _free(name: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken: the given one, or the same with a number."""
    names, found, number = set(taken), name, 2
    while found in names:
        found, number = f"{name}_{number}", number + 1
    return found


def _names(nodes: Iterable[Node], stands: Mapping[Tensor, Tensor]) -> dict[Tensor, str]:
    """Return a Python name for each tensor, as similar as possible to its node's name.

    If a macro node is written as the ops it consists of, the result has the name of the macro node.
    """
    found: dict[Tensor, str] = {}
    taken = set(RESERVED) | set(keyword.kwlist)
    results = {
        inner: _title(outer)
        for outer, inner in reversed(list(stands.items()))
        if inner.node.name.startswith(f"{outer.node.name}/")
    }
    for tensor in (t for node in nodes for t in node.outputs):
        if is_flag(tensor):
            continue
        plain = re.sub(r"\W", "_", results.get(tensor, _title(tensor)), flags=re.ASCII)
        plain = f"_{plain}" if plain[:1].isdigit() or not plain else plain
        found[tensor] = _free(plain, taken)
        taken.add(found[tensor])
    return found


def _title(tensor: Tensor) -> str:
    return tensor.node.name if tensor.index == 0 else f"{tensor.node.name}_{tensor.index}"

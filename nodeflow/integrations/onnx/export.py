"""Conversion of a document to an ONNX file: the choice of tensors and weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION, definition_of
from nodeflow.document.from_graph.foreign_names import SizeNames, foreign_name, size_names
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, NodeRecord
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import SurfaceText
from nodeflow.exchange.answers import last_probabilities
from nodeflow.exchange.exporting import Exported
from nodeflow.exchange.importing import OUTPUTS
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.integrations.onnx import opaque
from nodeflow.integrations.onnx.emit import NotInOnnx
from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.writing import ForeignNames, model_of
from nodeflow.number_text import counted
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.ops.training_mode import is_flag

NAME_ONE = SurfaceText(
    "Name a tensor.",
    cli="Name one with --fetch.",
    window="Let the value of some node be read by nothing.",
)


class OnnxExporter:
    """The exporter to ONNX files (`nodeflow.exchange.exporting.Exporter`)."""

    def reading(self, document: Document) -> AbstractContextManager[None]:
        """Return a context manager. Inside it, placeholder ops are registered for a document's ONNX
        nodes that nodeflow cannot compute.
        """
        return opaque.known(all_records(document))

    def exported(
        self, task: Task, session: Session, fetches: Sequence[str], options: Mapping[str, Any]
    ) -> Exported:
        model, outputs = exported(task, session, fetches, options["opset"])
        facts = {
            "opset": next(entry.version for entry in model.opset_import if not entry.domain),
            "nodes": len(model.graph.node),
            "functions": len(model.functions),
        }
        text = f"opset {facts['opset']}, {counted(facts['nodes'], 'node')}"
        return Exported(
            model.SerializeToString(deterministic=True),
            f"{text}, {counted(facts['functions'], 'function')}",
            [value.name for value in model.graph.input],
            list(outputs),
            facts,
        )


def exported(
    task: Task, session: Session, names: Iterable[str] = (), opset: int | None = None
) -> tuple[Any, dict[str, Tensor]]:
    """Export tensors as an ONNX model for inference, and check it with ONNX's full checker. Return
    the model and a dict of the tensors.

    Args:
        names: names of the tensors; by default the tensors that `answers` returns.

    Raises:
        NotInOnnx: the error names every node that ONNX cannot express.
        UnknownName: there is no such tensor.
    """
    chosen = {name: task.tensor(name) for name in names} or answers(task)
    if not chosen:
        raise NotInOnnx("the graph has no value to export", hint=NAME_ONE)
    values = {name: np.asarray(value) for name, value in session.variables.items()}
    model = model_of(
        task.graph, chosen, values, definitions(task.document), opset, foreign_names(task)
    )
    onnx = onnx_package()
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise NotInOnnx(f"ONNX's checker refuses the model: {error}") from None
    return model, chosen


def answers(task: Task) -> dict[str, Tensor]:
    """Return the predictions of a graph.

    If the graph came from a model, they are the model's outputs. Otherwise they are the tensors
    that no node reads. In a graph that trains, they are the last nodes that depend on inputs
    and variables but not on labels. If several optimizers train separate parts, see `handed_over`.
    """
    given = task.document.root.extra.get(OUTPUTS)
    named = [n for n in given if isinstance(n, str)] if isinstance(given, list) else []
    if named and all(name in task.graph for name in named):
        return {name: task.tensor(name) for name in named}
    graph = task.graph
    ends = {name: t for name in task.build.ends() if isinstance(t := task.fetchable(name), Tensor)}
    if not task.build.optimizers:
        return ends
    measures = _measures(task)
    nodes = [n for n in graph.nodes if n.derived_from is None and n.outputs]
    nodes = [n for n in nodes if n not in measures]
    if made := handed_over(task.build.optimizers, nodes):
        return {t.name: t for n in made for t in n.outputs}
    fed = _read(graph, nodes)
    sets = [fed[n][0] for n in nodes if fed[n][0] and fed[n][1]]
    least = [s for s in sets if not any(other < s for other in sets)]
    wanted = [n for n in nodes if fed[n][0] in least and fed[n][1]]
    if not any(node.op.category == "Loss" for node in graph.nodes):
        made = last_probabilities(wanted)
        if made:
            return {t.name: t for t in made[0].outputs}
    readers: dict[Node, list[Node]] = {}
    for node in wanted:
        for tensor in node.inputs:
            readers.setdefault(tensor.node, []).append(node)
    found = [n for n in wanted if not any(map(_gives_numbers, readers.get(n, ())))]
    found = [n for n in found if _gives_numbers(n) or not readers.get(n)]
    return {t.name: t for n in found for t in n.outputs} or ends


def handed_over(optimizers: Sequence[Node], nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes through which one part of a network feeds another part that a different
    optimizer trains.

    Such nodes depend on variables of one optimizer only, and nodes that depend on variables of
    another optimizer read them: the pictures of a generator, which its critic judges. Numbers are
    left out, because they are parts of a loss.
    """
    if len(optimizers) < 2:
        return []
    trains: dict[Node, set[Node]] = {}
    for optimizer in optimizers:
        for node in ancestors([optimizer]):
            if node.op.id == "assign":
                trains.setdefault(node.inputs[0].node, set()).add(optimizer)
    behind: dict[Node, frozenset[Node]] = {}
    wider: set[Node] = set()
    steps = [node for node in ancestors(optimizers) if isinstance(node.op, Optimizer)]
    forward = ancestors([tensor.node for step in steps for tensor in step.inputs])
    for node in optimizers[0].graph.nodes:
        read = [t.node for t in (*node.inputs, *node.alias) if t is not None]
        found = frozenset(trains.get(node, ())).union(*(behind[source] for source in read))
        behind[node] = found
        if len(found) > 1 and node in forward:
            wider.update(read)
    return [
        node
        for node in nodes
        if node in wider
        and len(behind[node]) == 1
        and node.op.id != "variable"
        and all(t.type.is_float and t.type.rank != 0 for t in node.outputs)
    ]


def foreign_names(task: Task) -> ForeignNames:
    """Return the names that inputs, outputs and sizes had in the file that the graph came from."""
    names: dict[Tensor, str] = {}
    sizes: dict[Tensor, SizeNames] = {}
    for node_id, node in task.build.nodes.items():
        record = task.build.document.nodes[node_id]
        if record.extra and node.outputs and record.name == node.name:
            if (name := foreign_name(record)) is not None:
                names[node.outputs[0]] = name
            sizes[node.outputs[0]] = size_names(record)
    return ForeignNames(names, sizes)


def _measures(task: Task) -> set[Node]:
    """Return the nodes of the loss and the metrics."""
    settings = task.build.settings
    ids = [settings.loss, *(metric.get("node") for metric in settings.metrics or ())]
    found = {task.build.nodes[i] for i in ids if i in task.build.nodes}
    return found | {t.node for one in task.build.optimizers for t in one.inputs}


def _gives_numbers(node: Node) -> bool:
    return any(t.type.is_float for t in node.outputs)


def _read(graph: Graph, nodes: Iterable[Node]) -> dict[Node, tuple[frozenset[Node], bool]]:
    """For each node, return the placeholders that it depends on, and whether it depends on
    variables.
    """
    found: dict[Node, tuple[frozenset[Node], bool]] = {}
    for node in graph.nodes:
        own = node.op.id == "placeholder" and not is_flag(node.outputs[0])
        read = [found[t.node] for t in node.inputs]
        read += [found[t.node] for t in node.alias if t is not None]
        places = frozenset([node] if own else []).union(*(places for places, _ in read))
        found[node] = places, node.op.id == "variable" or any(trained for _, trained in read)
    return {node: found[node] for node in nodes}


def definitions(document: Document) -> Mapping[str, str]:
    """Return a dict from the name of each subgraph instance, at any depth, to the name of its
    definition.
    """
    return dict(_instances(document, ""))


def _instances(graph: Document, prefix: str) -> Iterator[tuple[str, str]]:
    for record in graph.nodes.values():
        inside = definition_of(graph, record) if record.op == SUBGRAPH else None
        if inside is not None and not is_flow(record):
            name = prefix + record.name
            yield name, str(record.attrs[DEFINITION])
            yield from _instances(inside, f"{name}/")


def all_records(document: Document) -> Iterator[NodeRecord]:
    """Yield the nodes of a document and of its definitions."""
    for graph in (document, *document.definitions()):
        yield from graph.nodes.values()

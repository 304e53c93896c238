"""Exports and comparisons of a stored graph with stored weights, for `model_process`."""

from __future__ import annotations

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.saved_weights import use_weights
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.exchange.comparison import verify
from nodeflow.exchange.exporting import Exporter
from nodeflow.exchange.model_requests import (
    CompareModel,
    ExportModel,
    ModelCompared,
    ModelExported,
    StoredGraph,
)
from nodeflow.exchange.peers import peer
from nodeflow.manifests import offer
from nodeflow.train.saving.weights import check_writable


def export_stored(request: ExportModel) -> ModelExported:
    """Export a stored graph to a file in the format of another program."""
    chosen = offer("exporter", request.to)
    chosen.integration.check_software()
    exporter: Exporter = chosen.load()()
    check_writable(request.target)
    options = {flag.removeprefix("--"): None for flag in chosen.fields.get("options", {})}
    with exporter.reading(_document(request.graph)):
        task = Task(_document(request.graph))
        with _session(task, request.graph) as session:
            made = exporter.exported(task, session, (), options)
    with writing(request.target):
        write_atomically(request.target, made.content)
    return ModelExported(request.target, made.text, tuple(made.outputs))


def compare_stored(request: CompareModel) -> ModelCompared:
    """Compare every value of a stored graph with the value that another program computes."""
    other = peer(request.peer)
    task = Task(_document(request.graph))
    with _session(task, request.graph) as session:
        found = verify(task, session, other, ())
    node = (found.first or found.largest).name
    return ModelCompared(other.title, found.text, node, found.first is None, dict(found.left_out))


def _document(graph: StoredGraph) -> Document:
    document = flow.load(graph.file)
    document.allow(*graph.allowed)
    return document


def _session(task: Task, graph: StoredGraph) -> Session:
    """Return a session with the stored variables."""
    task.graph.devices_noted = True
    session = Session(task.graph, tier="compiled", seed=task.build.settings.seed)
    session.initialize()
    if graph.weights is not None:
        use_weights(session, task.build, graph.weights)
    return session

"""The window's process for models of other programs: ``python -m nodeflow.exchange.model_process``.

Its input is one pickled request of `model_requests`; its output is the pickled answer, or the
error. It reads, writes and compares models in a process of its own because that takes seconds and
may need much memory, and because the user can end it at any time.
"""

from __future__ import annotations

import os
import pickle
import sys
from functools import singledispatch

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.saved_weights import use_weights
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.exchange.comparison import verify
from nodeflow.exchange.exporting import Exporter
from nodeflow.exchange.importing import import_model
from nodeflow.exchange.model_requests import (
    Answer,
    CompareModel,
    ExportModel,
    ImportModel,
    ModelCompared,
    ModelExported,
    ModelImported,
    Request,
    StoredGraph,
)
from nodeflow.exchange.peers import peer
from nodeflow.manifests import offer
from nodeflow.ops.user import load_plugins
from nodeflow.train.saving.weights import check_writable


@singledispatch
def answer(request: Request) -> Answer:
    """Do what a request asks.

    Raises:
        NodeflowError: the file, graph or weights have an error, software is missing, or something
            cannot be written; names all of it. No part of a file is left.
    """
    raise TypeError(type(request).__name__)


@answer.register
def _import(request: ImportModel) -> ModelImported:
    imported = import_model(request.source, request.target, trainable=request.trainable)
    return ModelImported(dict(imported.missing))


@answer.register
def _export(request: ExportModel) -> ModelExported:
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


@answer.register
def _compare(request: CompareModel) -> ModelCompared:
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


def main() -> None:
    """Answer the request on standard input."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the user's own ops print is no answer
    request: Request = pickle.load(sys.stdin.buffer)
    found: Answer | NodeflowError
    try:
        load_plugins()
        found = answer(request)
    except NodeflowError as error:
        found = error
    with answers:
        pickle.dump(found, answers)


if __name__ == "__main__":
    main()

"""Loading the graph of a command, with its settings, data and feeds."""

from __future__ import annotations

import argparse
from pathlib import Path

from nodeflow.cli.environment import Environment
from nodeflow.cli.option_values import ArgumentProblem, parse_setting, read_feed, split_assignment
from nodeflow.cli.output_format import show_notices
from nodeflow.data.catalog import SOURCES, source_at
from nodeflow.document.analysis.datasets.dataset_node import allow_source, document_folder
from nodeflow.document.analysis.subgraphs.instance_paths import find_name
from nodeflow.document.edit.data.replace_source import use_dataset
from nodeflow.document.edit.set_by_name import set_value
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.saved_weights import use_weights
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.backend import NUMBA
from nodeflow.engine.runtime.context import Tier
from nodeflow.engine.session import Session
from nodeflow.errors import FileProblem, UnknownName
from nodeflow.graph.graph import Tensor


def load_document(arguments: argparse.Namespace, environment: Environment) -> Document:
    """Load the document of the file, and apply ``--set`` and ``--dataset``.

    Raises:
        FileProblem, UnknownName, AttributeProblem: an error in the file or an argument.
    """
    document = flow.load(environment.path(arguments.file))
    document.allow(*map(environment.path, arguments.allowed_data))
    if getattr(arguments, "data_dir", None):
        document.allow(environment.path(arguments.data_dir))
    for choice in getattr(arguments, "datasets", ()):
        choice = _dataset_choice(document, choice, environment)
        use_dataset(document, choice, base_dir=document_folder(document))
    for text in getattr(arguments, "settings", ()):
        node, attr, value = parse_setting(text)
        if attr == "source":
            allow_source(document, value)
        set_value(document, node, attr, value)
    return document


def _dataset_choice(document: Document, choice: str, environment: Environment) -> str:
    """Complete a ``--dataset`` value: add the kind to a bare path, and make paths absolute.

    The document may read the path, because its user wrote it into the command.

    Raises:
        UnknownSource: no kind of data has files with this ending.
    """
    node, equals, source = choice.partition("=")
    if not equals or find_name(document, node) is None:
        node, equals, source = "", "", choice
    kind, colon, path = source.partition(":")
    if colon and kind in SOURCES and SOURCES[kind].takes_path:
        if (there := environment.path(path)).exists():
            source = f"{kind}:{there}"
    elif kind not in SOURCES:
        there = environment.path(source)
        if there.exists() or there.suffix:
            source = source_at(str(there))
    allow_source(document, source)
    return f"{node}{equals}{source}"


def load_task(
    arguments: argparse.Namespace, environment: Environment, *, whole: bool = False
) -> Task:
    """Build the document that the command line names, and feed the values of ``--feed``. For
    ``whole``, see `Task`.
    """
    document = load_document(arguments, environment)
    data_dir = environment.path(arguments.data_dir) if arguments.data_dir else None
    task = Task(document, data_dir=data_dir, whole=whole)
    fed = set()
    for text in getattr(arguments, "feeds", ()):
        name, value = split_assignment(text, "NAME=VALUE")
        tensor = _fed_tensor(task, name)
        if name in fed:
            raise ArgumentProblem(f"--feed is given twice for {name!r}")
        fed.add(name)
        read = read_feed(
            name,
            value,
            tensor.type,
            environment.folder,
            arguments.invert,
            arguments.prepare,
        )
        task.feed(tensor, read)
    return task


def _fed_tensor(task: Task, name: str) -> Tensor:
    """Return the tensor to feed. The error for an unknown name suggests placeholders."""
    try:
        return task.tensor(name)
    except UnknownName as error:
        placeholders = ", ".join(p.name for p in task.graph.placeholders)
        if error.hint is None and placeholders:
            error.hint = f"The placeholders are {placeholders}."
        raise


def open_session(task: Task, arguments: argparse.Namespace, environment: Environment) -> Session:
    """Return a session with initialized or saved variables.

    Saved variables come from ``--weights``, or, without ``--init``, from the file that the document
    names. The seed comes from ``--seed`` or from the training.

    Raises:
        FileProblem: the file of ``--weights`` is missing, or weights do not fit.
    """
    seed: int = task.build.settings.seed if arguments.seed is None else arguments.seed
    show_notices(filter(None, [task.graph.device_note()]), environment)
    task.graph.devices_noted = True
    backend: str = getattr(arguments, "backend", NUMBA)
    session = Session(
        task.graph,
        tier=tier_of(arguments.tier, backend),
        threads=arguments.threads,
        seed=seed,
        without=arguments.without,
        backend=backend,
        memory=getattr(arguments, "memory", None),
    )
    session.initialize()
    path = _weights_file(task, arguments, environment)
    if path is not None:
        for warning in use_weights(session, task.build, path):
            environment.message(f"nodeflow: warning: {warning}")
    return session


def tier_of(tier: Tier, backend: str) -> Tier:
    """Return the tier of a session: the given one, but ``auto`` for another backend, which always
    compiles.
    """
    return "auto" if backend != NUMBA and tier == "compiled" else tier


def _weights_file(
    task: Task, arguments: argparse.Namespace, environment: Environment
) -> Path | None:
    """Return the file of saved variables to start from, or None."""
    if arguments.weights:
        if arguments.init:
            raise ArgumentProblem("--weights and --init contradict each other")
        path = environment.path(arguments.weights)
        if not path.exists():
            raise FileProblem(f"there is no file {arguments.weights}")
        return path
    return None if arguments.init else task.weights_path()

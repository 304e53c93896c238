"""Documents as programs, written to a folder, for ``nodeflow export`` and the window.

Integrations write programs for other libraries (purpose ``code``). For nodeflow, the program builds
the document again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from nodeflow.atomic_write import write_atomically
from nodeflow.document.code.document_code import document_code
from nodeflow.document.to_graph.saved_weights import weights_path
from nodeflow.document.to_graph.stored_values import stored_path
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import FileProblem
from nodeflow.file_reading import read_bytes
from nodeflow.manifests import offer, offers
from nodeflow.train.saving.weights import write_arrays

SUFFIXES = (".safetensors", ".npz")
"""Suffixes of files of variables."""
Variables = Mapping[str, np.ndarray]


def _nothing() -> dict[str, np.ndarray]:
    return {}


@dataclass(frozen=True)
class Written:
    """A document as code.

    Attributes:
        text: the module.
        about: a sentence about the contents of the folder.
        beside: returns the files beside the module, by name; raises NodeflowError.
        weights: returns the arrays of the weights file; empty for no such file.
    """

    text: str
    about: str
    beside: Callable[[], dict[str, bytes]]
    weights: Callable[[], dict[str, np.ndarray]] = _nothing


class Target(Protocol):
    """A function that writes the code of documents for one library."""

    def __call__(
        self, task: Task, name: str, variables: Variables | None, fetches: Sequence[str]
    ) -> Written:
        """Write a document as source code for a library, and return the code.

        Args:
            name: the name of the module.
            variables, fetches: the same as for `code_of`.

        Raises:
            NodeflowError: the library lacks something; the message names everything that it lacks.
        """
        ...


def _document(
    task: Task, name: str, variables: Variables | None, fetches: Sequence[str]
) -> Written:
    """Return Python code that builds the document again with nodeflow, and the files of variables'
    values that the code reads.
    """
    document = task.document.root
    code = document_code(document, name)

    def beside() -> dict[str, bytes]:
        found = {f"{name}_values.json": code.beside} if code.values else {}
        folder = task.base_dir
        for path in (weights_path(document, folder), stored_path(document, folder)):
            if path is not None and path.suffix in SUFFIXES and path.exists():
                written = os.path.relpath(path, os.fspath(folder) or os.curdir)
                found[path.name if written.startswith(os.pardir) else written] = read_bytes(path)
        return found

    about = "The folder gets the module, which builds this document again, with all that it holds."
    return Written(code.text, about, beside)


DOCUMENT = "nodeflow"
"""The target that builds the document again; all others are of integrations."""


def titles() -> dict[str, str]:
    """Return the title of each target by its name."""
    return {**{each.name: each.label for each in offers("code")}, DOCUMENT: DOCUMENT}


def target_named(name: str) -> Target:
    """Return the export target with this name, which writes documents as code.

    Raises:
        NotOffered: no installed integration offers it.
    """
    if name == DOCUMENT:
        return _document
    return offer("code", name, [DOCUMENT]).load()


def code_of(
    task: Task,
    name: str,
    target: str,
    variables: Variables | None = None,
    fetches: Sequence[str] = (),
) -> Written:
    """Write a document as source code for a library or program, and return the code.

    Args:
        variables: values by the names in the graph; default: the weights that the document names,
            or else the initial values.
        fetches: names of the tensors to predict; default: tensors that no node consumes. The code
            for nodeflow always contains the whole document.

    Raises:
        NotInCode: the library lacks something; the message names everything that it lacks.
        NodeflowError: the document cannot run, or has no tensor of a name.
    """
    return target_named(target)(task, name, variables, fetches)


def export_code(
    task: Task,
    name: str,
    target: str,
    folder: str | os.PathLike[str],
    variables: Variables | None = None,
    fetches: Sequence[str] = (),
) -> list[str]:
    """Write a document as a program and return the names of the files.

    Args:
        name: the name of the module; the names of the other files begin with it.
        target: a key of `titles`.
        folder: made if it is missing.
        variables, fetches: as for `code_of`.

    Raises:
        NotInCode: the library lacks something, or the rows are too many.
        FileProblem: a file cannot be written.
        NodeflowError: the document cannot run, or has no tensor of a name.
    """
    code = code_of(task, name, target, variables, fetches)
    weights = code.weights()
    place = Path(folder)
    try:
        files = {f"{name}.py": code.text.encode(), **code.beside()}
        for file, content in files.items():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place / file, content)
    except OSError as error:
        raise FileProblem(f"cannot write to {place}: {error.strerror or error}") from None
    if weights:
        write_arrays(place / f"{name}.safetensors", weights)
    return [*files, *([f"{name}.safetensors"] if weights else [])]


def module_name(title: str) -> str:
    """Return the name of a document's module: its title, made a valid Python name."""
    found = re.sub(r"\W", "_", title.removesuffix(".flow"), flags=re.ASCII)
    return f"graph_{found}" if not found or found[0].isdigit() else found

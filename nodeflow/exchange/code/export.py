"""Writes a graph as a program: module, weights, and the rows and batches of its training.

For nodeflow itself, the module builds the document again.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nodeflow.atomic_write import write_atomically
from nodeflow.document.build.saved_weights import weights_path
from nodeflow.document.build.stored_values import stored_path
from nodeflow.document.build.task import Task
from nodeflow.errors import FileProblem
from nodeflow.exchange.code import (
    jax_module,
    numpy_module,
    pytorch_module,
    tensorflow1_module,
)
from nodeflow.exchange.code.dialect import Dialect
from nodeflow.exchange.code.document_code import document_code
from nodeflow.exchange.code.jax_numpy import JAX, NUMPY
from nodeflow.exchange.code.program import Program, program_of
from nodeflow.exchange.code.pytorch import PYTORCH
from nodeflow.exchange.code.tensorflow1 import TENSORFLOW1
from nodeflow.exchange.code.training_rows import batches, rows_of, training_problems
from nodeflow.file_reading import read_bytes
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


@dataclass(frozen=True)
class Target:
    """A library that documents are exported to.

    Attributes:
        title: its name.
        written: writes the code, from the document, the name of the module, the values of the
            variables and the names of the fetches.
        fetches: whether the user can choose the fetches.
    """

    title: str
    written: Callable[[Task, str, Variables | None, Sequence[str]], Written]
    fetches: bool = True


def _library(
    dialect: Dialect,
    text: Callable[[Program], str],
    weights: Callable[[Program], dict[str, np.ndarray]],
    trains: bool = True,
) -> Target:
    """Return the target for a library, from its dialect and the writer of its modules."""

    def written(
        task: Task, name: str, variables: Variables | None, fetches: Sequence[str]
    ) -> Written:
        problems = training_problems if trains else lambda training, placeholders: []
        program = program_of(task, name, dialect, variables, fetches, problems)
        has_training = trains and program.training is not None
        about = "its weights, data and batches" if has_training else "its weights"
        return Written(
            text(program),
            f"The folder gets the module and {about}. nodeflow is not needed.",
            lambda: _training_files(program) if has_training else {},
            lambda: weights(program),
        )

    return Target(dialect.title, written)


def _document(
    task: Task, name: str, variables: Variables | None, fetches: Sequence[str]
) -> Written:
    """Return code that builds the document again, with the files of variables that it names."""
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


TARGETS: Mapping[str, Target] = {
    "pytorch": _library(PYTORCH, pytorch_module.text, pytorch_module.weights),
    "jax": _library(JAX, jax_module.text, jax_module.weights),
    "tensorflow1": _library(TENSORFLOW1, tensorflow1_module.text, tensorflow1_module.weights),
    "numpy": _library(NUMPY, numpy_module.text, numpy_module.weights, trains=False),
    "nodeflow": Target("nodeflow", _document, fetches=False),
}


def code_of(
    task: Task,
    name: str,
    target: str,
    variables: Variables | None = None,
    fetches: Sequence[str] = (),
) -> Written:
    """Return a document as code.

    Args:
        variables: values by the names in the graph; default: the weights that the document names,
            or else the initial values.
        fetches: names of the tensors to predict; default: tensors that no node consumes. The code
            for nodeflow always contains the whole document.

    Raises:
        NotInCode: the library lacks something; the message names all of it.
        NodeflowError: the document cannot run, or has no tensor of a name.
    """
    return TARGETS[target].written(task, name, variables, fetches)


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
        target: a key of `TARGETS`.
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


def _training_files(program: Program) -> dict[str, bytes]:
    """Return the files with the batches and rows of a training, by name."""
    training = program.training
    assert training is not None
    placeholders = {n: program.placeholder(n) for n in (*program.inputs, *program.labels)}
    return {
        f"{program.name}_batches.npz": _npz({"rows": batches(training)}),
        f"{program.name}_data.npz": _npz(rows_of(training, placeholders)),
    }


def module_name(title: str) -> str:
    """Return the name of a document's module: its title, made a valid Python name."""
    found = re.sub(r"\W", "_", title.removesuffix(".flow"), flags=re.ASCII)
    return f"graph_{found}" if not found or found[0].isdigit() else found


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return an .npz archive with zlib level 1: three times faster than numpy's 6, a fifth
    larger."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    return file.getvalue()

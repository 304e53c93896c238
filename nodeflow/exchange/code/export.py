"""Writes a graph as a program: module, weights, and the rows and batches of its training."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nodeflow.atomic_write import write_atomically
from nodeflow.document.build.task import Task
from nodeflow.errors import FileProblem
from nodeflow.exchange.code import function_module, pytorch_module, tensorflow1_module
from nodeflow.exchange.code.dialect import Dialect
from nodeflow.exchange.code.errors import NotInCode
from nodeflow.exchange.code.jax_numpy import JAX, NUMPY
from nodeflow.exchange.code.program import Program, program_of
from nodeflow.exchange.code.pytorch import PYTORCH
from nodeflow.exchange.code.tensorflow1 import TENSORFLOW1
from nodeflow.number_text import bytes_text
from nodeflow.train.saving.weights import write_arrays
from nodeflow.train.stepping.steppers import order_of
from nodeflow.train.training import Training

MOST_STEPS = 100_000
"""Steps whose batches are written."""
MOST_BYTES = 512 * 10**6
"""Of the rows of a training."""


@dataclass(frozen=True)
class Target:
    """What a graph is written for: a dialect, and what writes the module around it."""

    dialect: Dialect
    text: Callable[[Program], str]
    weights: Callable[[Program], dict[str, np.ndarray]]
    trains: bool = True


TARGETS: Mapping[str, Target] = {
    "pytorch": Target(PYTORCH, pytorch_module.text, pytorch_module.weights),
    "jax": Target(JAX, function_module.jax_text, function_module.weights),
    "tensorflow1": Target(TENSORFLOW1, tensorflow1_module.text, tensorflow1_module.weights),
    "numpy": Target(NUMPY, function_module.numpy_text, function_module.weights, trains=False),
}


def code_of(
    task: Task, name: str, target: str, variables: Mapping[str, np.ndarray] | None = None
) -> tuple[Program, str]:
    """A document as a program, and its text.

    Args:
        variables: values by the names in the graph; default: the initial ones, or those of the
            weights that the document names.

    Raises:
        NotInCode: the library lacks ops, or an optimizer.
        NodeflowError: the document cannot run.
    """
    found = TARGETS[target]
    program = program_of(task, name, found.dialect.writes, found.dialect.title, variables)
    return program, found.text(program)


def export_code(
    task: Task,
    name: str,
    target: str,
    folder: str | os.PathLike[str],
    variables: Mapping[str, np.ndarray] | None = None,
) -> list[str]:
    """Write a document as a program; returns the names of its files.

    Args:
        name: of the module, and the beginning of the other files' names.
        target: a key of `TARGETS`.
        folder: made where it is missing.
        variables: as of `code_of`.

    Raises:
        NotInCode: the library lacks ops, or an optimizer, or the rows are too many.
        FileProblem: a file cannot be written.
        NodeflowError: the document cannot run.
    """
    found = TARGETS[target]
    program, text = code_of(task, name, target, variables)
    files: dict[str, bytes] = {f"{name}.py": text.encode()}
    if program.training is not None and found.trains:
        files[f"{name}_batches.npz"] = _npz({"rows": batches(program.training)})
        files[f"{name}_data.npz"] = _npz(_rows(program, program.training))
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            write_atomically(place / file, content)
    except OSError as error:
        raise FileProblem(f"cannot write to {place}: {error.strerror or error}") from None
    weights = found.weights(program)
    if weights:
        write_arrays(place / f"{name}.safetensors", weights)
    return [*files, *([f"{name}.safetensors"] if weights else [])]


def module_name(title: str) -> str:
    """What the module of a document is called: its title, as far as Python takes it."""
    found = re.sub(r"\W", "_", title.removesuffix(".flow"), flags=re.ASCII)
    return f"graph_{found}" if not found or found[0].isdigit() else found


def batches(training: Training) -> np.ndarray:
    """The rows of each step, int64 (steps, batch size), as the training takes them."""
    bindings = training.used_bindings([training.optimizer, training.loss.node])
    rows = training.rows(bindings, "train")
    if rows is None or training.stream is not None:
        raise NotInCode(
            "the batches are made by the graph itself, not from rows of a data set",
            node=training.loss.node.name,
            hint="Feed the placeholders from a data set.",
        )
    size = training.batch_size
    found, steps = [], 0
    for epoch in range(1, training.epochs + 1):
        order = order_of(training, rows, epoch)
        whole = len(order) // size
        found.append(order[: whole * size].reshape(whole, size))
        steps += whole
        if steps > MOST_STEPS:
            break
    return np.concatenate(found)[:MOST_STEPS]


def _rows(program: Program, training: Training) -> dict[str, np.ndarray]:
    bindings = training.used_bindings([training.optimizer, training.loss.node])
    bindings |= {t: b for m in training.metrics for t, b in training.bindings.items()
                 if t.node in program.code}  # fmt: skip
    found: dict[str, np.ndarray] = {}
    for tensor, binding in bindings.items():
        name = program.code.get(tensor.node)
        for split in binding.dataset.splits if name else ():
            column = binding.dataset.split(split)[binding.column]
            found[f"{split}/{name}"] = column.rows(slice(None))
    size = sum(array.nbytes for array in found.values())
    if size > MOST_BYTES:
        raise NotInCode(
            f"the rows of the training take {bytes_text(size)}; at most {bytes_text(MOST_BYTES)} "
            "are written beside the code",
            node=training.loss.node.name,
            hint="Train on fewer rows.",
        )
    return found


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()

"""The libraries that graphs are written for.

For each: the module, its weights, and the rows of a training.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.exchange.code_targets import Target, Variables, Written
from nodeflow.integrations.code.dialect import Dialect
from nodeflow.integrations.code.numpy_and_jax import jax_module, numpy_module
from nodeflow.integrations.code.numpy_and_jax.numpy_ops import JAX, NUMPY
from nodeflow.integrations.code.program import Program, program_of
from nodeflow.integrations.code.pytorch import pytorch_module
from nodeflow.integrations.code.pytorch.pytorch_ops import PYTORCH
from nodeflow.integrations.code.tensorflow1 import tensorflow1_module
from nodeflow.integrations.code.tensorflow1.tensorflow1_ops import TENSORFLOW1
from nodeflow.integrations.code.training_rows import batches, rows_of, training_problems


def _library(
    dialect: Dialect,
    text: Callable[[Program], str],
    weights: Callable[[Program], dict[str, np.ndarray]],
    trains: bool = True,
) -> Target:
    """Return the export target that writes a document as code for a library.

    Args:
        text: writes the module.
        weights: returns the variables by name.
        trains: whether the module can train.
    """

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

    return written


def _training_files(program: Program) -> dict[str, bytes]:
    """Return the files with the batches and rows of a training, by name."""
    training = program.training
    assert training is not None
    placeholders = {n: program.placeholder(n) for n in (*program.inputs, *program.labels)}
    return {
        f"{program.name}_batches.npz": _npz({"rows": batches(training)}),
        f"{program.name}_data.npz": _npz(rows_of(training, placeholders)),
    }


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays as an .npz archive, compressed with zlib level 1: three times faster than
    numpy's level 6, and a fifth larger.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    return file.getvalue()


PYTORCH_TARGET = _library(PYTORCH, pytorch_module.text, pytorch_module.weights)
JAX_TARGET = _library(JAX, jax_module.text, jax_module.weights)
TENSORFLOW1_TARGET = _library(TENSORFLOW1, tensorflow1_module.text, tensorflow1_module.weights)
NUMPY_TARGET = _library(NUMPY, numpy_module.text, numpy_module.weights, trains=False)

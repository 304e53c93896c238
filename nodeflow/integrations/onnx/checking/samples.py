"""The inputs of a check: samples from a folder, or random ones.

A folder holds one ``.npz`` file per sample with an array per input, or, for a model with one input,
one ``.npy`` file per sample, or one folder per sample with ``INPUT.npy`` files.
"""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.errors import FileProblem
from nodeflow.file_reading import allow, opened
from nodeflow.integrations.onnx.call import carrier

SIDE, LENGTH = 64, 8
"""Sizes of random samples for open axes of pictures and of other inputs."""
RANDOM = 2
"""Number of random samples."""


@dataclass(frozen=True)
class Sample:
    """The inputs of one run.

    Attributes:
        name: the name of its file, or a description.
    """

    name: str
    feeds: Mapping[str, np.ndarray]


def samples_of(model: Any, folder: Path | None) -> list[Sample]:
    """Return the samples for a model: those of a folder, or random ones.

    Raises:
        FileProblem: the folder holds no samples for this model.
    """
    held = {t.name for t in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in held]
    if folder is None:
        rng = np.random.default_rng(0)
        return [
            Sample(f"random {i + 1}", {v.name: _random(v, rng) for v in inputs})
            for i in range(RANDOM if inputs else 1)
        ]
    if not folder.is_dir():
        raise FileProblem(f"{folder} is not a folder", hint="Choose a folder with samples.")
    made = [_sample(path, inputs) for path in sorted(folder.iterdir()) if _is_sample(path)]
    if not made:
        raise FileProblem(
            f"{folder} holds no samples",
            hint="Put .npz files there, each with an array for every input of the model.",
        )
    return made


def _is_sample(path: Path) -> bool:
    return path.suffix in (".npz", ".npy") or (path.is_dir() and any(path.glob("*.npy")))


def _sample(path: Path, inputs: Sequence[Any]) -> Sample:
    try:
        if path.is_dir():
            found = {each.stem: _array(each) for each in path.glob("*.npy")}
        elif path.suffix == ".npy":
            names = [value.name for value in inputs]
            if len(names) != 1:
                raise FileProblem(
                    f"{path.name} is one array, and the model has {len(names)} inputs",
                    hint=f"Put .npz files there, each with the arrays {', '.join(names)}.",
                )
            found = {names[0]: _array(path)}
        else:
            with opened(path) as file, np.load(file, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FileProblem(f"{path.name} is damaged or has no arrays: {error}") from None
    return Sample(path.name, {v.name: _taken(v, found, path) for v in inputs})


def _array(path: Path) -> np.ndarray:
    with opened(path) as file:
        return np.load(file, allow_pickle=False)


def _taken(value: Any, found: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
    """Return the array that a sample has for an input of a model, in the dtype of the input.

    Raises:
        FileProblem: the sample has no such array, or one with other numbers or axes.
    """
    name = value.name
    if name not in found:
        raise FileProblem(f"{path.name} has no array {name}", hint=f"It has {', '.join(found)}.")
    array, dtype = found[name], carrier(value.type.tensor_type.elem_type)
    dims = value.type.tensor_type.shape.dim
    if value.type.tensor_type.HasField("shape") and array.ndim != len(dims):
        raise FileProblem(
            f"{path.name}: {name} has {array.ndim} axes, and the model's input {len(dims)}"
        )
    if dtype is None or array.dtype == dtype:
        return array
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        made = array.astype(dtype)
    both_float = array.dtype.kind == "f" and made.dtype.kind in "fV"
    if not both_float and not np.array_equal(made.astype(array.dtype), array):
        raise FileProblem(
            f"{path.name}: {name} holds {array.dtype} numbers that are not {dtype} numbers"
        )
    return made


def _random(value: Any, rng: np.random.Generator) -> np.ndarray:
    """Return normally distributed floats, or integers 0 and 1, for an input.

    An open first axis has the size 1. An input without a declared shape is a scalar.
    """
    dims = value.type.tensor_type.shape.dim
    other = SIDE if len(dims) == 4 else LENGTH
    shape = [
        d.dim_value if d.dim_value > 0 else (1 if i == 0 else other) for i, d in enumerate(dims)
    ]
    allow(8 * math.prod(shape), f"a random sample of {value.name}")
    dtype = np.dtype(carrier(value.type.tensor_type.elem_type) or "float32")
    if dtype.kind in "iub":
        return np.asarray(rng.integers(0, 2, shape)).astype(dtype)
    return np.asarray(rng.normal(size=shape)).astype(dtype)

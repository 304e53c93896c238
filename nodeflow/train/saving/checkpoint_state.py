"""The list of the checkpoints in a folder, and their content, under TensorFlow 1's names.

A file called ``checkpoint`` in the folder lists the checkpoints, the newest last. A checkpoint is
named by its path (``model.ckpt-100``), which `Saver.restore` takes.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.atomic_write import write_atomically
from nodeflow.errors import FileProblem, UnknownName, suggest_or_list
from nodeflow.file_reading import damaged_as, read_bytes
from nodeflow.train.saving.checkpoint import MANIFEST, CheckpointProblem, read_checkpoint
from nodeflow.train.saving.plain_values import real, text

STATE, FORMAT = "checkpoint", "nodeflow checkpoints"

Name = str | os.PathLike[str]


@dataclass(frozen=True)
class CheckpointState:
    """The content of a folder's list of checkpoints.

    Attributes:
        model_checkpoint_path: path of the newest checkpoint.
        all_model_checkpoint_paths: paths of all kept checkpoints, the oldest first.
        all_model_checkpoint_timestamps: when each was saved, in seconds since 1970.
    """

    model_checkpoint_path: str
    all_model_checkpoint_paths: tuple[str, ...]
    all_model_checkpoint_timestamps: tuple[float, ...]


def write_state(folder: Path, name: str | None, kept: list[tuple[str, float]]) -> None:
    """Write the file that lists the checkpoints of a folder.

    Args:
        name: the name of the file; None for the default.
        kept: path and time of each checkpoint, the newest last.

    Raises:
        CheckpointProblem: the file cannot be written.
    """
    paths = [os.path.relpath(path, folder) for path, _ in kept]
    content = {
        "format": FORMAT,
        "version": 1,
        "all": [{"path": p, "time": time} for p, (_, time) in zip(paths, kept, strict=True)],
    }
    try:
        said = json.dumps(content, indent=1, sort_keys=True) + "\n"
        write_atomically(folder / (name or STATE), said.encode())
    except OSError as error:
        raise CheckpointProblem(f"cannot write {folder / STATE}: {error.strerror}") from None


def get_checkpoint_state(
    checkpoint_dir: Name, latest_filename: str | None = None
) -> CheckpointState | None:
    """Return the checkpoints that a folder lists, or None if it lists none.

    Args:
        latest_filename: name of the list, if another one was given to `Saver.save`.

    Raises:
        CheckpointProblem: the list is damaged, or another program wrote it.
        ReadRefused: the list is a pipe or a device.
    """
    folder = Path(checkpoint_dir)
    file = folder / (latest_filename or STATE)
    try:
        data = read_bytes(file)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise CheckpointProblem(f"cannot read {file}: {error.strerror}") from None
    with damaged_as(CheckpointProblem, file, "a list of nodeflow's checkpoints"):
        content: Any = json.loads(data)
        found = [(str(folder / text(one["path"])), real(one["time"])) for one in content["all"]]
        if content["format"] != FORMAT or content["version"] != 1:
            raise ValueError(f"format {content['format']!r}, version {content['version']!r}")
    if not found:
        return None
    paths, times = zip(*found, strict=True)
    return CheckpointState(paths[-1], paths, times)


def latest_checkpoint(checkpoint_dir: Name, latest_filename: str | None = None) -> str | None:
    """Return the path of a folder's newest checkpoint, for `Saver.restore`.

    Return None if the folder lists no checkpoint, or the newest one is missing.
    """
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix: Name) -> bool:
    """Return whether a checkpoint with this path exists, as returned by `Saver.save`."""
    return (Path(checkpoint_prefix) / MANIFEST).is_file()


class CheckpointReader:
    """The variables of a checkpoint, readable without a graph. `load_checkpoint` creates it."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays = arrays

    def has_tensor(self, name: str) -> bool:
        return name in self._arrays

    def get_tensor(self, name: str) -> np.ndarray:
        """Return a copy of the value of a variable.

        Raises:
            UnknownName: the checkpoint has no variable of this name.
        """
        if name not in self._arrays:
            hint = suggest_or_list(name, self._arrays)
            raise UnknownName(f"the checkpoint has no variable {name!r}", hint=hint)
        return self._arrays[name].copy()

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        return {name: list(array.shape) for name, array in self._arrays.items()}

    def get_variable_to_dtype_map(self) -> dict[str, str]:
        return {name: array.dtype.name for name, array in self._arrays.items()}


def load_checkpoint(ckpt_dir_or_file: Name) -> CheckpointReader:
    """Open a checkpoint, or the newest one of a folder.

    Raises:
        FileProblem: there is no checkpoint, or it is damaged.
    """
    path = Path(ckpt_dir_or_file)
    if path.is_dir() and not checkpoint_exists(path):
        newest = latest_checkpoint(path)
        if newest is None:
            raise FileProblem(f"the folder {path} lists no checkpoint")
        path = Path(newest)
    return CheckpointReader(read_checkpoint(path))


def load_variable(ckpt_dir_or_file: Name, name: str) -> np.ndarray:
    """Return one variable of a checkpoint; raise as `load_checkpoint` and `get_tensor` do."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name)


def list_variables(ckpt_dir_or_file: Name) -> list[tuple[str, list[int]]]:
    """Return the names and shapes of a checkpoint's variables, sorted; raise as
    `load_checkpoint` does.
    """
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())

"""Which checkpoints a folder holds, and what is in them: by the names TensorFlow 1 gives this.

A file called ``checkpoint`` in the folder lists them, the newest last. A checkpoint is named by its
path (``model.ckpt-100``), with which it is restored.
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
    """What the list of a folder says.

    Attributes:
        model_checkpoint_path: path of the newest one.
        all_model_checkpoint_paths: of all that are kept, the oldest first.
        all_model_checkpoint_timestamps: when each was saved, in seconds since 1970.
    """

    model_checkpoint_path: str
    all_model_checkpoint_paths: tuple[str, ...]
    all_model_checkpoint_timestamps: tuple[float, ...]


def write_state(folder: Path, name: str | None, kept: list[tuple[str, float]]) -> None:
    """Write the list of a folder.

    Args:
        kept: path and time of each checkpoint, the newest last.
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
    """Return the checkpoints that a folder lists; None if it lists none.

    Args:
        latest_filename: name of the list, as given to `Saver.save`.

    Raises:
        CheckpointProblem: the list is damaged, or not one of nodeflow's.
        ReadRefused: it is a pipe or a device.
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
    """The path of the newest checkpoint that a folder lists and holds, for `Saver.restore`; None if
    there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix: Name) -> bool:
    """Whether there is a checkpoint of this path, as `Saver.save` returned it."""
    return (Path(checkpoint_prefix) / MANIFEST).is_file()


class CheckpointReader:
    """The variables of a checkpoint, without a graph; made by `load_checkpoint`."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays = arrays

    def has_tensor(self, name: str) -> bool:
        return name in self._arrays

    def get_tensor(self, name: str) -> np.ndarray:
        """The value of a variable.

        Raises:
            UnknownName: the checkpoint has none of this name.
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
        FileProblem: there is none, or it is damaged.
    """
    path = Path(ckpt_dir_or_file)
    if path.is_dir() and not checkpoint_exists(path):
        newest = latest_checkpoint(path)
        if newest is None:
            raise FileProblem(f"the folder {path} lists no checkpoint")
        path = Path(newest)
    return CheckpointReader(read_checkpoint(path))


def load_variable(ckpt_dir_or_file: Name, name: str) -> np.ndarray:
    """One variable of a checkpoint; raises as `load_checkpoint` and `get_tensor` of its reader."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name)


def list_variables(ckpt_dir_or_file: Name) -> list[tuple[str, list[int]]]:
    """Name and shape of every variable of a checkpoint, sorted; raises as `load_checkpoint`."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())

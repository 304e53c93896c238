"""A checkpoint on disk: a folder with the variables, and a manifest that says what they are.

`checkpoint.json` is written last and names the other files, so what it describes is always whole.
A checkpoint of a training has the state of its loop as well (`training_state`): numbers and words
in the manifest, arrays in a file of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.atomic_write import sync_folder, write_atomically
from nodeflow.errors import FileProblem
from nodeflow.train.saving.weights import load_weights, save_weights

FORMAT, VERSION = "nodeflow checkpoint", 1
MANIFEST, WEIGHTS, LOOP = "checkpoint.json", "weights.safetensors", "training.safetensors"


class CheckpointProblem(FileProblem):
    """A checkpoint is missing, damaged, of a later version, or does not fit the variables.

    Remedy: Give a folder that holds a checkpoint of these variables.
    """


@dataclass(frozen=True)
class Manifest:
    """What `checkpoint.json` says.

    Attributes:
        weights: name of the file with the variables.
        variables: name -> (dtype, shape).
        global_step: the step that it was saved at, or None.
        stamp: tells it from every other checkpoint.
        training: the state of a training loop, as values of JSON; None where there is none.
        arrays: name of the file with its arrays.
    """

    weights: str
    variables: Mapping[str, tuple[str, tuple[int, ...]]]
    global_step: int | None
    stamp: str
    training: Mapping[str, Any] | None = None
    arrays: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it names."""
        return tuple(filter(None, (self.weights, self.arrays)))

    def dumps(self) -> bytes:
        variables = {
            name: {"dtype": dtype, "shape": list(shape)}
            for name, (dtype, shape) in self.variables.items()
        }
        loop = {"training": self.training, "training_arrays": self.arrays}
        content = {
            **(loop if self.training is not None else {}),
            "format": FORMAT,
            "version": VERSION,
            "global_step": self.global_step,
            "stamp": self.stamp,
            "variables": variables,
            "weights": self.weights,
        }
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


@dataclass(frozen=True)
class LoopParts:
    """The state of a training loop in parts: values of JSON, and arrays by name."""

    values: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def write_checkpoint(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    global_step: int | None,
    loop: LoopParts | None = None,
) -> Manifest:
    """Write a checkpoint; one that is there stays whole until the new one is.

    Raises:
        NonFiniteError: a variable is not finite, and it is in the checkpoint that is there.
        CheckpointProblem: it cannot be written, or something else has this name.
    """
    described = {name: (a.dtype.name, a.shape) for name, a in arrays.items()}
    manifest = Manifest(WEIGHTS, described, global_step, uuid.uuid4().hex)
    if loop is not None:
        manifest = replace(manifest, training=loop.values, arrays=LOOP)
    try:
        if path.is_dir() and any(path.iterdir()):
            return _replace(path, arrays, loop, manifest)
        if path.exists() and not path.is_dir():
            raise CheckpointProblem(f"{path} is a file", hint="Save under another name.")
        _create(path, arrays, loop, manifest)
    except OSError as error:
        raise CheckpointProblem(f"cannot write {path}: {error.strerror or error}") from None
    return manifest


def _create(
    path: Path, arrays: Mapping[str, np.ndarray], loop: LoopParts | None, manifest: Manifest
) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        _write_files(temporary, arrays, loop, manifest)
        temporary.chmod(0o755)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def _write_files(
    folder: Path,
    arrays: Mapping[str, np.ndarray],
    loop: LoopParts | None,
    manifest: Manifest,
    keep: Path | None = None,
) -> None:
    save_weights(folder / manifest.weights, arrays, keep=keep)
    if loop is not None:
        save_weights(folder / manifest.arrays, loop.arrays)
    write_atomically(folder / MANIFEST, manifest.dumps())


def _replace(
    path: Path, arrays: Mapping[str, np.ndarray], loop: LoopParts | None, manifest: Manifest
) -> Manifest:
    """Write the new variables beside the old ones; the manifest decides which are meant."""
    before = read_manifest(path)
    if before.weights == WEIGHTS:
        others = {"weights": f"other_{WEIGHTS}", "arrays": f"other_{LOOP}" if loop else ""}
        manifest = replace(manifest, **others)
    try:
        _write_files(path, arrays, loop, manifest, keep=path / before.weights)
    except BaseException:
        _delete_files(path, manifest)
        raise
    _delete_files(path, before)
    return manifest


def _delete_files(path: Path, manifest: Manifest) -> None:
    """Delete what a manifest names that is not in force; what stays is overwritten later."""
    for name in manifest.files:
        with contextlib.suppress(OSError):
            (path / name).unlink(missing_ok=True)


def read_manifest(path: Path) -> Manifest:
    """Raises CheckpointProblem: there is no checkpoint, or it is damaged or of a later version."""
    try:
        content: Any = json.loads((path / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise CheckpointProblem(
            f"there is no checkpoint {path}",
            hint="Give what Saver.save returned, or nf.train.latest_checkpoint(folder).",
        ) from None
    except OSError as error:
        raise CheckpointProblem(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise CheckpointProblem(f"{path / MANIFEST} is damaged: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointProblem(f"{path / MANIFEST} is not a nodeflow checkpoint")
    if content.get("version") != VERSION:
        raise CheckpointProblem(
            f"{path} has version {content.get('version')!r} of the format; this program reads "
            f"{VERSION}",
            hint="Update nodeflow.",
        )
    try:
        variables = {
            str(name): (str(said["dtype"]), tuple(map(int, said["shape"])))
            for name, said in content["variables"].items()
        }
        weights, loop = str(content["weights"]), content.get("training")
        arrays = str(content["training_arrays"]) if loop is not None else ""
        for name in (weights, arrays):
            if Path(name).name != name:
                raise ValueError(f"{name!r} is not in the folder of the checkpoint")
        if loop is not None and not isinstance(loop, dict):
            raise ValueError(f"the state of the training is {type(loop).__name__}")
        step, stamp = content["global_step"], str(content["stamp"])
        return Manifest(weights, variables, step, stamp, loop, arrays)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointProblem(f"{path / MANIFEST} is damaged: {error!r}") from None


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """The variables of a checkpoint, or of a safetensors file, by name.

    Raises:
        FileProblem: there is none, or it is damaged.
    """
    if path.is_file():
        return load_weights(path)
    manifest = read_manifest(path)
    arrays = load_weights(path / manifest.weights)
    held = {name: (a.dtype.name, a.shape) for name, a in arrays.items()}
    if held != manifest.variables:
        raise CheckpointProblem(f"{path} is damaged: its files are not of one checkpoint")
    return arrays


def delete_checkpoint(path: Path, stamp: str) -> bool:
    """Delete a checkpoint if it is still the one with this stamp, and nothing else in its folder.

    Returns:
        Whether it was.
    """
    try:
        manifest = read_manifest(path)
        if manifest.stamp != stamp:
            return False
        (path / MANIFEST).unlink()
        for name in manifest.files:
            (path / name).unlink(missing_ok=True)
    except (FileProblem, OSError):
        return False
    with contextlib.suppress(OSError):  # the user has put something there
        path.rmdir()
    return True

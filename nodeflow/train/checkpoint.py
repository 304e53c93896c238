"""A checkpoint on disk: a folder with the variables, and a manifest that says what they are.

`checkpoint.json` is written last and names the file of the variables, so what it describes is
always whole. The state of a training loop gets an entry of its own there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.atomic_write import sync_folder, write_atomically
from nodeflow.errors import FileProblem
from nodeflow.train.weights import load_weights, save_weights

FORMAT, VERSION = "nodeflow checkpoint", 1
MANIFEST, WEIGHTS = "checkpoint.json", "weights.safetensors"


class CheckpointProblem(FileProblem):
    """A checkpoint is missing, damaged, of a later version, or does not fit the variables."""


@dataclass(frozen=True)
class Manifest:
    """What `checkpoint.json` says.

    Attributes:
        weights: name of the file with the variables.
        variables: name -> (dtype, shape).
        global_step: the step that it was saved at, or None.
        stamp: tells it from every other checkpoint.
    """

    weights: str
    variables: Mapping[str, tuple[str, tuple[int, ...]]]
    global_step: int | None
    stamp: str

    def dumps(self) -> bytes:
        variables = {
            name: {"dtype": dtype, "shape": list(shape)}
            for name, (dtype, shape) in self.variables.items()
        }
        content = {
            "format": FORMAT,
            "version": VERSION,
            "global_step": self.global_step,
            "stamp": self.stamp,
            "variables": variables,
            "weights": self.weights,
        }
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def write_checkpoint(
    path: Path, arrays: Mapping[str, np.ndarray], global_step: int | None
) -> Manifest:
    """Write a checkpoint; one that is there stays whole until the new one is.

    Raises:
        NonFiniteError: a variable is not finite, and it is in the checkpoint that is there.
        CheckpointProblem: it cannot be written, or something else has this name.
    """
    described = {name: (a.dtype.name, a.shape) for name, a in arrays.items()}
    manifest = Manifest(WEIGHTS, described, global_step, uuid.uuid4().hex)
    try:
        if path.is_dir() and any(path.iterdir()):
            return _replace(path, arrays, manifest)
        if path.exists() and not path.is_dir():
            raise CheckpointProblem(f"{path} is a file", hint="Save under another name.")
        _create(path, arrays, manifest)
    except OSError as error:
        raise CheckpointProblem(f"cannot write {path}: {error.strerror or error}") from None
    return manifest


def _create(path: Path, arrays: Mapping[str, np.ndarray], manifest: Manifest) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        save_weights(temporary / manifest.weights, arrays)
        write_atomically(temporary / MANIFEST, manifest.dumps())
        temporary.chmod(0o755)
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def _replace(path: Path, arrays: Mapping[str, np.ndarray], manifest: Manifest) -> Manifest:
    """Write the new variables beside the old ones; the manifest decides which are meant."""
    before = read_manifest(path)
    other = WEIGHTS if before.weights != WEIGHTS else f"other_{WEIGHTS}"
    manifest = Manifest(other, manifest.variables, manifest.global_step, manifest.stamp)
    save_weights(path / other, arrays, keep=path / before.weights)
    write_atomically(path / MANIFEST, manifest.dumps())
    (path / before.weights).unlink(missing_ok=True)
    return manifest


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
        weights = str(content["weights"])
        if Path(weights).name != weights:
            raise ValueError(f"{weights!r} is not in the folder of the checkpoint")
        return Manifest(weights, variables, content["global_step"], str(content["stamp"]))
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
        (path / manifest.weights).unlink(missing_ok=True)
    except (FileProblem, OSError):
        return False
    with contextlib.suppress(OSError):  # the user has put something there
        path.rmdir()
    return True

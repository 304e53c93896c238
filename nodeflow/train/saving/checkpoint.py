"""A checkpoint on disk: a folder with the variables, and a manifest that describes them.

`checkpoint.json` is written last and names the other files, so a described checkpoint is complete.
A checkpoint of a training also has the state of its loop (`training_state`): numbers and words in
the manifest, arrays in a separate file. The manifest and each array have a checksum. Checksums of
arrays include the stamp and step of the checkpoint. Version 1 of the format had no checksums.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.atomic_write import sync_folder, write_atomically
from nodeflow.errors import FileProblem
from nodeflow.file_reading import damaged_as, read_bytes
from nodeflow.train.saving.plain_values import MOST, listed, real, short, table, text, whole
from nodeflow.train.saving.weights import load_saved, load_weights, save_weights

FORMAT, VERSION = "nodeflow checkpoint", 2
WITHOUT_SUMS = 1
"""The version of the format without checksums."""
MANIFEST, WEIGHTS, LOOP = "checkpoint.json", "weights.safetensors", "training.safetensors"
NO_SUMS = "is of an earlier version and has no checksums, so damage would go unnoticed"
EARLIER = "Use an earlier checkpoint, or restore the folder from a copy."
LEFTOVER_SECONDS = 3600.0
"""Seconds after which a temporary folder cannot belong to a save in progress."""


class CheckpointProblem(FileProblem):
    """A checkpoint that is missing, damaged, of a later version, or does not fit the variables.

    Remedy: Give a folder that holds a checkpoint of these variables.
    """


@dataclass(frozen=True)
class Manifest:
    """The content of `checkpoint.json`.

    Attributes:
        weights: name of the file with the variables.
        variables: dtype and shape of each variable, by name.
        global_step: the last step before the checkpoint was saved, or None.
        stamp: a unique text that identifies the checkpoint.
        time: when the checkpoint was saved, in seconds since 1970.
        part: how often the training was resumed before. If it resumes from an earlier checkpoint,
            new checkpoints have a larger part than the abandoned ones.
        training: the state of a training loop, as JSON values; None if there is none.
        arrays: name of the file with the arrays of the training loop.
        has_sums: whether the arrays have checksums.
    """

    weights: str
    variables: Mapping[str, tuple[str, tuple[int, ...]]]
    global_step: int | None
    stamp: str
    time: float = 0.0
    part: int = 0
    training: Mapping[str, Any] | None = None
    arrays: str = ""
    has_sums: bool = True

    @property
    def owner(self) -> str:
        """The text that identifies the checkpoint in the checksums of its arrays."""
        return f"checkpoint {self.stamp} of step {self.global_step}"

    @property
    def rank(self) -> tuple[int, int, float]:
        """The key for sorting checkpoints by age. How often the training was resumed counts first,
        then the step, then the time.
        """
        return self.part, -1 if self.global_step is None else self.global_step, self.time

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the manifest names."""
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
            "time": self.time,
            "part": self.part,
            "variables": variables,
            "weights": self.weights,
        }
        content["sum"] = _sum(content)
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _sum(content: Mapping[str, Any]) -> int:
    """Return the checksum of a checkpoint's manifest. The entry ``sum``, which stores the checksum,
    is left out.
    """
    said = {name: value for name, value in content.items() if name != "sum"}
    return zlib.crc32(json.dumps(said, sort_keys=True).encode())


@dataclass(frozen=True)
class LoopParts:
    """The state of a training loop in parts: JSON values, and arrays by name."""

    values: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def write_checkpoint(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    global_step: int | None,
    loop: LoopParts | None = None,
    part: int = 0,
) -> Manifest:
    """Write a checkpoint. An existing one stays complete until the new one is complete.

    Raises:
        NonFiniteError: a variable is not finite, but it is finite in the existing checkpoint.
        CheckpointProblem: the checkpoint cannot be written, or the path is a file.
    """
    described = {name: (a.dtype.name, a.shape) for name, a in arrays.items()}
    manifest = Manifest(WEIGHTS, described, global_step, uuid.uuid4().hex, time.time(), part)
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
    save_weights(folder / manifest.weights, arrays, keep=keep, owner=manifest.owner)
    if loop is not None:
        save_weights(folder / manifest.arrays, loop.arrays, owner=manifest.owner)
    write_atomically(folder / MANIFEST, manifest.dumps())


def _replace(
    path: Path, arrays: Mapping[str, np.ndarray], loop: LoopParts | None, manifest: Manifest
) -> Manifest:
    """Overwrite a checkpoint. Write the new variables to other files of its folder first, then
    replace the manifest, which names the valid files. A kill at any moment leaves the old or the
    new checkpoint.
    """
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
    """Delete the files of an old checkpoint, after a new manifest (its list of files) has replaced
    the old one.

    Files that cannot be deleted now are overwritten later.
    """
    for name in manifest.files:
        with contextlib.suppress(OSError):
            (path / name).unlink(missing_ok=True)


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of a checkpoint.

    Raises:
        CheckpointProblem: there is no checkpoint, or it is damaged or of a later version.
    """
    file = path / MANIFEST
    try:
        data = read_bytes(file)
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointProblem(
            f"there is no checkpoint {path}",
            hint="Give the path that Saver.save returned, or nf.train.latest_checkpoint(folder).",
        ) from None
    except OSError as error:
        raise CheckpointProblem(f"cannot read {path}: {error.strerror or error}") from None
    with damaged_as(CheckpointProblem, file, "", EARLIER):
        return _manifest(path, json.loads(data))


def _manifest(path: Path, content: Any) -> Manifest:
    """Return the manifest of a checkpoint, its list of files and variables, from parsed JSON. Raise
    ValueError or a similar error if the content is damaged.

    Raises:
        CheckpointProblem: this is no checkpoint, or one of a later version.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointProblem(f"{path / MANIFEST} is not a nodeflow checkpoint")
    version = content.get("version")
    if version not in (WITHOUT_SUMS, VERSION):
        raise CheckpointProblem(
            f"{path} has version {short(version)} of the format; this program reads {VERSION}",
            hint="Update nodeflow.",
        )
    has_sums = version != WITHOUT_SUMS
    if (has_sums or "sum" in content) and content["sum"] != _sum(content):
        raise ValueError("its checksum does not match")
    variables = {
        text(name): (text(said["dtype"]), tuple(map(whole, listed(said["shape"]))))
        for name, said in table(content["variables"]).items()
    }
    loop = content.get("training")
    weights = text(content["weights"])
    arrays = text(content["training_arrays"]) if loop is not None else ""
    for name in (weights, arrays):
        if Path(name).name != name or "\0" in name:
            raise ValueError(f"{name!r} is not in the folder of the checkpoint")
    step = None if content["global_step"] is None else whole(content["global_step"], -MOST)
    written = real(content["time"]) if has_sums else (path / MANIFEST).stat().st_mtime
    return Manifest(
        weights,
        variables,
        step,
        text(content["stamp"]),
        written,
        whole(content.get("part", 0)),
        None if loop is None else table(loop),
        arrays,
        has_sums,
    )


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Return the variables of a checkpoint, or of a safetensors file, by name.

    Warn about a checkpoint without checksums.

    Raises:
        FileProblem: there is no such file, or it is damaged.
    """
    if path.is_file():
        return load_weights(path)
    manifest = read_manifest(path)
    if not manifest.has_sums:
        warnings.warn(f"{path} {NO_SUMS}", stacklevel=4)
    return read_variables(path, manifest)


def read_variables(path: Path, manifest: Manifest) -> dict[str, np.ndarray]:
    """Read the variables of a checkpoint, by name. Raise the same errors as `read_checkpoint`.

    Args:
        manifest: the checkpoint's list of files and variables.
    """
    arrays = _arrays_of(path, manifest, manifest.weights)
    held = {name: (a.dtype.name, a.shape) for name, a in arrays.items()}
    if held != manifest.variables:
        raise CheckpointProblem(
            f"{path} is damaged: its files belong to different checkpoints", hint=EARLIER
        )
    return arrays


def read_loop(path: Path, manifest: Manifest) -> dict[str, np.ndarray]:
    """Read the arrays that a checkpoint stores for the training loop, such as losses, by name.
    Raise the same errors as `read_checkpoint`.

    Args:
        manifest: the checkpoint's list of files and variables.
    """
    return _arrays_of(path, manifest, manifest.arrays)


def _arrays_of(path: Path, manifest: Manifest, name: str) -> dict[str, np.ndarray]:
    """Read the arrays in one of a checkpoint's files. Check that the file belongs to this
    checkpoint.

    Raises:
        CheckpointProblem: it belongs to another one, or has lost its checksums.
    """
    saved = load_saved(path / name)
    if manifest.has_sums and saved.owner != manifest.owner:
        _, _, step = (saved.owner or "").partition(" of step ")
        whose = f"holds the arrays of another checkpoint, of step {step}"
        raise CheckpointProblem(
            f"{path / name} {whose if step else 'has lost its checksums'}",
            hint=EARLIER,
        )
    return dict(saved.arrays)


def delete_checkpoint(path: Path, stamp: str) -> bool:
    """Delete a checkpoint, unless another one has been written to its path meanwhile. Keep other
    files in its folder.

    Args:
        stamp: the unique id of the checkpoint to delete.

    Returns:
        Whether it was deleted.
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
    _remove_own(path)
    return True


# ---- leftovers of killed processes --------------------------------------------------------------

_TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}")
_OWN = frozenset(
    {MANIFEST, "checkpoint", "tiers.json"}
    | {f"{prefix}{name}" for name in (WEIGHTS, LOOP) for prefix in ("", "other_")}
)
"""Names of the files in folders of checkpoints."""


def clear_leftovers(folder: Path, older_than: float = LEFTOVER_SECONDS) -> None:
    """Remove leftovers of killed processes from a folder of checkpoints.

    Args:
        older_than: age in seconds; a younger file may belong to a process that still writes it.
    """
    with contextlib.suppress(OSError):
        places = [folder, *(path for path in folder.iterdir() if (path / MANIFEST).is_file())]
        for path in [path for place in places for path in place.iterdir()]:
            with contextlib.suppress(FileNotFoundError):  # its folder was already removed
                if _is_leftover(path) and time.time() - path.lstat().st_mtime >= older_than:
                    _remove_own(path)


def clear_deleted(path: Path) -> None:
    """Finish deleting a checkpoint whose deletion was interrupted after its manifest was removed.

    If the folder still has a manifest, do nothing.
    """
    if not (path / MANIFEST).exists():
        _remove_own(path)


def _is_leftover(path: Path) -> bool:
    """Return whether a path is a temporary file or folder of a checkpoint."""
    match = _TEMPORARY.fullmatch(path.name)
    if match is None or path.is_symlink():
        return False
    return match[1] in _OWN or (path.is_dir() and all(map(_is_own, path.iterdir())))


def _is_own(path: Path) -> bool:
    return path.name in _OWN or _is_leftover(path)


def _remove_own(path: Path) -> None:
    """Remove a file; or remove the checkpoint's files from a folder, and then the folder if it is
    empty.

    Keep files that the system refuses to remove.
    """
    with contextlib.suppress(OSError):
        if not path.is_dir():
            path.unlink(missing_ok=True)
            return
        for file in path.iterdir():
            if _is_own(file):
                _remove_own(file)
        path.rmdir()  # fails if the user has put something there

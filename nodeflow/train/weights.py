"""Variables on disk, as safetensors: no pickle, readable by other libraries."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nodeflow.errors import FileProblem, NonFiniteError


def save_weights(path: str | Path, variables: Mapping[str, np.ndarray]) -> None:
    """Write variables by name, atomically: the new file replaces the old one when it is complete.

    Raises:
        NonFiniteError: a variable is not finite, and it is in the file that is there.
        FileProblem: the file cannot be written.
    """
    from safetensors.numpy import save

    path = Path(path)
    _keep_finite(path, variables)
    data = save({name: np.asarray(value, order="C") for name, value in variables.items()})
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise FileProblem(f"cannot write {path}: {error.strerror}") from None


def _keep_finite(path: Path, variables: Mapping[str, np.ndarray]) -> None:
    """Never replace what a training learned by values that are good for nothing."""
    broken = [n for n, v in variables.items() if v.dtype.kind == "f" and not is_finite(v)]
    if not broken or not path.exists():
        return
    try:
        before = load_weights(path)
    except FileProblem:
        return  # nothing there to keep
    lost = [n for n in broken if n in before and is_finite(before[n])]
    if lost:
        raise NonFiniteError(
            f"{path.name} keeps its finite weights: {lost[0]} is not finite any more",
            node=lost[0],
            hint="Train again, or save under another name.",
        )


def is_finite(array: np.ndarray) -> bool:
    """Whether every element is finite; a finite sum answers that without another array."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum())) or bool(np.isfinite(array).all())


def check_writable(path: str | Path) -> None:
    """Check that a file can be written there; leaves nothing behind.

    Raises:
        FileProblem: the folder is missing or read-only, or the path is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise FileProblem(
            f"cannot write {path}: it is a folder", hint="Give the name of a file in it."
        )
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise FileProblem(f"cannot write {path}: {error.strerror}") from None


def load_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Read variables by name.

    Raises:
        FileProblem: the file is missing, unreadable or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(Path(path).read_bytes())
    except OSError as error:
        raise FileProblem(f"cannot read the weights {path}: {error.strerror}") from None
    except (SafetensorError, ValueError, KeyError) as error:
        raise FileProblem(f"the weights {path} are damaged: {error}") from None

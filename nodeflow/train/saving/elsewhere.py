"""Writing important data to another folder if the intended folder is not writable."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from nodeflow.errors import FileProblem
from nodeflow.paths import rescue_folder


def write_somewhere(path: Path, write: Callable[[Path], object]) -> tuple[Path, FileProblem | None]:
    """Write to a path; if that fails, to a file of the same name in a rescue or temporary folder.

    Returns:
        The written path, and the problem with ``path``, or None if ``path`` was written.

    Raises:
        FileProblem: no folder is writable. The message explains the problem with ``path``.
    """
    try:
        write(path)
        return path, None
    except FileProblem as error:
        problem = error
    for make in (_in_user_folder, _in_temporary_folder):
        try:
            other = make() / path.name
            write(other)
            return other, problem
        except (FileProblem, OSError):
            continue
    raise problem


def _in_user_folder() -> Path:
    folder = rescue_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="", dir=folder))


def _in_temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix=f"nodeflow-{os.getpid()}-"))

"""Writes what must not be lost to another folder where its own does not take it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from nodeflow.errors import FileProblem
from nodeflow.paths import rescue_folder


def write_somewhere(path: Path, write: Callable[[Path], object]) -> tuple[Path, FileProblem | None]:
    """Write to a path, or under its name to the user's folder for that, or to a temporary one.

    Returns:
        Where it was written, and why not to ``path``; None if it was.

    Raises:
        FileProblem: it can be written nowhere; says why not to ``path``.
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

"""`tf.gfile`: files and folders, with `tf.gfile`'s names for Python's functions."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Callable
from typing import IO, Any

from nodeflow.errors import FileProblem
from nodeflow.public import publish

__all__ = [
    "Copy",
    "DeleteRecursively",
    "Exists",
    "FastGFile",
    "GFile",
    "Glob",
    "IsDirectory",
    "ListDirectory",
    "MakeDirs",
    "MkDir",
    "Open",
    "Remove",
    "Rename",
]

Path = str | os.PathLike[str]


def _done(what: str, path: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function that works on files, and convert an OSError to a FileProblem.

    Args:
        what: the operation in the error message, such as ``copy``.

    Raises:
        FileProblem: the operating system refuses the operation.
    """
    try:
        return function(*args, **kwargs)
    except OSError as error:
        raise FileProblem(f"cannot {what} {path}: {error.strerror or error}") from None


def GFile(name: Path, mode: str = "r") -> IO[Any]:
    """Open a file."""
    return _done("open", name, open, name, mode)


def FastGFile(name: Path, mode: str = "r") -> IO[Any]:
    """Open a file."""
    return GFile(name, mode)


def Open(name: Path, mode: str = "r") -> IO[Any]:
    """Open a file."""
    return GFile(name, mode)


def Exists(filename: Path) -> bool:
    """Return whether there is a file or folder of this name."""
    return os.path.exists(filename)


def IsDirectory(dirname: Path) -> bool:
    """Return whether there is a folder of this name."""
    return os.path.isdir(dirname)


def ListDirectory(dirname: Path) -> list[str]:
    """Return the sorted names in a folder."""
    return sorted(_done("list", dirname, os.listdir, dirname))


def Glob(filename: Any) -> list[str]:
    """Return the sorted paths that match a glob pattern such as ``data/*.csv``, or any pattern of a
    list.
    """
    patterns = filename if isinstance(filename, (list, tuple)) else [filename]
    return sorted({path for pattern in patterns for path in glob.glob(os.fspath(pattern))})


def MakeDirs(dirname: Path) -> None:
    """Create a folder and its parents, unless they exist."""
    _done("make", dirname, os.makedirs, dirname, exist_ok=True)


def MkDir(dirname: Path) -> None:
    """Create a folder in an existing one."""
    _done("make", dirname, os.mkdir, dirname)


def Remove(filename: Path) -> None:
    """Delete a file."""
    _done("delete", filename, os.remove, filename)


def DeleteRecursively(dirname: Path) -> None:
    """Delete a folder with its contents."""
    _done("delete", dirname, shutil.rmtree, dirname)


def Copy(oldpath: Path, newpath: Path, overwrite: bool = False) -> None:
    """Copy a file.

    Raises:
        FileProblem: the new file exists and ``overwrite`` is not set.
    """
    _free(newpath, overwrite)
    _done("copy", oldpath, shutil.copyfile, oldpath, newpath)


def Rename(oldname: Path, newname: Path, overwrite: bool = False) -> None:
    """Move a file or folder.

    Raises:
        FileProblem: the new name exists and ``overwrite`` is not set.
    """
    _free(newname, overwrite)
    _done("rename", oldname, os.replace, oldname, newname)


def _free(path: Path, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileProblem(f"{path} exists", hint="Set overwrite=True.")


publish(globals(), __all__)

"""`nf.gfile`: files and folders, through Python's own functions, with `tf.gfile`'s names."""

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
    """A file operation.

    Raises:
        FileProblem: the system refuses it.
    """
    try:
        return function(*args, **kwargs)
    except OSError as error:
        raise FileProblem(f"cannot {what} {path}: {error.strerror or error}") from None


def GFile(name: Path, mode: str = "r") -> IO[Any]:
    """An open file."""
    return _done("open", name, open, name, mode)


def FastGFile(name: Path, mode: str = "r") -> IO[Any]:
    """An open file."""
    return GFile(name, mode)


def Open(name: Path, mode: str = "r") -> IO[Any]:
    """An open file."""
    return GFile(name, mode)


def Exists(filename: Path) -> bool:
    """Whether there is a file or folder of this name."""
    return os.path.exists(filename)


def IsDirectory(dirname: Path) -> bool:
    """Whether there is a folder of this name."""
    return os.path.isdir(dirname)


def ListDirectory(dirname: Path) -> list[str]:
    """The names of what lies in a folder, in order."""
    return sorted(_done("list", dirname, os.listdir, dirname))


def Glob(filename: Any) -> list[str]:
    """The files that fit a pattern such as ``data/*.csv``, or one of several, in order."""
    patterns = filename if isinstance(filename, (list, tuple)) else [filename]
    return sorted({path for pattern in patterns for path in glob.glob(os.fspath(pattern))})


def MakeDirs(dirname: Path) -> None:
    """Make a folder and those around it, unless they exist."""
    _done("make", dirname, os.makedirs, dirname, exist_ok=True)


def MkDir(dirname: Path) -> None:
    """Make a folder in one that exists."""
    _done("make", dirname, os.mkdir, dirname)


def Remove(filename: Path) -> None:
    """Delete a file."""
    _done("delete", filename, os.remove, filename)


def DeleteRecursively(dirname: Path) -> None:
    """Delete a folder with all that lies in it."""
    _done("delete", dirname, shutil.rmtree, dirname)


def Copy(oldpath: Path, newpath: Path, overwrite: bool = False) -> None:
    """Copy a file.

    Raises:
        FileProblem: the new one exists and is not to be overwritten.
    """
    _free(newpath, overwrite)
    _done("copy", oldpath, shutil.copyfile, oldpath, newpath)


def Rename(oldname: Path, newname: Path, overwrite: bool = False) -> None:
    """Move a file or folder.

    Raises:
        FileProblem: the new one exists and is not to be overwritten.
    """
    _free(newname, overwrite)
    _done("rename", oldname, os.replace, oldname, newname)


def _free(path: Path, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileProblem(f"{path} exists", hint="Say overwrite=True.")


publish(globals(), __all__)

"""Resolving paths of data files: beside the document, in the current folder, or bundled."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from nodeflow.data.document_folder import DocumentFolder, local_path
from nodeflow.data.errors import DataNotFound, OutsideData
from nodeflow.file_reading import damaged_as, is_irregular, refuse_irregular
from nodeflow.resources import MissingResource, resource

RESOURCE = "resource:"


def file_stamp(file: Path) -> tuple[int, int]:
    """Return the time and size of a file, which change when the file is written."""
    status = file.stat()
    return status.st_mtime_ns, status.st_size


def resolve(path: str, base_dir: str | os.PathLike | None = None, *, folder: bool = False) -> Path:
    """Return the file that ``path`` in a document stands for.

    ``resource:NAME`` is a file that comes with nodeflow; ``~`` is the home folder. A relative path
    starts at ``base_dir`` (the document's folder), then at the current folder, then at nodeflow's
    own resources.

    Args:
        base_dir: a `DocumentFolder` restricts the files that its document may read. Any other
            folder belongs to a path that the user wrote, without restrictions.
        folder: whether the path may also be a folder.

    Raises:
        OutsideData: the document may not read it.
        DataNotFound: there is no such file. The message names the searched folders.
        ReadRefused: the path is a pipe, a device or similar.
        MissingResource: nodeflow does not come with this file.
    """
    with damaged_as(DataNotFound, repr(path), "a path", "Check the path."):
        return _resolved(path, base_dir, folder)


def _resolved(path: str, base_dir: str | os.PathLike | None, folder: bool) -> Path:
    os.fsencode(path)  # raises for a lone surrogate, which has no bytes
    if path.startswith(RESOURCE):
        return resource(path.removeprefix(RESOURCE))
    kind = "folder" if folder else "file"
    wanted = Path(local_path(path))
    bases = [Path(base_dir)] if base_dir and os.fspath(base_dir) else []
    candidates = [base / wanted for base in [*bases, Path.cwd()]]
    outside = None
    if isinstance(base_dir, DocumentFolder):
        candidates, outside = _allowed(base_dir, path, candidates, kind)
    for candidate in candidates:
        if candidate.is_file() or (folder and candidate.is_dir()):
            return candidate
        if is_irregular(candidate):
            refuse_irregular(candidate)
            return candidate
    with contextlib.suppress(MissingResource):
        if not wanted.is_absolute():
            return resource(path)
    if outside is not None:
        raise outside
    places = " or ".join(dict.fromkeys(str(candidate.parent) for candidate in candidates))
    raise DataNotFound(
        f"there is no {kind} {wanted.name} in {places}",
        hint="Check the path; a relative one starts at the document's folder.",
    )


def _allowed(
    folder: DocumentFolder, path: str, candidates: list[Path], kind: str
) -> tuple[list[Path], OutsideData | None]:
    """Return the paths among candidates that a document may read; also an error if the first is
    forbidden.
    """
    meant = folder.place(path)
    if folder.may_read(meant):
        return [place for place in candidates if folder.may_read(str(place))], None
    return [], folder.refusal(meant, kind)

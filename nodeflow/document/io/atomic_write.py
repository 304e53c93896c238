"""Writing a document's files atomically, with errors worded for documents."""

from __future__ import annotations

from pathlib import Path

from nodeflow import atomic_write
from nodeflow.document.model.errors import FlowWrite


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file like `nodeflow.atomic_write.write_atomically`, but raise FlowWrite.

    The file stays unchanged if anything fails.
    """
    try:
        atomic_write.write_atomically(path, content)
    except OSError as error:
        raise FlowWrite(
            f"cannot save {path}: {error.strerror or error}",
            hint="The file on disk is unchanged; save under another name",
        ) from error

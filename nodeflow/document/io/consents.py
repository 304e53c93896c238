"""Documents' permissions to read outside their folders, stored per user, never in the document.

Each document has a separate file of permissions, so that two windows do not overwrite each other's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.file_reading import read_own_text
from nodeflow.paths import consents_folder


def remembered(document: Path, folder: Path | None = None) -> tuple[str, ...]:
    """Return the paths outside its folder that the user allowed a document to read.

    They become `Document.allowed`. If no paths are stored, or their file is damaged, the result is
    empty.
    """
    try:
        content = json.loads(read_own_text(_file(document, folder)))
        allowed = content["allowed"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()
    is_list = isinstance(allowed, list) and all(isinstance(path, str) for path in allowed)
    return tuple(allowed) if is_list else ()


def remember(document: Path, allowed: Iterable[str], folder: Path | None = None) -> None:
    """Store the permissions of a document; raise FileProblem if they cannot be written."""
    file = _file(document, folder)
    about = {"consents": 1, "document": os.path.realpath(document), "allowed": list(allowed)}
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(about, indent=1).encode())


def _file(document: Path, folder: Path | None) -> Path:
    name = hashlib.sha256(os.path.realpath(document).encode()).hexdigest()[:24]
    return (folder or consents_folder()) / f"{name}.json"

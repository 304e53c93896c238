"""Opening of a graph on a thread: read the file, find types and problems."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.document.io.consents import remembered
from nodeflow.document.io.embedded_graph import PICTURES, load_picture
from nodeflow.document.io.known_file import KnownFile
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowRead
from nodeflow.errors import NodeflowError
from nodeflow.file_reading import opened
from nodeflow.ui.controllers.files.shared_file import MANY_NODES, not_a_file
from nodeflow.ui.popups.waiting_window import Progress

READ, ANALYSED = 0.7, 0.95
"""Fractions of the total time after reading and after the analysis."""


@dataclass(frozen=True)
class Reading:
    """A document that was read from a file, with its analysis.

    Attributes:
        known: the state of its file; None for a document without a file.
        text: its canonical text; None for a small document, whose text can quickly be written
            again.
    """

    document: Document
    analysis: Analysis
    known: KnownFile | None
    text: str | None

    @property
    def is_large(self) -> bool:
        return len(self.document.nodes) >= MANY_NODES


def read_graph(path: Path, as_copy: bool, progress: Progress) -> Reading:
    """Read a .flow file, or a picture with a graph in it.

    Args:
        as_copy: return a document without a file. This is always the case for a picture.
        progress: called with the finished fraction.

    Raises:
        NodeflowError: the file cannot be read.
        Whatever ``progress`` raises.
    """
    if why := not_a_file(path):  # reading a pipe would wait for a writer
        raise FlowRead(why)
    as_copy = as_copy or is_picture(path)
    # Read the state of the file first, so that a later change is noticed.
    known = None if as_copy else KnownFile.read(path)
    if is_picture(path):
        document = load_picture(path)
    else:
        document = flow.load(path, lambda share: progress(READ * share))
    if as_copy:
        document.path = None
    else:
        let_read(document)
    analysis = Analysis(document)
    progress(ANALYSED)
    is_large = len(document.nodes) >= MANY_NODES
    return Reading(document, analysis, known, flow.dumps(document) if is_large else None)


def let_read(document: Document) -> None:
    """Restore the permissions to read data that the user gave this document earlier."""
    if document.path is not None:
        allowed = (*document.allowed, *remembered(document.path))
        document.allowed = tuple(dict.fromkeys(allowed))


def looks_like_graph(path: Path) -> bool:
    """Return whether a file begins like the text of a graph. Its name does not matter."""
    try:
        with opened(path) as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except (NodeflowError, OSError, ValueError):
        return False


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES

"""A document that is set aside while another one, such as the preview of a lesson, is shown."""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.document.io.journal import Journal
from nodeflow.document.io.known_file import KnownFile
from nodeflow.document.model.document import Document


@dataclass(frozen=True)
class SetAside:
    """The document of a user, with everything that it needs to be shown again as it was.

    Its journal stays open, so that a crash loses nothing of it.

    Attributes:
        title: its title while it has no file.
        known: the state of its file when the window last read or wrote it.
        journal: the journal that also keeps its trained weights.
    """

    document: Document
    title: str
    known: KnownFile | None
    journal: Journal | None

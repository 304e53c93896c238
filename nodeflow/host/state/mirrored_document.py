"""The engine's mirror of the window's document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nodeflow.data.data_splits import DataSplits
from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.model.document import Document


@dataclass(eq=False)
class Mirror:
    """A copy of the window's document, with its folder and data.

    Attributes:
        folder: the start of its relative paths, with the paths that it may read.
        revision: the window's number of this state of the document.
        opened: its data sets, by source and options.
    """

    document: Document = field(default_factory=Document)
    folder: DocumentFolder = field(default_factory=DocumentFolder)
    revision: int = -1
    opened: dict[Any, DataSplits] = field(default_factory=dict)

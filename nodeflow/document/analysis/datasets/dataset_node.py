"""The dataset node: its declaration, and the types of its columns.

A graph has no such node: `to_graph` binds the columns to placeholders. The options and output ports
depend on the source, so each node has its own declaration, made from its attributes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from nodeflow.data.catalog import SOURCES, dataset_columns, parse_source, source_options
from nodeflow.data.data_paths import RESOURCE
from nodeflow.data.document_folder import DocumentFolder
from nodeflow.data.source import Location
from nodeflow.document.analysis.datasets.column_types import COLUMN_TYPES
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import compact_json
from nodeflow.errors import AttributeProblem, DataError, NodeflowError
from nodeflow.graph.declaration import Attr, NodeDeclaration, Port
from nodeflow.graph.types import TensorType

DATASET = "dataset"

_FORMS = [source.form for source in SOURCES.values()]
SOURCE = Attr(
    "source",
    "string",
    "mnist",
    f"Where the rows come from: {', '.join(_FORMS[:-1])} or {_FORMS[-1]} (relative to the "
    "document).",
)


class DatasetDeclaration(NodeDeclaration):
    """The declaration of a data set node: each output is a column for a placeholder's `feed`."""

    id = DATASET
    category = "Data"
    doc = (
        "A data set; each output is a column that feeds a placeholder.\n\n"
        "While training, the rows of the train split come in shuffled batches. Otherwise the "
        "first rows of the test split are shown."
    )
    keywords = ("data", *SOURCES, "images", "load")
    computes = False

    def __init__(
        self,
        options: tuple[Attr, ...] = (),
        columns: tuple[str, ...] = (),
        base_dir: str | os.PathLike | None = None,
    ) -> None:
        self.attrs = (SOURCE, *options)
        self.outputs = tuple(Port(name, f"The column {name}.") for name in columns)
        self._base_dir = base_dir

    def infer(self, *types: TensorType, **attrs: Any) -> list[TensorType]:
        """Return the types of a batch of each column."""
        return list(dataset_types(attrs, base_dir=self._base_dir).values()) if self.outputs else []


def dataset_declaration(
    attrs: Mapping[str, Any], *, base_dir: str | os.PathLike | None = None
) -> DatasetDeclaration:
    """Return the declaration of a dataset node with these attributes.

    If the source is unknown, the declaration has no options. If the source cannot be read, it has
    no columns, and `dataset_types` raises the error.
    """
    options: tuple[Attr, ...] = ()
    columns: tuple[str, ...] = ()
    try:
        options = source_options(source_of(attrs))
        columns = tuple(dataset_types(attrs, base_dir=base_dir))
    except NodeflowError:  # the analysis reports it as the node's problem
        pass
    return DatasetDeclaration(options, columns, base_dir)


def source_of(attrs: Mapping[str, Any]) -> str:
    """Return a dataset node's source; raise AttributeProblem if it is not a string."""
    return SOURCE.check(attrs.get("source", SOURCE.default))


def options_of(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dataset node's options: its attributes except the source."""
    return {name: value for name, value in attrs.items() if name != "source"}


def dataset_types(
    attrs: Mapping[str, Any], *, base_dir: str | os.PathLike | None = None
) -> dict[str, TensorType]:
    """Return the type of a batch of each column of a dataset node, from a cache if possible.

    Raises:
        StillReading: the columns are still being read, in a window.
        AttributeProblem, UnknownSource, DataNotFound, DataFormatError: the source or an option is
            wrong; the error has a `port` if an attribute is at fault.
    """
    source = source_of(attrs)
    try:
        kind, path = parse_source(source)
        stamp = kind.stamp_of(Location(path, base_dir))
        options = compact_json(options_of(attrs))
        key = (source, options, base_dir, stamp)  # the stamp changes with the file
        return COLUMN_TYPES.get(
            key, lambda: dataset_columns(source, json.loads(options), base_dir=base_dir)
        )
    except AttributeProblem:
        raise
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror}", port="source") from error
    except NodeflowError as error:
        raise error.at(None, "source") from None


def document_folder(
    doc: Document, base_dir: str | os.PathLike[str] | None = None
) -> DocumentFolder:
    """Return the folder to which a document's relative paths refer, with its permissions to read
    elsewhere.

    Args:
        base_dir: the start of relative paths; by default the folder of the document's file.
    """
    if isinstance(base_dir, DocumentFolder):
        return base_dir
    if base_dir is None:
        base_dir = "" if doc.path is None else _folder(doc.path)
    return DocumentFolder(str(base_dir), doc.allowed)


def place_of(
    doc: Document, source: Any, base_dir: str | os.PathLike[str] | None = None
) -> str | None:
    """Return the absolute path of a source's file or folder, or None if it has none.

    The file system is not touched.
    """
    try:
        kind, path = parse_source(SOURCE.check(source))
    except NodeflowError:
        return None
    if not kind.takes_path or path.startswith(RESOURCE):
        return None
    return document_folder(doc.root, base_dir).place(path)


def allow_source(doc: Document, source: Any) -> None:
    """Let a document read the source that its user wrote or chose."""
    place = place_of(doc, source)
    if place is not None and not document_folder(doc.root).may_read(place):
        doc.allow(place)


@lru_cache(maxsize=16)
def _folder(path: Path) -> str:
    return str(path.parent)


DATASET_DECLARATION = DatasetDeclaration()
"""The declaration before a source is chosen, for the palette."""


def is_dataset(record: object) -> bool:
    """Return whether a record of a document is a data set node."""
    return getattr(record, "op", None) == DATASET

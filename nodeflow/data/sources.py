"""The sources of data as a declaration: inspector, command line and documentation derive from it.

A source is written ``mnist``, ``spirals``, ``csv:PATH``, ``npz:PATH`` or ``text:PATH``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nodeflow.data import csv_file, mnist, npz_file, skipgrams, spirals
from nodeflow.data.dataset import Dataset
from nodeflow.data.errors import UnknownSource
from nodeflow.data.source_options import bind
from nodeflow.errors import suggest
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType


@dataclass(frozen=True)
class Source:
    """One kind of data set.

    Attributes:
        id: what a source's text starts with.
        title: its name on screen.
        doc: one line of what it is.
        options: what can be set, declared as an op's attributes are.
        takes_path: written ``id:PATH``.
        fetchable: ``nodeflow data fetch`` can download it.
        ending: of the names of such files.
    """

    id: str
    title: str
    doc: str
    options: tuple[Attr, ...]
    takes_path: bool = False
    fetchable: bool = False
    ending: str = ""

    @property
    def form(self) -> str:
        """How a source of this kind is written: ``csv:PATH``."""
        return f"{self.id}:PATH" if self.takes_path else self.id


MNIST_OPTIONS = (
    Attr(
        "labels",
        "choice",
        "one_hot",
        "One-hot float32 (n, 10), or class numbers int64 (n).",
        choices=("one_hot", "class"),
    ),
    Attr("scale", "bool", True, "Pixels from 0 to 1; otherwise 0 to 255."),
)

SOURCES: dict[str, Source] = {
    source.id: source
    for source in (
        Source(
            "mnist",
            "MNIST",
            "Handwritten digits, 28 x 28: 55 000 train, 5 000 validation, 10 000 test.",
            MNIST_OPTIONS,
            fetchable=True,
        ),
        Source(
            "spirals",
            "Two spirals",
            "Points of two classes on interleaved spirals, computed.",
            spirals.OPTIONS,
        ),
        Source(
            "csv",
            "CSV file",
            "A text table: some columns are features, some labels.",
            csv_file.OPTIONS,
            takes_path=True,
            ending="csv",
        ),
        Source(
            "npz",
            "Numpy .npz file",
            "Numpy arrays, each a column.",
            npz_file.OPTIONS,
            takes_path=True,
            ending="npz",
        ),
        Source(
            "text",
            "Text file",
            "A text as pairs of near words, each word a number: for word2vec.",
            skipgrams.OPTIONS,
            takes_path=True,
            ending="txt",
        ),
    )
}


def parse_source(source: str) -> tuple[Source, str]:
    """The kind of a source and its path (empty where it takes none).

    Raises:
        UnknownSource: no such kind, a path is missing, or there is one too many.
    """
    name, colon, path = source.partition(":")
    forms = ", ".join(kind.form for kind in SOURCES.values())
    kind = SOURCES.get(name)
    if kind is None:
        ending = source.rpartition(".")[2].lower()
        fitting = [kind.id for kind in SOURCES.values() if kind.ending == ending]
        guess = f"{fitting[0]}:{source}" if ending and fitting else None
        hint = f"Did you mean {guess}?" if guess else suggest(name, SOURCES)
        raise UnknownSource(
            f"there is no data source {source!r}", hint=hint or f"Use one of {forms}."
        )
    if kind.takes_path != bool(path) or (colon and not kind.takes_path):
        raise UnknownSource(f"{source!r} is not a data source", hint=f"Write {kind.form}.")
    return kind, path


def source_options(source: str) -> tuple[Attr, ...]:
    """What can be set for a source, in the order to show it.

    Raises:
        UnknownSource: there is no such source.
    """
    return parse_source(source)[0].options


def known_options(source: str, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``attrs`` that this source has: for a node whose source was replaced."""
    names = {option.name for option in source_options(source)}
    return {name: value for name, value in attrs.items() if name in names}


def open_dataset(
    source: str,
    *,
    data_dir: str | os.PathLike | None = None,
    base_dir: str | os.PathLike | None = None,
    **options: Any,
) -> Dataset:
    """Load a data set.

    Args:
        source: ``mnist``, ``spirals``, ``csv:PATH``, ``npz:PATH`` or ``text:PATH``.
        data_dir: the folder with MNIST's files; files missing there are an error.
        base_dir: where relative paths start (the folder of the document).
        options: see ``source_options``.

    Raises:
        UnknownSource, DataNotFound, DataFormatError: each says where and what to do.
        AttributeProblem: an option is unknown or malformed; ``port`` names it.
    """
    kind, path = parse_source(source)
    bound = bind(kind.options, options, kind.id)
    if kind.id == "mnist":
        return mnist.open_mnist(data_dir=data_dir, **bound)
    if kind.id == "spirals":
        return spirals.open_spirals(**bound)
    return _OPENERS[kind.id](path, base_dir=base_dir, **bound)


def dataset_columns(
    source: str,
    options: Mapping[str, Any] | None = None,
    *,
    base_dir: str | os.PathLike | None = None,
) -> dict[str, TensorType]:
    """Column -> type of a batch, cheaply: for wiring before anything is loaded.

    Raises:
        UnknownSource, DataNotFound, DataFormatError, AttributeProblem: as ``open_dataset``.
    """
    kind, path = parse_source(source)
    bound = bind(kind.options, options or {}, kind.id)
    if kind.id == "mnist":
        return mnist.columns(bound["labels"])
    if kind.id == "spirals":
        return spirals.columns(**bound)
    return _READERS[kind.id](path, base_dir=base_dir, **bound)


_OPENERS: dict[str, Callable[..., Dataset]] = {
    "csv": csv_file.open_csv,
    "npz": npz_file.open_npz,
    "text": skipgrams.open_skipgrams,
}
_READERS: dict[str, Callable[..., dict[str, TensorType]]] = {
    "csv": csv_file.columns,
    "npz": npz_file.columns,
    "text": skipgrams.columns,
}

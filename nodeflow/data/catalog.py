"""The sources of data by id, and how a data set is opened from the text that names it.

A source is written ``mnist`` or ``csv:PATH``; ``nodeflow data list`` prints them all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nodeflow.data import sources
from nodeflow.data.data_splits import DataSplits, joined
from nodeflow.data.errors import UnknownSource
from nodeflow.data.source import Location, Source
from nodeflow.data.source_options import bind
from nodeflow.data.tables.dialect import is_table
from nodeflow.discovery import declared
from nodeflow.errors import suggest
from nodeflow.file_reading import within_memory
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import TensorType

SPREADSHEETS = ("xlsx", "xls", "xlsm", "ods", "numbers")


def _found() -> list[Source]:
    """What the modules of ``sources`` declare: files come last, and each group by id."""
    return sorted(declared(sources, "SOURCE"), key=lambda source: (source.takes_path, source.id))


SOURCES: dict[str, Source] = {source.id: source for source in _found()}


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
        fitting = [kind.id for kind in SOURCES.values() if ending in kind.endings]
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
) -> DataSplits:
    """Load a data set.

    Args:
        source: the id of a source, or ``id:PATH`` for one that reads a file.
        data_dir: the folder with downloaded files; files missing there are an error.
        base_dir: where relative paths start (the folder of the document).
        options: see ``source_options``.

    Raises:
        UnknownSource, DataNotFound, DataFormatError: each says where and what to do.
        AttributeProblem: an option is unknown or malformed; ``port`` names it.
    """
    kind, path = parse_source(source)
    bound = bind(kind.options, options, kind.id)
    with within_memory(source):
        return kind.open(Location(path, base_dir, data_dir), **bound)


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
    with within_memory(source):
        return kind.columns(Location(path, base_dir), **bound)


def pinned_options(
    source: str,
    options: Mapping[str, Any] | None = None,
    *,
    base_dir: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """The options with all that is guessed from the file written down, for use with another file.

    Of sources that guess nothing, they are the options as given.

    Raises:
        UnknownSource, DataNotFound, DataFormatError, AttributeProblem: as ``open_dataset``.
    """
    kind, path = parse_source(source)
    bound = bind(kind.options, options or {}, kind.id)
    if kind.pin is None:
        return dict(options or {})
    defaults = {option.name: option.default for option in kind.options}
    with within_memory(source):
        pinned = kind.pin(Location(path, base_dir), **bound)
    return {n: v for n, v in pinned.items() if v != defaults[n] or n in (options or {})}


def all_rows(
    source: str,
    *,
    data_dir: str | os.PathLike | None = None,
    base_dir: str | os.PathLike | None = None,
    **options: Any,
) -> DataSplits:
    """Every row that can be computed, in the order of the file, as the split ``all``.

    Labels may be missing, and may be left out. ``DataSplits.rows`` says which rows of the file they
    are; the notice tells of those that are left out, such as rows with unknown categories.

    Raises:
        UnknownSource, DataNotFound, DataFormatError, AttributeProblem: as ``open_dataset``.
    """
    kind, path = parse_source(source)
    bound = bind(kind.options, options, kind.id)
    location = Location(path, base_dir, data_dir)
    with within_memory(source):
        if kind.rows is not None:
            return kind.rows(location, **bound)
        return joined(kind.open(location, **bound))


def row_texts(
    source: str,
    options: Mapping[str, Any] | None = None,
    *,
    base_dir: str | os.PathLike | None = None,
) -> tuple[tuple[str, ...], Iterator[tuple[str, ...]]]:
    """Column names, and every row of a file as it is written, in order.

    Of a source without texts, there are no names and no rows.

    Raises:
        UnknownSource, DataNotFound, DataFormatError, AttributeProblem: as ``open_dataset``.
    """
    kind, path = parse_source(source)
    if kind.texts is None:
        return (), iter(())
    return kind.texts(Location(path, base_dir), **bind(kind.options, options or {}, kind.id))


def source_at(path: str) -> str:
    """The source that reads a file or folder, by its ending: ``csv:new.csv`` for ``new.csv``.

    A .txt that holds a table is read as one.

    Raises:
        UnknownSource: no kind of data has files with this ending.
    """
    ending = Path(path).suffix.lower().removeprefix(".")
    if ending == "txt" and Path(path).is_file() and is_table(Path(path)):
        return f"csv:{path}"
    for kind in SOURCES.values():
        if kind.takes_path and ending and ending in kind.endings:
            return f"{kind.id}:{path}"
    if Path(path).is_dir():
        for kind in SOURCES.values():
            if kind.folder:
                return f"{kind.id}:{path}"
    known = ", ".join(f".{ending}" for kind in SOURCES.values() for ending in kind.endings)
    hint = f"Data files are {known}."
    if ending in SPREADSHEETS:
        hint = "Save it as CSV in the spreadsheet program."
    raise UnknownSource(f"{Path(path).name} is no data file", hint=hint)

"""The sources of data by id, and functions that open a data set from the text that names it.

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
    """Return the declared sources, ordered by id, with sources for files last."""
    return sorted(declared(sources, "SOURCE"), key=lambda source: (source.takes_path, source.id))


SOURCES: dict[str, Source] = {source.id: source for source in _found()}


def parse_source(source: str) -> tuple[Source, str]:
    """Return the kind of a source and its path (empty if it takes none).

    Raises:
        UnknownSource: there is no such kind, or a path is missing or superfluous.
    """
    name, colon, path = source.partition(":")
    forms = ", ".join(kind.form for kind in SOURCES.values())
    kind = SOURCES.get(name)
    if kind is None:
        ending = source.rpartition(".")[2].lower()
        fitting = _fitting(ending)
        guess = f"{fitting}:{source}" if fitting else None
        hint = f"Did you mean {guess}?" if guess else suggest(name, SOURCES)
        raise UnknownSource(
            f"there is no data source {source!r}", hint=hint or f"Use one of {forms}."
        )
    if kind.takes_path != bool(path) or (colon and not kind.takes_path):
        raise UnknownSource(f"{source!r} is not a data source", hint=f"Write {kind.form}.")
    return kind, path


def _fitting(ending: str) -> str:
    """Return the id of the source that reads files with this ending, preferably one that can survey
    them. Return "" if none does.
    """
    kinds = [kind for kind in SOURCES.values() if ending and ending in kind.endings]
    return next((kind.id for kind in sorted(kinds, key=lambda kind: kind.survey is None)), "")


def source_options(source: str) -> tuple[Attr, ...]:
    """Return the options of a source, in the order of display.

    Raises:
        UnknownSource: there is no such source.
    """
    return parse_source(source)[0].options


def known_options(source: str, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that are options of this source, for a node whose source was
    replaced.
    """
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
        source: the id of a source, or ``id:PATH`` for a source that reads a file.
        data_dir: the folder with downloaded files; it is an error if a file is missing there.
        base_dir: the start of relative paths (the folder of the document).
        options: see ``source_options``.

    Raises:
        UnknownSource, DataNotFound, DataFormatError: each names the place and the remedy.
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
    """Return the type of a batch by column, quickly, for wiring before the data are loaded.

    Raises:
        UnknownSource, DataNotFound, DataFormatError, AttributeProblem: the same as
            ``open_dataset``.
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
    """Return the options with all values that are guessed from the file, for use with another file.

    If a source guesses nothing, return the given options.

    Raises:
        UnknownSource, DataNotFound, DataFormatError, AttributeProblem: the same as
            ``open_dataset``.
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
    """Return every row that can be computed, in the order of the file, as the split ``all``.

    Labels may be missing or left out. ``DataSplits.rows`` has the numbers of the rows in the file.
    The notice mentions omitted rows, such as rows with unknown categories.

    Raises:
        UnknownSource, DataNotFound, DataFormatError, AttributeProblem: the same as
            ``open_dataset``.
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
    """Return column names, and every row of a file as text, in order.

    For a source without texts, both are empty.

    Raises:
        UnknownSource, DataNotFound, DataFormatError, AttributeProblem: the same as
            ``open_dataset``.
    """
    kind, path = parse_source(source)
    if kind.texts is None:
        return (), iter(())
    return kind.texts(Location(path, base_dir), **bind(kind.options, options or {}, kind.id))


def source_at(path: str) -> str:
    """Return the source for a file or folder, by its ending: ``csv:new.csv`` for ``new.csv``.

    A .txt file with a table counts as CSV.

    Raises:
        UnknownSource: no kind of data has files with this ending.
    """
    ending = Path(path).suffix.lower().removeprefix(".")
    if ending == "txt" and Path(path).is_file() and is_table(Path(path)):
        return f"csv:{path}"
    if fitting := _fitting(ending):
        return f"{fitting}:{path}"
    if Path(path).is_dir():
        for kind in SOURCES.values():
            if kind.folder:
                return f"{kind.id}:{path}"
    known = ", ".join(f".{ending}" for kind in SOURCES.values() for ending in kind.endings)
    hint = f"Data files are {known}."
    if ending in SPREADSHEETS:
        hint = "Save it as CSV in the spreadsheet program."
    raise UnknownSource(f"{Path(path).name} is not a data file", hint=hint)

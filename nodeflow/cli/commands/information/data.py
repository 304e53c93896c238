"""``nodeflow data``: list the data sources, look at a file, locate MNIST, download data sets."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from nodeflow.cli.environment import Environment
from nodeflow.cli.output_format import json_line, number, plural
from nodeflow.cli.progress_bar import Progress
from nodeflow.data.catalog import SOURCES
from nodeflow.data.errors import DataFormatError
from nodeflow.data.fetch import Progress as Fetched
from nodeflow.data.fetch import fetch as fetch_data
from nodeflow.data.pictures.files import broken_pictures, list_pictures
from nodeflow.data.sources.mnist import find, places
from nodeflow.data.survey import ColumnSurvey, Survey, survey
from nodeflow.data.tables.cell_types import day

MOST_SHOWN = 5


def list_sources(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print every data source with its options."""
    if arguments.json:
        environment.print(
            json_line(
                [
                    {
                        "source": s.form,
                        "title": s.title,
                        "doc": s.doc,
                        "fetchable": s.published is not None,
                    }
                    for s in SOURCES.values()
                ]
            )
        )
        return
    for source in SOURCES.values():
        environment.print(f"{source.form:<12}{source.title}: {source.doc}")
        for option in source.options:
            environment.print(f"{'':<14}{option.name}: {option.doc} (default {option.default!r})")


def show(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print the contents of a data file: columns, types, gaps, distributions, and a fitting task.

    Raises:
        DataError: the file is missing or damaged, or no kind of data reads it.
    """
    path = environment.path(arguments.data)
    found = survey(path, limit_rows=arguments.rows)
    if arguments.check and found.kind == "pictures":
        _check(path, environment)
    if arguments.json:
        environment.print(json_line(asdict(found)))
        return
    if found.notice:
        environment.message(f"nodeflow: {found.notice}")
    columns = plural(len(found.columns), "column")
    noun = "character" if found.kind == "text" else "row"
    environment.print(f"{found.title}: {plural(found.rows, noun)}, {columns} ({found.source})")
    heads = ("column", "type", "missing", "distinct", "range", "mean", "deviation", "values")
    lines = [heads, *(_column_line(column) for column in found.columns)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        environment.print("  " + "  ".join(cells).rstrip())
    environment.print(_guess_line(found))


def _check(path: Path, environment: Environment) -> None:
    """Read every picture, and name the damaged ones.

    Raises:
        DataFormatError: some pictures are damaged.
    """
    listing = list_pictures(path)
    progress = Progress(environment, "pictures")
    progress.start(len(listing))
    broken = 0
    for done, error in enumerate(broken_pictures(listing), 1):
        progress.advance(done, "")
        if error is not None:
            progress.clear()
            broken += 1
            environment.message(f"nodeflow: {error.message}")
    progress.clear()
    if broken:
        raise DataFormatError(
            f"{plural(broken, 'picture')} of {len(listing)} cannot be read",
            hint="Replace them, or move them out of the folder.",
        )


def _column_line(column: ColumnSurvey) -> tuple[str, ...]:
    """Return the table cells that describe one column of a data set: type, range, categories."""

    def text(value: float | None) -> str:
        if value is None:
            return ""
        return day(round(value)) if column.kind == "date" else number(value)

    whole = column.kind == "integer"
    ends = tuple(
        f"{end:.0f}" if whole and end is not None else text(end)
        for end in (column.minimum, column.maximum)
    )
    values = ", ".join(f"{name} ({count})" for name, count in column.categories[:MOST_SHOWN])
    if column.distinct > MOST_SHOWN and values:
        values += ", …"
    if column.shape:
        values = " × ".join(map(str, column.shape))
    return (
        column.name,
        column.kind,
        str(column.missing),
        str(column.distinct),
        " to ".join(ends) if all(ends) else "",
        text(column.mean),
        f"{number(column.deviation)} days" if column.deviation and column.kind == "date"
        else text(column.deviation),
        values.replace("\n", " "),
    )  # fmt: skip


def _guess_line(found: Survey) -> str:
    """Return the guess in words: ``Fits: classify species (setosa, versicolor) by sepal length,
    ….``
    """
    options = found.guess.options
    labels, features = (", ".join(options.get(n) or ()) for n in ("labels", "features"))
    names = f" ({', '.join(found.classes[:MOST_SHOWN])})" if found.classes else ""
    task = {
        "classify": f"classify {labels}{names} by {features}",
        "regress": f"predict {labels} from {features}",
        "series": f"forecast {labels} from the last {options.get('window')} rows of {features}",
        "pictures": f"classify pictures{names}",
        "text": "continue a text",
        "data": "the columns as they are",
    }[found.guess.task]
    return f"Fits: {task}."


def where(arguments: argparse.Namespace, environment: Environment) -> None:
    """Print the folders that are searched for MNIST, and which one is used.

    Raises:
        DataNotFound: files are missing in ``--data-dir``.
    """
    data_dir = environment.path(arguments.data_dir) if arguments.data_dir else None
    used = find(data_dir)
    looked = places(data_dir)
    if arguments.json:
        environment.print(
            json_line(
                [
                    {
                        "kind": place.kind,
                        "folder": str(place.folder),
                        "complete": place.complete,
                        "used": place == used,
                    }
                    for place in looked
                ]
            )
        )
        return
    for place in looked:
        mark = "*" if place == used else " "
        state = "complete" if place.complete else f"missing {', '.join(place.missing)}"
        environment.print(f"{mark} {place.kind:<18}{place.folder}  ({state})")


def fetch(arguments: argparse.Namespace, environment: Environment) -> None:
    """Download a data set to the cache folder, or to ``--data-dir``.

    Raises:
        DownloadError: there is no network, the connection broke, or the checksum is wrong; run
            again to resume.
    """
    folder = environment.path(arguments.data_dir) if arguments.data_dir else None
    reported: set[str] = set()

    def report(progress: Fetched) -> None:
        if environment.interactive and progress.total:
            share = 100 * progress.received // progress.total
            environment.stderr.write(f"\r\x1b[K{progress.file}  {share} %")
            environment.stderr.flush()
        elif progress.file not in reported:
            reported.add(progress.file)
            environment.message(f"fetching {progress.file}")

    target = fetch_data(arguments.name, folder, base_urls=arguments.mirrors or (), progress=report)
    if environment.interactive:
        environment.stderr.write("\r\x1b[K")
    environment.print(f"{arguments.name} is in {target}")

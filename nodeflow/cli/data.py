"""``nodeflow data``: list the data sources, locate MNIST, download data sets."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import Environment
from nodeflow.cli.output import json_line
from nodeflow.data import SOURCES
from nodeflow.data.fetch import Progress
from nodeflow.data.fetch import fetch as fetch_data
from nodeflow.data.sources.mnist import find, places


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
        DownloadError: no network, a broken connection, or a wrong checksum; run again to resume.
    """
    folder = environment.path(arguments.data_dir) if arguments.data_dir else None
    reported: set[str] = set()

    def report(progress: Progress) -> None:
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

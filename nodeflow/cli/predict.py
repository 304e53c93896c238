"""``nodeflow run -o``: what is computed of every row of the data, written to a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nodeflow.cli.environment import Environment
from nodeflow.cli.output import plural
from nodeflow.cli.progress import Progress
from nodeflow.cli.values import ArgumentProblem
from nodeflow.document.build.predictions import Batch, Predictions
from nodeflow.engine.session import Session
from nodeflow.errors import said

ENDINGS = (".csv", ".tsv", ".npy", ".npz")


def check_output(path: Path) -> None:
    """Refuse a file that cannot be written in the end.

    Raises:
        ArgumentProblem: its ending is none of `ENDINGS`.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ArgumentProblem(
            f"cannot write predictions to {path.name}", hint=f"Use {', '.join(ENDINGS)}."
        )


def write_predictions(
    predictions: Predictions, session: Session, path: Path, environment: Environment
) -> None:
    """Write all rows: a table with the file's own columns, or arrays.

    Raises:
        ArgumentProblem: several fetches cannot go into one .npy file.
        RunError: the graph fails on these rows.
    """
    progress = Progress(environment, "rows")
    progress.start(predictions.count)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        _write(predictions, session, part, progress)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        progress.clear()
    for notice in predictions.notices():
        environment.message(f"nodeflow: {said(notice, 'cli')}")
    count = predictions.count - len(predictions.damage)
    environment.message(f"nodeflow: {plural(count, 'prediction')} written to {path.name}")


def _write(predictions: Predictions, session: Session, path: Path, progress: Progress) -> None:
    if path.suffix.lower() in (".csv", ".tsv"):
        names, rows = predictions.table(session)
        with path.open("w", encoding="utf-8", newline="") as stream:
            mark = "\t" if path.suffix.lower() == ".tsv" else ","
            writer = csv.writer(stream, delimiter=mark, lineterminator="\n")
            writer.writerow(names)
            for number, row in enumerate(rows):
                writer.writerow(row)
                progress.advance(min(number + 1, predictions.count), "")
    else:
        _write_arrays(predictions, session, path, progress)


def _write_arrays(
    predictions: Predictions, session: Session, path: Path, progress: Progress
) -> None:
    names = list(predictions.fetches)
    if path.suffix.lower() == ".npy" and len(names) > 1:
        raise ArgumentProblem(
            f"an .npy file holds one array, and there are {len(names)}: {', '.join(names)}",
            hint="Fetch one of them, or write an .npz file.",
        )
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for batch in _watched(predictions.batches(session), progress):
        for name in names:
            parts[name].append(np.asarray(batch.values[name]))
    arrays = {name: np.concatenate(part) for name, part in parts.items()}
    if path.suffix.lower() == ".npy":
        np.save(path, arrays[names[0]], allow_pickle=False)
    else:
        np.savez(path, **{name.replace("/", "."): array for name, array in arrays.items()})  # type: ignore[arg-type]


def _watched(batches: Iterator[Batch], progress: Progress) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        yield batch
        done += len(batch.rows)
        progress.advance(done, "")

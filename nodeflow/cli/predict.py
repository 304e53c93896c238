"""``nodeflow run -o``: computes all rows of the data and writes them to a file."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nodeflow.atomic_write import replacing, writing
from nodeflow.cli.environment import Environment
from nodeflow.cli.load import load_task, open_session
from nodeflow.cli.output import plural, say_needs, show_notices
from nodeflow.cli.progress import Progress
from nodeflow.cli.values import ArgumentProblem
from nodeflow.document.build.predictions import Batch, Predictions
from nodeflow.engine.session import Session
from nodeflow.train.saving.weights import check_writable

ENDINGS = (".csv", ".tsv", ".npy", ".npz")


def predict(arguments: argparse.Namespace, environment: Environment) -> None:
    """Compute the fetches for every row of the data, and write them to the output file.

    Raises:
        NodeflowError: in file, feeds, graph or run.
    """
    output = environment.path(arguments.output)
    check_output(output)
    if arguments.split:
        raise ArgumentProblem("-o computes all rows, so --split has no place beside it")
    check_writable(output)
    task = load_task(arguments, environment, whole=True)
    predictions = Predictions(task, arguments.fetches)
    if task.trains and not (arguments.weights or task.document.weights):
        environment.message(
            "nodeflow: warning: nothing was trained: the variables have their initial values. "
            "Use --weights with what nodeflow train --save-weights wrote."
        )
    with open_session(task, arguments, environment) as session:
        limit: int | None = arguments.memory
        if limit is not None and (needs := predictions.needs(session)) is not None:
            say_needs(needs, limit, environment)
        write_predictions(predictions, session, output, environment)


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
    try:
        with writing(path):
            _write(predictions, session, path, progress)
    finally:
        progress.clear()
    show_notices(predictions.notices(), environment)
    count = predictions.count - len(predictions.damage)
    environment.message(f"nodeflow: {plural(count, 'prediction')} written to {path.name}")


def _write(predictions: Predictions, session: Session, path: Path, progress: Progress) -> None:
    if path.suffix.lower() in (".csv", ".tsv"):
        names, rows = predictions.table(session)
        with replacing(path, "text") as stream:
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
    with replacing(path) as file:
        if path.suffix.lower() == ".npy":
            np.save(file, arrays[names[0]], allow_pickle=False)
        else:
            np.savez(file, **{name.replace("/", "."): array for name, array in arrays.items()})  # type: ignore[arg-type]


def _watched(batches: Iterator[Batch], progress: Progress) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        yield batch
        done += len(batch.rows)
        progress.advance(done, "")

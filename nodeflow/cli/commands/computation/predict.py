"""``nodeflow run -o``: compute all rows of the data and write them to a file."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.atomic_write import replacing, writing
from nodeflow.cli.environment import Environment
from nodeflow.cli.load_graph import load_task, open_session
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import plural, say_needs, show_notices
from nodeflow.cli.progress_bar import Progress
from nodeflow.document.to_graph.predictions.data_misfit import check_fit, misfits
from nodeflow.document.to_graph.predictions.predict_rows import Batch, Predictions
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import FetchError
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import shape_text
from nodeflow.train.saving.weights import check_writable

ENDINGS = (".csv", ".tsv", ".npy", ".npz")


def predict(arguments: argparse.Namespace, environment: Environment) -> None:
    """Compute the fetches for every row of the data, and write them to the output file.

    Raises:
        NodeflowError: an error in file, feeds, graph or run.
    """
    output = environment.path(arguments.output)
    check_output(output)
    if arguments.split:
        raise ArgumentProblem("-o computes all rows, so --split cannot be used with it")
    check_writable(output)
    task = load_task(arguments, environment, whole=True)
    fed = _fed(task, arguments.fetches)
    predictions = None if fed else Predictions(task, arguments.fetches)
    if task.trains and not (arguments.weights or task.document.weights):
        environment.message(
            "nodeflow: warning: nothing was trained: the variables have their initial values. "
            "Use --weights with a file from nodeflow train --save-weights."
        )
    with open_session(task, arguments, environment) as session:
        limit: int | None = arguments.memory
        if predictions is None:
            write_fed(task, fed, session, output, environment, limit)
            return
        if limit is not None and (needs := predictions.needs(session)) is not None:
            say_needs(needs, limit, environment)
        write_predictions(predictions, session, output, environment)


def _fed(task: Task, names: Sequence[str]) -> dict[str, Tensor]:
    """Return the tensors to compute, by name. Return an empty dict if they need rows
    of a data set.
    """
    for name in names:
        check_fit(task, name)
    placeholders = (p.node for p in task.graph.placeholders)
    if not names and (misfits(task) or task.needs_data(placeholders)):
        return {}
    found = {name: task.fetchable(name) for name in names or task.default_fetches()}
    if task.needs_data(t if isinstance(t, Node) else t.node for t in found.values()):
        return {}
    for name, tensor in found.items():
        if isinstance(tensor, Node):
            raise FetchError(f"{name} has no value to write", hint="Fetch a tensor.")
    return {name: tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}


def write_fed(
    task: Task,
    fetches: Mapping[str, Tensor],
    session: Session,
    path: Path,
    environment: Environment,
    limit: int | None,
) -> None:
    """Write the results of one run with the given feeds, as arrays or as a table.

    Raises:
        ArgumentProblem: this kind of file cannot hold the values.
        RunError, MissingFeed: the run fails, or a feed is missing.
    """
    _check_count(list(fetches), path)
    targets = list(fetches.values())
    feeds = task.feeds(targets)
    if limit is not None:
        say_needs(session.needs(targets, feeds), limit, environment)
    values = session.run(targets, feeds)
    arrays = {name: np.asarray(value) for name, value in zip(fetches, values, strict=True)}
    with writing(path):
        if path.suffix.lower() in (".csv", ".tsv"):
            _save_table(arrays, path)
        else:
            _save_arrays(arrays, path)
    environment.message(f"nodeflow: {', '.join(arrays)} written to {path.name}")


def _save_table(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    lengths = {array.shape[:1] for array in arrays.values()}
    if len(lengths) != 1 or () in lengths:
        shapes = ", ".join(f"{name} {shape_text(a.shape)}" for name, a in arrays.items())
        raise ArgumentProblem(
            f"the values need equal numbers of rows to form a table: {shapes}",
            hint="Write an .npz file.",
        )
    flat = {name: array.reshape(len(array), -1) for name, array in arrays.items()}
    names = [
        name if rows.shape[1] == 1 else f"{name} {i}"
        for name, rows in flat.items()
        for i in range(rows.shape[1])
    ]
    with _table(path) as writer:
        writer.writerow(["row", *names])
        for number, parts in enumerate(zip(*flat.values(), strict=True)):
            writer.writerow([number, *(str(value) for part in parts for value in part)])


def check_output(path: Path) -> None:
    """Check that the ending of the output file is known.

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
        with _table(path) as writer:
            writer.writerow(names)
            for number, row in enumerate(rows):
                writer.writerow(row)
                progress.advance(min(number + 1, predictions.count), "")
    else:
        _write_arrays(predictions, session, path, progress)


@contextmanager
def _table(path: Path) -> Iterator[Any]:
    """Yield a CSV writer for a file; a .tsv file gets tabs, any other file commas."""
    mark = "\t" if path.suffix.lower() == ".tsv" else ","
    with replacing(path, "text") as stream:
        yield csv.writer(stream, delimiter=mark, lineterminator="\n")


def _write_arrays(
    predictions: Predictions, session: Session, path: Path, progress: Progress
) -> None:
    names = list(predictions.fetches)
    _check_count(names, path)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for batch in _watched(predictions.batches(session), progress):
        for name in names:
            parts[name].append(np.asarray(batch.values[name]))
    _save_arrays({name: np.concatenate(part) for name, part in parts.items()}, path)


def _check_count(names: Sequence[str], path: Path) -> None:
    if path.suffix.lower() == ".npy" and len(names) > 1:
        raise ArgumentProblem(
            f"an .npy file holds one array, and there are {len(names)}: {', '.join(names)}",
            hint="Fetch one of them, or write an .npz file.",
        )


def _save_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    with replacing(path) as file:
        if path.suffix.lower() == ".npy":
            np.save(file, next(iter(arrays.values())), allow_pickle=False)
        else:
            np.savez(file, **{name.replace("/", "."): array for name, array in arrays.items()})  # type: ignore[arg-type]


def _watched(batches: Iterator[Batch], progress: Progress) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        yield batch
        done += len(batch.rows)
        progress.advance(done, "")

"""Kept runs as event files for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from nodeflow.document.io import flow
from nodeflow.document.to_graph.python_graphs.save_and_load import graph_of
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph
from nodeflow.integrations.tensorboard import hparams, training
from nodeflow.integrations.tensorboard.training import EventFiles
from nodeflow.run_store.curves import EPOCH_LOSS, LOSS, Curve
from nodeflow.run_store.run_records import DONE, RUNNING, STOPPED, Run
from nodeflow.run_store.store import BEST, FINAL, RunStore
from nodeflow.train.saving.weights import load_weights

TAGS = {LOSS: training.LOSS, EPOCH_LOSS: training.EPOCH_LOSS}
STATUS = {DONE: hparams.SUCCESS, STOPPED: hparams.SUCCESS, RUNNING: hparams.RUNNING}


def write_runs(store: RunStore, runs: Iterable[Run], folder: str | os.PathLike[str]) -> int:
    """Write each run to a subfolder of TensorBoard's folder, and return the number of runs.

    Raises:
        FileProblem: the event files cannot be written.
        RunStoreProblem: the store cannot be read.
    """
    written = 0
    for written, run in enumerate(runs, start=1):  # noqa: B007  their number is the answer
        _write(store, run, Path(folder))
    return written


def _write(store: RunStore, run: Run, folder: Path) -> None:
    place = folder / f"{_file_name(run.name)} {run.id}"
    for old in place.glob("events.out.tfevents.*"):
        old.unlink()  # the same run, written before
    files = EventFiles(place)
    curves = store.curves(run)
    settings = {**run.settings, "seed": run.seed}
    files.begin(run.name, run.created, settings, (k for k in curves if k not in (LOSS, EPOCH_LOSS)))
    graph = _graph_of(store, run)
    if graph is not None:
        files.graph(graph)
    for name, curve in curves.items():
        when = run.created + curve.seconds
        columns = (curve.step.tolist(), when.tolist(), curve.values.tolist())
        tag = name.replace(f"{LOSS}/", "loss_of_step/", 1)
        files.scalars(TAGS.get(name, tag), zip(*columns, strict=True))
    ends = _ends(curves)
    for name, found in store.tables(run).items():
        for epoch, table in found:
            files.tables(ends.get(epoch, epoch), run.created + run.seconds, {name: table})
    for name, step in ((BEST, ends.get(run.best.get("epoch", -1), 0)), (FINAL, run.steps)):
        with store.leaving_out():
            path = store.checked(run, name)
            if path is not None:
                files.variables(step, run.created + run.seconds, load_weights(path))
    files.end(STATUS.get(run.status, hparams.FAILURE), run.updated)


def _ends(curves: Mapping[str, Curve]) -> dict[int, int]:
    """Return the last step of each epoch, by epoch."""
    if EPOCH_LOSS not in curves:
        return {}
    curve = curves[EPOCH_LOSS]
    return dict(zip(curve.epoch.astype(int).tolist(), curve.step.tolist(), strict=True))


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in " -_.=" else "_" for c in name).strip(" .") or "run"


def _graph_of(store: RunStore, run: Run) -> Graph | None:
    """Return the graph of a run, or None if it needs data that the user has not allowed."""

    try:
        document = flow.loads(store.graph_text(run))
        document.path = Path(run.file) if run.file else None
        return graph_of(document)
    except NodeflowError:
        return None

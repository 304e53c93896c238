"""Imports event files of other programs as runs: their scalars become curves.

A folder with event files is a run, as in TensorBoard. The scalar with the name of a loss
becomes the training loss, the others become metrics. Event files have only steps, so a metric's
curve counts each of its steps as an epoch.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from nodeflow.integrations.tensorboard.reading import EventLog, Scalars, event_folders, read_folder
from nodeflow.run_store.curves import Piece
from nodeflow.run_store.run_records import DONE, EVENT_FILES, Run, new_id
from nodeflow.run_store.store import Batch, RunStore
from nodeflow.train.events import Epoch

LOSS_TAG = re.compile(r"loss|cost|objective|cross_?entropy", re.IGNORECASE)
OTHER_ROWS = re.compile(r"val|test|eval|dev", re.IGNORECASE)
"""Words in a loss's tag that mean rows other than training rows."""


def import_event_files(store: RunStore, folder: str | os.PathLike[str]) -> Iterator[Run]:
    """Store each folder of event files inside ``folder`` as a run, and yield the run.

    A folder that was imported before keeps its run, with the name, colour, star, note and tags
    that the user gave it, and gets the current curves.

    Raises:
        EventFileProblem: there are no event files, or one is damaged.
        RunStoreProblem: the store cannot be written.
    """
    root = Path(folder).resolve()
    before = {run.file: run for run in store.runs() if run.surface == EVENT_FILES}
    for place in event_folders(root):
        log = read_folder(place)
        if log.scalars or log.settings:
            yield _keep(store, place, root, log, before.get(str(place)))


def _keep(store: RunStore, place: Path, root: Path, log: EventLog, before: Run | None) -> Run:
    inside = str(place.relative_to(root))
    run = Run(
        new_id(),
        root.name if inside == "." else f"{root.name}/{inside}",
        file=str(place),
        surface=EVENT_FILES,
        created=log.began,
        updated=log.ended,
        seconds=log.ended - log.began,
        settings=log.settings,
    )
    if before is not None:
        theirs = {name: getattr(before, name) for name in ("id", "name", "star", "colour", "note")}
        run = replace(run, **theirs, tags=before.tags)
        store.delete([before.id])
    run = store.begin(run)
    loss = loss_tag(list(log.scalars))
    pieces = list(_pieces(log.scalars[loss], log.began)) if loss is not None else []
    others = {_key(tag): one for tag, one in log.scalars.items() if tag != loss}
    epochs = list(_epochs(others, log.began))
    done = replace(
        run,
        status=DONE,
        ending=f"read from {place} {time.strftime('%Y-%m-%d %H:%M')}",
        steps=max((max(one.steps) for one in log.scalars.values()), default=0),
        loss=log.scalars[loss].values[-1] if loss is not None else None,
        metrics={key: one.values[-1] for key, one in others.items()},
    )
    store.add(Batch(done, pieces, epochs))
    return done


def loss_tag(tags: list[str]) -> str | None:
    """Return the tag that most likely belongs to the training loss, judged by the tags' names.
    Return None if there is none.
    """
    found = [tag for tag in tags if LOSS_TAG.search(tag) and not OTHER_ROWS.search(tag)]
    return min(found, key=lambda tag: (tag.count("/"), len(tag)), default=None)


def _key(tag: str) -> str:
    """Return a tag as the key of a metric, which has no spaces."""
    return re.sub(r"\s+", "_", tag)


def _pieces(scalars: Scalars, began: float) -> Iterator[Piece]:
    """Yield the losses in ranges of consecutive steps.

    If a step has several values, the last one counts.
    """
    at = {step: (when, v) for step, when, v in zip(*vars(scalars).values(), strict=True)}
    steps = np.array(sorted(step for step in at if step >= 0), np.int64)
    ends = np.flatnonzero(np.diff(steps) != 1) + 1
    for stretch in np.split(steps, ends):
        if len(stretch):
            times, values = np.array([at[step] for step in stretch.tolist()]).T
            marks = np.stack([stretch, times - began], axis=1).astype(np.float64)
            yield Piece(int(stretch[0]), values, marks)


def _epochs(metrics: dict[str, Scalars], began: float) -> Iterator[Epoch]:
    """Yield the other scalars, by step, as epochs."""
    at: dict[int, dict[str, float]] = {}
    times: dict[int, float] = {}
    for key, scalars in metrics.items():
        for step, when, value in zip(*vars(scalars).values(), strict=True):
            at.setdefault(step, {})[key] = value
            times[step] = when
    for step in sorted(at):
        yield Epoch(step, float("nan"), at[step], step, times[step] - began)

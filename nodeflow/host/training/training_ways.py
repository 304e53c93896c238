"""How a training runs in the engine process: its priority, its folder, what the doctor looks at."""

from __future__ import annotations

import os
from pathlib import Path

from nodeflow.document.build.task import Task
from nodeflow.engine.session import Session
from nodeflow.host import protocol as p
from nodeflow.host.views.source import ViewSource
from nodeflow.train.doctor.batch import Run
from nodeflow.train.keeping import Keeping
from nodeflow.train.resume.checkpoints import Every

NICENESS = 5
KEPT = 2
"""States of a training that stay on disk for a crash: the newest, and one in case it is damaged."""


def lower_priority() -> None:
    """Lower the priority of this process below that of the window; once."""
    if hasattr(os, "nice") and os.nice(0) < NICENESS:
        os.nice(NICENESS - os.nice(0))


def keeping_of(request: p.Train) -> Keeping:
    """Where the state of a training is kept, and where it goes on."""
    keep = request.keep
    if keep is None:
        return Keeping()
    folder = Path(keep.folder)
    resume = folder if keep.go_on else None
    return Keeping(folder, Every.of(keep.every), KEPT, resume, borrowed=True)


def by_reference(task: Task, session: Session) -> Run:
    """Computes tensors of a training by inference; looking changes nothing."""
    read = session.variables.__getitem__
    source = ViewSource(
        task, task.tensor, lambda node: read(node.name), session.stream_of("run", 0), {}
    )
    return source.run

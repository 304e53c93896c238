"""Settings of a training in the engine process: its priority, its folder, values for the doctor."""

from __future__ import annotations

import os
from pathlib import Path

from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.host import protocol as p
from nodeflow.host.views.value_source import ViewSource
from nodeflow.train.doctor.dead_units import Run
from nodeflow.train.loop.checkpointed_training import Keeping
from nodeflow.train.resume.checkpoints import Every

NICENESS = 5
KEPT = 2
"""The number of training states on disk for recovery: the newest, and one in case it is damaged."""


def lower_priority() -> None:
    """Lower the priority of this process, if not done yet, so that the window has precedence."""
    if hasattr(os, "nice") and os.nice(0) < NICENESS:
        os.nice(NICENESS - os.nice(0))


def keeping_of(request: p.Train) -> Keeping:
    """Return the options for checkpoints: where the state is kept, and from where training
    resumes.
    """
    keep = request.keep
    if keep is None:
        return Keeping()
    folder = Path(keep.folder)
    resume = folder if keep.go_on else None
    return Keeping(folder, Every.of(keep.every), KEPT, resume, borrowed=True)


def by_reference(task: Task, session: Session) -> Run:
    """Return a function that computes tensors by the reference implementation, with the variables
    of a training, in the inference phase.
    """
    read = session.variables.__getitem__
    source = ViewSource(
        task, task.tensor, lambda node: read(node.name), session.stream_of("run", 0), {}
    )
    return source.run

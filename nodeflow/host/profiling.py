"""The profile of a document: a few training steps, or a run of all tensors without a consumer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import FetchError
from nodeflow.host.protocol import Profiled
from nodeflow.train.loop.event_stream import explain, profile

STEPS = 3


def measure(
    task: Task, variables: Mapping[str, np.ndarray], threads: int | None, request: int
) -> Profiled:
    """Return the times of all compiled kernels, measured in a separate session with these
    variables.

    Raises:
        NodeflowError: an error in the document, its data, or the run.
    """
    seed = task.build.settings.seed
    with Session(task.graph, tier="compiled", threads=threads, seed=seed) as session:
        session.initialize()
        session.variables.update(variables)
        if task.trains:
            training = task.training()
            trace, plan = profile(session, training, STEPS), explain(session, training)
            return Profiled(request, STEPS, session.team().n, trace, plan)
        names = task.default_fetches()
        if not names:
            raise FetchError("the graph has nothing to compute", hint="Add a node.")
        fetches = [task.fetchable(name) for name in names]
        feeds = task.feeds(fetches)
        _, trace = session.profile(fetches, feeds)
        return Profiled(request, 0, session.team().n, trace, session.explain(fetches, feeds))

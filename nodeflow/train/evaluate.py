"""Evaluation over a whole split, in batches that keep memory small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.graph.graph import Tensor
from nodeflow.train.settings import Training

EVALUATION_BATCH = 1000


def evaluate(
    session: Session,
    training: Training,
    tensors: Sequence[Tensor],
    split: str,
    batch_size: int = EVALUATION_BATCH,
) -> list[float]:
    """The row-weighted means of scalar tensors over a split; the last partial batch counts.

    Raises:
        DataError: the split is empty or not there.
    """
    bindings = training.used_bindings([t.node for t in tensors])
    rows = training.rows(bindings, split)
    feeds = dict(training.feeds)
    if rows is None:
        return [float(v) for v in session.run(list(tensors), feeds)]
    columns = {t: b.dataset.split(split)[b.column] for t, b in bindings.items()}
    totals = np.zeros(len(tensors))
    for start in range(0, rows, batch_size):
        stop = min(start + batch_size, rows)
        batch: Mapping = {t: c.rows(slice(start, stop)) for t, c in columns.items()}
        values = session.run(list(tensors), {**feeds, **batch})
        totals += np.asarray(values, np.float64) * (stop - start)
    return [float(v) for v in totals / rows]

"""Evaluation over a whole split, in batches that keep memory small.

A value is the mean over the batches, weighted by rows, unless it depends on rows only through
accumulating metrics (``ops.metric_state``). Then each batch updates the state of these metrics, and
expressions of them (``1 - f1``) are computed once, at the end. The batch size never changes such a
value. Several processes share the batches, and each gets the values of the whole split.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.engine.columns import Column
from nodeflow.engine.memory import Needs
from nodeflow.engine.session import Session
from nodeflow.engine.sharing import Sharing
from nodeflow.errors import Cancelled
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.objectives.metric_state import Accumulating, State
from nodeflow.train.processes.shared_measurements import Part, gathered
from nodeflow.train.training import Training

EVALUATION_BATCH = 1000
BATCH_BYTES = 1 << 26


def evaluate(
    session: Session,
    training: Training,
    tensors: Sequence[Tensor],
    split: str,
    batch_size: int = EVALUATION_BATCH,
    times: int = 1,
) -> list[np.ndarray]:
    """Return the values of tensors over a whole split, including its last partial batch.

    Scalars are float64 arrays of rank 0; other tensors must come from accumulating metrics.

    Args:
        times: the expected number of evaluations like this one, including this one. The tier
            ``auto`` waits for the compiler if that saves time.

    Raises:
        DataError: the split is empty or does not exist.
        Cancelled: the session's ``interrupted`` returned True, between two batches or during a wait
            for the compiler. Not raised if several processes train, because all of them stop after
            the same step.
    """
    averaged, metrics, fetches = _parts_of(training, tensors)
    bindings = training.used_bindings([t.node for t in fetches])
    rows = training.rows(bindings, split)
    peers = session.peers if rows is not None else None
    parts: dict[int, Part] = {}
    runs, left, first = session.runs, rows or 1, 0
    for number, feeds, share in _batches(training, bindings, split, rows, batch_size, peers):
        if session.peers is None and session.interrupted():
            raise Cancelled("the evaluation was stopped")
        session.runs = runs + number  # random ops depend on it, whichever process runs the batch
        first = first or share
        later = (times - 1) * ((rows or 1) // share if share == first else 1)
        with session.expecting(-(-left // share) + later if peers is None else None):
            values = dict(zip(fetches, session.run(fetches, feeds), strict=True))
        left -= share
        sums = tuple(np.asarray(values[t], np.float64) * share for t in averaged)
        states = tuple(
            _op(m).state(*(np.asarray(values[t]) for t in m.inputs), **m.attrs) for m in metrics
        )
        parts[number] = (sums, *states)
    if peers is not None:
        parts = gathered(peers, parts)
    session.runs = runs + len(parts)
    ordered = [parts[number] for number in sorted(parts)]
    totals = {t: sum((p[0][i] for p in ordered), np.zeros(())) for i, t in enumerate(averaged)}
    known = {m.outputs[0]: _result(m, [p[1 + i] for p in ordered]) for i, m in enumerate(metrics)}
    derived = [t for t in tensors if t not in totals and t not in known]
    if derived:
        computed = session.run(derived, {**training.feeds, **known})
        known.update(zip(derived, computed, strict=True))
    return [totals[t] / (rows or 1) if t in totals else np.asarray(known[t]) for t in tensors]


def parted(metrics: Mapping[str, np.ndarray]) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return the scalar metrics, and the metrics that are tables."""
    numbers = {key: float(value) for key, value in metrics.items() if value.ndim == 0}
    return numbers, {key: value for key, value in metrics.items() if value.ndim}


def needs(
    session: Session, training: Training, tensors: Sequence[Tensor], split: str
) -> Needs | None:
    """Return the memory that `evaluate` takes; None if the split has no rows."""
    _, _, fetches = _parts_of(training, tensors)
    bindings = training.used_bindings([t.node for t in fetches])
    rows = training.rows(bindings, split)
    batches = _batches(training, bindings, split, rows, EVALUATION_BATCH, None)
    return next((session.needs(fetches, feeds) for _, feeds, _ in batches), None)


def _parts_of(
    training: Training, tensors: Sequence[Tensor]
) -> tuple[list[Tensor], list[Node], list[Tensor]]:
    """Divide the tensors to evaluate. Return the tensors whose means are taken over batches, the
    metrics that accumulate over batches, and all tensors to fetch for each batch.
    """
    figures = {t: accumulators(t, training.bindings) for t in tensors}
    metrics = list(dict.fromkeys(m for found in figures.values() for m in found))
    averaged = [t for t, found in figures.items() if not found]
    return averaged, metrics, [*averaged, *(t for m in metrics for t in m.inputs)]


def rows_in_memory(columns: Iterable[Column]) -> int:
    """Return how many rows to gather at once, so that wide columns do not fill memory."""
    row = sum(
        math.prod(size or 1 for size in column.type.shape[1:]) * numpy_dtype(column.dtype).itemsize
        for column in columns
    )
    return max(1, BATCH_BYTES // max(row, 1))


def accumulators(tensor: Tensor, bound: Iterable[Tensor] = ()) -> list[Node]:
    """Return the accumulating metrics that a tensor depends on.

    Return an empty list if the tensor also depends on rows in another way, because then it is
    averaged over batches.

    Args:
        bound: placeholders that are fed with rows.
    """
    rows = {t.node for t in bound}
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    waiting = [tensor.node]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node.op, Accumulating):
            found[node] = None
        elif node in rows:
            return []
        else:
            waiting += [t.node for t in node.inputs]
    return list(found)


def _op(metric: Node) -> Accumulating:
    assert isinstance(metric.op, Accumulating)
    return metric.op


def _result(metric: Node, states: list[State]) -> np.ndarray:
    op = _op(metric)
    result = op.result(op.merge(states), **metric.attrs)
    return np.asarray(result, numpy_dtype(metric.outputs[0].dtype))


def _batches(
    training: Training,
    bindings: Mapping,
    split: str,
    rows: int | None,
    batch_size: int,
    peers: Sharing | None,
) -> Iterator[tuple[int, dict[Tensor, Any], int]]:
    """Yield the number, the feeds and the row count of each batch that this process evaluates.

    If no placeholder is fed with rows, yield one batch with row count 1.
    """
    if rows is None:
        yield 0, dict(training.feeds), 1
        return
    columns = {t: b.dataset.split(split)[b.column] for t, b in bindings.items()}
    if any(column.lazy for column in columns.values()):
        batch_size = min(batch_size, rows_in_memory(columns.values()))
    if peers is not None:  # each process gets some batches
        batch_size = min(batch_size, -(-rows // peers.number))
    for number, start in enumerate(range(0, rows, batch_size)):
        if peers is not None and number % peers.number != peers.index:
            continue
        stop = min(start + batch_size, rows)
        batch = {t: c.rows(slice(start, stop)) for t, c in columns.items()}
        yield number, {**training.feeds, **batch}, stop - start

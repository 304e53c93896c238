"""What the analysis says of each op, compared with what the op's reference does to rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.rows import JOINED, SAME, Rows, analyse
from nodeflow.engine.schedule.schedule import build_schedule, resolve_alias
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import dtype_name
from nodeflow.ops.composed import Composed
from tests.engine.rows.flows import Flow

BY_NODE = ("assign", "layers/shared", "variable")
OPS = [op for op in REGISTRY if (not op.macro or isinstance(op, Composed)) and op.id not in BY_NODE]
MOST = 4
"""Samples of an op that are looked at."""


def samples(op: Op) -> list[Sample]:
    """Small samples of different shapes, with rows to share."""
    chosen: dict[tuple, Sample] = {}
    for sample in op.samples():
        shapes = tuple(a.shape for a in sample.inputs)
        if any(a.dtype.kind not in "fiub" or a.dtype.itemsize < 1 for a in sample.inputs):
            continue
        if any(size > 1 for shape in shapes for size in shape) and all(
            size for shape in shapes for size in shape
        ):
            key = (shapes, repr(sorted(sample.attrs)))
            if key not in chosen or sample.smooth:
                chosen[key] = sample
    return list(chosen.values())[:MOST]


def placements(sample: Sample) -> Iterator[tuple[int | None, ...]]:
    """For each input the axis of its rows, or none; in all ways that agree on their number."""
    choices = [(None, *range(min(a.ndim, 3))) for a in sample.inputs[:4]]
    rest = (None,) * (len(sample.inputs) - len(choices))
    for axes in itertools.product(*choices):
        sizes = {a.shape[x] for a, x in zip(sample.inputs, axes, strict=False) if x is not None}
        if len(sizes) == 1 and sizes != {1}:
            yield (*axes, *rest)


def build(op: Op, sample: Sample) -> tuple[nf.Graph, list[Tensor], list[Tensor]]:
    graph = nf.Graph()
    feeds = [
        graph.apply("placeholder", dtype=dtype_name(a.dtype), shape=a.shape) for a in sample.inputs
    ]
    node = graph.add_node(op, feeds, sample.attrs)
    outs = [t for t in node.outputs if not t.node.alias or t.node.alias[t.index] is not None]
    return graph, feeds, outs


def flow_at(
    outs: Sequence[Tensor], feeds: Sequence[Tensor], axes: Sequence[int | None]
) -> Flow | None:
    """How rows go through an op; None where it uses none of the inputs that have some."""
    schedule = build_schedule(outs, feeds)
    slots = {schedule.feeds.get(f): a for f, a in zip(feeds, axes, strict=True)}
    batches = {s: a for s, a in slots.items() if s is not None and a is not None}
    if not batches:
        return None
    return Flow(schedule, analyse(schedule, [t.type for t in schedule.slots], batches))


def with_another_row(array: np.ndarray, axis: int, row: int, by: int) -> np.ndarray:
    """The array with the elements of one row replaced by those of another."""
    changed = array.copy()
    moved = np.moveaxis(changed, axis, 0)
    moved[row] = np.moveaxis(array, axis, 0)[by]
    return changed


def of_row(array: np.ndarray, rows: Rows, number: int, row: int) -> np.ndarray:
    """The elements of an output that belong to a row."""
    shape = array.shape
    whole = array.reshape(
        *shape[: rows.axis], rows.outer, number, rows.inner, *shape[rows.axis + 1 :]
    )
    return np.take(whole, row, axis=rows.axis + 1)


@pytest.mark.sample(80)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.id)
def test_rows_that_are_said_to_be_apart_are_apart(op):
    for sample in samples(op):
        graph, feeds, outs = build(op, sample)
        session = nf.Session(graph, tier="reference", seed=3)
        session.initialize()

        def run(arrays, outs=outs, feeds=feeds, session=session):
            session.runs = 0  # the same random numbers each time
            return session.run(outs, dict(zip(feeds, arrays, strict=True)), training=True)

        for axes in placements(sample):
            found = flow_at(outs, feeds, axes)
            if found is None:
                continue
            states = [found.state(t) for t in outs]
            if not any(isinstance(s, Rows) for s in states) and SAME not in states:
                continue
            number = found.found.number
            try:
                before = run(sample.inputs)
                arrays = [
                    a if x is None else with_another_row(a, x, number - 1, 0)
                    for a, x in zip(sample.inputs, axes, strict=True)
                ]
                after = run(arrays)
            except NodeflowError:
                continue  # other rows than the sample's are no input of this op
            for state, old, new in zip(states, before, after, strict=True):
                old, new = np.asarray(old), np.asarray(new)
                if state is SAME:
                    np.testing.assert_array_equal(new, old, err_msg=f"{axes} {sample.attrs}")
                elif isinstance(state, Rows) and not found.found.joins:
                    for row in range(number - 1):
                        np.testing.assert_array_equal(
                            of_row(new, state, number, row),
                            of_row(old, state, number, row),
                            err_msg=f"row {row} of {axes}, {sample.attrs}",
                        )


TOGETHER = {
    "sum": lambda parts, weights: sum(parts),
    "mean": lambda parts, weights: sum(p * w for p, w in zip(parts, weights, strict=True)),
    "prod": lambda parts, weights: parts[0] * parts[1],
    "max": lambda parts, weights: np.maximum(*parts),
    "min": lambda parts, weights: np.minimum(*parts),
    "any": lambda parts, weights: parts[0] | parts[1],
}


@pytest.mark.sample(80)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.id)
def test_a_join_that_is_all_an_op_does_is_made_of_parts(op):
    for sample in samples(op):
        _, feeds, outs = build(op, sample)
        for axes in placements(sample):
            found = flow_at(outs, feeds, axes)
            if found is None or len(outs) != 1 or found.state(outs[0]) is not JOINED:
                continue
            joins = [j for joins in found.found.joins.values() for j in joins]
            last = found.schedule.steps[max(found.found.joins)]
            ends = resolve_alias(outs[0]) in last.node.outputs
            if len(joins) != 1 or not joins[0].final or not ends or found.found.sliced:
                continue
            number = found.found.number
            bounds = (0, 1, number)
            parts = []
            try:
                whole = np.asarray(value(op, sample.inputs, sample))
                for low, high in itertools.pairwise(bounds):
                    arrays = [
                        a if x is None else np.take(a, range(low, high), x)
                        for a, x in zip(sample.inputs, axes, strict=True)
                    ]
                    parts.append(np.asarray(value(op, arrays, sample)))
            except NodeflowError:
                continue
            weights = [1 / number, (number - 1) / number]
            with np.errstate(all="ignore"):
                joined = TOGETHER[joins[0].kind](parts, weights)
            np.testing.assert_allclose(
                np.asarray(joined, "float64"),
                np.asarray(whole, "float64"),
                rtol=1e-3 if whole.dtype.itemsize < 4 else 1e-5,
                atol=1e-3 if whole.dtype.itemsize < 4 else 1e-6,
                err_msg=f"{axes} {sample.attrs}",
            )


def value(op: Op, arrays: Sequence[np.ndarray], sample: Sample) -> np.ndarray:
    """The op on these arrays."""
    graph, feeds, outs = build(op, Sample(tuple(arrays), sample.attrs))
    session = nf.Session(graph, tier="reference", seed=3)
    session.initialize()
    return session.run(outs[0], dict(zip(feeds, arrays, strict=True)), training=True)

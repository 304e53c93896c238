"""Every op computes on rows that come one by one what it computes on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.blocks import grid
from nodeflow.engine.blocks.executor import BlockedExecutor
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import is_half

SAMPLES = 4
OPS = [op.id for op in REGISTRY if not op.stateful]
LEAST = 310
"""So many ops, at least, have a sample that is cut."""
ROUGH = 2e-2
"""Half floats are rounded to 8 or 11 bits."""


class Both(NamedTuple):
    """What a sample gives whole and cut, and whether it was cut."""

    sample: Sample
    whole: list[np.ndarray]
    cut: list[np.ndarray]
    is_cut: bool


def build(op_id: str, sample: Sample) -> tuple[Graph, list[Tensor], list[Tensor]]:
    """The op alone, its inputs of any number of rows."""
    with nf.Graph() as graph:
        inputs = [
            nf.placeholder(array.dtype.name, [None, *array.shape[1:]] if array.ndim else [])
            for array in map(np.asarray, sample.inputs)
        ]
        node = graph.add_node(REGISTRY.lookup(op_id), inputs, sample.attrs)
        return graph, inputs, [nf.identity(t) for t in node.outputs]


def compute(graph: Graph, fetches: list[Tensor], feeds, monkeypatch, whole: int):
    monkeypatch.setattr(grid, "WHOLE_BYTES", whole)
    monkeypatch.setattr(grid, "CELL_BYTES", 1)
    with Session(graph, tier="reference", seed=2) as session:
        session.initialize()
        values = session.run(fetches, feeds, training=True)
        return values, isinstance(session._last, BlockedExecutor)


def run_both(op_id: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    """Some samples of an op, run whole and row by row."""
    for sample in islice(REGISTRY.lookup(op_id).samples(), SAMPLES):
        try:
            graph, inputs, fetches = build(op_id, sample)
            feeds = dict(zip(inputs, sample.inputs, strict=True))
            whole, _ = compute(graph, fetches, feeds, monkeypatch, 1 << 50)
        except NodeflowError:
            continue  # it wants to know its sizes while the graph is built
        yield Both(sample, whole, *compute(graph, fetches, feeds, monkeypatch, 0))


@pytest.mark.sample(100)
@pytest.mark.parametrize("op_id", OPS)
def test_rows_one_by_one(op_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for both in run_both(op_id, monkeypatch):
        rough = any(is_half(np.asarray(a).dtype) for a in both.sample.inputs)
        for one, other in zip(map(np.asarray, both.whole), map(np.asarray, both.cut), strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            plain = [a if a.dtype == bool else a.astype(complex) for a in (one, other)]
            tolerance = ROUGH if rough else 1e-5
            text = str(both.sample.attrs)
            np.testing.assert_allclose(*plain, rtol=tolerance, atol=1e-5, err_msg=text)


@pytest.mark.thorough
def test_most_ops_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = [op for op in OPS if any(both.is_cut for both in run_both(op, monkeypatch))]
    assert len(cut) >= LEAST

"""Runs that are recorded by `RunOptions` and `RunMetadata`."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.recorded_runs import RunMetadata, RunOptions
from nodeflow.errors import FetchError
from nodeflow.ops.training.optimizers import GradientDescentOptimizer


def recorded(graph: nf.Graph, fetch: nf.Tensor, feeds: dict) -> tuple[object, list[dict]]:
    options = RunOptions(trace_level=RunOptions.FULL_TRACE)
    metadata = RunMetadata()
    with nf.Session(graph) as session:
        session.initialize()
        value = session.run(fetch, feed_dict=feeds, options=options, run_metadata=metadata)
    assert metadata.step_stats is not None
    return value, metadata.step_stats["traceEvents"]


def test_a_recorded_run_names_its_nodes() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [8, 4], name="x")
        w = nf.variable(np.ones((4, 3), "float32"), name="w")
        total = nf.reduce_sum(nf.matmul(x, w, name="product"), name="total")
    value, events = recorded(graph, total, {x: np.ones((8, 4))})
    assert value == 96
    named = {node for event in events for node in event["args"].get("nodes", ())}
    assert {"product", "total"} <= named
    assert all(event["dur"] >= 0 for event in events if event["ph"] == "X")


def test_what_finds_out_sizes_is_recorded_as_one() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="x")
        kept = nf.reduce_sum(nf.boolean_mask(x, x > 0))
    value, events = recorded(graph, kept, {x: [1.0, -2.0, 3.0]})
    assert value == 4 and [event["name"] for event in events] == ["run"]


def test_a_recorded_training_step_is_one_step() -> None:
    with nf.Graph() as graph:
        v = nf.variable(1.0)
        train = GradientDescentOptimizer(0.25).minimize(nf.square(v))
    options, metadata = RunOptions(trace_level=3), RunMetadata()
    with nf.Session(graph) as session:
        session.initialize()
        session.run(train, None, options, metadata)
        assert session.run(v) == 0.5 and metadata.step_stats


def test_without_a_level_nothing_is_recorded() -> None:
    with nf.Graph() as graph:
        one = nf.constant(1.0)
    metadata = RunMetadata()
    with nf.Session(graph) as session:
        assert session.run(one, options=RunOptions(), run_metadata=metadata) == 1
        assert metadata.step_stats is None
        with pytest.raises(FetchError, match="fed again"):
            session.partial_run_setup([one])
        with pytest.raises(FetchError, match="fed again"):
            session.partial_run("handle", one)

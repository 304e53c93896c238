"""A profile times every kernel and changes no number."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.errors import RunError


def graph():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 64], name="x")
        w = nf.variable(np.linspace(-1, 1, 64 * 32, dtype="float32").reshape(64, 32), name="w")
        h = nf.tanh(nf.matmul(x, w, name="product") + 1, name="h")
        total = nf.reduce_sum(h, name="total")
        grown = nf.assign(w, w * 2, name="grown")
    return g, x, total, grown


def complete(trace):
    return [e for e in trace["traceEvents"] if e["ph"] == "X"]


def test_every_node_with_a_kernel_is_in_the_trace_with_thread_and_bytes() -> None:
    g, x, total, _ = graph()
    value = np.ones((256, 64), "float32")
    with nf.Session(g, tier="compiled", threads=2) as s:
        s.initialize()
        expected = s.run(total, {x: value})
        result, trace = s.profile(total, {x: value})
    assert result == expected
    events = complete(json.loads(json.dumps(trace)))
    assert {"product", "h", "total"} <= {n for e in events for n in e["args"]["nodes"]}
    assert all(e["dur"] > 0 and e["ts"] >= 0 for e in events)
    product = [e for e in events if e["args"]["nodes"] == ["product"]]
    moved = 4 * (256 * 64 + 64 * 32 + 256 * 32)
    assert sum(e["args"]["bytes"] for e in product) == pytest.approx(moved, abs=len(product))
    threads = {e["tid"] for e in trace["traceEvents"] if e["ph"] == "M"}
    assert {e["tid"] for e in events} <= threads


def test_a_trace_has_what_the_trace_event_format_asks_for_and_no_more_threads_than_compute() -> (
    None
):
    """Complete events of one thread do not overlap, or Perfetto drops them."""
    g, x, total, _ = graph()
    with nf.Session(g, tier="compiled", threads=2) as s:
        s.initialize()
        _, trace = s.profile(total, {x: np.ones((4096, 64), "float32")})
    events = complete(json.loads(json.dumps(trace)))
    names = [e for e in trace["traceEvents"] if e["ph"] == "M"]
    assert [(e["name"], e["tid"]) for e in names] == [("thread_name", 0), ("thread_name", 1)]
    for event in events:
        assert {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"} <= event.keys()
    for thread in (0, 1):
        mine = sorted((e["ts"], e["ts"] + e["dur"]) for e in events if e["tid"] == thread)
        assert all(end <= begin + 0.002 for (_, end), (begin, _) in pairwise(mine))
    tasks = [(e["args"]["task"], e["args"]["tasks"]) for e in events if "h" in e["args"]["nodes"]]
    assert sorted(t for t, _ in tasks) == list(range(tasks[0][1])), "each task once"


def test_nodes_that_a_sum_or_a_product_computes_are_in_the_trace() -> None:
    """A loss over all elements, a sum over columns, and a large product with its bias."""
    value = np.random.default_rng(1).random((2048, 64), "float32")
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 64], name="x")
        difference = nf.subtract(x, 0.5, name="difference")
        loss = nf.reduce_mean(nf.square(difference, name="squares"), name="loss")
        columns = nf.reduce_sum(nf.multiply(x, 2.0, name="doubles"), axis=0, name="columns")
        product = nf.matmul(x, np.ones((64, 256), "float32"), name="product")
        layer = nf.add(product, np.ones(256, "float32"), name="layer")
        outs = [loss, columns, layer]
    computed = {"difference", "squares", "loss", "doubles", "columns", "product", "layer"}
    with nf.Session(g, tier="compiled") as s:
        result, trace = s.profile(outs, {x: value})
    assert computed <= {n for e in complete(trace) for n in e["args"]["nodes"]}
    with nf.Session(g, tier="compiled", without=["sums", "add_in_products"]) as s:
        expected, trace = s.profile(outs, {x: value})
    assert computed <= {n for e in complete(trace) for n in e["args"]["nodes"]}
    for ours, plain in zip(result, expected, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-5)


def test_what_a_profiled_run_assigns_is_assigned_once() -> None:
    g, _, _, grown = graph()
    with nf.Session(g, tier="compiled") as s:
        s.initialize()
        before = s.variables["w"]
        s.profile(grown)
        assert np.array_equal(s.variables["w"], before * 2)


def test_ops_without_a_kernel_are_timed_too() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float64", [2, 3], name="x")
        z = nf.reduce_sum(g.apply("print", nf.exp(x), name="shown"))
    with nf.Session(g, tier="reference") as s:
        value = np.ones((2, 3))
        result, trace = s.profile(z, {x: value})
    assert result == pytest.approx(6 * np.e)
    assert [e["cat"] for e in complete(trace) if "shown" in e["args"]["nodes"]] == ["reference"]


@pytest.mark.parametrize("shown", [False, True], ids=["driven", "with an op by reference"])
def test_training_steps_are_timed_and_are_steps_like_any_other(shown: bool) -> None:
    data = np.random.default_rng(1).random((40, 64)).astype("float32")

    def steps(profiled: bool):
        with nf.Graph() as g:
            x = nf.placeholder("float32", [None, 64], name="x")
            w = nf.variable(np.ones((64, 8), "float32"), name="w")
            h = nf.tanh(nf.matmul(x, w, name="product"), name="h")
            h = g.apply("print", h, name="shown") if shown else h
            loss = nf.reduce_mean(nf.square(h), name="loss")
            train = g.apply("gradient_descent", loss, learning_rate=0.5, name="train")
        with nf.Session(g, tier="auto", threads=2) as s:
            s.initialize()
            stepper = s.stepper([train], [loss], {x: Column(data)}, 10)
            stepper.start_epoch(np.arange(40))
            trace = stepper.profile(5) if profiled else stepper.run(4)
            if not profiled:
                stepper.start_epoch(np.arange(40))
                stepper.run(2)
            return trace, s.variables["w"]

    trace, trained = steps(True)
    assert np.allclose(trained, steps(False)[1], rtol=1e-5)
    events = complete(json.loads(json.dumps(trace)))
    named = {n for e in events for n in e["args"]["nodes"]}
    assert {"product", "h", "loss"} <= named
    assert any(n.startswith("gradients/") for n in named)
    assert sum(e["args"]["task"] == 0 and e["args"]["nodes"] == ["product"] for e in events) == 5
    assert {e["tid"] for e in events} <= {0, 1}
    batches = [e["args"]["bytes"] for e in events if e["name"] == "batch of x"]
    assert shown or sum(batches) == 5 * 2 * 10 * 64 * 4, "read and written"
    assert all(e["args"]["bytes"] > 0 for e in events if e["args"]["nodes"])


def test_a_failing_kernel_is_named() -> None:
    with nf.Graph() as g:
        n = nf.placeholder("int32", [4], name="n")
        q = nf.floor_divide(n, n, name="quotient")
    with nf.Session(g, tier="compiled") as s:
        s.profile(q, {n: np.ones(4, "int32")})
        with pytest.raises(RunError, match="quotient"):
            s.profile(q, {n: np.zeros(4, "int32")})


def test_explain_says_what_was_done() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [8], name="x")
        two = nf.multiply(nf.constant(1.0), nf.constant(2.0), name="two")
        left, right = nf.exp(x * two, name="left"), nf.exp(x * two, name="right")
        nf.reduce_sum(left + right, name="total")
    with nf.Session(g, tier="reference") as s:
        text = s.explain("total", {x: np.ones(8, "float32")})
    assert "two\n" in text.split("share")[0]
    assert "right equals left" in text
    assert "fuse" in text
    assert "# left" in text
    assert re.search(r"# kernel \d+, reduction: total\n", text), "also of kernels without a formula"
    assert "float32" in text.split("buffers:")[1]


def test_a_training_step_is_explained_with_what_it_updates() -> None:
    data = np.random.default_rng(1).random((40, 8)).astype("float32")
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 8], name="x")
        w = nf.variable(np.ones((8, 1), "float32"), name="w")
        loss = nf.reduce_mean(nf.square(nf.matmul(x, w, name="product")), name="loss")
        train = g.apply("gradient_descent", loss, learning_rate=0.5, name="train")
    with nf.Session(g) as s:
        s.initialize()
        text = s.stepper([train], [loss], {x: Column(data)}, 10).explain()
        assert np.array_equal(s.variables["w"], np.ones((8, 1)))
    assert "train/w/new_value" in text
    assert "(10, 8)" in text or "(10, 1)" in text, "sizes of the batch"
    assert "def kernel" in text


def test_ops_inside_a_loop_are_named_by_their_layer_with_their_bytes() -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [4, 3, 2], name="x")
        weights = [nf.variable(np.ones(s, "float32")) for s in ((2, 5), (5, 5), (5,))]
        nf.identity(nf.rnn(x, *weights, name="memory")[1], name="last")
    with nf.Session(g, tier="compiled", threads=1) as s:
        s.initialize()
        value = np.ones((4, 3, 2), "float32")
        _, trace = s.profile("last", {x: value})
        text = s.explain("last", {x: value})
    inside = [e for e in complete(trace) if "memory/steps/tanh" in e["args"]["nodes"]]
    assert len(inside) == 3, "once for each step of the sequence"
    # Two products, and the bias, which is added in the loop.
    read, written = 4 * (4 * 5 + 4 * 5 + 5), 4 * (4 * 5)
    assert [e["args"]["bytes"] for e in inside] == [read + written] * 3
    assert "# memory/steps/tanh" in text

"""Variables of layers that something outside uses: gradients, averages and penalties, in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.live.live_build import LiveBuild
from nodeflow.errors import GraphError
from nodeflow.ops.layers.functions.without_variables import dropout
from nodeflow.ops.training.moving_average import ExponentialMovingAverage
from nodeflow.ops.training.optimizers import AdamOptimizer

FEED = {"x": np.ones((2, 3), np.float32)}


def clipped() -> nf.Graph:
    """Layers whose gradients are clipped, with a penalty, averages and an assign."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        hidden = nf.layers.dense(x, 4, activation=nf.relu, name="hidden")
        out = nf.layers.dense(dropout(hidden, 0.3), 1, name="out")
        kernels = [v for v in nf.trainable_variables() if v.name.endswith("kernel")]
        penalty = sum((nf.reduce_sum(k * k) for k in kernels[1:]), nf.reduce_sum(kernels[0] ** 2))
        loss = nf.add(nf.reduce_mean(nf.square(out)), 0.01 * penalty, name="loss")
        optimizer = AdamOptimizer(0.01)
        gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
        limited, _ = nf.clip_by_global_norm(gradients, 1.0)
        step = optimizer.apply_gradients(zip(limited, variables, strict=True))
        means = ExponentialMovingAverage(0.9)
        with nf.control_dependencies([step]):
            nf.group(means.apply(), name="train")
        nf.assign(kernels[0], nf.zeros([3, 4]), name="reset")
    return graph


@pytest.mark.thorough
@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_a_reopened_file_trains_to_the_same_bits(tier: str, tmp_path: Path) -> None:
    graph = clipped()
    nf.save(graph, tmp_path / "clipped.flow")
    found = []
    for each in (graph, nf.load(tmp_path / "clipped.flow")):
        with nf.Session(each, tier=tier, seed=3) as session:
            session.initialize()
            losses = [session.run(["train", "loss"], FEED)[1].item() for _ in range(3)]
            found.append((losses, {n: session.variables[n] for n in session.variables}))
            session.run("reset", FEED)
            assert not session.variables["hidden/kernel"].any()
    assert found[0][0] == found[1][0] and found[0][0][-1] < found[0][0][0]
    assert found[0][1].keys() == found[1][1].keys()
    for name, value in found[0][1].items():
        np.testing.assert_array_equal(found[1][1][name], value, err_msg=name)


@pytest.mark.thorough
def test_the_file_keeps_layers_as_one_node_and_is_a_fixed_point(tmp_path: Path) -> None:
    first, again = tmp_path / "a.flow", tmp_path / "b.flow"
    nf.save(clipped(), first)
    nf.save(nf.load(first), again)
    assert again.read_bytes() == first.read_bytes()
    doc = flow.load(first)
    ops = [node.op for node in doc.nodes.values()]
    assert ops.count("layers/dense") == 2 and ops.count("inner_variable") == 4
    assert doc.node_named("hidden_kernel").attrs["variable"] == "kernel"
    assert not [p for p in Analysis(doc).all_problems() if p.severity == "error"]


def test_what_python_adds_to_a_loaded_file_may_use_them(tmp_path: Path) -> None:
    path = tmp_path / "layers.flow"
    with nf.Graph() as graph:
        nf.layers.dense(nf.placeholder("float32", [None, 3], name="x"), 2, name="dense")
    nf.save(graph, path)
    with nf.load(path) as graph:
        nf.reduce_sum(nf.square(graph.tensor("dense/kernel")), name="penalty")
    nf.save(graph, path)
    with nf.Session(nf.load(path)) as session:
        session.initialize()
        expected = np.square(session.variables["dense/kernel"]).sum()
        np.testing.assert_allclose(session.run("penalty"), expected, rtol=1e-6)


@pytest.mark.thorough
def test_edits_are_followed_and_a_wrong_size_is_said() -> None:
    doc = from_graph(clipped())
    hidden, kernel = (doc.node_named(n).id for n in ("hidden", "hidden_kernel"))
    live = LiveBuild(doc)
    doc.subscribe(live.follow)
    edits = (
        lambda: commands.set_attr(doc, hidden, "activation", "tanh"),
        lambda: commands.set_attr(doc, hidden, "units", 5),
        lambda: commands.set_attr(doc, kernel, "shape", [3, 5]),
        lambda: doc.undo(),
        lambda: doc.undo(),
        lambda: commands.rename(doc, hidden, "first"),
    )
    for count, edit in enumerate(edits):
        edit()
        live.settle()
        fresh = build(doc, partial=True)
        shown = [
            [(n.name, n.op.id, [t.name for t in n.inputs]) for n in graph.nodes]
            for graph in (live.build.graph, fresh.graph)
        ]
        assert shown[0] == shown[1]
        if count == 1:
            (problem,) = fresh.found[kernel]
            assert "is float32 (3, 5), not float32 (3, 4)" in problem.message
    assert "first/kernel" in live.build.graph


def test_other_derived_tensors_are_still_refused(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        nf.layers.dense(x, 2, name="dense")
        inner = next(n for n in graph.nodes if n.derived_from == "dense" and n.op.id == "matmul")
        nf.reduce_sum(inner.outputs[0], name="sum")
    with pytest.raises(GraphError, match="generated from dense"):
        nf.save(graph, tmp_path / "x.flow")

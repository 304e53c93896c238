"""Dropout from Python as in TensorFlow 1: rate, keep_prob and training, numbers or tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.errors import (
    AttributeProblem,
    DtypeError,
    GraphError,
    NodeflowError,
    ShapeError,
)
from nodeflow.ops.layers.functions.without_variables import dropout
from nodeflow.ops.namespaces import nn
from nodeflow.ops.variables.scope import Variable

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])
ONES = np.ones((40, 30), np.float32)


@BOTH
@pytest.mark.parametrize("saved", [False, True])
def test_keep_prob_is_fed_as_in_mnist_deep(tier: str, saved: bool, tmp_path: Path) -> None:
    with nf.Graph() as graph:
        keep_prob = nf.placeholder("float", name="keep_prob")
        w = nf.variable(ONES, name="w")
        out = nf.dropout(w, keep_prob=keep_prob, name="dropout")
        assert out.shape == w.shape
        nf.gradient_descent(nf.reduce_sum(out), learning_rate=0.0, name="train")
    if saved:
        nf.save(graph, tmp_path / "deep.flow")
        graph = nf.load(tmp_path / "deep.flow")
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        for fetches in ("dropout", ["dropout", "train"]):
            for share in (0.5, 0.25):
                value = session.run(fetches, {"keep_prob": share})
                value = value if isinstance(value, np.ndarray) else value[0]
                assert set(np.unique(value)) == {0, 1 / share}
                assert abs(value.mean() - 1) < 0.2
            value = session.run(["dropout"], {"keep_prob": 1.0})[0]
            np.testing.assert_array_equal(value, ONES)
        np.testing.assert_array_equal(session.run("dropout", {"keep_prob": 0.0}), 0 * ONES)


@BOTH
def test_a_rate_may_be_a_number_or_a_tensor_and_leaves_the_phase_to_the_run(tier: str) -> None:
    with nf.Graph() as graph:
        rate = nf.placeholder("float32", [], name="rate")
        number = nf.dropout(nf.constant(ONES), rate=0.25, seed=3)
        tensor = nf.dropout(nf.constant(ONES), rate=rate, seed=3, name="tensor")
        layer = dropout(nf.constant(ONES), rate, seed=3)
    with nf.Session(graph, tier=tier) as session:
        for values in session.run([number, tensor, layer], {rate: 0.25}):
            np.testing.assert_array_equal(values, ONES)
        first, *others = session.run([number, tensor, layer], {rate: 0.25}, training=True)
        assert 0.15 < (first == 0).mean() < 0.35
        for other in others:
            np.testing.assert_array_equal(other, first)


@BOTH
def test_along_a_noise_shape_of_one_elements_share_a_draw(tier: str) -> None:
    x = np.arange(1.0, 25.0).reshape(4, 3, 2)
    with nf.Graph() as graph:
        rows = nf.dropout(nf.constant(x), keep_prob=0.5, noise_shape=[4, 1, 1])
        middle = dropout(
            nf.placeholder("float64", [None, 3, 2], name="x"), noise_shape=[None, 1, 2]
        )
    with nf.Session(graph, tier=tier) as session:
        first, second = session.run([rows, middle], {"x": x}, training=True)
    for mask, axes in ((first / x, (1, 2)), (second / x, (1,))):
        assert set(np.unique(mask)) == {0, 2}
        np.testing.assert_array_equal(mask, np.broadcast_to(mask.min(axes, keepdims=True), x.shape))


def test_the_gradient_has_the_mask_and_reaches_the_rate() -> None:
    with nf.Graph() as graph:
        x = nf.variable(np.full((5, 4), 3.0), name="x")
        rate = nf.variable(np.float64(0.3), name="rate")
        out = nf.dropout(x, rate=rate, training=True, seed=1)
        by_x, by_rate = nf.gradients(out, [x, rate])
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        value, slope, share = session.run([out, by_x, by_rate])
    np.testing.assert_allclose(slope, value / 3)
    np.testing.assert_allclose(share, value.sum() / 0.7)  # d (1 / (1 - r)) / dr = 1 / (1 - r)^2


def test_what_it_refuses() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 3])
        for second in (0.5, nf.constant(0.5), True):
            with pytest.raises(GraphError, match=r"rate=.*keep_prob=.*training=") as caught:
                nf.dropout(x, second)
            assert "ast" not in (caught.value.hint or "")
        with pytest.raises(GraphError, match="not both"):
            nf.dropout(x, rate=0.5, keep_prob=0.5)
        for given in ({"keep_prob": 1.5}, {"rate": -0.1}):
            with pytest.raises(AttributeProblem, match="must be at"):
                nf.dropout(x, **given)
        with pytest.raises(ShapeError, match="one number") as caught:
            nf.dropout(x, rate=nf.constant([0.5, 0.5]))
        assert caught.value.port == "rate"
        with pytest.raises(DtypeError) as caught:
            nf.dropout(x, keep_prob=nf.constant(0.5, dtype="float64"))
        for shape in ([3], [1, 2], [1, 1, 1]):
            with pytest.raises(ShapeError, match="noise_shape"):
                nf.dropout(x, noise_shape=shape)


def test_a_wired_rate_without_a_wired_phase_is_kept_in_files_and_exports(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        rate = nf.placeholder("float32", [], name="rate")
        nf.dropout(x, rate=rate, name="drop")
    doc = from_graph(graph)
    wires = {w.target_port for w in doc.wires_into(doc.node_named("drop").id)}
    assert wires == {"x", "rate"}
    made: dict = {"nf": nf}
    with nf.Graph() as graph:
        exec(python_code(doc, doc.node_named("drop").id), made)
    again = from_graph(graph)
    assert {w.target_port for w in again.wires_into(again.node_named("drop").id)} == wires


@pytest.mark.thorough
@BOTH
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_a_noise_shape_may_be_a_tensor(tier: str, dtype: str, tmp_path: Path) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 30], name="x")
        sizes = nf.placeholder(dtype, [2], name="sizes")
        outs = {
            "fed": nf.dropout(x, keep_prob=0.5, noise_shape=sizes, seed=4, name="fed"),
            "listed": nn.dropout(x, 0.5, [nf.shape(x)[0], 1], seed=4, name="listed"),
            "rows": nf.dropout(x, keep_prob=0.5, noise_shape=[None, 1], seed=4, name="rows"),
            "array": dropout(x, 0.5, np.array([-1, 1]), 4, training=True, name="array"),
        }
    nf.save(graph, tmp_path / "noise.flow")
    for made in (graph, nf.load(tmp_path / "noise.flow")):
        with nf.Session(made, tier=tier) as session:
            got = session.run({n: t.name for n, t in outs.items()}, {"x": ONES, "sizes": [40, 1]})
            assert {*np.unique(got["rows"])} == {0, 2}
            assert (got["rows"] == got["rows"][:, :1]).all()
            for value in got.values():
                np.testing.assert_array_equal(value, got["rows"])
            whole = session.run("fed", {"x": ONES, "sizes": [40, 30]})
            assert (whole != whole[:, :1]).any()
            (columns,) = session.run(["fed"], {"x": ONES, "sizes": [1, -1]})
            assert (columns == columns[:1]).all() and {*np.unique(columns)} == {0, 2}


def test_the_gradient_through_a_wired_noise_shape_has_its_mask() -> None:
    with nf.Graph() as graph:
        w = nf.variable(ONES, name="w")
        sizes = nf.placeholder("int32", [2], name="sizes")
        out = nf.dropout(w, keep_prob=0.25, noise_shape=sizes, seed=4)
        (gradient,) = nf.gradients(nf.reduce_sum(out), [w])
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        mask, slope = session.run([out, gradient], {sizes: [1, 30]})
    np.testing.assert_array_equal(slope, mask)
    assert {*np.unique(mask)} == {0, 4}


def test_a_noise_shape_fits_x() -> None:
    with nf.Graph() as graph:
        x = nf.constant(ONES)
        with pytest.raises(ShapeError, match=r"\(3, 30\) does not fit") as caught:
            nf.dropout(x, rate=0.5, noise_shape=nf.constant([3, 30]))
        assert caught.value.port == "noise_shape"
        with pytest.raises(ShapeError, match="a list of numbers"):
            nf.dropout(x, rate=0.5, noise_shape=nf.constant(3))
        sizes = nf.placeholder("int32", [2])
        out = nf.dropout(x, rate=0.5, training=True, noise_shape=sizes)
    with nf.Session(graph, tier="reference") as session, pytest.raises(NodeflowError, match="3"):
        session.run(out, {sizes: [3, 30]})


@BOTH
def test_shares_are_tensors_in_every_form(tier: str) -> None:
    """Placeholders of no shape, variables, results of ops and numpy numbers."""
    with nf.Graph() as graph:
        x = nf.constant(ONES)
        keep = nf.placeholder("float32", name="keep")
        kept = Variable(0.25, name="kept")
        outs = [
            nf.dropout(x, keep_prob=keep, seed=1),
            nf.dropout(x, keep_prob=kept, seed=1),
            nf.dropout(x, keep_prob=np.float32(0.25), seed=1),
            nf.dropout(x, keep_prob=0.5 * kept * 2, seed=1),
            nf.dropout(x, rate=1 - keep, training=True, seed=1),
            nn.dropout(x, keep, seed=1),
            nn.dropout(x, rate=1 - kept, seed=1),
            dropout(x, 1 - keep, seed=1, training=True),
            nf.layers.Dropout(1 - keep, seed=1)(x, training=nf.constant(True)),
        ]
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        first, *others = session.run(outs, {keep: 0.25})
        assert {*np.unique(first)} == {0, 4}
        for other in others:
            np.testing.assert_array_equal(other, first)

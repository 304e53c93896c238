"""Recurrent layers, attention, blocks, cells and templates that share variables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import share_of
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.expansion.expand import expansion, unpack
from nodeflow.document.to_graph.live.live_build import LiveBuild
from nodeflow.errors import GraphError, ShapeError
from nodeflow.ops.namespaces import nn
from nodeflow.ops.samples import values
from nodeflow.ops.variables.initializers import constant_initializer
from nodeflow.ops.variables.scope import Variable, get_variable, variable_scope
from nodeflow.ops.variables.template import make_template

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])
X = values((2, 5, 4), "float32")


def names(graph: nf.Graph) -> list[str]:
    return [v.name for v in graph.variables]


@BOTH
def test_states_of_a_shared_layer_begin_where_they_are_told(tier: str) -> None:
    with nf.Graph() as graph:
        x = nf.constant(X)
        out, h, c = nf.layers.lstm(x, 3, return_state=True, name="l")
        more = nf.layers.lstm(x, 3, return_state=True, initial_state=(h, c), name="l", reuse=True)
        whole = nf.layers.lstm(nf.concat([x, x], 1), 3, name="l", reuse=True)
        assert names(graph) == ["l/kernel", "l/recurrent_kernel", "l/bias"]
    with nf.Session(graph, tier=tier, seed=3) as session:
        session.initialize()
        first, again, both = session.run([out, more[0], whole])
    np.testing.assert_allclose(again, both, rtol=1e-5, atol=1e-6)
    assert (first != again).any()


@BOTH
@pytest.mark.parametrize(
    "made",
    [
        lambda: nf.layers.LSTM(3, return_sequences=True),
        lambda: nf.layers.GRU(3),
        lambda: nf.layers.RNN(3, activation="relu"),
        lambda: nf.layers.MultiHeadAttention(2),
        lambda: nf.layers.ResidualDense(3),
        lambda: nf.layers.TransformerBlock(2, 3, rate=0.0),
    ],
)
def test_an_object_makes_its_variables_once(made: Callable[[], Any], tier: str) -> None:
    with nf.Graph() as graph:
        layer, other = made(), made()
        x = nf.constant(X)
        first = layer(x)
        count = len(graph.variables)
        second = layer(x)
        assert len(graph.variables) == count == len(layer.variables)
        apart = other(x)
        assert len(graph.variables) == 2 * count
        slopes = nf.gradients(nf.reduce_sum(first + second), layer.trainable_variables)
        once = nf.gradients(nf.reduce_sum(first), layer.trainable_variables)
    with nf.Session(graph, tier=tier, seed=3) as session:
        session.initialize()
        one, two, three, total, single = session.run([first, second, apart, slopes, once])
    np.testing.assert_array_equal(one, two)
    assert (one != three).any()
    for both, half in zip(total, single, strict=True):
        np.testing.assert_allclose(both, 2 * half, rtol=2e-4, atol=1e-5)


@BOTH
@pytest.mark.parametrize(
    "cell",
    [
        lambda: nn.rnn_cell.BasicRNNCell(3),
        lambda: nn.rnn_cell.GRUCell(3),
        lambda: nn.rnn_cell.LSTMCell(3, use_peepholes=True),
        lambda: nn.rnn_cell.MultiRNNCell([nn.rnn_cell.BasicLSTMCell(3) for _ in range(2)]),
    ],
)
def test_a_cell_that_is_used_twice_shares(cell: Callable[[], Any], tier: str) -> None:
    with nf.Graph() as graph:
        one = cell()
        x = nf.constant(X)
        first, _ = nn.dynamic_rnn(one, x, dtype="float32", scope="first")
        count = len(graph.variables)
        second, _ = nn.dynamic_rnn(one, x, dtype="float32", scope="second")
        assert len(graph.variables) == count
    with nf.Session(graph, tier=tier, seed=3) as session:
        session.initialize()
        a, b = session.run([first, second])
    np.testing.assert_array_equal(a, b)


def test_a_shared_layer_of_another_size_is_refused() -> None:
    with nf.Graph():
        x = nf.constant(X)
        nf.layers.gru(x, 3, name="g")
        with pytest.raises(ShapeError, match="needs a kernel"):
            nf.layers.gru(x, 4, name="g", reuse=True)
        nf.layers.residual_dense(x, 3, name="r", normalization="none")
        with pytest.raises(ShapeError, match="needs a norm, but the block"):
            nf.layers.residual_dense(x, 3, name="r", reuse=True)
        with pytest.raises(ShapeError, match="needs a kernel"):
            nf.layers.residual_dense(x, 4, name="r", normalization="none", reuse=True)
        with pytest.raises(GraphError, match="exist already"):
            nf.layers.transformer_block(x, 2, 3, name="t")
            nf.layers.transformer_block(x, 2, 3, name="t")


# ---- templates --------------------------------------------------------------------------------


def scaled(x: Any, units: int) -> nf.Tensor:
    factor = get_variable("factor", [], initializer=constant_initializer(2.0))
    return nf.layers.dense(x, units) * factor


@BOTH
def test_a_template_shares_what_its_first_call_makes(tier: str, tmp_path: Path) -> None:
    with nf.Graph() as graph:
        template = make_template("net", scaled, units=3)
        assert template.variable_scope is None and template.variables == []
        x = nf.constant(X[0])
        first, second = template(x), template(x)
        expected = ["net/factor", "net/dense/kernel", "net/dense/bias"]
        assert names(graph) == [v.name for v in template.trainable_variables] == expected
        assert (template.name, template.variable_scope_name) == ("net", "net")
        other = make_template("net", scaled, units=3)
        apart = other(x)
        assert other.variable_scope_name == "net_1" and len(graph.variables) == 6
    nf.save(graph, tmp_path / "template.flow")
    for each in (graph, nf.load(tmp_path / "template.flow")):
        with nf.Session(each, tier=tier, seed=3) as session:
            session.initialize()
            a, b, c = session.run([first.name, second.name, apart.name])
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_a_template_may_have_its_scope_at_once() -> None:
    with nf.Graph() as graph:
        with variable_scope("outer"):
            now = make_template("now", scaled, create_scope_now_=True, units=2)
            then = make_template("then", scaled, units=2)
        now(nf.constant(X[0]))
        then(nf.constant(X[0]))
        assert names(graph)[0] == "outer/now/factor"
        assert names(graph)[3] == "then/factor"
        fixed = make_template("x", scaled, unique_name_="then", units=2)
        with pytest.raises(GraphError, match="exists already"):
            fixed(nf.constant(X[0]))


def test_a_template_that_makes_variables_in_each_call_is_refused() -> None:
    with nf.Graph():
        template = make_template("bad", lambda: Variable(1.0))
        template()
        with pytest.raises(GraphError, match="get_variable"):
            template()
        with pytest.raises(GraphError, match="custom_getter_"):
            make_template("x", scaled, custom_getter_=scaled)
        with pytest.raises(GraphError, match="a name and a function"):
            make_template("x", 3)  # type: ignore[arg-type]


# ---- in documents -----------------------------------------------------------------------------


def twins() -> Document:
    """Two of each that share, and a loss of all."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 5, 4], name="x")
        for kind in ("first", "second"):
            reuse = kind == "second"
            nf.layers.lstm(x, 3, name="lstm", reuse=reuse)
            nf.layers.residual_dense(x, 3, name="block", reuse=reuse)
        ends = [t for n in ("lstm", "lstm_1", "block", "block_1")
                for t in graph.node(n).outputs[:1]]  # fmt: skip
        loss = nf.add_n([nf.reduce_mean(nf.square(t)) for t in ends], name="loss")
        nf.gradient_descent(loss, learning_rate=0.1, name="train")
    return from_graph(graph)


def outline(graph: nf.Graph) -> list[tuple]:
    return [(n.name, n.op.id, [t.name for t in n.inputs], dict(n.attrs)) for n in graph.nodes]


def losses(doc: Document) -> list[float]:
    with nf.Session(build(doc).graph, tier="reference", seed=3) as session:
        session.initialize()
        return [session.run(["loss", "train"], {"x": X})[0].item() for _ in range(3)]


@pytest.mark.thorough
def test_edits_of_a_layer_reach_those_that_share_it() -> None:
    doc = twins()
    ids = {record.name: record.id for record in doc.nodes.values()}
    live = LiveBuild(doc)
    doc.subscribe(live.follow)

    def settings(name: str, **changed: Any) -> None:
        for attr, value in changed.items():
            commands.set_attr(doc, ids[name], attr, value)

    edits: list[Callable[[], Any]] = [
        lambda: commands.set_attr(doc, ids["lstm"], "units", 2),
        lambda: settings("lstm_1", units=2),
        lambda: commands.set_attr(doc, ids["block"], "units", 6),
        lambda: settings("block_1", units=6),
        lambda: settings("block_1", activation="tanh"),
        lambda: commands.set_attr(doc, ids["block"], "normalization", "none"),
        lambda: settings("block_1", normalization="none"),
        lambda: commands.rename(doc, ids["lstm"], "memory"),
        *[doc.undo] * 8,
    ]
    for count, edit in enumerate(edits):
        edit()
        live.settle()
        assert outline(live.build.graph) == outline(build(doc, partial=True).graph), count
    assert not build(doc).found


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["lstm", "lstm_1", "block", "block_1"])
def test_layers_with_the_same_weights_are_unpacked_together(name: str) -> None:
    doc = twins()
    before = losses(doc)
    unpack(doc, doc.node_named(name).id)
    kind = name.removesuffix("_1")
    assert not [n for n in doc.names if n in (kind, f"{kind}_1")]
    np.testing.assert_allclose(losses(doc), before, rtol=1e-6)


@pytest.mark.thorough
def test_a_shared_block_is_seen_as_layers_that_share() -> None:
    doc = twins()
    inner = expansion(doc, doc.node_named("block_1").id)
    ops = {record.name: record.op for record in inner.nodes.values()}
    assert {n: op for n, op in ops.items() if n.startswith("block_1/")} == {
        "block_1/norm": "layers/layer_normalization",
        "block_1/hidden": "layers/dense",
        "block_1/back": "layers/dense",
        "block_1/add": "add",
    }
    owners = {r.name: share_of(r) for r in inner.nodes.values() if share_of(r)}
    assert {n: inner.nodes[i].name for n, i in owners.items()} == {
        f"block_1/{part}": f"block/{part}" for part in ("norm", "hidden", "back")
    }
    assert losses(doc)[-1] < losses(doc)[0]

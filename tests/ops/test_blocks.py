"""Blocks against independent numpy, in both tiers, and what they are made of."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.expansion.expand import expansion, unpack
from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.ops.layers.functions.pooling_functions import max_pooling2d
from nodeflow.ops.layers.functions.without_variables import flatten
from tests.ops.test_conv_layers import windows
from tests.ops.test_sequence_layers import attention

tiers = pytest.mark.parametrize("tier", ["reference", "compiled"])


def run(make, tier):
    """The value of a block with random weights, and these without the block's name."""
    with nf.Graph() as graph:
        out = make()
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        rng = np.random.default_rng(5)
        for name, value in dict(session.variables).items():
            positive = name.endswith("moving_variance")
            session.variables[name] = rng.uniform(0.5, 1.5, value.shape) if positive else (
                rng.normal(size=value.shape)
            )  # fmt: skip
        values = {name.removeprefix("b/"): v for name, v in session.variables.items()}
        return session.run(out), values


def layer_norm(x, values, name, epsilon):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    scaled = (x - mean) / np.sqrt(variance + epsilon)
    return scaled * values[f"{name}/gamma"] + values[f"{name}/beta"]


def dense(x, values, name):
    return x @ values[f"{name}/kernel"] + values[f"{name}/bias"]


@tiers
@pytest.mark.parametrize("norm_first", [False, True])
def test_transformer_block(tier, norm_first) -> None:
    x = np.random.default_rng(6).normal(size=(2, 3, 4))
    got, v = run(
        lambda: nf.layers.transformer_block(
            nf.constant(x), 2, 5, activation="tanh", norm_first=norm_first,
            causal=True, name="b",
        ),
        tier,
    )  # fmt: skip
    heads = {k.removeprefix("attention/"): w for k, w in v.items() if k.startswith("attention/")}
    mask = np.tri(3, dtype=bool)

    def seen(a):
        return attention(a, a, heads, 2, mask)

    def forward(a):
        return dense(np.tanh(dense(a, v, "hidden")), v, "back")

    if norm_first:
        h = x + seen(layer_norm(x, v, "attention_norm", 1e-5))
        expected = h + forward(layer_norm(h, v, "norm", 1e-5))
    else:
        h = layer_norm(x + seen(x), v, "attention_norm", 1e-5)
        expected = layer_norm(h + forward(h), v, "norm", 1e-5)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-10)


@tiers
def test_residual_dense(tier) -> None:
    x = np.random.default_rng(7).normal(size=(5, 4))
    got, v = run(lambda: nf.layers.residual_dense(nf.constant(x), 3, rate=0.5, name="b"), tier)
    h = np.maximum(dense(layer_norm(x, v, "norm", 1e-3), v, "hidden"), 0)
    np.testing.assert_allclose(got, x + dense(h, v, "back"), rtol=1e-10)


@tiers
@pytest.mark.parametrize(("filters", "strides"), [(3, 1), (4, 2)])
def test_residual_conv(tier, filters, strides) -> None:
    x = np.random.default_rng(8).normal(size=(2, 5, 4, 3))
    got, v = run(
        lambda: nf.layers.residual_conv(nf.constant(x), filters, strides=strides, name="b"), tier
    )

    def norm(a, name):
        scaled = (a - v[f"{name}/moving_mean"]) / np.sqrt(v[f"{name}/moving_variance"] + 1e-3)
        return scaled * v[f"{name}/gamma"] + v[f"{name}/beta"]

    h = np.maximum(norm(windows(x, v["conv1/kernel"], strides, 1, True), "norm1"), 0)
    h = norm(windows(h, v["conv2/kernel"], 1, 1, True), "norm2")
    around = x
    if (filters, strides) != (3, 1):
        around = norm(windows(x, v["shortcut/kernel"], strides, 1, True), "shortcut_norm")
    assert ("shortcut/kernel" in v) == ((filters, strides) != (3, 1))
    np.testing.assert_allclose(got, np.maximum(h + around, 0), rtol=1e-9, atol=1e-10)


def test_problems_are_the_blocks() -> None:
    with nf.Graph():
        steps = nf.placeholder("float32", [None, 10, 6])
        with pytest.raises(AttributeProblem, match="cannot be split among 4 heads") as caught:
            nf.layers.transformer_block(steps, 4, 8, name="block")
        assert (caught.value.node, caught.value.port) == ("block", "num_heads")
        with pytest.raises(ShapeError, match="needs images") as shape:
            nf.layers.residual_conv(steps, 8, name="block")
        assert (shape.value.node, shape.value.port) == ("block", "x")
        with pytest.raises(ShapeError, match="number of features"):
            nf.layers.residual_dense(nf.placeholder("float32", [None, None]), 8)


@pytest.mark.thorough
def test_a_block_opens_into_its_layers_and_unpacks_into_them() -> None:
    """One level at a time: the layers inside stay layers, with the same variables."""
    x = np.random.default_rng(9).normal(size=(2, 3, 4))
    with nf.Graph() as graph:
        nf.layers.transformer_block(nf.constant(x, name="x"), 2, 5, rate=0.2, name="b")
    doc = from_graph(graph)
    block = doc.node_named("b")
    assert block is not None
    inner = expansion(doc, block.id)
    shown = {r.name: r.op for r in inner.nodes.values() if r.id not in inner.outer}
    assert shown == {
        "b/attention": "layers/multi_head_attention", "b/attention_dropout": "dropout",
        "b/attention_norm": "layers/layer_normalization", "b/hidden": "layers/dense",
        "b/back": "layers/dense", "b/dropout": "dropout", "b/norm": "layers/layer_normalization",
        "b/add": "add", "b/add_1": "add",
    }  # fmt: skip
    assert not inner.analyse().all_problems()

    def value(of: str) -> tuple[np.ndarray, dict]:
        built = build(doc)
        with nf.Session(built.graph, seed=3) as session:
            session.initialize()
            return session.run(built.fetch(of)), dict(session.variables)

    before, variables = value("b")
    unpack(doc, block.id)
    assert not Analysis(doc).all_problems()
    after, same = value("b/norm")
    np.testing.assert_array_equal(after, before)
    assert same.keys() == variables.keys()
    for name, array in variables.items():
        np.testing.assert_array_equal(same[name], array)


def test_a_saved_graph_is_loaded_with_the_same_layers(tmp_path) -> None:
    x = np.random.default_rng(10).normal(size=(2, 6, 6, 3)).astype("float32")
    with nf.Graph() as graph:
        out = nf.layers.residual_conv(nf.constant(x), 4)
        out = flatten(max_pooling2d(out, 2, 2))
        out = nf.layers.dense(nf.layers.batch_normalization(out), 3, "softmax", name="out")
    with nf.Session(graph, seed=1) as session:
        session.initialize()
        expected = session.run(out)
    nf.save(graph, tmp_path / "net.flow")
    again = nf.load(tmp_path / "net.flow")
    with nf.Session(again, seed=1) as session:
        session.initialize()
        np.testing.assert_array_equal(session.run(again.tensor("out")), expected)
    record = from_graph(graph).node_named("out")
    assert record is not None and record.attrs["version"] == 1
    assert record.attrs["kernel_initializer"] == {"op": "glorot_uniform"}


def test_using_what_a_layer_computes_inside_cannot_be_saved_and_says_why(tmp_path) -> None:
    with nf.Graph() as graph:
        nf.layers.dense(nf.placeholder("float32", [None, 3]), 2, name="d")
        nf.reduce_sum(graph.tensor("d/matmul"))
    with pytest.raises(DocumentError, match="make its variables with"):
        nf.save(graph, tmp_path / "net.flow")


@pytest.mark.parametrize(
    "op", [o for o in nf.REGISTRY if o.id.startswith("layers/") and not o.hidden], ids=str
)
def test_every_layer_is_a_function_with_its_attributes(op) -> None:
    function = getattr(nf.layers, op.short_id)
    assert function.__doc__
    parameters = set(inspect.signature(function).parameters)
    own = {a.name for a in op.attrs if not a.hidden}
    if op.id == "layers/batch_normalization":  # TensorFlow's `fused` says it from Python
        own.remove("unbiased")
    assert own <= parameters, own - parameters
    assert "name" in parameters

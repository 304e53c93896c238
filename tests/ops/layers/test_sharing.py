"""Layers in variable scopes: names, reuse, regularizers, classes, and what a file keeps of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, GraphError, ShapeError
from nodeflow.ops.layers.functions.pooling_functions import max_pooling2d
from nodeflow.ops.namespaces import losses
from nodeflow.ops.samples import values
from nodeflow.ops.variables import initializers
from nodeflow.ops.variables.initializers import zeros_initializer
from nodeflow.ops.variables.regularizers import l1_regularizer, l2_regularizer
from nodeflow.ops.variables.scope import Variable, get_variable, variable_scope

X = values((3, 4), "float32")
MASK = np.arange(36).reshape(6, 6) % 5 > 0
IMAGES = values((2, 5, 6, 3), "float32")


def names(graph: nf.Graph) -> list[str]:
    return [v.name for v in graph.variables]


def run(fetches: Any, feeds: dict | None = None, graph: nf.Graph | None = None) -> Any:
    with nf.Session(graph or nf.get_default_graph(), tier="reference", seed=3) as session:
        session.initialize()
        return session.run(fetches, feeds)


def discriminator(x: Any, reuse: Any = None) -> nf.Tensor:
    with variable_scope("D", reuse=reuse):
        h = nf.layers.dense(x, 5, nf.tanh)
        h = nf.layers.batch_normalization(h)
        return nf.layers.dense(h, 1, name="out")


def test_a_network_called_twice_shares_its_variables() -> None:
    with nf.Graph() as graph:
        real = discriminator(nf.constant(X))
        before = names(graph)
        fake = discriminator(nf.constant(X), reuse=True)
        assert names(graph) == before
        assert before[:2] == ["D/dense/kernel", "D/dense/bias"]
        assert (real.name, fake.name) == ("D/out", "D_1/out")
        one, other = run([real, fake])
        np.testing.assert_array_equal(one, other)
        slopes = [nf.gradients(t, graph.trainable_variables) for t in (real, fake, real + fake)]
        found = run(slopes)
    for a, b, both in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(both, a + b, rtol=1e-5, atol=1e-6)


def test_what_shares_does_not_depend_on_the_first_call() -> None:
    with nf.Graph() as graph:
        x, z = nf.placeholder("float32", [None, 4], name="x"), nf.constant(X)
        discriminator(x)
        shared = discriminator(z, reuse=True)
        assert run(shared).shape == (3, 1)
        Variable(1.0, name="apart")
        nf.adam(nf.reduce_mean(shared), name="train")
    assert len(graph.node("train").control_inputs) > 0


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "make",
    [
        lambda x, **k: nf.layers.dense(x[:, 0, 0], 4, name="l", **k),
        lambda x, **k: nf.layers.conv1d(x[:, 0], 4, 2, name="l", **k),
        lambda x, **k: nf.layers.conv2d(x, 4, 2, padding="SAME", activation=nf.relu, name="l", **k),
        lambda x, **k: nf.layers.conv2d_transpose(x, 4, 3, 2, name="l", **k),
        lambda x, **k: nf.layers.separable_conv2d(x, 4, 3, name="l", depth_multiplier=2, **k),
        lambda x, **k: nf.layers.batch_normalization(x, training=True, name="l", **k),
        lambda x, **k: nf.layers.layer_normalization(x, name="l", **k),
        lambda x, **k: nf.layers.embedding(nf.cast(x[:, 0, 0] * 0, "int32"), 3, 4, name="l", **k),
        lambda x, **k: nf.layers.lstm(x[:, 0], 4, name="l", **k),
        lambda x, **k: nf.layers.gru(x[:, 0], 4, return_sequences=True, name="l", **k),
        lambda x, **k: nf.layers.rnn(x[:, 0], 4, "relu", reverse=True, name="l", **k),
        lambda x, **k: nf.layers.multi_head_attention(x[:, 0], 3, memory=x[:, 1], name="l", **k),
        lambda x, **k: nf.layers.multi_head_attention(x[:, 0], 1, mask=MASK, name="l", **k),
        lambda x, **k: nf.layers.residual_dense(x[:, 0, 0], 4, rate=0.0, name="l", **k),
        lambda x, **k: nf.layers.residual_dense(
            x[:, 0, 0], 4, normalization="batch", name="l", **k
        ),
        lambda x, **k: nf.layers.residual_conv(x, 3, name="l", **k),
        lambda x, **k: nf.layers.residual_conv(x, 4, strides=2, name="l", **k),
        lambda x, **k: nf.layers.transformer_block(x[:, 0], 3, 5, rate=0.0, name="l", **k),
        lambda x, **k: nf.layers.transformer_block(
            x[:, 0], 1, 5, rate=0.0, mask=MASK, norm_first=True, name="l", **k
        ),
    ],
)
@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_every_layer_can_be_shared_and_kept(make: Any, tier: Any, tmp_path: Path) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 5, 6, 3], name="x")
        first = make(x)
        with pytest.raises(GraphError, match="exist already"):
            make(x)
        second = make(x, reuse=True)
        loss = nf.reduce_mean(nf.square(first + second), name="loss")
        nf.gradient_descent(loss, learning_rate=0.1, name="train")
    path = tmp_path / "g.flow"
    nf.save(graph, path)
    found = []
    for g in (graph, nf.load(path)):
        assert len(g.variables) == len(graph.variables)
        with nf.Session(g, tier=tier, seed=3) as session:
            session.initialize()
            a, b = session.run([first.name, second.name], {"x": IMAGES})
            np.testing.assert_array_equal(a, b)
            steps = [session.run(["loss", "train"], {"x": IMAGES})[0] for _ in range(3)]
            found.append([a, *steps])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_names_follow_variable_scopes_and_name_scopes() -> None:
    with nf.Graph() as graph:
        x = nf.constant(X)
        nf.layers.dense(x, 1)
        nf.layers.dense(x, 1)
        with variable_scope("a"):
            nf.layers.dense(x, 1)
        with variable_scope("a"), nf.name_scope("n"):
            nf.layers.dense(x, 1, name="b")
        with nf.name_scope("n"):
            nf.layers.dense(x, 1)
        layers = [n.name for n in graph.nodes if n.op.id == "layers/dense"]
    assert layers == ["dense", "dense_1", "a/dense", "a/n/b", "n/dense_2"]


def test_variables_of_layers_are_found_by_get_variable() -> None:
    with nf.Graph():
        out = nf.layers.dense(nf.constant(X), 2, name="d")
        with variable_scope("d", reuse=True):
            kernel = get_variable("kernel", [4, 2])
        assert kernel is out.graph.tensor("d/kernel")
        with variable_scope("d", reuse=True), pytest.raises(ShapeError):
            get_variable("kernel", [2, 2])


@pytest.mark.thorough
def test_variables_inside_can_be_used_outside_and_kept(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        out = nf.layers.dense(nf.constant(X), 2, name="d")
        kernel = graph.tensor("d/kernel")
        total = nf.reduce_sum(nf.square(kernel), name="total")
        slope = nf.gradients(nf.reduce_sum(out) + total, kernel)[0]
        assert slope is not None
        nf.identity(slope, name="slope")
        halved = nf.assign(kernel, kernel * 0.5, name="halved")
        tied = nf.matmul(out, kernel, transpose_y=True, name="tied")
        assert tied.shape == (3, 4)
        assert halved.shape == (4, 2)
    path = tmp_path / "g.flow"
    nf.save(graph, path)
    found = []
    for g in (graph, nf.load(path)):
        with nf.Session(g, tier="reference", seed=3) as session:
            session.initialize()
            w = session.run("d/kernel")
            found.append(session.run(["total", "tied", "slope", "halved"]))
            np.testing.assert_array_equal(session.run("d/kernel"), w * 0.5)
        ones = X.sum(0)[:, None] + 2 * w
        np.testing.assert_allclose(found[-1][2], ones, rtol=1e-5)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_regularizers() -> None:
    with nf.Graph():
        l2, l1 = l2_regularizer(0.5), l1_regularizer(0.5)
        begin = initializers.constant(2.0)
        with variable_scope("s", regularizer=l1, initializer=begin):
            nf.layers.dense(nf.constant(X), 1, kernel_regularizer=l2, activity_regularizer=l1)
        kernel, bias, activity = losses.get_regularization_losses()
        assert run([kernel, bias]) == [0.5 * 4 * 4 / 2, 0]
        np.testing.assert_allclose(run(activity), 0.5 * abs(X.sum(1) * 2).sum(), rtol=1e-5)
        nf.layers.dense(nf.constant(X), 1, name="p")
        assert len(losses.get_regularization_losses()) == 3


def test_classes_make_their_variables_once() -> None:
    with nf.Graph() as graph:
        layer = nf.layers.Dense(2, activation=nf.tanh, name="d")
        with pytest.raises(GraphError, match="not called yet"):
            _ = layer.kernel
        first, second = layer(nf.constant(X)), layer.apply(nf.constant(X))
        assert names(graph) == ["d/kernel", "d/bias"]
        assert layer.kernel is graph.tensor("d/kernel")
        assert layer.variables == layer.trainable_variables == graph.variables
        np.testing.assert_array_equal(*run([first, second]))
        norm = nf.layers.BatchNormalization()
        norm(first, training=True)
        norm(second, training=False)
        assert len(norm.variables) == 4
        assert len(norm.trainable_weights) == 2
        assert nf.layers.Flatten()(nf.constant(IMAGES)).shape == (2, 90)
        assert nf.layers.MaxPooling2D(2, 2)(nf.constant(IMAGES)).shape == (2, 2, 3, 3)
        with pytest.raises(AttributeProblem, match=r"Dense: .*unit") as caught:
            nf.layers.Dense(unit=3)
        assert "units" in (caught.value.hint or "")


def test_channels_first() -> None:
    first = np.moveaxis(IMAGES, 3, 1)
    with nf.Graph():
        a = nf.layers.conv2d(nf.constant(IMAGES), 4, 3, name="c")
        b = nf.layers.conv2d(
            nf.constant(first), 4, 3, data_format="channels_first", name="c", reuse=True
        )
        c = max_pooling2d(nf.constant(first), 2, 2, data_format="channels_first")
        one, other, pooled = run([a, b, c])
    np.testing.assert_allclose(np.moveaxis(one, 3, 1), other, rtol=1e-6)
    assert pooled.shape == (2, 3, 2, 3)


def test_what_cannot_be_shared_is_named() -> None:
    with nf.Graph():
        nf.layers.dense(nf.constant(X), 2, name="d")
        with pytest.raises(GraphError, match="no layer 'e'"):
            nf.layers.dense(nf.constant(X), 2, name="e", reuse=True)
        with pytest.raises(ShapeError, match="needs a kernel"):
            nf.layers.dense(nf.constant(X), 3, name="d", reuse=True)
        with pytest.raises(AttributeProblem, match="initializers"):
            nf.layers.dense(nf.constant(X), 3, kernel_initializer=lambda s: s)  # type: ignore
        with pytest.raises(AttributeProblem, match="not supported"):
            nf.layers.dense(nf.constant(X), 3, kernel_constraint=abs)  # type: ignore
        assert nf.layers.dense(nf.constant(X), 3, kernel_initializer=zeros_initializer).shape

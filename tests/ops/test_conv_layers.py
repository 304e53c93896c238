"""Convolutional and normalising layers against independent numpy, in both tiers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nodeflow as nf
from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.ops.layers.functions.pooling_functions import (
    average_pooling1d,
    average_pooling2d,
    average_pooling3d,
    max_pooling1d,
    max_pooling2d,
    max_pooling3d,
)
from nodeflow.ops.layers.functions.without_variables import dropout, flatten

tiers = pytest.mark.parametrize("tier", ["reference", "compiled"])


def run(build, tier: str = "reference", variables=None, feed=None, train=None):
    """The value of what `build` returns, and the variables, after initialising."""
    with nf.Graph() as graph:
        out = build()
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        for name, value in (variables or {}).items():
            session.variables[name] = value
        got = session.run(out, feed or {})
        return got, dict(session.variables), graph


def windows(x: np.ndarray, kernel: np.ndarray, stride: int, dilation: int, same: bool):
    """A convolution by explicit loops, channels last, along all middle axes."""
    axes = x.ndim - 2
    reach = [(k - 1) * dilation + 1 for k in kernel.shape[:axes]]
    if same:
        counts = [-(-n // stride) for n in x.shape[1:-1]]
        needs = zip(counts, reach, x.shape[1:-1], strict=True)
        pads = [max((c - 1) * stride + r - n, 0) for c, r, n in needs]
        x = np.pad(x, [(0, 0), *((p // 2, p - p // 2) for p in pads), (0, 0)])
    counts = [(n - r) // stride + 1 for n, r in zip(x.shape[1:-1], reach, strict=True)]
    out = np.zeros((x.shape[0], *counts, kernel.shape[-1]))
    for place in np.ndindex(*counts):
        for offset in np.ndindex(*kernel.shape[:axes]):
            at = tuple(p * stride + o * dilation for p, o in zip(place, offset, strict=True))
            out[(slice(None), *place)] += x[(slice(None), *at)] @ kernel[offset]
    return out


@tiers
@pytest.mark.parametrize("padding", ["same", "valid", "SAME"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_conv2d(tier: str, padding: str, strides: int, dilation: int) -> None:
    rng = np.random.default_rng(1)
    x, kernel, bias = (
        rng.normal(size=(2, 7, 6, 3)),
        rng.normal(size=(3, 2, 3, 4)),
        rng.normal(size=4),
    )

    def build():
        return nf.layers.conv2d(
            nf.constant(x),
            4,
            (3, 2),
            strides,
            padding,
            "channels_last",
            dilation,
            nf.tanh,
            name="c",
        )

    got, variables, _ = run(build, tier, {"c/kernel": kernel, "c/bias": bias})
    expected = np.tanh(windows(x, kernel, strides, dilation, padding.lower() == "same") + bias)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
    assert variables["c/kernel"].shape == (3, 2, 3, 4)


@pytest.mark.thorough
@settings(max_examples=20)
@given(
    rows=st.integers(0, 3), time=st.integers(1, 6), channels=st.integers(1, 3),
    filters=st.integers(1, 3), size=st.integers(1, 3), stride=st.integers(1, 2),
    same=st.booleans(),
)  # fmt: skip
def test_conv1d_of_any_shape(rows, time, channels, filters, size, stride, same) -> None:
    x = np.random.default_rng(2).normal(size=(rows, time, channels))
    padding = "same" if same else "valid"
    if not same and size > time:
        with pytest.raises(ShapeError) as refused, nf.Graph():
            nf.layers.conv1d(nf.constant(x), filters, size, stride, padding, name="c")
        assert refused.value.node == "c"
        return
    got, variables, _ = run(
        lambda: nf.layers.conv1d(nf.constant(x), filters, size, stride, padding, name="c")
    )
    expected = windows(x, variables["c/kernel"], stride, 1, same)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


@tiers
def test_conv2d_transpose_is_the_adjoint(tier: str) -> None:
    """<conv(a), b> = <a, transpose(b)> for the same kernel."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 6, 4, 3)), rng.normal(size=(2, 3, 2, 5))
    kernel = rng.normal(size=(3, 3, 3, 5))

    def build():
        return nf.layers.conv2d_transpose(nf.constant(b), 3, 3, 2, "same", use_bias=False, name="t")

    painted, _, _ = run(build, tier, {"t/kernel": kernel})
    assert painted.shape == a.shape
    seen = windows(a, kernel, 2, 1, True)
    assert (seen * b).sum() == pytest.approx((a * painted).sum(), rel=1e-10)


def test_groups_are_independent() -> None:
    rng = np.random.default_rng(4)
    x, kernel = rng.normal(size=(2, 5, 5, 4)), rng.normal(size=(3, 3, 2, 6))

    def build():
        return nf.layers.conv2d(nf.constant(x), 6, 3, groups=2, use_bias=False, name="c")

    got, _, _ = run(build, variables={"c/kernel": kernel})
    halves = [
        windows(x[..., 2 * i : 2 * i + 2], kernel[..., 3 * i : 3 * i + 3], 1, 1, False)
        for i in (0, 1)
    ]
    np.testing.assert_allclose(got, np.concatenate(halves, -1), rtol=1e-11)


@tiers
def test_gradients_of_kernel_and_bias(tier: str) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2, 5, 4, 2))
    values = {"c/kernel": rng.normal(size=(2, 3, 2, 3)), "c/bias": rng.normal(size=3)}
    with nf.Graph() as graph:
        out = nf.layers.conv2d(nf.constant(x), 3, (2, 3), 2, "same", activation="tanh", name="c")
        total = nf.reduce_sum(nf.square(out))
        slopes = nf.gradients(total, [graph.tensor(n) for n in values])

    def formula(changed: dict) -> float:
        now = {**values, **changed}
        return float((np.tanh(windows(x, now["c/kernel"], 2, 1, True) + now["c/bias"]) ** 2).sum())

    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        session.variables.update(values)
        found = session.run(slopes)
    for (name, value), slope in zip(values.items(), found, strict=True):
        for index in np.ndindex(value.shape):
            step = np.zeros_like(value)
            step[index] = 1e-5
            difference = formula({name: value + step}) - formula({name: value - step})
            assert slope[index] == pytest.approx(difference / 2e-5, rel=1e-6, abs=1e-9)


def test_problems_of_convolutions() -> None:
    with nf.Graph():
        flat = nf.placeholder("float32", [None, 784])
        with pytest.raises(ShapeError, match="needs images") as caught:
            nf.layers.conv2d(flat, 8, 3, name="c")
        assert (caught.value.node, caught.value.port) == ("c", "x")
        grey = nf.placeholder("float32", [None, 28, 28])
        with pytest.raises(ShapeError) as caught:
            nf.layers.conv2d(grey, 8, 3)
        assert "expand_dims" in (caught.value.hint or "")
        unknown = nf.placeholder("float32", [None, 28, 28, None])
        with pytest.raises(ShapeError, match="number of channels"):
            nf.layers.conv2d(unknown, 8, 3)
        images = nf.placeholder("float32", [None, 4, 4, 3])
        with pytest.raises(ShapeError, match="does not fit"):
            nf.layers.conv2d(images, 8, 5)
        with pytest.raises(AttributeProblem, match="kernel_size") as caught:
            nf.layers.conv2d(images, 8, (1, 2, 3), name="c")
        assert caught.value.port == "kernel_size"
        with pytest.raises(AttributeProblem, match="cannot be split into 2 groups"):
            nf.layers.conv2d(images, 8, 3, groups=2)


# ---- pooling, flatten, dropout ----------------------------------------------------------------


def test_pooling_and_flatten_are_ops_without_variables() -> None:
    x = np.random.default_rng(6).normal(size=(2, 4, 6, 3))

    def build():
        images = nf.constant(x)
        return [
            max_pooling2d(images, 2, 2),
            average_pooling2d(images, (2, 3), (2, 3), "SAME"),
            flatten(images),
            max_pooling1d(nf.constant(x[0]), 2, 2),
            average_pooling1d(nf.constant(x[0]), 3, 3),
        ]

    got, variables, graph = run(build)
    assert not variables
    blocks = x.reshape(2, 2, 2, 3, 2, 3)
    np.testing.assert_array_equal(got[0], blocks.max(axis=(2, 4)))
    np.testing.assert_allclose(got[1], x.reshape(2, 2, 2, 2, 3, 3).mean(axis=(2, 4)), rtol=1e-12)
    np.testing.assert_array_equal(got[2], x.reshape(2, 72))
    np.testing.assert_array_equal(got[3], x[0].reshape(4, 3, 2, 3).max(axis=2))
    np.testing.assert_allclose(got[4], x[0].reshape(4, 2, 3, 3).mean(axis=2), rtol=1e-12)
    assert {n.op.id for n in graph.nodes if n.derived_from is None} == {
        "constant", "max_pool2d", "average_pool2d", "flatten", "max_pool1d", "average_pool1d",
    }  # fmt: skip


def test_dropout_follows_its_flag() -> None:
    x = np.ones((200, 100))
    kept, _, _ = run(lambda: dropout(nf.constant(x), 0.25, training=True))
    assert set(np.unique(kept)) == {0.0, 1 / 0.75}
    assert (kept == 0).mean() == pytest.approx(0.25, abs=0.02)
    same, _, _ = run(lambda: dropout(nf.constant(x), 0.25))
    np.testing.assert_array_equal(same, x)


# ---- normalising ------------------------------------------------------------------------------


@tiers
@pytest.mark.parametrize("axis", [-1, 1])
def test_batch_normalization_in_training_and_in_use(tier: str, axis: int) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(2, 3, size=(5, 4, 3))
    features = x.shape[axis]
    others = tuple(a for a in range(3) if a != axis % 3)
    shape = [features if a == axis % 3 else 1 for a in range(3)]
    values = {
        "bn/gamma": rng.normal(size=features), "bn/beta": rng.normal(size=features),
        "bn/moving_mean": rng.normal(size=features),
        "bn/moving_variance": rng.uniform(1, 2, size=features),
    }  # fmt: skip
    gamma, beta, mean, variance = (v.reshape(shape) for v in values.values())
    for training in (True, False):
        got, _, graph = run(
            lambda on=training: nf.layers.batch_normalization(
                nf.constant(x), axis=axis, epsilon=0.01, training=on, name="bn"
            ),
            tier,
            values,
        )
        m, v = (x.mean(others, keepdims=True), x.var(others, keepdims=True))
        m, v = (m, v) if training else (mean, variance)
        expected = (x - m) / np.sqrt(v + 0.01) * gamma + beta
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-10)
    assert {v.name for v in graph.trainable_variables} == {"bn/gamma", "bn/beta"}


def test_an_optimizer_moves_the_averages() -> None:
    x = np.random.default_rng(8).normal(2, 3, size=(50, 3))
    with nf.Graph() as graph:
        out = nf.layers.batch_normalization(nf.constant(x), momentum=0.9, name="bn")
        train = nf.gradient_descent(nf.reduce_mean(nf.square(out)), learning_rate=0.0)
    with nf.Session(graph) as session:
        session.initialize()
        session.run(train)
        variables = dict(session.variables)
    np.testing.assert_allclose(variables["bn/moving_mean"], 0.1 * x.mean(0), rtol=1e-9)
    np.testing.assert_allclose(variables["bn/moving_variance"], 0.9 + 0.1 * x.var(0), rtol=1e-9)


@tiers
def test_layer_normalization(tier: str) -> None:
    rng = np.random.default_rng(9)
    x, gamma, beta = rng.normal(size=(5, 2, 4)), rng.normal(size=4), rng.normal(size=4)
    got, _, _ = run(
        lambda: nf.layers.layer_normalization(nf.constant(x), name="n"),
        tier,
        {"n/gamma": gamma, "n/beta": beta},
    )
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    expected = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_center_and_scale_decide_which_variables_there_are() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3])
        nf.layers.batch_normalization(x, center=False, name="a")
        nf.layers.layer_normalization(x, scale=False, trainable=False, name="b")
    assert [v.name for v in graph.variables] == [
        "a/gamma", "a/moving_mean", "a/moving_variance", "b/beta",
    ]  # fmt: skip
    assert [v.name for v in graph.trainable_variables] == ["a/gamma"]


@pytest.mark.sample(10)
@pytest.mark.parametrize("op", [o for o in nf.REGISTRY if o.id.startswith("layers/")], ids=str)
def test_every_layer_says_which_variables_it_has(op) -> None:
    """`variables` is what analysis and optimizers' settings know without building."""
    for sample in op.samples():
        with nf.Graph() as graph:
            inputs = [nf.constant(a) for a in sample.inputs]
            graph.apply(op, *inputs, name="here", **sample.attrs)
        found = {v.name.removeprefix("here/") for v in graph.variables}
        named = set(op.variables(op.bind_attrs(sample.attrs)))
        assert found <= named, sample
        assert op.id == "layers/residual_conv" or found == named  # its shortcut may not be needed


def test_moving_averages_begin_as_their_initializers_say() -> None:
    x = np.array([[1.0, 2.0]])
    with nf.Graph() as graph:
        given = {"op": "fill", "value": 3.0}
        out = nf.layers.batch_normalization(
            nf.constant(x),
            moving_mean_initializer=given,
            moving_variance_initializer={"op": "fill", "value": 4.0},
        )
    with nf.Session(graph) as session:
        session.initialize()
        np.testing.assert_allclose(session.run(out), (x - 3) / np.sqrt(4.001), rtol=1e-12)


# ---- volumes, and layers of each channel by itself ------------------------------------------


@tiers
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_conv3d(tier: str, padding: str, strides: int, dilation: int) -> None:
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(2, 5, 6, 4, 3)), rng.normal(size=(2, 3, 2, 3, 4))
    bias = rng.normal(size=4)

    def build():
        layer = nf.layers.conv3d
        return layer(
            nf.constant(x), 4, (2, 3, 2), strides, padding, dilation_rate=dilation, name="c"
        )

    got, variables, _ = run(build, tier, {"c/kernel": kernel, "c/bias": bias})
    expected = windows(x, kernel, strides, dilation, padding == "same") + bias
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
    assert variables["c/kernel"].shape == (2, 3, 2, 3, 4)


def test_channels_of_volumes_may_come_first() -> None:
    x = np.random.default_rng(1).normal(size=(2, 5, 6, 4, 3))
    moved = np.moveaxis(x, -1, 1)

    def build():
        first = nf.layers.conv3d(nf.constant(moved), 2, 3, data_format="channels_first", name="c")
        last = nf.layers.conv3d(nf.constant(x), 2, 3, name="c", reuse=True)
        pooled = max_pooling3d(nf.constant(moved), 2, 2, data_format="channels_first")
        mean = average_pooling3d(nf.constant(x), 2, 2, "same")
        return first, last, pooled, mean

    (first, last, pooled, mean), _, _ = run(build)
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), last, rtol=1e-11)
    blocks = x[:, :4].reshape(2, 2, 2, 3, 2, 2, 2, 3)
    np.testing.assert_array_equal(np.moveaxis(pooled, 1, -1), blocks.max((2, 4, 6)))
    np.testing.assert_allclose(mean[:, :2], blocks.mean((2, 4, 6)), rtol=1e-12)
    np.testing.assert_allclose(mean[:, 2], x[:, 4].reshape(2, 3, 2, 2, 2, 3).mean((2, 4)))


@tiers
@pytest.mark.parametrize("axes", [1, 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_transposed_layers_are_adjoints(tier: str, axes: int, padding: str) -> None:
    """<layer(x), y> is <x, convolution of y> for every y of the layer's sizes."""
    rng = np.random.default_rng(2)
    sizes, kernel_size = (3, 4, 2)[:axes], (2, 3, 3)[:axes]
    x, kernel = rng.normal(size=(2, *sizes, 5)), rng.normal(size=(*kernel_size, 3, 5))

    def build():
        layer = getattr(nf.layers, f"conv{axes}d_transpose")
        return layer(nf.constant(x), 3, kernel_size, 2, padding, use_bias=False, name="t")

    got, variables, _ = run(build, tier, {"t/kernel": kernel})
    y = rng.normal(size=got.shape)
    back = windows(y, kernel, 2, 1, padding == "same")
    assert back.shape == x.shape
    np.testing.assert_allclose((got * y).sum(), (x * back).sum(), rtol=1e-10)
    assert variables["t/kernel"].shape == kernel.shape


@tiers
def test_separable_and_depthwise_layers(tier: str) -> None:
    rng = np.random.default_rng(3)
    x, point = rng.normal(size=(2, 7, 3)), rng.normal(size=(1, 6, 4))
    own, bias = rng.normal(size=(3, 3, 2)), rng.normal(size=4)
    images, each = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(3, 2, 3, 2))

    def build():
        series = nf.layers.separable_conv1d(nf.constant(x), 4, 3, depth_multiplier=2, name="s")
        deep = nf.layers.depthwise_conv2d(
            nf.constant(images), (3, 2), padding="same", depth_multiplier=2, name="d"
        )
        return series, deep

    values = {"s/depthwise_kernel": own, "s/pointwise_kernel": point, "s/bias": bias}
    (series, deep), variables, _ = run(build, tier, {**values, "d/depthwise_kernel": each})
    alone = [windows(x[..., c : c + 1], own[:, c : c + 1], 1, 1, False) for c in range(3)]
    expected = np.concatenate(alone, -1) @ point[0] + bias
    np.testing.assert_allclose(series, expected, rtol=1e-11, atol=1e-12)
    alone = [windows(images[..., c : c + 1], each[:, :, c : c + 1], 1, 1, True) for c in range(3)]
    np.testing.assert_allclose(deep, np.concatenate(alone, -1), rtol=1e-11, atol=1e-12)
    assert variables["d/bias"].shape == (6,)


def test_layers_of_volumes_refuse_images() -> None:
    with nf.Graph():
        with pytest.raises(ShapeError, match="volumes"):
            nf.layers.conv3d(nf.zeros([2, 4, 5, 3]), 2, 3)
        with pytest.raises(AttributeProblem, match="one or three positive numbers"):
            nf.layers.conv3d(nf.zeros([2, 4, 5, 6, 3]), 2, (3, 2))


def test_an_object_of_a_layer_of_volumes_shares_its_variables() -> None:
    with nf.Graph() as graph:
        layer = nf.layers.Conv3D(2, 3, padding="same")
        x = nf.zeros([1, 3, 3, 3, 2])
        layer(layer(x))
        assert len(layer.variables) == 2
    assert len([n for n in graph.nodes if n.op.id == "variable"]) == 2

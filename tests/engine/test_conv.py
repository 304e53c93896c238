"""Kernels of convolution and pooling: geometry, exactness, accuracy, and what must not matter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.compiler import cache
from nodeflow.engine.devicelib.register_tiles import span_of
from nodeflow.engine.kernels.conv_taps import (
    backward_taps,
    forward_taps,
    single_picture_tiles,
)
from nodeflow.engine.plan.passes import REWRITES
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.sliding_windows import Axis

AXES = [
    (Axis(kernel, stride, dilation, same), size)
    for kernel, stride, dilation, same, size in itertools.product(
        (1, 2, 5), (1, 2, 3), (1, 2), (False, True), (9, 14)
    )
]
LOWERED = [
    "conv2d", "conv2d_input_gradient", "conv2d_filter_gradient", "conv2d_transpose", "conv1d",
    "conv1d_transpose", "max_pool2d", "average_pool2d", "max_pool1d", "average_pool1d",
    "put_at_largest", "take_at_largest", "average_pool2d_gradient", "global_average_pool",
    "global_max_pool", "conv3d", "conv3d_input_gradient", "conv3d_filter_gradient",
    "conv3d_transpose",
]  # fmt: skip


# ---- geometry -------------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "size"), AXES)
def test_taps_backward_are_those_forward_turned_round(axis: Axis, size: int) -> None:
    count = axis.count(size) or 0
    forward = {
        (window, place, k)
        for window, taps in enumerate(forward_taps(axis, size, count))
        for place, k in taps
    }
    backward = {
        (window, place, axis.kernel - 1 - k)
        for place, taps in enumerate(backward_taps(axis, size, count))
        for window, k in taps
    }
    assert forward == backward


@pytest.mark.parametrize("positions", [1, 4, 6, 14])
@pytest.mark.parametrize(("axis", "size"), [*AXES, (Axis(5, 1, 1, True), 3)])
def test_tiles_of_one_picture_give_each_place_its_taps_in_order(
    axis: Axis, size: int, positions: int
) -> None:
    count = axis.count(size) or 0
    for taps, step, shift in (
        (forward_taps(axis, size, count), 1, axis.stride),
        (backward_taps(axis, size, count), axis.stride, 1),
    ):
        met: dict[int, list[tuple[int, int]]] = {}
        for tile in single_picture_tiles(taps, step, shift, positions):
            assert 0 <= tile.first < tile.end <= positions
            for n in range(tile.first, tile.end):
                assert tile.column + n * step not in met
                met[tile.column + n * step] = []
            for at, k, span in tile.taps:
                first, end = span_of(span, positions)
                assert tile.first <= first < end <= tile.end
                for n in range(first, end):
                    met[tile.column + n * step].append((at + n * shift, k))
        assert met == dict(enumerate(taps))


# ---- numbers --------------------------------------------------------------------------------


def both(build, *arrays: np.ndarray) -> list[list[np.ndarray]]:
    """Values of ``build(*placeholders)`` by reference and compiled."""
    results = []
    for tier in ("reference", "compiled"):
        with nf.Graph() as g:
            fed = [
                nf.placeholder(a.dtype.name, a.shape, name=f"x{i}") for i, a in enumerate(arrays)
            ]
            made = build(*fed)
        with nf.Session(g, tier=tier) as session:
            results.append(session.run(made, dict(zip(fed, arrays, strict=True))))
    return results


def normal(*shape: int, dtype: str = "float64", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def with_gradients(y, *xs):
    """y, the gradients of a loss of it, and those of a loss of them."""
    first = nf.gradients(nf.reduce_sum(y * y * y), list(xs))
    loss = nf.reduce_sum(first[0] * first[0])
    for g in first[1:]:
        loss = loss + nf.reduce_sum(g * g)
    second = nf.gradients(loss, list(xs))
    return [y, *first, *second]


@pytest.mark.sample(13)
@pytest.mark.parametrize("n", [1, 5, 8, 9, 17])
@pytest.mark.parametrize(
    ("channels", "filters", "groups"), [(1, 3, 1), (3, 40, 1), (8, 16, 2), (18, 18, 18), (130,) * 3]
)
def test_convolution_and_two_orders_of_gradients(
    n: int, channels: int, filters: int, groups: int
) -> None:
    attrs = {5: {"dilations": (1, 2)}, 9: {"strides": (2, 1)}}.get(n, {})
    reference, compiled = both(
        lambda x, f: with_gradients(nf.conv2d(x, f, groups=groups, **attrs), x, f),
        normal(n, 6, 11, channels),
        normal(3, 4, channels // groups, filters, seed=1),
    )
    for expected, found in zip(reference, compiled, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12 * scale)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "attrs",
    [
        {"layout": "NDHWC"},
        {"strides": (2, 1, 2), "padding": "valid", "groups": 2},
        {"pads": [[2, 1], [1, 0], [0, 3]], "dilations": (2, 1, 1), "filter_layout": "OIDHW"},
        {"strides": (5, 1, 1), "pads": [[9, 9], [0, 0], [0, 0]]},
    ],
)
def test_convolution_of_volumes_and_two_orders_of_gradients(attrs: dict) -> None:
    """Some depths of the window see border only, and some slices are seen by none."""
    f = normal(3, 2, 3, 4 // attrs.get("groups", 1), 6, seed=1)
    f = f.transpose(4, 3, 0, 1, 2).copy() if "filter_layout" in attrs else f
    reference, compiled = both(
        lambda x, f: with_gradients(nf.conv3d(x, f, **attrs), x, f), normal(9, 5, 6, 7, 4), f
    )
    for expected, found in zip(reference, compiled, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * scale)


@pytest.mark.parametrize("kind", ["max_pool2d", "average_pool2d"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("size", "strides"), [((2, 2), (2, 2)), ((3, 2), (1, 2)), ((4, 3), (3, 5))]
)
def test_pooling_and_two_orders_of_gradients_with_ties(
    kind: str, padding: str, layout: str, size: tuple, strides: tuple
) -> None:
    x = np.random.default_rng(0).integers(-2, 3, (3, 8, 10, 70)).astype("float64")
    x = np.moveaxis(x, 3, 1).copy() if layout == "NCHW" else x
    reference, compiled = both(
        lambda x: with_gradients(
            getattr(nf, kind)(x, size=size, strides=strides, padding=padding, layout=layout), x
        ),
        x,
    )
    for expected, found in zip(reference, compiled, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize(("filters", "most"), [(40, 5e-7), (64, 1e-6)])
def test_float32_is_as_accurate_as_a_sum_of_800_products_can_be(filters: int, most: float) -> None:
    """Against float64, relative to the sum of the terms' magnitudes: measured 1e-7 and less of 40
    filters, directly, and 5.4e-7 of 64, whose transforms cost some digits (decision 54)."""
    x = normal(9, 14, 14, 32, dtype="float32")
    f = normal(5, 5, 32, filters, dtype="float32", seed=1)

    def build(x, f):
        y = nf.conv2d(x, f)
        return [y, *nf.gradients(nf.reduce_sum(y * nf.stop_gradient(y)), [x, f])]

    _, found = both(build, x, f)
    exact, _ = both(build, x.astype("float64"), f.astype("float64"))
    terms, _ = both(build, np.abs(x).astype("float64"), np.abs(f).astype("float64"))
    for ours, true, added in zip(found, exact, terms, strict=True):
        assert np.max(np.abs(ours - true) / added) < most


# ---- what must not matter -------------------------------------------------------------------


def small_cnn(dtype: str = "float32"):
    """Two layers of filters with everything a training step needs."""
    with nf.Graph() as g:
        x = nf.placeholder(dtype, [None, 10, 12, 1], name="x")
        y = nf.placeholder(dtype, [None, 4], name="y")
        shapes = (3, 3, 1, 8), (8,), (3, 2, 8, 20), (20,), (2 * 3 * 20, 4)
        f1, b1, f2, b2, w = (
            nf.variable(normal(*s, dtype=dtype, seed=i) * 0.2, name=f"v{i}")
            for i, s in enumerate(shapes)
        )
        h = nf.max_pool2d(nf.relu(nf.conv2d(x, f1) + b1))
        h = nf.average_pool2d(nf.relu(nf.conv2d(h, f2) + b2))
        logits = nf.reshape(h, [-1, 120]) @ w
        loss = nf.reduce_mean(nf.softmax_cross_entropy_with_logits(y, logits), name="loss")
        g.apply("gradient_descent", loss, name="train", learning_rate=0.1)
    return g, x, y, loss


def trained(without: frozenset[str] = frozenset(), **options) -> list[np.ndarray]:
    """Losses and weights after ten steps of a batch of 11, compiled."""
    g, x, y, loss = small_cnn()
    columns = {
        x: Column(normal(22, 10, 12, 1, dtype="float32"), "float32"),
        y: Column(np.arange(22) % 4, "float32", depth=4),
    }
    with nf.Session(g, tier="compiled", without=without, **options) as session:
        session.initialize()
        stepper = session.stepper(["train"], [loss], columns, 11)
        losses = []
        for _ in range(5):
            stepper.start_epoch(np.arange(22))
            losses.append(stepper.run(2)[1])
        return [np.concatenate(losses), *(session.variables[f"v{i}"] for i in range(5))]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.thorough
def test_every_number_of_threads_gives_the_same_bits() -> None:
    one = trained(threads=1)
    assert one[0][-1] < one[0][0]
    assert all(same(one, trained(threads=n)) for n in (2, 3, 8))


def answered(x: np.ndarray, without: frozenset[str] = frozenset(), **options) -> np.ndarray:
    """What two layers of filters make of pictures, compiled."""
    with nf.Graph() as g:
        fed = nf.placeholder("float32", [None, *x.shape[1:]])
        f1, b1, f2 = (
            nf.constant(normal(*s, dtype="float32", seed=i))
            for i, s in enumerate([(5, 5, 3, 32), (32,), (5, 5, 32, 70)])
        )
        h = nf.max_pool2d(nf.relu(nf.conv2d(fed, f1) + b1))
        out = nf.reduce_mean(nf.max_pool2d(nf.relu(nf.conv2d(h, f2))), axis=(1, 2))
    with nf.Session(g, tier="compiled", without=without, **options) as session:
        return session.run(out, {fed: x})


@pytest.mark.thorough
@pytest.mark.parametrize("n", [1, 3])
def test_a_few_pictures_have_the_same_bits_whatever_shares_them(n: int) -> None:
    x = normal(n, 28, 20, 3, dtype="float32")
    one = answered(x, threads=1)
    assert all(np.array_equal(one, answered(x, threads=k)) for k in (2, 3, 8))
    assert np.array_equal(one, answered(x, without=frozenset({"chain"})))
    assert np.array_equal(
        one, answered(np.concatenate([x, normal(9, 28, 20, 3, dtype="float32")]))[:n]
    )


@pytest.mark.thorough
@pytest.mark.parametrize("rewrite", REWRITES)
def test_no_rewrite_changes_a_bit(rewrite: str) -> None:
    assert same(trained(), trained(without=frozenset({rewrite})))


@pytest.mark.thorough
def test_another_batch_size_compiles_nothing() -> None:
    g, x, y, loss = small_cnn()
    with nf.Session(g, tier="compiled") as session:
        session.initialize()

        def step(n: int) -> None:
            labels = np.eye(4, dtype="float32")[np.arange(n) % 4]
            session.run(["train", loss], {x: normal(n, 10, 12, 1, dtype="float32"), y: labels})

        step(100)
        step(9)
        before = cache.compile_count()
        step(64)
        step(37)
        assert cache.compile_count() == before
        step(3)  # a few pictures are convolved line by line
        few = cache.compile_count()
        step(2)
        step(5)
        assert cache.compile_count() == few


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("size", "kernel", "attrs"),
    [
        ((14, 14), (5, 5), {}),
        ((28, 28), (3, 3), {"strides": (2, 2)}),
        ((9, 31), (3, 7), {"dilations": (1, 2)}),
        ((7, 2), (5, 5), {}),
        ((5, 17), (2, 3), {"groups": 2}),
        ((4, 3), (1, 1), {"pads": [[4, 3], [5, 2]], "strides": (1, 3)}),
    ],
)
def test_a_picture_alone_has_the_bits_that_it_has_in_a_batch(
    size: tuple, kernel: tuple, attrs: dict
) -> None:
    """Also where the border hides a filter's infinity, which zeros there would turn to NaN."""
    x = normal(9, *size, 6, dtype="float32")
    f = normal(*kernel, 6 // attrs.get("groups", 1), 40, dtype="float32", seed=1)
    f[0, 0, 0, :2] = np.inf, -np.inf

    def build(x, f):
        y = nf.conv2d(x, f, **attrs)
        g = nf.gradients(nf.reduce_sum(nf.maximum(y, -1e30) * 2), [x])
        return [nf.relu(y), y, *g]

    with np.errstate(invalid="ignore"):
        _, batch = both(build, x, f)
        for n in (1, 3, 5):
            _, few = both(build, x[:n], f)
            for alone, among in zip(few, batch, strict=True):
                np.testing.assert_array_equal(alone, among[:n])


@pytest.mark.parametrize("size", [(14, 14), (6, 9)])
@pytest.mark.parametrize("pool", ["max_pool2d", "average_pool2d"])
def test_bands_of_one_picture_are_as_the_whole_picture(size: tuple, pool: str) -> None:
    """A chain of convolution, bias and pooling; then one whose pooling straddles its bands."""

    def build(x, f, b):
        y = nf.relu(nf.conv2d(x, f) + b)
        tiled = getattr(nf, pool)(y, size=(2, 1), strides=(2, 1))
        straddling = getattr(nf, pool)(y, size=(3, 3), strides=(2, 2))
        return [tiled, straddling]

    x, f, b = normal(1, *size, 3), normal(5, 5, 3, 400, seed=1), normal(400, seed=2)
    reference, compiled = both(build, x, f, b)
    for expected, found in zip(reference, compiled, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("op_id", LOWERED)
def test_every_sample_has_kernels(op_id: str) -> None:
    op = REGISTRY.lookup(op_id)
    for call in op.samples():
        with nf.Graph() as g:
            fed = [nf.placeholder(a.dtype.name, a.shape) for a in call.inputs]
            out = g.add_node(op, fed, call.attrs).outputs[0]
        schedule = build_schedule([out], fed)
        plan = make_plan(schedule, schedule.specialise({}))
        assert not any(phase.fallback for phase in plan.phases), call.attrs
